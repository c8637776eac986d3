"""The Frechet distance at endless samples (Chong and Forsyth 2020, https://arxiv.org/abs/1911.07023, section 3).

The distance of n images is about a + b / n, and b differs between generators, so an order at one n need not be that of
the generators. Distances at several n, over random subsets of the samples, are fitted by a line in 1 / n; its value at
0 is the estimate. What remains is the bias of the real images, which all rows share.
"""

import statistics
from typing import Any

import numpy as np
import torch
from torch import Tensor

from paragone.engine.seeding import Stream, generator
from paragone.evaluation import protocol
from paragone.evaluation.extractors.base import Extractor
from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.metrics.frechet import frechet_distance

FEWEST = 2000  # samples: from fewer, the line is too uncertain
POINTS = 8


def measure(
    samples: Tensor, reference: protocol.Reference, extractors: dict[str, Extractor], device: torch.device
) -> dict[str, dict[str, Any]]:
    """{space: {fd_infinity, n_infinity}} of at least FEWEST uint8 images (N,H,W,C), in the profile's first space: the
    mean over its judges."""
    name, space = next(iter(reference.spaces.items()))
    parts = space.split(extractors[name].extract(samples, device).values)
    found = [extrapolate(real.statistics, part) for real, part in zip(space.judges.values(), parts, strict=True)]
    return {name: {"fd_infinity": statistics.mean(found), "n_infinity": len(samples)}}


def extrapolate(real: Statistics, fake: Tensor) -> float:
    """The distance of endless features like these (N,D) from the real ones; it may be a little below 0."""
    sizes = np.linspace(max(len(fake) // 10, FEWEST // 4), len(fake), POINTS).astype(int)
    distances = []
    for i, n in enumerate(sizes.tolist()):
        chosen = torch.randperm(len(fake), generator=generator(0, Stream.EVALUATE, i))[:n]
        distances.append(frechet_distance(real, Statistics.of(fake[chosen])))
    return float(np.polyfit(1 / sizes, distances, 1)[1])
