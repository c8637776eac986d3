"""Whether translations have the layout that was asked for, which a model without sources cannot know.

Each sample is held against the true partner of the source that it translates, on sets of pairs, by two measures:

    read    share of samples whose class, size and place a network reads as the partner's. It learned these factors from
            drawn images (`factor_classifier`), so this is of sets drawn from known factors and of pairs made from them
    iou     intersection over union of the figure in both (1: the same place and form), where the set's file says how a
            figure is found in an image (`figure`): `day-night`

Beside them stand samples of a model that takes no sources, against the same partners; `chance`, the partners against
each other, each with the next; and `real`, the partners themselves, read: what the network costs a perfect model.
"""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from paragone.data import base as datasets
from paragone.data.base import ATTRIBUTE
from paragone.evaluation import factor_classifier
from paragone.evaluation.factor_classifier import FactorClassifier, Names
from paragone.evaluation.factors import Flags, Ints
from paragone.evaluation.studies.base import Work
from paragone.project import files, paths, registry

ALL = "all"  # of the factors together


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ("controlnet",)  # that translate
    baseline: tuple[str, ...] = ("ddpm",)  # that take no sources
    n: int = 200  # samples of each run
    drawn: str = "shapes"  # the data set's file that draws the images of sets of pairs that do not draw their own
    factors: tuple[str, ...] = ("shape", "scale", "x", "y")  # class, size and place
    categorical: tuple[str, ...] = ("shape", "colour", "background")  # factors whose values have no order
    tolerance: float = 0.125  # of an ordered factor's range
    kimg: float = 300.0  # budget of the classifier

    def __post_init__(self) -> None:
        if min(self.n, self.kimg) <= 0:
            raise ValueError(f"n and kimg are {self.n} and {self.kimg:g}; they must be above 0")


class Reader(NamedTuple):
    """What reads the factors of a set's images, and what they are in the test split."""

    classifier: FactorClassifier
    names: tuple[str, ...]  # of the factors that are asked for
    values: Ints  # (N,K) of the test split

    def shares(self, images: Tensor, asked: Ints) -> dict[str, float]:
        """Of images (n,H,W,C) uint8, the share of which each factor, and all, read as the images numbered `asked`."""
        factors = self.classifier.factors
        return self._shares(self.classifier.agree(self.classifier.predict(images), factors.shares(self.values[asked])))

    def chance(self) -> dict[str, float]:
        """The shares of the true factors of each image as those of the next."""
        known = self.classifier.factors.shares(self.values)
        return self._shares(self.classifier.agree(known, np.roll(known, 1, 0)))

    def _shares(self, same: Flags) -> dict[str, float]:
        chosen = same[:, [self.classifier.factors.names.index(name) for name in self.names]]
        each = {name: float(share) for name, share in zip(self.names, chosen.mean(0), strict=True)}
        return {**each, ALL: float(chosen.all(1).mean())}


def depends(work: Work) -> list[Path]:
    """The samples and the pairs."""
    runs = [run for row in _rows(work) for run in work.runs(row)]
    return [*dict.fromkeys(paths.prepared(run.dataset) for run in runs), *(run.samples for run in runs)]


def _rows(work: Work) -> list[str]:
    return [*work.options.rows, *work.options.baseline]


def measure(work: Work) -> dict[str, Any]:
    """{data set: {n_test, chance (of iou), read: {real, chance}, rows: {row: [{seed, n, iou, read}]}}}; a measure that
    cannot be taken is absent, and so are data sets without pairs.

    Raises ValueError where no data set has pairs.
    """
    found: dict[str, Any] = {}
    readers: dict[tuple[str, int], FactorClassifier] = {}
    for dataset in work.datasets:
        prepared = work.root / paths.prepared(dataset)
        test = datasets.load(prepared, "test")
        if test.sources is not None and test.paired:
            found[dataset] = _of_dataset(work, dataset, test.images, readers)
    if not found:
        raise ValueError(f"profiles/{work.profile}.yaml: studies.layout: no data set has pairs; add day-night")
    keys = ("rows", "baseline", "n", "factors", "tolerance", "kimg")
    return {**{key: getattr(work.options, key) for key in keys}, "datasets": found}


def _of_dataset(
    work: Work, dataset: str, partners: Tensor, readers: dict[tuple[str, int], FactorClassifier]
) -> dict[str, Any]:
    module = registry.load("datasets", files.read_json(work.root / paths.prepared(dataset) / "dataset.json")["loader"])
    reader = _reader(work, dataset, module, partners.shape[1], readers)
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(work):
        for run in work.runs(row):
            samples = np.load(work.root / run.samples) if run.dataset == dataset else np.empty(0)
            if samples.size:
                drawn = torch.from_numpy(samples[: work.options.n])
                asked = np.arange(len(drawn)) % len(partners)  # as `sampling.sources` gives them
                about: dict[str, Any] = {"seed": run.seed, "n": len(drawn)}
                if hasattr(module, "figure"):
                    about["iou"] = _overlap(module, drawn, partners[asked])
                if reader is not None:
                    about["read"] = reader.shares(drawn, asked)
                rows.setdefault(row, []).append(about)
    result: dict[str, Any] = {"n_test": len(partners), "rows": rows}
    if hasattr(module, "figure"):
        result["chance"] = _overlap(module, partners, partners.roll(1, 0))
    if reader is not None:
        result["read"] = {"real": reader.shares(partners, np.arange(len(partners))), "chance": reader.chance()}
    return result


def _reader(
    work: Work, dataset: str, own: ModuleType, side: int, readers: dict[tuple[str, int], FactorClassifier]
) -> Reader | None:
    """None for a set whose images were not drawn from known factors. Sets of the same images share one classifier."""
    options: Options = work.options
    module = own if hasattr(own, "draw") else registry.load("datasets", options.drawn)
    attributes = module.LOADER.attributes
    table = pd.read_parquet(work.root / paths.prepared(dataset) / "manifest.parquet")
    if not attributes or not {ATTRIBUTE + name for name in attributes} <= set(table):
        return None
    if unknown := [name for name in options.factors if name not in attributes]:
        raise ValueError(
            f"profiles/{work.profile}.yaml: studies.layout.factors: {dataset} has no '{unknown[0]}'; it has: "
            f"{', '.join(attributes)}"
        )
    names, key = list(attributes), (module.__name__, side)
    if key not in readers:
        categorical = np.array([name in options.categorical for name in names])
        known = Names(names, np.array([len(attributes[name]) for name in names]), categorical)
        readers[key] = factor_classifier.train(module.draw, known, side, options.kimg, options.tolerance)
    rows = table[table["split"] == "test"]
    return Reader(readers[key], options.factors, rows[[ATTRIBUTE + name for name in names]].to_numpy(np.int64))


def _overlap(module: ModuleType, images: Tensor, others: Tensor) -> float:
    return float(overlap(*(torch.from_numpy(module.figure(x.numpy())) for x in (images, others))).mean())


def overlap(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union (N,) of masks (N,H,W); 0 where both are empty."""
    both, either = (x.flatten(1).sum(1).double() for x in (a & b, a | b))
    return both / either.clamp(min=1)
