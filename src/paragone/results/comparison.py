"""Two rows, or two tables of runs, figure by figure: the difference, its interval, and what it rests on.

Where both sides have the same seeds, differences are paired by seed; where each has two seeds or more, the interval is
Welch's; where one side has a single seed, FD and KID have an interval over samples, the reference held fixed. P-values
are corrected for the number of figures compared (Holm 1979). Figures of two protocols, two sets of data, two feature
spaces or two numbers of samples do not compare, and are refused.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, cast

import pandas as pd
from scipy import special

from paragone.evaluation import intervals
from paragone.results.columns import by_table
from paragone.results.columns.base import Column
from paragone.results.runs import Json, is_figure, is_missing
from paragone.results.space_names import space_rank

Over = Literal["paired seeds", "seeds", "samples", ""]
SAME = {"train.data": "data hash", "metrics.protocol": "protocol", "metrics.n": "number of samples"}


class ComparisonError(ValueError):
    """Two sides do not compare."""


class Side(NamedTuple):
    """Runs to compare, and what they are called."""

    name: str
    runs: list[Json]  # rows of the wide table that finished


class Difference(NamedTuple):
    """One figure of a pair of rows: b less a."""

    dataset: str
    row_a: str
    row_b: str
    column: Column
    a: float  # means over seeds, in the column's unit
    b: float
    low: float | None = None  # 95 % interval of b - a
    high: float | None = None
    over: Over = ""
    n: int = 1  # seeds behind the interval
    p: float | None = None
    holm: float | None = None  # p, corrected for all that were compared

    @property
    def value(self) -> float:
        return self.b - self.a

    @property
    def change(self) -> float | None:
        """Of a, as a share."""
        return self.value / abs(self.a) if self.a else None

    @property
    def worse(self) -> float:
        """By how much b is worse than a; negative where it is better, 0 for a figure without a direction."""
        return {"low": self.value, "high": -self.value, "": 0.0}[self.column.better]


def compare(a: Side, b: Side) -> list[Difference]:
    """Every figure that both sides have. Raises ComparisonError where they do not compare."""
    found = [difference for pair in _pairs(a, b) for difference in _figures(*pair)]
    if not found:
        raise ComparisonError(f"{a.name} and {b.name}: no figure was measured for both; evaluate them first")
    return _corrected(found)


def _pairs(a: Side, b: Side) -> Iterator[tuple[list[Json], list[Json]]]:
    """Rows of one name on one data set; two rows of any names, where each side has one alone."""
    groups_a, groups_b = _groups(a), _groups(b)
    if len({row for _, row in groups_a}) == len({row for _, row in groups_b}) == 1:
        by_dataset = {dataset: runs for (dataset, _), runs in groups_b.items()}
        pairs = [(of, runs, by_dataset.get(of)) for (of, _), runs in groups_a.items()]
    else:
        pairs = [(key[0], runs, groups_b.get(key)) for key, runs in groups_a.items()]
    common = [(dataset, of_a, of_b) for dataset, of_a, of_b in pairs if of_b is not None]
    if not common:
        rows = [
            "; ".join(f"{row} on {dataset}" for dataset, row in groups) or "none" for groups in (groups_a, groups_b)
        ]
        raise ComparisonError(
            f"{a.name} has {rows[0]}, {b.name} has {rows[1]}: no row of both has finished; name two rows"
        )
    for dataset, of_a, of_b in common:
        _check_alike(a, b, dataset, of_a, of_b)
        yield of_a, of_b


def _groups(side: Side) -> dict[tuple[str, str], list[Json]]:
    groups: dict[tuple[str, str], list[Json]] = {}
    for run in side.runs:
        groups.setdefault((run["dataset"], run["model"]), []).append(run)
    return groups


def _check_alike(a: Side, b: Side, dataset: str, of_a: list[Json], of_b: list[Json]) -> None:
    hashes = [key for key in of_a[0] if key.startswith("metrics.spaces.") and key.endswith(".hash")]
    for key in (*SAME, *hashes):
        mine, theirs = ({run[key] for run in runs if not is_missing(run.get(key))} for runs in (of_a, of_b))
        if mine and theirs and mine != theirs:
            what = SAME.get(key, f"hash of the feature space {key.split('.')[-2]}")
            difference = " and ".join(
                f"{side.name} {', '.join(str(v)[:12] for v in sorted(values))}"
                for side, values in ((a, mine), (b, theirs))
            )
            raise ComparisonError(f"{dataset}: the {what} is not the same: {difference}; run one of the two again")


def shown(runs: Sequence[Json]) -> list[Column]:
    """The columns that a comparison has: those of quality, reconstruction and cost, each once."""
    spaces = sorted({k.split(".")[2] for run in runs for k in run if k.startswith("metrics.spaces.")}, key=space_rank)
    found = [*by_table.quality(spaces), *by_table.reconstruction(spaces), *by_table.cost()]
    return list({column.key: column for column in found if not column.setting}.values())


def _figures(of_a: list[Json], of_b: list[Json]) -> Iterator[Difference]:
    for column in shown([*of_a, *of_b]):
        mine, theirs = (_by_seed(runs, column.source) for runs in (of_a, of_b))
        if mine and theirs:
            a, b = ({seed: v * column.scale for seed, v in values.items()} for values in (mine, theirs))
            means = statistics.mean(a.values()), statistics.mean(b.values())
            found = Difference(of_a[0]["dataset"], of_a[0]["title"], of_b[0]["title"], column, *means)
            yield _with_interval(found, a, b, _errors(column, of_a, of_b))


def _by_seed(runs: list[Json], source: str) -> dict[int, float]:
    return {int(run["seed"]): float(run[source]) for run in runs if is_figure(run.get(source))}


def _errors(column: Column, of_a: list[Json], of_b: list[Json]) -> list[float]:
    """The standard errors over samples of the two, in the column's unit; empty where either has none."""
    found = [run.get(column.error) for run in (of_a[0], of_b[0])]
    return [error * column.scale for error in found if is_figure(error)] if all(map(is_figure, found)) else []


def _with_interval(found: Difference, a: dict[int, float], b: dict[int, float], errors: list[float]) -> Difference:
    x, y = list(a.values()), list(b.values())
    if a.keys() == b.keys() and len(a) > 1:
        differences = [b[seed] - a[seed] for seed in a]
        error = statistics.stdev(differences) / math.sqrt(len(a))
        return _student(found, error, len(a) - 1, "paired seeds", len(a))
    if len(x) > 1 and len(y) > 1:
        parts = [statistics.variance(v) / len(v) for v in (x, y)]
        spread = sum(parts)
        freedom = spread**2 / sum(p**2 / (len(v) - 1) for p, v in zip(parts, (x, y), strict=True)) if spread else 1
        return _student(found, math.sqrt(spread), freedom, "seeds", len(x) + len(y))
    if len(errors) == 2 and len(x) == len(y) == 1:
        error = math.hypot(*errors)
        half = intervals.normal(0.0, error).high
        p = 2 * float(special.ndtr(-abs(found.value) / error)) if error else None
        return found._replace(low=found.value - half, high=found.value + half, over="samples", p=p)
    return found


def _student(found: Difference, error: float, freedom: float, over: Over, n: int) -> Difference:
    """With an interval by Student's t; none from values without any spread, which tell nothing of the next seed."""
    if not error:
        return found
    half = float(special.stdtrit(freedom, (1 + intervals.CONFIDENCE) / 2)) * error
    p = 2 * float(special.stdtr(freedom, -abs(found.value) / error))
    return found._replace(low=found.value - half, high=found.value + half, over=over, n=n, p=p)


def _corrected(found: list[Difference]) -> list[Difference]:
    """Holm's correction over all p-values."""
    ranked = sorted((d.p, i) for i, d in enumerate(found) if d.p is not None)
    holm, highest = dict[int, float](), 0.0
    for rank, (p, i) in enumerate(ranked):
        highest = max(highest, min(1.0, p * (len(ranked) - rank)))
        holm[i] = highest
    return [d._replace(holm=holm.get(i)) for i, d in enumerate(found)]


def failures(found: Sequence[Difference], limits: Sequence[tuple[str, str]]) -> list[str]:
    """What is worse than a limit allows, as sentences. limits: (key of a column, "5%" of a or "0.5" in its unit).

    Raises ComparisonError for a key that was not compared, has no direction, or a limit that is none.
    """
    sentences = []
    for key, text in limits:
        chosen = [d for d in found if d.column.key == key]
        if not chosen:
            known = ", ".join(dict.fromkeys(d.column.key for d in found if d.column.better))
            raise ComparisonError(f"--fail-if-worse {key}: was not compared; there are {known}")
        if not chosen[0].column.better:
            raise ComparisonError(f"--fail-if-worse {key}: has no better and worse; choose another figure")
        share, limit = text.endswith("%"), _number(key, text)
        for d in chosen:
            allowed = limit / 100 * abs(d.a) if share else limit
            if d.worse > allowed:
                number = d.column.number
                sentences.append(
                    f"{d.dataset}: {d.column.label} of {d.row_b} is {number(d.b)}, worse than {number(d.a)} of "
                    f"{d.row_a} by {number(d.worse)}; {text} are allowed"
                )
    return sentences


def _number(key: str, text: str) -> float:
    try:
        limit = float(text.removesuffix("%"))
    except ValueError:
        limit = math.nan
    if not limit >= 0:
        raise ComparisonError(f"--fail-if-worse {key} {text}: is no limit; write a number, or a share as 5%")
    return limit


def finished(runs: pd.DataFrame) -> list[Json]:
    """The rows of a wide table that finished, one by one."""
    return cast(list[Json], runs[runs["outcome"] == "finished"].to_dict("records"))
