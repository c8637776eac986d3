"""Frechet distance between two sets of features, each taken for a Gaussian (Heusel et al. 2017, eq. 6).

https://arxiv.org/abs/1706.08500. Only in the Inception network's features is it the FID. It is biased upwards by
about 1 / n: compare values at one n, and with the distance of real from real at that n.

Its standard error is over samples, the reference held fixed: how far another n images of the same generator would
fall. It is the infinitesimal jackknife's (Jaeckel 1972): the spread of the distance's exact derivatives in the weights
of the images. A bootstrap would not do: repeats lower the number of different images, and the distance rises as they
fall. In simulations the interval of 1.96 errors covers what n images give on average about 95 times in 100; it is too
wide (by up to a half) where images are fewer than dimensions or nearly as good as real ones. It knows nothing of the
bias above.
"""

import torch
from torch import Tensor

from paragone.evaluation.metrics.base import Embedded, Statistics

needs = Embedded


def frechet_distance(a: Statistics, b: Statistics) -> float:
    """|mu_a - mu_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)), at least 0. Exact also where n < D.

    With S_a = F^T F, the eigenvalues of S_a S_b are those of F S_b F^T, which is symmetric: no matrix square root of a
    product that is not, and nothing to go wrong if S is singular.
    """
    factor = a.factored().factor
    assert factor is not None
    roots = torch.linalg.eigvalsh(factor @ b.cov @ factor.T).clamp_min(0).sqrt()
    return _distance(a.mean - b.mean, a.cov.trace() + b.cov.trace(), roots.sum())


def _distance(delta: Tensor, traces: Tensor, root_trace: Tensor) -> float:
    return max(0.0, float(delta @ delta + traces - 2 * root_trace))


def standard_error(real: Statistics, fake: Tensor) -> float:
    """The standard error of the distance of features (N,D) from fixed real ones, over draws of the N."""
    return _error(influence(real, fake))


def _error(influence: Tensor) -> float:
    return float(influence.std() / len(influence) ** 0.5)


def influence(real: Statistics, fake: Tensor) -> Tensor:
    """How the distance would move with the weight of each of features (N,D): (N,), up to a constant."""
    return distance_and_influence(real, fake)[1]


def distance_and_influence(real: Statistics, fake: Tensor) -> tuple[float, Tensor]:
    """The distance of features (N,D), and how it would move with the weight of each (N,), up to a constant: its
    derivative there, times N.

    With z = x - mu_b the latter is 2 (mu_b - mu_a) . z + |z|^2 N / (N - 1) - q, where q comes from the trace of the
    root. By the rows y = F z of the fakes and their Gram matrix K = Y Y^T / (N - 1), that trace is K^(1/2)'s and q = N
    diag K^(1/2), which exists also where N <= D. (For N > D, q is z^T T z by the optimal transport map T between the
    two.) So both follow from one eigendecomposition.
    """
    z, delta = _centred(real, fake)
    n, squares = len(z), z.square().sum(1)
    root_trace, diagonal = _root(_seen_by(real, z))
    distance = _distance(delta, real.cov.trace() + squares.sum() / (n - 1), root_trace)
    return distance, 2 * z @ delta + squares * (n / (n - 1)) - diagonal * n


def distance_to(real: Statistics, fake: Tensor) -> float:
    """The distance of features (N,D) from real ones, without their covariance: by the smaller of two Gram matrices."""
    z, delta = _centred(real, fake)
    y = _seen_by(real, z)
    roots = torch.linalg.eigvalsh(_gram(y)).clamp_min(0).sqrt()
    return _distance(delta, real.cov.trace() + z.square().sum() / (len(z) - 1), roots.sum())


def _centred(real: Statistics, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Features less their mean, in float64 (N,D), and their mean less the real one (D,)."""
    x = fake.double()
    mean = x.mean(0)
    return x - mean, mean - real.mean


def _seen_by(real: Statistics, z: Tensor) -> Tensor:
    """F z / (N - 1)^(1/2) of centred features z (N,D): (N,R)."""
    factor = real.factored().factor
    assert factor is not None
    return z @ factor.T / (len(z) - 1) ** 0.5


def _gram(y: Tensor) -> Tensor:
    """The smaller of Y's two Gram matrices, which share what eigenvalues they have beside 0."""
    return y @ y.T if len(y) <= y.shape[1] else y.T @ y


def _root(y: Tensor) -> tuple[Tensor, Tensor]:
    """The trace of (Y Y^T)^(1/2), and its diagonal (N,)."""
    values, vectors = torch.linalg.eigh(_gram(y))
    roots = values.clamp_min(0).sqrt()
    if len(y) <= y.shape[1]:
        return roots.sum(), vectors.square() @ roots
    kept = values > values[-1] * len(values) * torch.finfo(values.dtype).eps  # of the others the direction is noise
    return roots.sum(), (y @ vectors[:, kept]).square() @ (1 / roots[kept])


def compute(view: Embedded) -> dict[str, float]:
    """fd: the Frechet distance, in squared units of the feature space; lower is better. fd_se: its standard error over
    samples. fd_test: the distance from the test split, which copying the training split does not lower."""
    distance, moves = distance_and_influence(view.real, view.fake)
    return {
        "fd": distance,
        "fd_se": _error(moves),
        **({} if view.test is None else {"fd_test": distance_to(view.test, view.fake)}),
    }
