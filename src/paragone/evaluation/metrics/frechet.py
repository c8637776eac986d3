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


def frechet_distance(a: Statistics, b: Statistics, *, factor: Tensor | None = None) -> float:
    """|mu_a - mu_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)), at least 0. Exact also where n < D.

    factor: of S_a, if known.

    With S = F^T F, the eigenvalues of S_a S_b are the squared singular values of F_a F_b^T, so the trace of the root
    is their sum: no matrix square root of a product that is not symmetric, and nothing to go wrong if S is singular.
    """
    root_trace = torch.linalg.svdvals((_factor(a.cov) if factor is None else factor) @ _factor(b.cov).T).sum()
    delta = a.mean - b.mean
    distance = delta @ delta + a.cov.trace() + b.cov.trace() - 2 * root_trace
    return max(0.0, float(distance))


def _factor(cov: Tensor) -> Tensor:
    """F (D,D) with F^T F = cov: Cholesky's, or where cov is singular one from its eigenvectors (twice as slow), of
    which rounding leaves some values a little below 0."""
    lower, failed = torch.linalg.cholesky_ex(cov)
    if not failed:
        return lower.T
    values, vectors = torch.linalg.eigh(cov)
    return (vectors * values.clamp_min(0).sqrt()).T


def standard_error(real: Statistics, fake: Tensor, factor: Tensor | None = None) -> float:
    """The standard error of the distance of features (N,D) from fixed real ones, over draws of the N. factor: of the
    real covariance, if known."""
    return float(influence(real, fake, factor).std() / len(fake) ** 0.5)


def influence(real: Statistics, fake: Tensor, factor: Tensor | None = None) -> Tensor:
    """How the distance would move with the weight of each fake (N,), up to a constant: its derivative there, times N.

    With z = x - mu_b it is 2 (mu_b - mu_a) . z + |z|^2 N / (N - 1) - q, where q comes from the trace of the root. By
    the rows y = F z of the fakes and their Gram matrix K = Y Y^T / (N - 1), that trace is K^(1/2)'s and q = N diag
    K^(1/2), which exists also where N <= D. (For N > D, q is z^T T z by the optimal transport map T between the two.)
    """
    x = fake.double()
    n, z = len(x), x - x.mean(0)  # (N,D)
    y = z @ (_factor(real.cov) if factor is None else factor).T / (n - 1) ** 0.5
    return 2 * z @ (x.mean(0) - real.mean) + z.square().sum(1) * (n / (n - 1)) - _root_diagonal(y) * n


def _root_diagonal(y: Tensor) -> Tensor:
    """The diagonal of (Y Y^T)^(1/2), (N,), from the smaller of Y's two Gram matrices."""
    n, d = y.shape
    values, vectors = torch.linalg.eigh(y @ y.T if n <= d else y.T @ y)
    roots = values.clamp_min(0).sqrt()
    if n <= d:
        return vectors.square() @ roots
    kept = values > values[-1] * d * torch.finfo(values.dtype).eps
    return (y @ vectors[:, kept]).square() @ (1 / roots[kept])


def compute(view: Embedded) -> dict[str, float]:
    """fd: the Frechet distance, in squared units of the feature space; lower is better. fd_se: its standard error over
    samples. fd_test: the distance from the test split, which copying the training split does not lower."""
    factor, fake = _factor(view.real.cov), Statistics.of(view.fake)
    return {
        "fd": frechet_distance(view.real, fake, factor=factor),
        "fd_se": standard_error(view.real, view.fake, factor),
        **({} if view.test is None else {"fd_test": frechet_distance(view.test, fake)}),
    }
