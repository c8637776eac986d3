"""Distance of the fakes to the nearest training image, against that of real test images: memorisation.

A model that copies its training set comes nearer to it than unseen real images do: a ratio well below 1, and many
copies. Read it beside the sample grid: smooth images (a blurred average) are near everything in pixel space too.
"""

import math

import torch
from torch import Tensor

from paragone.evaluation.metrics.base import Pixels

needs = Pixels
BLOCK = 1024
CLOSE = 0.005  # the quantile of real distances below which two images are taken for the same


def nearest_distances(queries: Tensor, pool: Tensor | None = None, block: int = BLOCK) -> Tensor:
    """Root mean squared pixel difference, in 0..1, of each query (N,H,W,C) to the nearest of the pool (M,H,W,C); (N,).

    Images are uint8. Without a pool: to the nearest other query. The search is in float32, on the device of the queries
    (the pool may be elsewhere); the distance itself is exact.
    """
    others, device = queries if pool is None else pool, queries.device
    nearest = []
    for i, images in enumerate(queries.split(block)):
        part = _flat(images)
        best = torch.full((len(part),), torch.inf, device=device)
        index = torch.zeros(len(part), dtype=torch.int64, device=device)
        for j, images_j in enumerate(others.split(block)):
            candidates = _flat(images_j.to(device))
            d = torch.addmm(candidates.square().sum(1), part, candidates.T, alpha=-2)  # less |part|^2, the same for all
            if pool is None and i == j:
                d.fill_diagonal_(torch.inf)
            value, at = d.min(1)
            index = torch.where(value < best, at + j * block, index)
            best = torch.minimum(value, best)
        found = _flat(others[index.to(others.device)].to(device))
        nearest.append((part - found).double().square().mean(1).sqrt())
    return torch.cat(nearest)


def _flat(images: Tensor) -> Tensor:
    """Pixels around 0 in [-0.5,0.5]: small sums keep float32 exact enough to rank."""
    return images.flatten(1).float() / 255 - 0.5


def quantile(distances: Tensor, q: float = CLOSE) -> float:
    """The q-quantile (linear between neighbours) of distances (N,); NaN for none."""
    return float(distances.double().quantile(q)) if len(distances) else math.nan


def compute(view: Pixels) -> dict[str, dict[str, float | int]]:
    """nearest_train: mean and median distance; ratio of the median to real test images', 1 being as far as unseen
    data; copies, the share nearer to a training image than all but 0.5 % of real test images are."""
    d = nearest_distances(view.fakes, view.train).cpu()
    close = quantile(view.test_nearest)
    return {
        "nearest_train": {
            "mean": float(d.mean()),
            "median": float(d.median()),
            "ratio": float(d.median() / view.test_nearest.median()),
            "copies": float((d < close).double().mean()),
            "n": len(view.fakes),
            "n_real": len(view.train),
        }
    }
