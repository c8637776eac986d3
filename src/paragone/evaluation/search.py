"""A random search: train one configuration without the held-out images, score its samples by them, and say what the
best of k configurations can be expected to score.

The score is the kernel distance (KID) from the held-out part of the training split, in a space without labels. A row is
judged later by other figures: Frechet distances from the training split, of which the held-out images are a part again,
and from the test split, which no search has seen.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from paragone.data.base import ImageSet
from paragone.engine import hardware, sampling
from paragone.engine.loop import fit
from paragone.engine.seeding import Stream, generator, seed_all
from paragone.evaluation.extractors.base import Extractor
from paragone.evaluation.metrics.kid import kernel_distance
from paragone.models.base import Plan
from paragone.project import registry


class Split(NamedTuple):
    """The training split of a search."""

    train: ImageSet
    held_out: Tensor  # (M,D) features of the images that no model sees


class Trial(NamedTuple):
    """What became of one configuration."""

    outcome: str
    reason: str
    score: float | None  # KID; lower is better
    seconds: float  # of training


def split(data: ImageSet, n: int, seed: int, extractor: Extractor) -> Split:
    """n training images at random, kept from the models. Raises ValueError unless as many remain."""
    if 2 * n > len(data.images):
        raise ValueError(f"held_out is {n}, more than half of the {len(data.images)} training images; lower it")
    order = torch.randperm(len(data.images), generator=generator(seed, Stream.SEARCH))
    kept, rest = order[:n].sort().values, order[n:].sort().values
    labels = None if data.labels is None else data.labels[rest]
    train = data._replace(images=data.images[rest], labels=labels)
    return Split(train, extractor.extract(data.images[kept], hardware.device()).values)


def run(
    model: str, plan: Plan, config: dict[str, Any], parts: Split, n: int, seed: int, extractor: Extractor, folder: Path
) -> Trial:
    """Train the configuration, or go on from the checkpoint in its folder, and score n samples."""
    seed_all(seed, Stream.INIT)
    device, data = hardware.device(), parts.train
    net = registry.build_model(model, data.spec, config)
    result = fit(net, data, plan, seed=seed, folder=folder, progress=False)
    if result.outcome == "diverged":
        return Trial("diverged", result.reason or "", None, result.seconds)
    labels = sampling.labels(result.model, data, n, seed)
    images, _ = sampling.sample(
        result.model,
        n,
        seed=seed,
        batch=min(n, 250),
        device=device,
        precision=result.precision,
        cond=labels,
        progress=False,
    )
    features = extractor.extract(torch.from_numpy(images), device).values
    return Trial("finished", "", kernel_distance(parts.held_out, features), result.seconds)


def expected_best(scores: Sequence[float], k: int) -> tuple[float, float]:
    """Mean and standard deviation of the lowest of k different ones of these scores, over every choice of k.

    As Dodge et al. 2019, https://arxiv.org/abs/1909.03004, here without replacement: in order, score i is the lowest of
    C(n - i, k - 1) of the C(n, k) choices.
    """
    n, ordered = len(scores), sorted(scores)
    chance = [math.comb(n - 1 - i, k - 1) / math.comb(n, k) for i in range(n)]
    mean = sum(p * s for p, s in zip(chance, ordered, strict=True))
    variance = sum(p * (s - mean) ** 2 for p, s in zip(chance, ordered, strict=True))
    return mean, math.sqrt(variance)
