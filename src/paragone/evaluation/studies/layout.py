"""Whether translations have the layout that was asked for, which a model without sources cannot know.

On pairs whose images show one bright figure on dark ground (the data set `day-night`), the layout is where that figure
lies: the pixels in the brighter half of an image's range of grey. Each sample is compared with the true partner of the
source that it translates, by intersection over union (1: the same place and form). Beside it stand samples of a model
that takes no sources, against the same partners, and `chance`: the partners against each other, each with the next.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from paragone.data import base as datasets
from paragone.evaluation.studies.base import Work
from paragone.project import paths


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ("controlnet",)  # that translate
    baseline: tuple[str, ...] = ("ddpm",)  # that take no sources
    n: int = 200  # samples of each run


def depends(work: Work) -> list[Path]:
    """The samples and the pairs."""
    runs = [run for row in _rows(work) for run in work.runs(row)]
    return [*dict.fromkeys(paths.prepared(run.dataset) for run in runs), *(run.samples for run in runs)]


def _rows(work: Work) -> list[str]:
    return [*work.options.rows, *work.options.baseline]


def measure(work: Work) -> dict[str, Any]:
    """{data set: {chance, rows: {row: [{seed, iou, n}]}}}; data sets without pairs are left out.

    Raises ValueError where no data set has pairs.
    """
    found = {}
    for dataset in work.datasets:
        test = datasets.load(work.root / paths.prepared(dataset), "test")
        if test.sources is not None and len(test.sources) == len(test.images):
            found[dataset] = _of_dataset(work, dataset, test.images)
    if not found:
        raise ValueError(f"profiles/{work.profile}.yaml: studies.layout: no data set has pairs; add day-night")
    return {**{key: getattr(work.options, key) for key in ("rows", "baseline", "n")}, "datasets": found}


def _of_dataset(work: Work, dataset: str, partners: Tensor) -> dict[str, Any]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(work):
        for run in work.runs(row):
            samples = np.load(work.root / run.samples) if run.dataset == dataset else np.empty(0)
            if samples.size:
                drawn = torch.from_numpy(samples[: work.options.n])
                asked = partners[torch.arange(len(drawn)) % len(partners)]  # as `sampling.sources` gives them
                iou = float(overlap(figure(drawn), figure(asked)).mean())
                rows.setdefault(row, []).append({"seed": run.seed, "iou": iou, "n": len(drawn)})
    chance = overlap(figure(partners), figure(partners.roll(1, 0)))
    return {"chance": float(chance.mean()), "n_test": len(partners), "rows": rows}


def figure(images: Tensor) -> Tensor:
    """The pixels (N,H,W) in the brighter half of each image's range, of images (N,H,W,C) uint8."""
    grey = images.double().mean(3)
    low, high = (f(grey, dim=(1, 2), keepdim=True) for f in (torch.amin, torch.amax))
    return grey > (low + high) / 2


def overlap(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union (N,) of masks (N,H,W); 0 where both are empty."""
    both, either = (x.flatten(1).sum(1).double() for x in (a & b, a | b))
    return both / either.clamp(min=1)
