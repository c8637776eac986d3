"""Quality against the number of training images: what a row makes of few, measured against all of them.

Karras et al. 2020 (StyleGAN2-ADA, https://arxiv.org/abs/2006.06676, figure 1 and table 1): a discriminator that sees
few images learns them by heart, and the samples get worse; augmentation should help there, and matter less the more
images there are. Rows are trained afresh, with their own plan and settings, on the first few of a random order of the
training images, the same ones for every row and seed. Their samples, and those of the rows' own runs, on all of the
training split, have in every space the Frechet distance, precision, recall, density and coverage, against the
profile's reference: the whole training split, whatever a row was trained on.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from paragone.data import base as datasets
from paragone.engine import hardware
from paragone.engine.seeding import Stream, generator
from paragone.evaluation import protocol
from paragone.evaluation.studies.base import Work, track
from paragone.evaluation.studies.training_set_size import own, part, train_on
from paragone.evaluation.studies.truncation import figures
from paragone.project import paths


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ("stylegan2", "stylegan2_ada")  # without parents
    dataset: str = "mnist-5k"
    sizes: tuple[int, ...] = (500, 2000)  # training images, beside all of them
    seeds: int = 1  # of the profile's, that are trained on few
    spaces: tuple[str, ...] = ("classifier", "lite0")
    n: int = 500  # samples of each training

    def __post_init__(self) -> None:
        if min(self.n, self.seeds) <= 0 or min(self.sizes, default=1) < 2:
            raise ValueError(f"n, seeds and sizes are {self.n}, {self.seeds}, {self.sizes}; give at least 1, 1 and 2")


def depends(work: Work) -> list[Path]:
    """The real data, its classifier and reference, and the rows' recipes, plans and samples."""
    dataset = work.options.dataset
    of_data = [paths.prepared(dataset), paths.classifier(dataset), paths.reference(work.profile, dataset)]
    runs = [run for row in work.options.rows for run in _runs(work, row)]
    return [*of_data, *(file for run in runs for file in (run.weights, run.training, run.samples))]


def measure(work: Work) -> dict[str, Any]:
    """{dataset, n, n_all, device, rows: {row: [{seed, n_train, spaces: {space: {fd, precision, recall, density,
    coverage}}}]}, diverged: [{row, seed, n_train, reason}]}.

    Raises ValueError for more training images than there are, and for a row with parents.
    """
    options: Options = work.options
    runs = {row: _runs(work, row) for row in options.rows}
    train = datasets.load(work.root / paths.prepared(options.dataset), "train")
    if (most := max(options.sizes, default=0)) > len(train.images):
        raise ValueError(
            f"{_where(work)}.sizes: {most} is more than the {len(train.images)} training images of "
            f"{options.dataset}; lower it"
        )
    extractors = protocol.load_extractors(work.root, options.dataset, options.spaces)
    reference = protocol.load(work.root / paths.reference(work.profile, options.dataset), extractors, train)
    order = torch.randperm(len(train.images), generator=generator(0, Stream.EVALUATE))
    rows: dict[str, list[dict[str, Any]]] = {row: [] for row in options.rows}
    diverged: list[dict[str, Any]] = []
    asked = [(row, size) for row in options.rows for size in (*options.sizes, 0)]
    for row, size in track(asked, "few images", "sizes"):
        for run in runs[row][: options.seeds if size else None]:
            made = train_on(work, run, part(train, order[:size])) if size else own(work, run)
            about = {"seed": run.seed, "n_train": size or len(train.images)}
            if not len(made.images):
                diverged.append({"row": row, **about, "reason": made.reason})
                continue
            spaces = {name: figures(made.images, reference, name, extractor) for name, extractor in extractors.items()}
            rows[row].append({**about, "spaces": spaces})
    known = {"dataset": options.dataset, "n": options.n, "n_all": len(train.images)}
    return {**known, "device": hardware.device_name(hardware.device()), "rows": rows, "diverged": diverged}


def _where(work: Work) -> str:
    return f"profiles/{work.profile}.yaml: studies.few_images"


def _runs(work: Work, row: str) -> list[paths.Run]:
    return work.runs_on(work.options.dataset, row, f"{_where(work)}.rows: '{row}'")
