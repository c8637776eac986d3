"""The rows of a profile while it runs: which are evaluated, with their figures, which run, which wait."""

from pathlib import Path
from typing import Any, NamedTuple

from paragone.project import files, paths
from paragone.project.params import Params


class Row(NamedTuple):
    """One run of the profile, as far as it got."""

    run: paths.Run
    title: str
    dataset: str  # the data set's title
    figures: dict[str, float]  # of headline.json; empty until it is evaluated
    outcome: str  # "" until it is evaluated
    seconds: float | None  # of training
    rate: float | None  # images per second


def read(root: Path, params: Params, profile: str) -> list[Row]:
    """Every run of a profile in order."""
    chosen = params.get_profile(profile)
    runs = [paths.Run(profile, d, m, s) for d in chosen.datasets for m in chosen.rows(d) for s in chosen.seeds]
    return [_row(root, params, run) for run in runs]


def _row(root: Path, params: Params, run: paths.Run) -> Row:
    headline, training, sampling = (_content(root / file) for file in (run.headline, run.training, run.sampling))
    entry, dataset = params.entry(run.profile, run.model), params.get_dataset(run.dataset)
    figures = {name: value for name, value in headline.items() if isinstance(value, int | float) and name != "n"}
    outcome = str(headline.get("outcome") or ("finished" if headline else ""))
    if (root / run.failure).exists():
        figures, outcome = {}, "failed"
    title = entry.title or training.get("title") or run.model
    seconds, rate = training.get("seconds"), sampling.get("images_per_second")
    return Row(run, str(title), dataset.title or run.dataset, figures, outcome, seconds, rate)


def _content(file: Path) -> dict[str, Any]:
    try:
        found = files.read_json(file)
    except ValueError:  # it is not there yet
        return {}
    return found if isinstance(found, dict) else {}


def sentence(row: Row) -> str:
    """A row on one line: `DCGAN on MNIST, seed 0: FD-clf 5.23, ...; trained in 68 s, 16,079 images/s`."""
    measured = ", ".join(f"{name} {number(value)}" for name, value in row.figures.items()) or row.outcome
    cost = [f"trained in {number(round(row.seconds, 1))} s"] if row.seconds else []
    cost += [f"{row.rate:,.0f} images/s"] if row.rate else []
    return "; ".join(
        [f"{row.title} on {row.dataset}, seed {row.run.seed}: {measured}", *([", ".join(cost)] if cost else [])]
    )


def number(value: float) -> str:
    """A figure at four digits."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.4g}"
