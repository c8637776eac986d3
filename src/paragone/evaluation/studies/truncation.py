"""What truncation does to samples: the same draws at several strengths, by fidelity and by diversity.

Brock et al. 2019 (BigGAN, https://arxiv.org/abs/1809.11096, section 3.1) draw latents within a threshold, Karras et al.
2019 (StyleGAN, https://arxiv.org/abs/1812.04948, appendix B) pull styles towards their mean: single images become
better, and more alike. Finished rows are sampled again at each value of `truncation`, those that the model shows
(`truncations`) or those of the options, each time from the same seed. A point has, in every space, the Frechet
distance, precision (share of samples among the real images), recall (share of real images among the samples), density
and coverage of n samples, against the profile's reference.

All points draw the same n; FD at this n is larger than at the profile's, for every point alike.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from paragone.data import base as datasets
from paragone.data.base import ImageSet
from paragone.engine import checkpoint, hardware, sampling, visualize
from paragone.evaluation import protocol
from paragone.evaluation.extractors.base import Extractor
from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.metrics.frechet import frechet_distance
from paragone.evaluation.metrics.prdc import prdc
from paragone.evaluation.protocol import Reference
from paragone.evaluation.spaces import Real, over_judges
from paragone.evaluation.studies.base import Work, track
from paragone.models.base import Model
from paragone.project import paths

BATCH = 250


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ("biggan",)
    dataset: str = "mnist-5k"
    values: tuple[float, ...] = ()  # of `truncation`; each model's own, if none are given
    spaces: tuple[str, ...] = ("classifier", "lite0")
    n: int = 500  # samples of each point

    def __post_init__(self) -> None:
        if self.n < 2 or min(self.values, default=0) < 0:
            raise ValueError(f"n and values are {self.n} and {list(self.values)}; give at least 2, and none below 0")


def depends(work: Work) -> list[Path]:
    """The real data, its classifier and reference, and the rows' weights."""
    dataset = work.options.dataset
    of_data = [paths.prepared(dataset), paths.classifier(dataset), paths.reference(work.profile, dataset)]
    return [*of_data, *(run.weights for row in work.options.rows for run in _runs(work, row))]


def measure(work: Work) -> dict[str, Any]:
    """{dataset, n, rows: {row: [{seed, value, spaces: {space: {fd, precision, recall, density, coverage}}}]}, left_out:
    [{row, seed, reason}]}. Raises ValueError for a row that truncates nothing."""
    options: Options = work.options
    runs = [run for row in options.rows for run in _runs(work, row)]
    train = datasets.load(work.root / paths.prepared(options.dataset), "train")
    extractors = protocol.load_extractors(work.root, options.dataset, options.spaces)
    reference = protocol.load(work.root / paths.reference(work.profile, options.dataset), extractors, train)
    rows: dict[str, list[dict[str, Any]]] = {row: [] for row in options.rows}
    left_out = []
    for run in track(runs, "truncation", "runs"):
        model, meta = checkpoint.load_model(work.root / run.weights)
        if "truncations" not in model.capabilities:
            raise ValueError(f"{_where(work, run.model)} is a {model.title}, which truncates nothing; take it out")
        if meta["outcome"] != "finished":
            left_out.append({"row": run.model, "seed": run.seed, "reason": meta["reason"]})
            continue
        for value in options.values or cast(Any, model).truncations():
            images = _images(model, value, train, options.n, run.seed, meta["precision"])
            spaces = {name: figures(images, reference, name, extractor) for name, extractor in extractors.items()}
            rows[run.model].append({"seed": run.seed, "value": value, "spaces": spaces})
    device = hardware.device_name(hardware.device())
    found = {"dataset": options.dataset, "n": options.n, "seeds": work.seeds, "device": device}
    return {**found, "rows": rows, "left_out": left_out}


def _where(work: Work, row: str) -> str:
    return f"profiles/{work.profile}.yaml: studies.truncation: row '{row}'"


def _runs(work: Work, row: str) -> list[paths.Run]:
    return work.runs_on(work.options.dataset, row, _where(work, row))


def _images(model: Model, value: float, train: ImageSet, n: int, seed: int, precision: str) -> Tensor:
    labels = sampling.labels(model, train, n, seed)
    options: dict[str, Any] = {"device": hardware.device(), "precision": precision, "cond": labels, "progress": False}
    with visualize.truncation(model, value):
        images, _ = sampling.sample(model, n, seed=seed, batch=BATCH, **options)
    return torch.from_numpy(images)


def figures(images: Tensor, reference: Reference, name: str, extractor: Extractor) -> dict[str, float]:
    """Of images (n,H,W,C) uint8 in one space, the mean over its judges."""
    features = extractor.extract(images, hardware.device()).values
    return dict(over_judges(reference.spaces[name], features, _figures))


def _figures(real: Real, features: Tensor) -> dict[str, float]:
    fd = frechet_distance(real.statistics, Statistics.of(features))
    return {"fd": fd, **prdc(real.subset[: len(features)], features)}
