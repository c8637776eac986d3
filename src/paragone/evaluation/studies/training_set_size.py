"""How much of what a model memorises depends on how many images it was trained on.

Gu et al. 2023 (https://arxiv.org/abs/2310.02664) find that diffusion models copy small training sets and not large
ones. So rows are trained afresh, with their own plan and settings, on the first few of a random order of the training
images: the same ones for every seed. Their samples, and those of the rows' own runs, on all of the training split, are
compared with the images that they were trained on and with the test split, in pixels, as the study `memorisation` does:
- `excess`, pooled over seeds, with an interval over which of these real images were for training;
- `near_copies`: how many samples, and of as many test images as there are (`unseen`), how many by chance.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from paragone.data import base as datasets
from paragone.data.base import ImageSet
from paragone.engine import checkpoint, hardware, sampling
from paragone.engine.loop import fit
from paragone.engine.seeding import Stream, generator, seed_all
from paragone.evaluation.spaces import choose
from paragone.evaluation.studies import memorisation
from paragone.evaluation.studies.base import Work, track
from paragone.models.base import Plan
from paragone.project import files, paths, registry

BATCH = 250


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ("vae", "dcgan", "ddpm")  # without parents
    sizes: tuple[int, ...] = (100, 500)  # training images, beside all of them
    seeds: int = 2  # of the profile's, that are trained on few
    n: int = 200  # samples of each training

    def __post_init__(self) -> None:
        if min(self.n, self.seeds) <= 0 or min(self.sizes, default=1) < 2:
            raise ValueError(f"n, seeds and sizes are {self.n}, {self.seeds}, {self.sizes}; give at least 1, 1 and 2")


class Trained(NamedTuple):
    """The samples of one training (n,H,W,C) uint8; none of one that diverged."""

    seed: int
    images: Tensor
    reason: str | None = None


def depends(work: Work) -> list[Path]:
    """The rows' recipes, plans and samples, and the real data."""
    runs = [run for row in work.options.rows for run in work.runs(row)]
    of_runs = [file for run in runs for file in (run.weights, run.training, run.samples)]
    return [*dict.fromkeys(paths.prepared(run.dataset) for run in runs), *of_runs]


def measure(work: Work) -> dict[str, Any]:
    """{data set: {n_test, sizes: [{n_train, unseen: {near_copies, n}, rows: {row: {seeds, n, near_copies, excess:
    {value, low, high, n}, diverged}}}]}}: near_copies count images.

    Data sets on which some row does not run are left out. Raises ValueError where that leaves none, for more training
    images than there are, and for a row with parents.
    """
    options: Options = work.options
    found = {dataset: _of_dataset(work, dataset) for dataset in work.datasets if _rows(work, dataset)}
    if not found:
        where = f"profiles/{work.profile}.yaml: studies.training_set_size.rows"
        raise ValueError(f"{where}: {', '.join(options.rows)} all run on no data set; name rows that do")
    names = ("rows", "sizes", "seeds", "n")
    return {**{name: getattr(options, name) for name in names}, "datasets": found}


def _rows(work: Work, dataset: str) -> dict[str, list[paths.Run]]:
    """The runs of each row on a data set; none unless all rows run there."""
    by_row = {row: [run for run in work.runs(row) if run.dataset == dataset] for row in work.options.rows}
    return by_row if all(by_row.values()) else {}


def _of_dataset(work: Work, dataset: str) -> dict[str, Any]:
    options: Options = work.options
    train, test = (datasets.load(work.root / paths.prepared(dataset), split) for split in ("train", "test"))
    if (most := max(options.sizes, default=0)) > len(train.images):
        where = f"profiles/{work.profile}.yaml: studies.training_set_size.sizes"
        raise ValueError(f"{where}: {most} is more than the {len(train.images)} training images of {dataset}; lower it")
    order = torch.randperm(len(train.images), generator=generator(0, Stream.EVALUATE))
    sizes, rows = [], _rows(work, dataset)
    for size in options.sizes:
        few, trained = part(train, order[:size]), {row: list[Trained]() for row in rows}
        chosen = [run for runs in rows.values() for run in runs[: options.seeds]]
        for run in track(chosen, f"{size} images of {dataset}", "trainings"):
            trained[run.model].append(train_on(work, run, few))
        sizes.append(_measure(few.images, test.images, trained))
    whole = {row: [own(work, run) for run in runs] for row, runs in rows.items()}
    return {"n_test": len(test.images), "sizes": [*sizes, _measure(train.images, test.images, whole)]}


def part(data: ImageSet, index: Tensor) -> ImageSet:
    return data._replace(images=data.images[index], labels=None if data.labels is None else data.labels[index])


def train_on(work: Work, run: paths.Run, data: ImageSet) -> Trained:
    """A row's model, trained on other data from its first weights. Raises ValueError for one with parents."""
    recipe = checkpoint.read_metadata(work.root / run.weights)["recipe"]
    if recipe["parents"]:
        raise ValueError(f"'{run.model}' starts from {', '.join(recipe['parents'])}; name rows without parents")
    plan = Plan(**files.read_json(work.root / run.training)["plan"])
    seed_all(run.seed, Stream.INIT)
    net = registry.build_model(recipe["model"], data.spec, recipe["config"])
    with tempfile.TemporaryDirectory() as folder:
        result = fit(net, data, plan, seed=run.seed, folder=Path(folder), progress=False)
    if result.outcome == "diverged":
        return Trained(run.seed, torch.empty(0), result.reason)
    n, labels = work.options.n, sampling.labels(result.model, data, work.options.n, run.seed)
    images, _ = sampling.sample(
        result.model,
        n,
        seed=run.seed,
        batch=BATCH,
        device=hardware.device(),
        precision=result.precision,
        cond=labels,
        progress=False,
    )
    return Trained(run.seed, torch.from_numpy(images))


def own(work: Work, run: paths.Run) -> Trained:
    images = torch.from_numpy(np.load(work.root / run.samples))
    if not len(images):
        return Trained(run.seed, images, files.read_json(work.root / run.training)["reason"])
    return Trained(run.seed, choose(images, work.options.n))


def _measure(train: Tensor, test: Tensor, rows: dict[str, list[Trained]]) -> dict[str, Any]:
    real = memorisation.real_points(train, test)
    unseen = memorisation.near(memorisation.points(test), real, torch.arange(len(test)))
    usual = {"near_copies": int(memorisation.near_copies(unseen).sum()), "n": len(test)}
    return {
        "n_train": len(train),
        "unseen": usual,
        "rows": {row: _pooled(trained, real) for row, trained in rows.items()},
    }


def _pooled(trained: list[Trained], real: memorisation.Real) -> dict[str, Any]:
    """The figures of all seeds that left samples, together."""
    ended = [part for part in trained if len(part.images)]
    placed = [memorisation.near(memorisation.points(part.images), real) for part in ended]
    return {
        "seeds": [part.seed for part in ended],
        "n": sum(len(part.images) for part in ended),
        "near_copies": sum(int(memorisation.near_copies(near).sum()) for near in placed),
        "excess": memorisation.excess(placed, real) if placed else None,
        "diverged": [{"seed": part.seed, "reason": part.reason} for part in trained if not len(part.images)],
    }
