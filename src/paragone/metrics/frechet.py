"""Frechet distance between two sets of features, each taken for a Gaussian (Heusel et al. 2017, eq. 6).

https://arxiv.org/abs/1706.08500. Only in the Inception network's features is it the FID. It is biased upwards by
about 1 / n: compare values at one n, and with the distance of real from real at that n.
"""

import torch
from torch import Tensor

from paragone.metrics.base import Embedded, Statistics

needs = Embedded


def frechet_distance(a: Statistics, b: Statistics) -> float:
    """|mu_a - mu_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)), at least 0. Exact also where n < D.

    With S = F^T F, the eigenvalues of S_a S_b are the squared singular values of F_a F_b^T, so the trace of the root
    is their sum: no matrix square root of a product that is not symmetric, and nothing to go wrong if S is singular.
    """
    root_trace = torch.linalg.svdvals(_factor(a.cov) @ _factor(b.cov).T).sum()
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


def compute(view: Embedded) -> dict[str, float]:
    """fd: the Frechet distance, in squared units of the feature space; lower is better."""
    return {"fd": frechet_distance(view.real, Statistics.of(view.fake))}
