"""Do orders carry? Whether the rows stand in the same order on another data set, in another space, by another seed or
at another budget.

Each order is of one figure of the metrics files, the mean over the seeds that finished; two are compared by Kendall's
tau-b over the rows that both have (`rank_correlation`), with an interval over rows. Compared are

- **data sets**: the same space, each two data sets of the profile;
- **spaces**: the same data set, each two spaces;
- **seeds**: the same data set and space, each two seeds, of the rows that have both;
- **profiles**: the same data set and space in another profile that has run here, `against`: other budgets.

The rows are the sample: a profile that holds many rows of one family says little of others. Spaces that were trained on
the data set itself are named the same on each, though each data set has its own.
"""

import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paragone.evaluation import rank_correlation
from paragone.evaluation.studies.base import Work
from paragone.project import files, paths

Orders = dict[str, dict[str, dict[int, dict[str, float]]]]  # data set: space: seed: row: figure


@dataclass(frozen=True, kw_only=True)
class Options:
    figure: str = "fd"  # of each space: fd, kid, precision, recall, density, coverage
    against: tuple[str, ...] = ()  # other profiles

    def __post_init__(self) -> None:
        known = ("fd", "kid", "precision", "recall", "density", "coverage")
        if self.figure not in known:
            raise ValueError(f"figure is '{self.figure}'; it must be one of {', '.join(known)}")


def depends(work: Work) -> list[Path]:
    """The metrics of every run, and those of other profiles that are there."""
    own = [run.metrics for run in _runs(work, work.profile)]
    return own + [run.metrics for name in work.options.against for run in _present(work, name)]


def measure(work: Work) -> dict[str, Any]:
    """{figure, orders: {data set: {space: {row: mean}}}, comparisons: [{kind, where, a, b, tau, low, high, n, kept,
    mover, moved}]}. Raises ValueError for another profile of which nothing is here.
    """
    found = _read(work, _runs(work, work.profile))
    means = _means(found)
    comparisons = [*_datasets(means), *_spaces(means), *_seeds(found)]
    for name in work.options.against:
        other = _means(_read(work, _present(work, name)))
        if not other:
            raise ValueError(
                f"{paths.profile(work.profile)}: studies.orders.against: nothing of profile '{name}' has been "
                "evaluated here on the same data sets; run it, or remove it"
            )
        comparisons += _profiles(means, other, work.profile, name)
    return {"figure": work.options.figure, "orders": means, "comparisons": comparisons}


def _runs(work: Work, profile: str) -> list[paths.Run]:
    return [
        paths.Run(profile, dataset, row, seed)
        for dataset, rows in work.datasets.items()
        for row in rows
        for seed in work.seeds
    ]


def _present(work: Work, profile: str) -> list[paths.Run]:
    return [run for run in _runs(work, profile) if (work.root / run.metrics).exists()]


def _read(work: Work, runs: list[paths.Run]) -> Orders:
    found: Orders = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    for run in runs:
        for space, figures in (files.read_json(work.root / run.metrics).get("spaces") or {}).items():
            if (value := figures.get(work.options.figure)) is not None:
                name = space.split("-")[0]  # each data set has a classifier's space of its own
                found[run.dataset][name][run.seed][run.model] = value
    return found


def _means(found: Orders) -> dict[str, dict[str, dict[str, float]]]:
    """Data set: space: row: mean over seeds."""
    means: dict[str, dict[str, dict[str, float]]] = {}
    for dataset, spaces in found.items():
        for space, by_seed in spaces.items():
            values: dict[str, list[float]] = defaultdict(list)
            for rows in by_seed.values():
                for row, value in rows.items():
                    values[row].append(value)
            means.setdefault(dataset, {})[space] = {row: statistics.fmean(v) for row, v in values.items()}
    return means


Means = dict[str, dict[str, dict[str, float]]]
Comparison = dict[str, Any]


def _compare(kind: str, where: str, named: list[tuple[str, dict[str, float]]]) -> Iterator[Comparison]:
    for a, b, found in rank_correlation.pairs(named):
        yield {"kind": kind, "where": where, "a": a, "b": b, **found._asdict()}


def _datasets(means: Means) -> Iterator[Comparison]:
    for space in dict.fromkeys(space for spaces in means.values() for space in spaces):
        yield from _compare("data sets", space, [(d, spaces[space]) for d, spaces in means.items() if space in spaces])


def _spaces(means: Means) -> Iterator[Comparison]:
    for dataset, spaces in means.items():
        yield from _compare("spaces", dataset, list(spaces.items()))


def _seeds(found: Orders) -> Iterator[Comparison]:
    for dataset, spaces in found.items():
        for space, by_seed in spaces.items():
            seeds = [(f"seed {seed}", rows) for seed, rows in by_seed.items()]
            yield from _compare("seeds", f"{dataset}, {space}", seeds)


def _profiles(means: Means, other: Means, profile: str, name: str) -> Iterator[Comparison]:
    for dataset, spaces in means.items():
        for space in [name for name in spaces if name in other.get(dataset, {})]:
            named = [(profile, spaces[space]), (name, other[dataset][space])]
            yield from _compare("profiles", f"{dataset}, {space}", named)
