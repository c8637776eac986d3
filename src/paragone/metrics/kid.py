"""Kernel distance: unbiased squared maximum mean discrepancy with a cubic kernel (Binkowski et al. 2018, section 4).

https://arxiv.org/abs/1801.01401. Only in the Inception network's features is it the KID. Over the full sets rather
than averaged over random subsets: unbiased all the same, with less variance, and it needs no seed. It may be negative,
and is where both sets hold each class exactly as often as the other: they are closer than two random draws would be.
"""

import torch
from torch import Tensor

from paragone.metrics.base import Embedded

needs = Embedded
BLOCK = 1024


def kernel_distance(x: Tensor, y: Tensor, block: int = BLOCK) -> float:
    """The U-statistic of MMD^2 between features (M,D) and (N,D) under k(a,b) = (a.b / D + 1)^3.

    Kernels in float32, sums in float64: against float64 throughout the error is below 1e-6 for features of order 1.
    """
    m, n = len(x), len(y)
    within = _sum_within(x, block) / (m * (m - 1)) + _sum_within(y, block) / (n * (n - 1))
    return within - 2 * _sum(x, y, block) / (m * n)


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return torch.addmm(x.new_ones(()), x, y.T, alpha=1 / x.shape[1]).pow_(3)


def _sum(x: Tensor, y: Tensor, block: int) -> float:
    """The sum of k over all pairs."""
    return sum(float(_kernel(a, b).sum(dtype=torch.float64)) for a in x.split(block) for b in y.split(block))


def _sum_within(x: Tensor, block: int) -> float:
    """The sum of k over all ordered pairs of different rows; k is symmetric, so half of the blocks will do."""
    blocks, total = x.split(block), 0.0
    for i, a in enumerate(blocks):
        k = _kernel(a, a)
        total += float(k.sum(dtype=torch.float64) - k.diagonal().sum(dtype=torch.float64))
        total += 2 * sum(float(_kernel(a, b).sum(dtype=torch.float64)) for b in blocks[i + 1 :])
    return total


def compute(view: Embedded) -> dict[str, float]:
    """kid: the kernel distance; lower is better."""
    return {"kid": kernel_distance(view.subset, view.fake)}
