"""The Parzen window: log density of test images under Gaussian kernels on a model's samples.

Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, section 5; in the form of Wu et al. 2017,
https://arxiv.org/abs/1611.04273: intensities (level + u) / 256, u uniform in [0,1). The bandwidth is the best for
images of the test split's first half, the figure of images of its second.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from paragone.data.base import ImageSet

BANDWIDTHS = [round(0.05 + 0.01 * i, 2) for i in range(26)]  # 0.05 to 0.3


def density(samples: Iterator[Tensor], test: ImageSet, n: int, seed: int) -> dict[str, float]:
    """Mean log density of at most n test images in nats; samples: (B,D) in [0,1] at a time.

    Raises ValueError for a set of two levels, on which a density says nothing.
    """
    if test.spec.levels != 256:
        raise ValueError(
            f"a Parzen window is a density of 256 levels and these images have {test.spec.levels}; name an 8-bit set"
        )
    half = len(test.images) // 2
    noise = torch.Generator().manual_seed(seed)
    held = torch.cat([intensities(part[:n], noise) for part in (test.images[:half], test.images[half:])])
    chosen = min(n, half)
    total, count = torch.full((len(BANDWIDTHS), len(held)), -math.inf, dtype=torch.float64), 0
    for part in samples:
        kernels = log_kernels(held, part.cpu())
        total = torch.logaddexp(total, kernels.double())
        count += len(part)
    dims = held.shape[1]
    scale = torch.tensor([-dims / 2 * math.log(2 * math.pi * h**2) - math.log(count) for h in BANDWIDTHS])
    densities = total + scale[:, None]  # (bandwidths,images)
    best = int(densities[:, :chosen].mean(1).argmax())
    figures = densities[best, chosen:]
    return {
        "nats": float(figures.mean()),
        "se": float(figures.std() / math.sqrt(len(figures))),
        "bandwidth": BANDWIDTHS[best],
        "samples": count,
        "n": len(figures),
    }


def log_kernels(x: Tensor, samples: Tensor) -> Tensor:
    """log sum_i exp(-||x - s_i||^2 / 2h^2) of each of BANDWIDTHS: (N,D), (M,D) -> (bandwidths,N)."""
    squares = torch.cdist(x, samples, compute_mode="use_mm_for_euclid_dist").square_()  # (N,M)
    return torch.stack([torch.logsumexp(squares / (-2 * h**2), 1) for h in BANDWIDTHS])


def intensities(images: Tensor, noise: torch.Generator) -> Tensor:
    """Levels (N,H,W,C) uint8 with noise of one level, in [0,1): (N,D)."""
    levels = images.flatten(1).float()
    return (levels + torch.rand(levels.shape, generator=noise)) / 256
