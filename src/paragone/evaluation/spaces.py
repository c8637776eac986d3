"""The real data in one feature space, as each of its judges sees them: built once, stored, and compared with images.

Most spaces have one network. Where several judge, a figure is the mean over them. Beside it stand its spread, the
standard deviation over judges, and the figure of each. The judges see the same images, so the standard errors over
samples are averaged too: no mean of theirs can have a larger one.
"""

import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from paragone.engine import checkpoint
from paragone.engine.seeding import Stream, generator
from paragone.evaluation.extractors.base import Extractor
from paragone.evaluation.metrics.base import Statistics
from paragone.project import registry

SUBSET = 10_000  # real images at most for KID, precision, recall, density and coverage, which compare pairs
CHUNK = 10_000  # images whose features are held at once
PREPARED = "prepared."  # begins the names of such tensors in a space's file


class Real(NamedTuple):
    """What one network makes of the real data."""

    statistics: Statistics  # of the whole training split
    subset: Tensor  # (M,D) float32, features of a random part of it, in random order
    test: Statistics  # of the whole test split
    prepared: Mapping[str, Tensor] = MappingProxyType({})  # what metrics need of the real images alone

    def to(self, device: torch.device) -> "Real":
        """The same on a device."""
        prepared = {key: value.to(device) for key, value in self.prepared.items()}
        return Real(self.statistics.to(device), self.subset.to(device), self.test.to(device), prepared)


class Space(NamedTuple):
    """The real data in one feature space."""

    hash: str  # of the extractor
    judges: Mapping[str, Real]  # one, or several that judge together

    @property
    def first(self) -> Real:
        """What the first judge makes of the real data: for what is shown by a single network."""
        return next(iter(self.judges.values()))

    def split(self, values: Tensor) -> tuple[Tensor, ...]:
        """Features (N,JD) of an extractor as (N,D) a judge."""
        return values.split([real.subset.shape[1] for real in self.judges.values()], 1)


def over_judges(space: Space, values: Tensor, figures: Callable[[Real, Tensor], Mapping[str, Any]]) -> dict[str, Any]:
    """Figures of features (N,JD), the mean over judges; where there are several also `spread`, their standard
    deviation, and `judges`, the figures of each. What all judges count alike is no figure and stays as it is."""
    parts = zip(space.judges.items(), space.split(values), strict=True)
    each = {judge: dict(figures(real, part)) for (judge, real), part in parts}
    first, *others = each.values()
    if not others:
        return first
    floats = [key for key, value in first.items() if isinstance(value, float)]
    values_of = {key: [result[key] for result in each.values()] for key in floats}
    means = {key: statistics.fmean(found) for key, found in values_of.items()}
    return {
        **first,
        **means,
        "spread": {key: statistics.stdev(found) for key, found in values_of.items()},
        "judges": each,
    }


def choose(images: Tensor, n: int) -> Tensor:
    """A random part of n images, the same at every call; all of them, in order, if there are no more than n."""
    if len(images) <= n:
        return images
    index = torch.randperm(len(images), generator=generator(0, Stream.EVALUATE))[:n]
    return images[index.sort().values]


def build(extractor: Extractor, images: Tensor, test: Tensor, n: int, device: torch.device) -> Space:
    """The training split `images` and the test split, uint8 (N,H,W,C), for evaluations of n images."""
    chosen = choose(torch.arange(len(images)), SUBSET)
    order = torch.randperm(len(chosen), generator=generator(0, Stream.EVALUATE, 1))
    seen = _statistics(extractor, images, chosen, device)
    held_out = _statistics(extractor, test, chosen[:0], device)
    judges = {}
    for judge, (whole, features), (unseen, _) in zip(extractor.judges, seen, held_out, strict=True):
        judges[judge] = Real(whole.factored(), features[order], unseen.factored(), prepare(features[order], n))
    return Space(extractor.hash, judges)


def _statistics(
    extractor: Extractor, images: Tensor, chosen: Tensor, device: torch.device
) -> list[tuple[Statistics, Tensor]]:
    """Of each judge: statistics of all images, a chunk at a time, and the features of those chosen, whose places
    rise."""
    found: list[tuple[Statistics, Tensor]] = []
    for start in range(0, len(images), CHUNK):
        values = extractor.extract(images[start : start + CHUNK], device).values
        inside = chosen[(chosen >= start) & (chosen < start + CHUNK)]
        parts = [(Statistics.of(features), features[inside - start]) for features in values.split(extractor.dim, 1)]
        found = (
            [(a.merge(b), torch.cat([x, y])) for (a, x), (b, y) in zip(found, parts, strict=True)] if found else parts
        )
    return found


def prepare(subset: Tensor, n: int) -> dict[str, Tensor]:
    """What the metrics compute from the features (M,D) of real images alone for n fakes, by name."""
    prepared: dict[str, Tensor] = {}
    for name in registry.names("metrics"):
        of_metric = getattr(registry.load("metrics", name), "prepare", None)
        prepared |= of_metric(subset, n) if of_metric is not None else {}
    return prepared


def save(path: Path, space: Space) -> None:
    """Write a space as safetensors: the tensors of each judge under its name."""
    tensors: dict[str, Tensor] = {}
    for judge, real in space.judges.items():
        parts = {"subset": real.subset} | {f"{PREPARED}{key}": value for key, value in real.prepared.items()}
        for prefix, known in (("", real.statistics), ("test_", real.test)):
            parts |= {f"{prefix}{key}": value for key, value in known._asdict().items() if isinstance(value, Tensor)}
        tensors |= {f"{judge}.{key}": value.contiguous() for key, value in parts.items()}
    counts = {"n": space.first.statistics.n, "n_test": space.first.test.n}
    checkpoint.save(path, tensors, {"hash": space.hash, "judges": list(space.judges), **counts})


def load(path: Path) -> Space:
    """What `save` wrote."""
    tensors, metadata = checkpoint.load(path)
    judges = {}
    for judge in metadata["judges"]:
        parts = {key.removeprefix(f"{judge}."): value for key, value in tensors.items() if key.startswith(f"{judge}.")}
        prepared = {key.removeprefix(PREPARED): value for key, value in parts.items() if key.startswith(PREPARED)}
        train, test = _statistics_in(parts, "", metadata["n"]), _statistics_in(parts, "test_", metadata["n_test"])
        judges[judge] = Real(train, parts["subset"], test, prepared)
    return Space(metadata["hash"], judges)


def _statistics_in(parts: Mapping[str, Tensor], prefix: str, n: int) -> Statistics:
    return Statistics(n, *(parts[f"{prefix}{key}"] for key in ("mean", "cov", "factor")))
