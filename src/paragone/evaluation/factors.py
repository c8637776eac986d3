"""Images whose factors are known, the latents that a model gives them, and the runs of studies that compare the two."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from paragone.data.base import ATTRIBUTE
from paragone.data.pixels import to_float
from paragone.engine import checkpoint
from paragone.evaluation.metrics.rate import ACTIVE
from paragone.models.base import Model
from paragone.project import paths
from paragone.project.study import Work

BATCH = 250  # images that go through a network at a time
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Factors(NamedTuple):
    """The factors of a data set's images, in the manifest's order: the splits one after the other."""

    names: list[str]
    values: Ints  # (N,K)
    levels: Ints  # (N,K): the values, or the intervals that they fall into, numbered from 0
    categorical: Flags  # (K,): factors whose values have no order
    test: Flags  # (N,): images of the test split


class Latents(NamedTuple):
    """A model's latents of images."""

    codes: Floats  # (N,J)
    active: Flags  # (J,): latents that carry information on an image (metrics.rate)


def depends(work: Work) -> list[Path]:
    """What a study of latents reads: the real data, and the weights and metrics of the rows that it names."""
    by_dataset = runs_by_dataset(work)
    runs = [run for row in work.options.rows for run in work.runs(row)]
    return [*map(paths.prepared, by_dataset), *(file for run in runs for file in (run.weights, run.metrics))]


def runs_by_dataset(work: Work) -> dict[str, list[paths.Run]]:
    """The runs of the rows that a study of latents names, by data set."""
    found: dict[str, list[paths.Run]] = {}
    for row in work.options.rows:
        for run in work.runs(row):
            found.setdefault(run.dataset, []).append(run)
    return found


def finished(work: Work, runs: list[paths.Run], diverged: list[dict[str, Any]]) -> Iterator[tuple[paths.Run, Model]]:
    """The runs that finished, with their models; those that did not are noted in `diverged`, with the reason."""
    for run in runs:
        model, meta = checkpoint.load_model(work.root / run.weights)
        if meta["outcome"] == "finished":
            yield run, model
        else:
            diverged.append({"row": run.model, "seed": run.seed, "reason": meta["reason"]})


def read(prepared: Path, categorical: tuple[str, ...], levels: int) -> Factors:
    """The attributes of a prepared set that vary; ordered ones with more values are cut into `levels` intervals.

    Raises ValueError for a set that has none, or lacks one of those named as categorical.
    """
    table = pd.read_parquet(prepared / "manifest.parquet")
    columns = [str(c) for c in table if str(c).startswith(ATTRIBUTE) and table[c].nunique() > 1]
    names = [c.removeprefix(ATTRIBUTE) for c in columns]
    if not names:
        raise ValueError(f"{prepared}: the factors of its images are not known; use a drawn set, such as shapes")
    if unknown := sorted(set(categorical) - set(names)):
        known = ", ".join(names)
        raise ValueError(f"{prepared}: no factor '{unknown[0]}' (categorical) varies in it; those that do: {known}")
    values = table[columns].to_numpy(np.int64, copy=True)
    named = np.array([name in categorical for name in names])
    cut = [v - v.min() if c else _cut(v, levels) for v, c in zip(values.T, named, strict=True)]
    return Factors(names, values, np.stack(cut, 1), named, (table["split"] == "test").to_numpy(copy=True))


def _cut(values: Ints, levels: int) -> Ints:
    low, high = values.min(), values.max() + 1
    return values - low if high - low <= levels else (values - low) * levels // (high - low)


def encode(model: Model, images: Tensor, device: torch.device, who: str) -> Latents:
    """The latents of images (N,H,W,C) uint8. Raises ValueError for a model that has none with a posterior."""
    if not model.capabilities >= {"encode", "rate"}:
        raise ValueError(f"{who} has no latents with a posterior; name rows of variational autoencoders")
    able: Any = model.to(device)
    codes, rates = [], []
    with torch.no_grad():
        for part in images.split(BATCH):
            x = to_float(part.to(device))  # (B,C,H,W) in [-1,1]
            codes.append(able.encode(x).double().cpu())
            rates.append(able.rate(x).double().cpu())
    return Latents(torch.cat(codes).numpy(), (torch.cat(rates).mean(0) > ACTIVE).numpy())
