"""Quality along one training of each row: against images, generator updates, CPU time and multiply-accumulates.

Each row is trained once more, with its own plan, settings and seed, by the loop that trains every row. The training
stops at points spaced evenly in the logarithm of the budget (1/64 ... 1 of it, at the nearest row of the training's
curve), the weights that the row would be given there (averaged, where the plan averages) draw n images, and the
training goes on from its checkpoint to the same bits: `same_weights` says whether it ended with those of the row's own
run. A point has
- `images` drawn from the training set so far, and `updates` of each optimiser; `generator_updates` are those of the
  one that trains the network that draws images;
- `seconds` of training, by the clock of the tables: without sampling, evaluation, checkpoints and set-up;
- `macs`, multiply-accumulates of the training so far: the updates of each optimiser times what one takes, counted
  over the last 16 steps before the point and taken for those since the point before (`engine.macs`: matrix products,
  convolutions and attention, forward and backward; optimiser steps and averaging are not counted);
- in each space the Frechet distance of the n images from the training split, and its standard error over samples.

One seed, and the same latents at each point: small differences mean nothing. A schedule that ends with the budget
(`decay` in `plan`) makes a point in the middle worse than a training that was planned to end there. FD at this n is
larger than at a larger one, for every point alike.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tqdm import tqdm

from paragone.data import base as datasets
from paragone.data.base import ImageSet
from paragone.engine import checkpoint, hardware, macs, sampling
from paragone.engine.loop import Outcome, fit
from paragone.engine.seeding import Stream, seed_all
from paragone.engine.training import ROWS
from paragone.evaluation import held_out, protocol
from paragone.evaluation.extractors.base import Extractor
from paragone.evaluation.metrics import frechet
from paragone.evaluation.metrics.base import Embedded
from paragone.evaluation.protocol import Reference
from paragone.evaluation.spaces import Real, over_judges
from paragone.evaluation.studies.base import Work
from paragone.models.base import Model, Plan
from paragone.project import files, fingerprint, paths, registry

BATCH = 250


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ()  # all of the data set that train without parents, if none are named
    dataset: str = ""  # the profile's first, if none is named
    points: int = 8
    first: float = 1 / 64  # share of the budget at the first point
    n: int = 500  # samples at each
    spaces: tuple[str, ...] = ("classifier", "lite0")
    # space: the FD to which times are stated; where none is given the largest final one, so that every row reaches it
    quality: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.points < 2 or self.n < 2 or not 0 < self.first < 1:
            raise ValueError(
                f"points, n and first are {self.points}, {self.n} and {self.first:g}; give at least 2, at least 2, and "
                "a share above 0 and below 1"
            )
        for space, level in self.quality.items():
            if space not in self.spaces or level <= 0:
                raise ValueError(f"quality.{space} is {level:g}; give one of spaces, and a distance above 0")


class Measured(NamedTuple):
    """What every row of the study is trained on and compared with."""

    train: ImageSet
    extractors: dict[str, Extractor]
    reference: Reference


def depends(work: Work) -> list[Path]:
    """The rows' recipes and plans, the real data and what they are compared with."""
    dataset = _dataset(work)
    judges = [paths.classifier(dataset)] if "classifier" in work.options.spaces else []
    of_data = [paths.prepared(dataset), *judges, paths.reference(work.profile, dataset)]
    return [*of_data, *(file for run in _runs(work) for file in (run.weights, run.training))]


def measure(work: Work) -> dict[str, Any]:
    """{dataset, n, seed, device, clock, quality: {space: FD}, rows: {row: {outcome, reason, same_weights, plan, points:
    [{images, updates, generator_updates, seconds, macs, spaces: {space: {fd, fd_se}}}]}}, left_out: {row: reason}}.

    Rows that are done are kept when the study is killed. Raises ValueError where no row trains by itself.
    """
    options: Options = work.options
    runs, left_out = [], {}
    for run in _runs(work):
        if reason := _why_not(work, run):
            left_out[run.model] = reason
        else:
            runs.append(run)
    if not runs:
        raise ValueError(
            f"{_where(work)}.rows: {', '.join(left_out)} are all left out; name rows that train themselves"
        )
    hardware.be_deterministic(hardware.device())
    dataset = _dataset(work)
    train = datasets.load(work.root / paths.prepared(dataset), "train")
    extractors = protocol.load_extractors(work.root, dataset, options.spaces)
    reference = protocol.load(work.root / paths.reference(work.profile, dataset), extractors, train)
    rows = _rows(work, runs, Measured(train, extractors, reference))
    full_names = dict(zip(options.spaces, extractors, strict=True))
    return {
        "dataset": dataset,
        "n": options.n,
        "seed": work.seeds[0],
        "device": hardware.device_name(hardware.device()),
        "clock": hardware.clock_name(hardware.device()),
        "quality": {full_names[space]: level for space, level in options.quality.items()},
        "rows": rows,
        "left_out": left_out,
    }


def _dataset(work: Work) -> str:
    """Raises ValueError for one that is not of the profile."""
    chosen = work.options.dataset or next(iter(work.datasets))
    if chosen not in work.datasets:
        raise ValueError(
            f"{_where(work)}.dataset: '{chosen}' is no data set of the profile; it has {', '.join(work.datasets)}"
        )
    return str(chosen)


def _where(work: Work) -> str:
    return f"profiles/{work.profile}.yaml: studies.learning_curve"


def _runs(work: Work) -> list[paths.Run]:
    """The run of each row with the profile's first seed. Raises ValueError for a row that does not run there."""
    dataset = _dataset(work)
    there = work.datasets[dataset]
    if unknown := [row for row in work.options.rows if row not in there]:
        raise ValueError(
            f"{_where(work)}.rows: '{unknown[0]}' does not run on {dataset}; take it out, or let it run there"
        )
    return [paths.Run(work.profile, dataset, row, work.seeds[0]) for row in work.options.rows or there]


def _why_not(work: Work, run: paths.Run) -> str:
    """Why a row has no curve here; empty if it has one."""
    trained = files.read_json(work.root / run.training)
    if "plan" not in trained:
        return "a guest, not trained here"
    recipe = checkpoint.read_metadata(work.root / run.weights)["recipe"]
    if recipe["parents"]:
        return f"starts from {', '.join(recipe['parents'])}"
    if "source" in checkpoint.needs(recipe):
        return "translates images"
    return "" if Plan(**trained["plan"]).steps else "trains nothing"


def _rows(work: Work, runs: list[paths.Run], measured: Measured) -> dict[str, Any]:
    """Each row's curve, those of an earlier attempt from its file."""
    folder = work.root / ".ckpt/studies" / work.profile / "learning_curve"
    budgets = {run.model: Plan(**files.read_json(work.root / run.training)["plan"]).kimg for run in runs}
    tree = fingerprint.Tree(registry.modules())
    rows: dict[str, Any] = {}
    with tqdm(total=sum(budgets.values()), desc="learning curves", unit=" kimg", mininterval=1) as bar:
        for run in runs:
            before, file = bar.n, folder / f"{run.model}-{_digest(work, run, measured, tree)}.json"
            if not file.exists():
                files.write_json(file, _train(work, run, measured, bar))
            rows[run.model] = files.read_json(file)
            bar.update(before + budgets[run.model] - bar.n)
    shutil.rmtree(folder)
    return rows


def _digest(work: Work, run: paths.Run, measured: Measured, tree: fingerprint.Tree) -> str:
    """Of all that decides a row's curve."""
    options: Options = work.options
    trained = files.read_json(work.root / run.training)
    recipe = checkpoint.read_metadata(work.root / run.weights)["recipe"]
    facts = {
        "code": tree.closure(__name__, registry.module_name("models", recipe["model"])),
        "run": [trained[key] for key in ("plan", "config", "data", "seed")],
        "weights": files.sha256(work.root / run.weights),
        "spaces": {name: extractor.hash for name, extractor in measured.extractors.items()},
        "options": [options.points, options.first, options.n],
        "torch": torch.__version__,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def stops(steps: int, points: int, first: float) -> list[int]:
    """The steps at which a training is looked at, rising: shares of it from `first` to 1, each rounded to where the
    loop can stop. Fewer than `points` where several fall on one."""
    every = max(1, steps // ROWS)
    shares = [first ** (1 - i / (points - 1)) for i in range(points)]
    return sorted({min(steps, every * max(1, round(share * steps / every))) for share in shares[:-1]} | {steps})


def _train(work: Work, run: paths.Run, measured: Measured, bar: "tqdm[Any]") -> dict[str, Any]:
    """Train from stop to stop, each time going on from the checkpoint, and measure what the row would be there."""
    options: Options = work.options
    plan = Plan(**files.read_json(work.root / run.training)["plan"])
    recipe = checkpoint.read_metadata(work.root / run.weights)["recipe"]
    scored = None
    if plan.eval_every:
        scored = held_out.part(work.root, run.dataset, measured.train, plan.eval_space, run.seed)
    cost, points, began = _Cost(_fresh(recipe, run.seed), measured.train, plan, run.seed), [], bar.n

    def reached(now: int, step: int) -> bool:
        bar.update(began + now * plan.batch / 1000 - bar.n)
        return now >= step

    with tempfile.TemporaryDirectory() as folder:
        for step in stops(plan.steps, options.points, options.first):
            net = _fresh(recipe, run.seed)
            stop = partial(reached, step=step)
            result = fit(
                net,
                measured.train,
                plan,
                seed=run.seed,
                folder=Path(folder),
                progress=False,
                stop=stop,
                held_out=scored,
            )
            if result.outcome == "diverged":
                break
            figures = dict(_figures(result, measured, options.n, run.seed))
            points.append({**_spent(result, plan), "macs": cost.until(result), "spaces": figures})
    return {
        "outcome": result.outcome,
        "reason": result.reason,
        "same_weights": _same(result.model, work.root / run.weights),
        "plan": {"kimg": plan.kimg, "batch": plan.batch, "decay": plan.decay, "ema_kimg": plan.ema_kimg},
        "points": points,
    }


def _fresh(recipe: dict[str, Any], seed: int) -> Model:
    seed_all(seed, Stream.INIT)
    return checkpoint.build(recipe)


def _spent(result: Outcome, plan: Plan) -> dict[str, Any]:
    """What a training has taken so far."""
    names = [result.model.generator] if result.model.generator else list(result.updates)
    return {
        "images": result.steps * plan.batch,
        "updates": result.updates,
        "generator_updates": result.updates[names[0]] if len(names) == 1 else None,
        "seconds": round(result.seconds, 3),
    }


class _Cost:
    """Multiply-accumulates of one training so far, from point to point; counted on a model that is not trained."""

    def __init__(self, net: Model, data: ImageSet, plan: Plan, seed: int) -> None:
        self.net, self.data, self.plan, self.seed = hardware.place(net, hardware.device()), data, plan, seed
        self.of_one: dict[str, float] = {}  # of an update of each optimiser
        self.before: dict[str, int] = {}  # updates at the last point
        self.total = 0.0

    def until(self, result: Outcome) -> int:
        """To where a training stands now."""
        counted = macs.of_updates(self.net, self.data, self.plan, self.seed, result.steps, result.precision)
        self.of_one |= {name: of.macs / of.updates for name, of in counted.items()}
        new = {name: count - self.before.get(name, 0) for name, count in result.updates.items()}
        self.total += sum(count * self.of_one.get(name, 0.0) for name, count in new.items())
        self.before = dict(result.updates)
        return round(self.total)


def _figures(result: Outcome, measured: Measured, n: int, seed: int) -> Iterator[tuple[str, dict[str, float]]]:
    """The distance in each space, and its standard error over samples."""
    device = hardware.device()
    labels = sampling.labels(result.model, measured.train, n, seed)
    images, _ = sampling.sample(
        result.model,
        n,
        seed=seed,
        batch=BATCH,
        device=device,
        precision=result.precision,
        cond=labels,
        progress=False,
    )
    for name, extractor in measured.extractors.items():
        features = extractor.extract(torch.from_numpy(images), device).values
        found = over_judges(measured.reference.spaces[name], features, _distance)
        yield name, {"fd": found["fd"], "fd_se": found["fd_se"]}


def _distance(real: Real, features: torch.Tensor) -> dict[str, float]:
    return frechet.compute(Embedded(real.statistics, real.subset, features))


def _same(model: Model, weights: Path) -> bool:
    """Whether a model has the weights of a file, to the bit."""
    own, there = model.state_dict(), checkpoint.load(weights)[0]
    return own.keys() == there.keys() and all(torch.equal(own[key].cpu(), there[key]) for key in own)
