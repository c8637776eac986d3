"""What a training draws along its way: images of the same latents, at even shares of its budget.

Each row is trained once more, with its own plan, settings and the profile's first seed, by the loop that trains every
row. It stops at even shares of the budget, the weights that the row would be given there (averaged, where the plan
averages) draw the same latents, and the training goes on from its checkpoint to the same bits: `same_weights` says
whether it ended with those of the row's own run. A network that grows, as ProGAN's, shows its phases so: each size is
held, then the next one fades in.
"""

import base64
import io
import operator
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from paragone.data import base as datasets
from paragone.data.base import ImageSet
from paragone.engine import checkpoint, hardware, sampling
from paragone.engine.loop import Outcome, fit
from paragone.engine.sampling import Images
from paragone.engine.seeding import Stream, seed_all
from paragone.engine.training import ROWS
from paragone.evaluation import held_out
from paragone.evaluation.studies.base import Work, track
from paragone.models.base import Plan
from paragone.project import files, paths

COLUMNS = 12  # images at each share


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ("progan",)  # without parents
    points: int = 10

    def __post_init__(self) -> None:
        if not self.rows or self.points < 2:
            raise ValueError(
                f"rows and points are {list(self.rows)} and {self.points}; name a row, and at least 2 points"
            )


def depends(work: Work) -> list[Path]:
    """The rows' recipes and plans, and the real data."""
    runs = _runs(work)
    of_runs = [file for run in runs for file in (run.weights, run.training)]
    return [*dict.fromkeys(paths.prepared(run.dataset) for run in runs), *of_runs]


def measure(work: Work) -> dict[str, Any]:
    """{seed, datasets: {data set: {row: {outcome, reason, same_weights, kimg: [...], png}}}}: a PNG of a row of images
    for each number of thousand images seen. Raises ValueError for a row with parents."""
    hardware.be_deterministic(hardware.device())
    found: dict[str, dict[str, Any]] = {}
    for run in track(_runs(work), "phases", "trainings"):
        found.setdefault(run.dataset, {})[run.model] = _train(work, run)
    return {"seed": work.seeds[0], "datasets": found}


def _runs(work: Work) -> list[paths.Run]:
    """Of the first seed, those of the rows on every data set."""
    return [run for row in work.options.rows for run in work.runs(row) if run.seed == work.seeds[0]]


def _train(work: Work, run: paths.Run) -> dict[str, Any]:
    recipe = checkpoint.read_metadata(work.root / run.weights)["recipe"]
    if recipe["parents"]:
        where = f"profiles/{work.profile}.yaml: studies.phases.rows"
        raise ValueError(
            f"{where}: '{run.model}' starts from {', '.join(recipe['parents'])}; name rows without parents"
        )
    plan = Plan(**files.read_json(work.root / run.training)["plan"])
    data = datasets.load(work.root / paths.prepared(run.dataset), "train")
    scored = None
    if plan.eval_every:
        scored = held_out.part(work.root, run.dataset, data, plan.eval_space, run.seed)
    seen, drawn = [], []
    with tempfile.TemporaryDirectory() as folder:
        for step in stops(plan.steps, work.options.points):
            seed_all(run.seed, Stream.INIT)
            net = checkpoint.build(recipe)
            about: dict[str, Any] = {"folder": Path(folder), "progress": False, "held_out": scored}
            result = fit(net, data, plan, seed=run.seed, stop=partial(operator.le, step), **about)
            if result.outcome == "diverged":
                break
            seen.append(result.steps * plan.batch / 1000)
            drawn.append(_images(result, data, run.seed))
    ended = {"outcome": result.outcome, "reason": result.reason, "same_weights": _same(result, work.root / run.weights)}
    return {**ended, "kimg": seen, "png": _png(drawn)}


def stops(steps: int, points: int) -> list[int]:
    """The steps at which a training is looked at, rising: even shares, each rounded to where the loop can stop."""
    every = max(1, steps // ROWS)
    return sorted({min(steps, every * max(1, round(steps * (i + 1) / points / every))) for i in range(points)})


def _images(result: Outcome, data: ImageSet, seed: int) -> Images:
    labels = sampling.labels(result.model, data, COLUMNS, seed)
    options: dict[str, Any] = {"device": hardware.device(), "precision": result.precision, "cond": labels}
    return sampling.sample(result.model, COLUMNS, seed=seed, batch=COLUMNS, progress=False, **options)[0]


def _same(result: Outcome, weights: Path) -> bool:
    own, there = result.model.state_dict(), checkpoint.load(weights)[0]
    return own.keys() == there.keys() and all(own[key].cpu().equal(there[key]) for key in own)


def _png(drawn: list[Images]) -> str:
    """A grid with a row for each share, in base64; empty where there is none."""
    if not drawn:
        return ""
    buffer = io.BytesIO()
    sampling.sample_grid(np.concatenate(drawn), COLUMNS, len(drawn)).save(buffer, format="png")
    return base64.b64encode(buffer.getvalue()).decode()
