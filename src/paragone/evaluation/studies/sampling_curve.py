"""Quality against the number of steps: finished diffusion rows and their samplers, each sampled again at several.

A row's own samples have one number of steps. Here the same weights are sampled in others: a DDPM in evenly spaced ones
of its own (strided), DDIM, DPM-Solver++, EDM's sampler, consistency models, LDM, the GAN-diffusion relay, whatever has
`steps` in its configuration; a relay also from other times t_0 (`starts`). Each point has the Frechet distance and the
coverage of `n` samples in every space, against the profile's reference; how often the most used layer ran for one
image (`passes`), its multiply-accumulates (`macs`) and seconds. Rows that are sampled in one way only, GANs among them,
are points.

All points of a seed draw the same n; FD at this n is larger than at the profile's, for every point alike, so points
compare with each other and not with the tables.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from paragone.data import base as datasets
from paragone.data.base import ImageSet
from paragone.engine import checkpoint, hardware, sampling
from paragone.evaluation import protocol
from paragone.evaluation.extractors.base import Extractor
from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.metrics.frechet import frechet_distance
from paragone.evaluation.metrics.prdc import prdc
from paragone.evaluation.protocol import Reference
from paragone.evaluation.spaces import Real, over_judges
from paragone.evaluation.studies.base import Work, track
from paragone.models.base import Model, Spec
from paragone.project import paths, registry

BATCH = 250
SCHEDULES = ("levels", "taus", "times", "process.")  # begin the names of buffers that say where sampling goes


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ("ddpm", "ddim")  # sampled at `steps`; a DDPM in as many evenly spaced ones (strided)
    steps: tuple[int, ...] = (5, 10, 25, 50)
    few: tuple[str, ...] = ()  # rows sampled at `few_steps`: consistency models, relays
    few_steps: tuple[int, ...] = (1, 2, 4)
    starts: tuple[float, ...] = ()  # t_0 / T, from which the relays among these rows are sampled besides their own
    whole: tuple[str, ...] = ("ddpm",)  # rows sampled as they are
    dataset: str = "mnist-5k"
    spaces: tuple[str, ...] = ("classifier", "lite0")
    n: int = 500  # samples of each point

    def __post_init__(self) -> None:
        if self.n < 2:
            raise ValueError(f"n is {self.n}; it must be at least 2")
        for name in ("steps", "few_steps"):
            if not getattr(self, name) or min(getattr(self, name)) < 1:
                raise ValueError(f"{name} is {list(getattr(self, name))}; it must be one or more numbers from 1 up")
        if not all(0 < start <= 1 for start in self.starts):
            raise ValueError(f"starts is {list(self.starts)}; each must be above 0 and at most 1")


def depends(work: Work) -> list[Path]:
    """The real data, its classifier and reference, and the rows' weights."""
    dataset = work.options.dataset
    of_data = [paths.prepared(dataset), paths.classifier(dataset), paths.reference(work.profile, dataset)]
    return [*of_data, *(run.weights for row in _plan(work.options) for run in _runs(work, row))]


def measure(work: Work) -> dict[str, Any]:
    """{dataset, n, rows: {row: [{seed, steps (null: as the row is), start (null: the row's own), passes, macs,
    seconds, spaces: {space: {fd, coverage}}}]}, left_out: [{row, seed, reason}]}."""
    options: Options = work.options
    train = datasets.load(work.root / paths.prepared(options.dataset), "train")
    extractors = protocol.load_extractors(work.root, options.dataset, options.spaces)
    reference = protocol.load(work.root / paths.reference(work.profile, options.dataset), extractors, train)
    plan = _plan(options)
    rows: dict[str, list[dict[str, Any]]] = {row: [] for row in plan}
    left_out = []
    planned = [(row, run, steps) for row, steps in plan.items() for run in _runs(work, row)]
    for row, run, steps in track(planned, "sampling curve", "runs"):
        model, meta = checkpoint.load_model(work.root / run.weights)
        if meta["outcome"] != "finished":
            left_out.append({"row": row, "seed": run.seed, "reason": meta["reason"]})
            continue
        for k, start in _asked(model, steps, options.starts):
            net = model if k is None else at_steps(model, meta["recipe"], k, _where(work, row), start)
            point = _point(net, train, reference, extractors, options.n, run.seed, meta["precision"])
            rows[row].append({"seed": run.seed, "steps": k, "start": start, **point})
    device = hardware.device_name(hardware.device())
    return {"dataset": options.dataset, "n": options.n, "seeds": work.seeds, "device": device, "rows": rows,
            "left_out": left_out}  # fmt: skip


def _plan(options: Options) -> dict[str, tuple[int | None, ...]]:
    """The numbers of steps that each row is sampled at; None: as it is."""
    plan: dict[str, tuple[int | None, ...]] = {}
    for rows, steps in ((options.whole, (None,)), (options.rows, options.steps), (options.few, options.few_steps)):
        for row in rows:
            plan[row] = (*plan.get(row, ()), *steps)
    return plan


def _asked(
    model: Model, steps: tuple[int | None, ...], starts: tuple[float, ...]
) -> list[tuple[int | None, float | None]]:
    """The steps, and the starts (None: its own), that a model is sampled at: a relay at each of these too."""
    others = [start for start in starts if start != vars(model.cfg)["start"]] if "start" in vars(model.cfg) else []
    return [(k, None) for k in steps] + [(k, start) for start in others for k in steps if k is not None]


def _where(work: Work, row: str) -> str:
    return f"profiles/{work.profile}.yaml: studies.sampling_curve: row '{row}'"


def _runs(work: Work, row: str) -> list[paths.Run]:
    return work.runs_on(work.options.dataset, row, _where(work, row))


def at_steps(model: Model, recipe: dict[str, Any], steps: int, where: str, start: float | None = None) -> Model:
    """The same weights, to be sampled in another number of steps: a model that has `steps` in as many, a DDPM in as
    many evenly spaced ones of its own; a relay from `start`, unless from its own. Raises ValueError where there are no
    steps to choose."""
    c, h, w = recipe["shape"]
    if "steps" in vars(model.cfg):
        other = checkpoint.build(
            {**recipe, "config": {**recipe["config"], "steps": steps, **({} if start is None else {"start": start})}}
        )
        kept = {name: value for name, value in model.state_dict().items() if not name.startswith(SCHEDULES)}
        other.load_state_dict(kept, strict=False)
    elif hasattr(model, "process"):
        other = registry.build_model("strided", Spec((c, h, w), recipe["classes"]), {"steps": steps}, {"ddpm": model})
    else:
        raise ValueError(f"{where} is a {model.title}, which has no steps to choose; name it under whole")
    return other.eval().requires_grad_(False)


def _point(
    net: Model,
    train: ImageSet,
    reference: Reference,
    extractors: dict[str, Extractor],
    n: int,
    seed: int,
    precision: str,
) -> dict[str, Any]:
    device = hardware.device()
    labels = sampling.labels(net, train, n, seed)
    images, seconds = sampling.sample(
        net, n, seed=seed, batch=BATCH, device=device, precision=precision, cond=labels, progress=False
    )
    pixels = torch.from_numpy(images)
    return {
        "passes": sampling.evaluations(net, device, labels),
        "macs": sampling.macs(net, device, labels),
        "seconds": sum(seconds) / n,
        "spaces": {name: _figures(pixels, reference, name, extractor) for name, extractor in extractors.items()},
    }


def _figures(images: Tensor, reference: Reference, name: str, extractor: Extractor) -> dict[str, float]:
    space = reference.spaces[name]
    found = over_judges(space, extractor.extract(images, hardware.device()).values, _distance_and_coverage)
    return {"fd": found["fd"], "coverage": found["coverage"]}


def _distance_and_coverage(real: Real, features: Tensor) -> dict[str, float]:
    fd = frechet_distance(real.statistics, Statistics.of(features))
    return {"fd": fd, "coverage": prdc(real.subset[: len(features)], features)["coverage"]}
