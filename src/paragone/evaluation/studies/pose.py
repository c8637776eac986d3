"""Whether turning a model's code turns the object, and only that.

For rows that vary single codes of a latent (`traversals`), on drawn images: each of some latents is taken through the
rows of codes that the options name, and a network that learned the factors from drawn images (`factor_classifier`)
reads every image.

    follows   the correlation of the code with the factor as it reads, within each latent; its absolute value, since a
              model cannot know which way is positive; the mean over latents
    span      how far the factor moves from one end of the code to the other, as a share of its range; the mean
    kept      share of images whose other factors all read as on the image in the middle of the row
    others    share whose factor reads otherwise than in the middle, by factor

`drawn` is what the same measures give for images drawn afresh with the factor going through its range: what the
classifier costs a perfect model.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from paragone.engine import checkpoint, hardware
from paragone.engine.sampling import quantise
from paragone.engine.seeding import Stream, seed_all
from paragone.evaluation import factor_classifier, factors
from paragone.evaluation.factor_classifier import Draw, FactorClassifier
from paragone.evaluation.factors import BATCH, Flags, Floats
from paragone.evaluation.studies.base import Work
from paragone.models.base import Model
from paragone.project import paths


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ("hologan",)
    codes: dict[str, int] = field(default_factory=lambda: {"azimuth": 0, "elevation": 1})  # row of codes: its factor
    categorical: tuple[str, ...] = ("shape", "colour", "background")  # factors whose values have no order
    tolerance: float = 0.125  # of an ordered factor's range
    least: float = 0.9  # share of drawn images on which the classifier must predict a factor correctly
    kimg: float = 300.0  # budget of the classifier
    steps: int = 9  # images of a row
    n: int = 100  # latents

    def __post_init__(self) -> None:
        if self.steps < 3 or min(self.n, self.kimg) <= 0:
            raise ValueError(
                f"steps, n and kimg are {self.steps}, {self.n}, {self.kimg:g}; they must be at least 3, 1 and above 0"
            )


def depends(work: Work) -> list[Path]:
    """The real data's factors, and the weights of the rows."""
    by_dataset = factors.runs_by_dataset(work)
    return [*map(paths.prepared, by_dataset), *(run.weights for runs in by_dataset.values() for run in runs)]


def measure(work: Work) -> dict[str, Any]:
    """{data set: {left_out, drawn: {factor: ...}, rows: {row: [{seed, factor: {follows, span, kept, others}}]}}}.

    Raises ValueError for a set that is not drawn or lacks a factor, and for a row without codes of its own.
    """
    found = {dataset: _dataset(work, dataset, runs) for dataset, runs in factors.runs_by_dataset(work).items()}
    keys = ("codes", "tolerance", "least", "kimg", "steps", "n")
    return {**{key: getattr(work.options, key) for key in keys}, "datasets": found}


def _dataset(work: Work, dataset: str, runs: list[paths.Run]) -> dict[str, Any]:
    options = work.options
    draw, names = factor_classifier.drawn(work.root / paths.prepared(dataset), options.categorical)
    if unknown := [name for name in options.codes if name not in names.names]:
        raise ValueError(f"{dataset}: no factor '{unknown[0]}' (codes) varies in it; those that do: {names.names}")
    side = checkpoint.read_metadata(work.root / runs[0].weights)["recipe"]["shape"][1]
    classifier = factor_classifier.train(draw, names, side, options.kimg, options.tolerance)
    trusted = classifier.trusted(draw, side, options.least)
    rows: dict[str, list[dict[str, Any]]] = {row: [] for row in options.rows}
    diverged: list[dict[str, Any]] = []
    for run, model in factors.finished(work, runs, diverged):
        if "traversals" not in model.capabilities or "label" in model.needs:
            raise ValueError(f"{dataset}: row '{run.model}' has no codes to turn; name rows such as HoloGAN")
        rows[run.model].append({"seed": run.seed, **turned(model, classifier, trusted, options, run.seed)})
    left_out = [name for name, good in zip(names.names, trusted, strict=True) if not good]
    drawn = perfect(draw, classifier, trusted, options, side)
    return {"left_out": left_out, "drawn": drawn, "rows": rows, "diverged": diverged}


def turned(
    model: Model, classifier: FactorClassifier, trusted: Flags, options: Options, seed: int
) -> dict[str, dict[str, Any]]:
    """What one model's codes do, by the factor that each should turn."""
    able = cast(Any, hardware.place(model.eval(), hardware.device()))
    seed_all(seed, Stream.EVALUATE, 0)
    with torch.no_grad():
        rows = torch.stack([able.traversals(z, options.steps) for z in able.latents(options.n)])  # (n,codes,steps,z)
        found = {}
        for name, code in options.codes.items():
            images = _decode(able, rows[:, code].flatten(0, 1))
            found[name] = score(classifier, classifier.predict(images), trusted, name, options.steps)
    return found


def perfect(
    draw: Draw, classifier: FactorClassifier, trusted: Flags, options: Options, side: int
) -> dict[str, dict[str, Any]]:
    """The same of images drawn with each factor going through its range."""
    names = classifier.factors
    values = np.random.default_rng(1).integers(names.counts, size=(options.n, len(names.names)))
    found = {}
    for name in options.codes:
        k = names.names.index(name)
        rows = values.repeat(options.steps, 0)
        rows[:, k] = np.tile(np.linspace(0, names.counts[k] - 1, options.steps).round(), options.n)
        read = classifier.predict(torch.from_numpy(draw(names.of(rows), side)))
        found[name] = score(classifier, read, trusted, name, options.steps)
    return found


def score(classifier: FactorClassifier, read: Floats, trusted: Flags, factor: str, steps: int) -> dict[str, Any]:
    """Of readings (n steps,K), row after row, the measures above."""
    names = classifier.factors.names
    k = names.index(factor)
    rows = read.reshape(-1, steps, read.shape[1])  # (n,steps,K)
    code = np.linspace(-1, 1, steps)
    along = rows[:, :, k] - rows[:, :, k].mean(1, keepdims=True)
    length = np.sqrt((along**2).sum(1) * (code**2).sum())
    follows = np.abs((along * code).sum(1)) / np.maximum(length, 1e-12)
    middle = np.broadcast_to(rows[:, steps // 2, None], rows.shape)
    other = ~classifier.agree(rows, middle)
    left = trusted & (np.arange(len(names)) != k)
    return {
        "follows": float(follows.mean()),
        "span": float(np.abs(rows[:, -1, k] - rows[:, 0, k]).mean()),
        "kept": float((~other[..., left].any(2)).mean()),
        "others": {names[j]: float(other[..., j].mean()) for j in np.flatnonzero(left)},
    }


def _decode(able: Any, z: Tensor) -> Tensor:
    """The images (n,H,W,C) uint8 of latents (n,z_dim)."""
    return torch.from_numpy(np.concatenate([quantise(able.decode(part)) for part in z.split(BATCH)]))
