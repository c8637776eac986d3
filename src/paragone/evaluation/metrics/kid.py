"""Kernel distance: unbiased squared maximum mean discrepancy with a cubic kernel (Binkowski et al. 2018, section 4).

https://arxiv.org/abs/1801.01401. Only in the Inception network's features is it the KID. Over the full sets rather
than averaged over random subsets: unbiased all the same, with less variance, and it needs no seed. It may be negative,
and is where both sets hold each class exactly as often as the other: they are closer than two random draws would be.

Its standard error is over samples, the reference held fixed, from the unbiased estimate of the U-statistic's variance
(after Sutherland and Deka 2019, https://arxiv.org/abs/1906.02104, who do it for two samples).
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from paragone.evaluation.metrics.base import Embedded

needs = Embedded
BLOCK = 1024


def kernel_distance(x: Tensor, y: Tensor, block: int = BLOCK, within_x: float | None = None) -> float:
    """The U-statistic of MMD^2 between features (M,D) and (N,D) under k(a,b) = (a.b / D + 1)^3.

    within_x: the sum of k over all ordered pairs of different rows of x, if known.
    Kernels in float32, sums in float64: against float64 throughout the error is below 1e-6 for features of order 1.
    """
    m, n = len(x), len(y)
    within_x = _sum_within(x, block) if within_x is None else within_x
    within = within_x / (m * (m - 1)) + _sum_within(y, block) / (n * (n - 1))
    return within - 2 * _sum(x, y, block) / (m * n)


def distance_and_error(x: Tensor, y: Tensor, block: int = BLOCK, within_x: float | None = None) -> tuple[float, float]:
    """The distance of features (N,D), N >= 4, from (M,D), and its standard error over draws of y, x held fixed.

    With x fixed the distance is the mean, over pairs, of h(y,y') = k(y,y') - g(y) - g(y') and a constant, where g(y)
    is the mean of k(x,y) over x. Its variance is E U^2 - (E h)^2, of which the second is estimated without bias by the
    mean of h h' over pairs that share no image. No less than what pairs alone contribute: an estimate near 0 may be
    negative.
    """
    m, n = len(x), len(y)
    within_x = _sum_within(x, block) if within_x is None else within_x
    near = torch.cat([_sum_of_columns(x, part, block) for part in y.split(block)]) / m  # (N,) g
    offset = near.mean() / 2  # any constant; this one keeps h small
    less = near - offset
    rows, squares = torch.zeros_like(near), 0.0  # of h, over the other images
    for i, j, k in _blocks(y, block):
        first, second = (slice(b * block, (b + 1) * block) for b in (i, j))
        h = k.double().sub_(less[first, None]).sub_(less[second])
        if i == j:
            h.fill_diagonal_(0)
        else:
            rows[second] += h.sum(0)
        rows[first] += h.sum(1)
        squares += float(torch.linalg.vector_norm(h)) ** 2 * (1 if i == j else 2)
    pairs, total = n * (n - 1), float(rows.sum())
    mean = total / pairs
    apart = total**2 - 4 * float(rows.square().sum()) + 2 * squares  # over pairs that share no image
    variance = mean**2 - apart / (pairs * (n - 2) * (n - 3))
    spread = squares / pairs - mean**2
    error = math.sqrt(max(variance, 2 * spread / pairs, 0.0))  # of one image over and over, rounding leaves less than 0
    return within_x / (m * (m - 1)) + mean - 2 * float(offset), error


def standard_error(x: Tensor, y: Tensor, block: int = BLOCK) -> float:
    """The standard error of the distance of y (N,D), N >= 4, from fixed x (M,D), over draws of y."""
    return distance_and_error(x, y, block, within_x=0.0)[1]


def _sum_of_columns(x: Tensor, y: Tensor, block: int) -> Tensor:
    parts = [_kernel(part, y).sum(0, dtype=torch.float64) for part in x.split(block)]
    return torch.stack(parts).sum(0)


def _blocks(x: Tensor, block: int) -> Iterator[tuple[int, int, Tensor]]:
    """The kernel between blocks i <= j of rows: it is symmetric, so half of the blocks will do."""
    parts = x.split(block)
    for i, a in enumerate(parts):
        for j in range(i, len(parts)):
            yield i, j, _kernel(a, parts[j])


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return torch.addmm(x.new_ones(()), x, y.T, alpha=1 / x.shape[1]).pow_(3)


def _sum(x: Tensor, y: Tensor, block: int) -> float:
    """The sum of k over all pairs."""
    return sum(float(_kernel(a, b).sum(dtype=torch.float64)) for a in x.split(block) for b in y.split(block))


def _sum_within(x: Tensor, block: int) -> float:
    """The sum of k over all ordered pairs of different rows."""
    total = 0.0
    for i, j, k in _blocks(x, block):
        whole = float(k.sum(dtype=torch.float64))
        total += whole - float(k.diagonal().sum(dtype=torch.float64)) if i == j else 2 * whole
    return total


def prepare(subset: Tensor, n: int) -> dict[str, Tensor]:
    """kid_within: the sum of k over all ordered pairs of different real images."""
    return {"kid_within": torch.tensor(_sum_within(subset, BLOCK), dtype=torch.float64)}


def compute(view: Embedded) -> dict[str, float]:
    """kid: the kernel distance; lower is better. kid_se: its standard error over samples."""
    known = view.prepared.get("kid_within")
    distance, error = distance_and_error(view.subset, view.fake, within_x=None if known is None else float(known))
    return {"kid": distance, "kid_se": error}
