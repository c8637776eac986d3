"""How the Frechet and the kernel distance depend on the number of images that they are measured from.

Subsets of a row's samples and of the real test images, of growing size, against the whole reference, in the data set's
classifier's space. The Frechet distance of n images is about a + b / n (Chong and Forsyth 2020, section 3,
https://arxiv.org/abs/1911.07023), so a line over 1 / n extrapolates it to endless samples. Whether that bias matters
depends on how far rows lie apart: `others` has the same figures of further rows, to be compared with the first.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from paragone.data import base as datasets
from paragone.engine import hardware
from paragone.engine.seeding import Stream, generator
from paragone.evaluation import protocol
from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.metrics.frechet import frechet_distance
from paragone.evaluation.metrics.kid import kernel_distance
from paragone.evaluation.spaces import Real, Space, over_judges
from paragone.evaluation.studies.base import Work
from paragone.project import paths

SPACE = "classifier"


@dataclass(frozen=True, kw_only=True)
class Options:
    row: str = "dcgan"  # whose samples
    rows: tuple[str, ...] = ()  # further ones, which may lie near to it
    sizes: tuple[int, ...] = (50, 100, 200, 400, 800)
    draws: int = 5  # subsets of each size


def depends(work: Work) -> list[Path]:
    """The samples, the real data and the classifier."""
    runs = [run for row in _rows(work) for run in work.runs(row)]
    of_data = [f(run.dataset) for run in runs for f in (paths.prepared, paths.classifier)]
    return list(dict.fromkeys([*of_data, *(paths.reference(run.profile, run.dataset) for run in runs)])) + [
        run.samples for run in runs
    ]


def _rows(work: Work) -> list[str]:
    return list(dict.fromkeys((work.options.row, *work.options.rows)))


def measure(work: Work) -> dict[str, Any]:
    """{data set: {figures: {"row" or "real": [{n, draw, fd, kid}]}, limit: {...: fd at endless n}, others: {row: as of
    figures}}}."""
    found: dict[str, Any] = {}
    device = hardware.device()
    for dataset in {run.dataset: None for run in work.runs(work.options.row)}:
        prepared = work.root / paths.prepared(dataset)
        train, test = datasets.load(prepared, "train"), datasets.load(prepared, "test")
        extractors = protocol.load_extractors(work.root, dataset, [SPACE])
        reference = protocol.load(work.root / paths.reference(work.profile, dataset), extractors, train)
        ((name, extractor),) = extractors.items()
        drawn = {row: _samples(work, row, dataset) for row in _rows(work) if _runs(work, row, dataset)}
        features = {row: extractor.extract(images, device).values for row, images in drawn.items()}
        sets = {"row": features.pop(work.options.row), "real": extractor.extract(test.images, device).values}
        space = reference.spaces[name]
        figures = {key: _figures(values, space, work.options) for key, values in sets.items()}
        found[dataset] = {
            "space": name,
            "n_real": space.first.statistics.n,
            "available": {key: len(features) for key, features in sets.items()},
            "figures": figures,
            "limit": {key: _limit(values) for key, values in figures.items()},
            "others": {row: _figures(values, space, work.options) for row, values in features.items()},
        }
    return {"row": work.options.row, "seeds": work.seeds, "datasets": found}


def _runs(work: Work, row: str, dataset: str) -> list[paths.Run]:
    return [run for run in work.runs(row) if run.dataset == dataset]


def _samples(work: Work, row: str, dataset: str) -> Tensor:
    """Those of all of a row's runs (N,H,W,C). Raises ValueError where no run left any."""
    found = [np.load(work.root / run.samples) for run in _runs(work, row, dataset)]
    if not any(part.size for part in found):
        raise ValueError(f"{row} on {dataset}: no run left samples; choose another row for the study")
    return torch.from_numpy(np.concatenate([part for part in found if part.size]))


def _figures(features: Tensor, space: Space, options: Options) -> list[dict[str, float]]:
    figures = []
    for i, n in enumerate(options.sizes):
        for draw in range(options.draws):
            if n > len(features):
                continue
            index = torch.randperm(len(features), generator=generator(draw, Stream.EVALUATE, i))[:n]
            part = features[index]
            found = over_judges(space, part, _distances)
            figures.append({"n": n, "draw": draw, "fd": found["fd"], "kid": found["kid"]})
    return figures


def _distances(real: Real, part: Tensor) -> dict[str, float]:
    fd = frechet_distance(real.statistics, Statistics.of(part))
    return {"fd": fd, "kid": kernel_distance(real.subset, part)}


def _limit(figures: list[dict[str, float]]) -> float:
    """The line of fd over 1 / n, at 0."""
    n, fd = (np.array([f[key] for f in figures]) for key in ("n", "fd"))
    return float(np.polyfit(1 / n, fd, 1)[1])
