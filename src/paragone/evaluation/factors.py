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
from paragone.engine.seeding import Stream, seed_all
from paragone.evaluation.metrics.rate import ACTIVE
from paragone.models.base import Model
from paragone.project import paths, registry
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
    """What a study of encoders reads: the real data, and the weights and metrics of its rows."""
    by_dataset = encoded_by_dataset(work)
    runs = [run for found in by_dataset.values() for run in found]
    return [*map(paths.prepared, by_dataset), *(file for run in runs for file in (run.weights, run.metrics))]


def encoded_by_dataset(work: Work) -> dict[str, list[paths.Run]]:
    """The runs of the rows that a study of encoders names; where it names none, of all whose model encodes images as
    vectors and takes no labels, on the data sets that are drawn from known factors.
    """
    if work.options.rows:
        return runs_by_dataset(work)
    found: dict[str, list[paths.Run]] = {}
    for dataset, rows in work.datasets.items():
        if hasattr(registry.load("datasets", work.loaders[dataset]), "draw"):
            for row in (row for row in rows if _encodes(work.models[row])):
                runs = (paths.Run(work.profile, dataset, row, seed) for seed in work.seeds)
                found.setdefault(dataset, []).extend(runs)
    return found


def _encodes(model: str) -> bool:
    if model not in registry.names("models"):  # a guest, whose samples are all that is known
        return False
    cls = registry.model_class(model)
    return cls.capabilities >= {"encode", "decode", "latents"} and "label" not in cls.needs


def runs_by_dataset(work: Work) -> dict[str, list[paths.Run]]:
    """The runs of the rows that a study of latents names, by data set."""
    found: dict[str, list[paths.Run]] = {}
    for row in work.options.rows:
        for run in work.runs(row):
            found.setdefault(run.dataset, []).append(run)
    return found


def finished(work: Work, runs: list[paths.Run], diverged: list[dict[str, Any]]) -> Iterator[tuple[paths.Run, Model]]:
    """The runs that finished, with their models; those that did not are noted in `diverged`, with the reason. So are
    rows that nobody named and that turn out to take labels."""
    for run in runs:
        model, meta = checkpoint.load_model(work.root / run.weights)
        reason = meta["reason"] if meta["outcome"] != "finished" else ""
        if "label" in model.needs and not work.options.rows:
            reason = "its encoder takes labels"
        if reason:
            diverged.append({"row": run.model, "seed": run.seed, "reason": reason})
        else:
            yield run, model


def read(prepared: Path, categorical: tuple[str, ...], levels: int) -> Factors:
    """The attributes of a prepared set that vary; ordered ones with more values are cut into `levels` intervals.

    Raises ValueError for a set that has none, and for a name in `categorical` that is no attribute of the set.
    """
    table = pd.read_parquet(prepared / "manifest.parquet")
    known = [str(c) for c in table if str(c).startswith(ATTRIBUTE)]
    columns = [c for c in known if table[c].nunique() > 1]
    names = [c.removeprefix(ATTRIBUTE) for c in columns]
    if not names:
        raise ValueError(f"{prepared}: the factors of its images are not known; use a drawn set, such as shapes")
    if unknown := sorted(set(categorical) - {c.removeprefix(ATTRIBUTE) for c in known}):
        there = ", ".join(names)
        raise ValueError(f"{prepared}: no factor '{unknown[0]}' (categorical) in it; those that vary: {there}")
    values = table[columns].to_numpy(np.int64, copy=True)
    named = np.array([name in categorical for name in names])
    cut = [v - v.min() if c else _cut(v, levels) for v, c in zip(values.T, named, strict=True)]
    return Factors(names, values, np.stack(cut, 1), named, (table["split"] == "test").to_numpy(copy=True))


def _cut(values: Ints, levels: int) -> Ints:
    low, high = values.min(), values.max() + 1
    return values - low if high - low <= levels else (values - low) * levels // (high - low)


def encode(model: Model, images: Tensor, device: torch.device, who: str) -> Latents:
    """The latents of images (N,H,W,C) uint8; all count where nothing says how much each carries.

    Raises ValueError for a model without an encoder into vectors.
    """
    if "encode" not in model.capabilities or "codes" in model.capabilities:
        raise ValueError(f"{who} does not encode images as vectors; name rows of autoencoders")
    able: Any = model.to(device)
    codes, rates = [], []
    seed_all(0, Stream.EVALUATE)  # some draw for the means of their posteriors
    with torch.no_grad():
        for part in images.split(BATCH):
            x = to_float(part.to(device))  # (B,C,H,W) in [-1,1]
            codes.append(able.encode(x).double().cpu())
            if "rate" in model.capabilities:
                rates.append(able.rate(x).double().cpu())
    found = torch.cat(codes)
    if found.ndim != 2:
        raise ValueError(f"{who} does not encode images as vectors; name rows of autoencoders")
    active = torch.cat(rates).mean(0) > ACTIVE if rates else torch.ones(found.shape[1], dtype=torch.bool)
    return Latents(found.numpy(), active.numpy())
