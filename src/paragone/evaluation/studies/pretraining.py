"""A GAN that starts from finished weights of another data set, against the same one from scratch.

As Wang et al. 2018 (https://arxiv.org/abs/1805.01677) transfer them, generator and discriminator both start from the
weights that a row of the profile reached on `source`; the optimisers start fresh. Both arms see the same images of
`target` in the same order, with the same noise, for an equal budget there. What the pre-trained arm saw of `source`
comes on top (`pretrained_kimg`), so the arm from scratch goes on for as many images of `target`, and is measured again
there: at its last point both have seen as many in all. Measured are:
- `points`, at each: of n samples of the averaged weights, in the space of the data set's classifier, Frechet distance,
  precision, recall, density and coverage (against a part of the real images), and how many classes any sample is
  assigned to: of stacked MNIST's 1,000 the usual count of modes (Lin et al. 2018, https://arxiv.org/abs/1712.04086,
  section 4.1). At 0 kimg nothing of `target` was seen.
- `peaks` of the generator's gradient norm over the first `early_kimg`: 95th percentile over median.
- `oscillation` of the discriminator's loss over the first `early_kimg` (`paragone.evaluation.stability`).
"""

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch

from paragone.data import base as datasets
from paragone.data.base import ImageSet
from paragone.engine import checkpoint, hardware, sampling
from paragone.engine.loop import Outcome, fit
from paragone.engine.seeding import Stream, seed_all
from paragone.evaluation import protocol, spaces, stability
from paragone.evaluation.extractors.base import Extractor
from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.metrics.frechet import frechet_distance
from paragone.evaluation.metrics.prdc import prdc
from paragone.evaluation.spaces import Real, Space, over_judges
from paragone.evaluation.studies.base import Work, track
from paragone.models.base import Model, Plan, Spec
from paragone.project import files, paths, registry

SPACE = "classifier"
ARMS = ("scratch", "pretrained")


@dataclass(frozen=True, kw_only=True)
class Options:
    row: str = "dcgan"  # two optimisers: discriminator and generator
    source: str = "shapes"
    target: str = "stacked-mnist"
    kimg: float = 40.0  # of target, for both arms
    early_kimg: float = 10.0
    points: tuple[float, ...] = (0.0, 5.0, 10.0, 20.0, 40.0)  # kimg; 0, early_kimg and kimg among them
    batch: int = 32
    ema_kimg: float = 2.0  # half-life of the averaged weights that points are measured of
    n: int = 1000  # samples at each point


class Yardstick(NamedTuple):
    """What samples of the target are measured against."""

    extractor: Extractor
    space: Space


def depends(work: Work) -> list[Path]:
    """The row's models on the source, the target's data, classifier and reference."""
    target = work.options.target
    measured = [paths.prepared(target), paths.classifier(target), paths.reference(work.profile, target)]
    return [*measured, *(p for run in _runs(work) for p in (run.weights, run.training))]


def _runs(work: Work) -> list[paths.Run]:
    """The row's runs on the source. Raises ValueError if there are none, or the target is not of the profile."""
    options: Options = work.options
    where = _where(work)
    found = [run for run in work.runs(options.row) if run.dataset == options.source]
    if not found:
        raise ValueError(f"{where}.source: '{options.row}' does not run on '{options.source}'; let it, or name another")
    if options.target not in work.datasets:
        raise ValueError(f"{where}.target: '{options.target}' is not a data set of the profile; add it")
    if missing := {0.0, options.early_kimg, options.kimg} - set(options.points):
        raise ValueError(f"{where}.points: {list(options.points)} lack {min(missing):g}; add it")
    return found


def _where(work: Work) -> str:
    return f"profiles/{work.profile}.yaml: studies.pretraining"


def measure(work: Work) -> dict[str, Any]:
    """{arms: {"scratch" | "pretrained": [{seed, outcome, reason, peaks, oscillation, points: [{kimg, fd, ...}],
    curve: {column: values}}]}, floor: {fd, ...} of real test images}."""
    options, runs = work.options, _runs(work)
    target = work.root / paths.prepared(options.target)
    data = datasets.load(target, "train")
    yardstick = _yardstick(work, data)
    arms: dict[str, list[dict[str, Any]]] = {arm: [] for arm in ARMS}
    seen = []
    for run in track(runs, "pretraining", "seeds"):
        for arm in ARMS:
            trained = _train(work, run, arm, data, yardstick)
            arms[arm].append({"seed": run.seed, **trained})
        seen.append(_seen(work, run))
    real = spaces.choose(datasets.load(target, "test").images, options.n)
    names = ("row", "source", "target", "kimg", "early_kimg", "points", "batch", "ema_kimg", "n")
    return {
        **{name: getattr(options, name) for name in names},
        "seeds": work.seeds,
        "pretrained_kimg": max(seen),
        "space": yardstick.extractor.name,
        "n_real": yardstick.space.first.statistics.n,
        "n_subset": len(yardstick.space.first.subset[: options.n]),
        "device": hardware.device_name(hardware.device()),
        "floor": _measure(real, yardstick),
        "arms": arms,
    }


def _seen(work: Work, run: paths.Run) -> float:
    """What the row saw of the source, in kimg."""
    return float(files.read_json(work.root / run.training)["kimg"])


def _yardstick(work: Work, train: ImageSet) -> Yardstick:
    target = work.options.target
    extractors = protocol.load_extractors(work.root, target, [SPACE])
    reference = protocol.load(work.root / paths.reference(work.profile, target), extractors, train)
    ((name, extractor),) = extractors.items()
    return Yardstick(extractor, reference.spaces[name])


def _start(weights: Path, spec: Spec, seed: int, arm: str) -> Model:
    """The source's model: with its weights, or with those that its seed begins with. Raises ValueError."""
    model, about = checkpoint.load_model(weights)
    recipe = about["recipe"]
    if about["outcome"] != "finished":
        raise ValueError(f"{weights}: its training {about['outcome']}; choose another row for the study")
    if tuple(recipe["shape"]) != spec.shape:
        raise ValueError(
            f"{weights}: draws images of {recipe['shape']}, the target's are {list(spec.shape)} (channels, height, "
            "width); choose a source of the same shape"
        )
    if arm == "scratch":
        seed_all(seed, Stream.INIT)
        return registry.build_model(recipe["model"], spec, recipe["config"])
    return model.requires_grad_(True)


def _train(work: Work, run: paths.Run, arm: str, data: ImageSet, yardstick: Yardstick) -> dict[str, Any]:
    """Train from point to point, each time going on from the checkpoint, and measure the averaged weights there."""
    options, seed, weights = work.options, run.seed, work.root / run.weights
    more = [options.kimg + _seen(work, run)] if arm == "scratch" else []
    first, *later = [*sorted(options.points), *more]
    plan = Plan(kimg=max(later), batch=options.batch, ema_kimg=options.ema_kimg)
    points = [{"kimg": first, **_figures(_start(weights, data.spec, seed, arm), yardstick, seed, options)}]
    with tempfile.TemporaryDirectory() as folder:
        for kimg in later:
            model = _start(weights, data.spec, seed, arm)
            due = partial(_reached, kimg=kimg, batch=options.batch)
            result = fit(model, data, plan, seed=seed, folder=Path(folder), progress=False, stop=due)
            if result.outcome == "diverged":
                break
            points.append({"kimg": kimg, **_figures(result.model, yardstick, seed, options)})
    return {"outcome": result.outcome, "reason": result.reason, "points": points, **_steadiness(result, work)}


def _reached(step: int, kimg: float, batch: int) -> bool:
    return (step + 0.5) * batch / 1000 >= kimg


def _figures(model: Model, yardstick: Yardstick, seed: int, options: Options) -> dict[str, float]:
    """fd, precision, recall, density, coverage, and classes of the model's samples."""
    device = hardware.device()
    images, _ = sampling.sample(model, options.n, seed=seed, batch=250, device=device, progress=False)
    return _measure(torch.from_numpy(images), yardstick)


def _measure(images: torch.Tensor, yardstick: Yardstick) -> dict[str, float]:
    features = yardstick.extractor.extract(images, hardware.device())
    if features.logits is None:
        raise ValueError(f"{yardstick.extractor.name}: tells no classes apart; choose a target with labels")
    found = over_judges(yardstick.space, features.values, _distances)
    return {
        **{key: found[key] for key in ("fd", "precision", "recall", "density", "coverage")},
        "classes": len(features.logits.argmax(1).unique()),
    }


def _distances(real: Real, features: torch.Tensor) -> dict[str, float]:
    fd = frechet_distance(real.statistics, Statistics.of(features))
    return {"fd": fd, **prdc(real.subset[: len(features)], features)}


def _steadiness(result: Outcome, work: Work) -> dict[str, Any]:
    """Peaks and oscillation of the early part, and the whole curve. Raises ValueError for a part too short."""
    options, curve = work.options, pd.DataFrame(result.curve)
    early = curve[curve["kimg"] <= options.early_kimg + 0.5 * options.batch / 1000]
    found = stability.of_curve(early)
    if not {"grad_p95.generator", "oscillation.adversary"} <= found.keys():
        if result.outcome == "diverged":
            return {"peaks": None, "oscillation": None, "curve": curve.to_dict("list")}
        raise ValueError(
            f"{_where(work)}.early_kimg: the first {options.early_kimg:g} kimg of '{options.row}' leave {len(early)} "
            "rows with a generator and a discriminator to assess; it takes a GAN and 20 rows: raise it, or lower batch"
        )
    return {
        "peaks": found["grad_p95.generator"] / found["grad_median.generator"],
        "oscillation": found["oscillation.adversary"],
        "curve": curve.to_dict("list"),
    }
