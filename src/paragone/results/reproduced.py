"""Published figures beside what our rows measured in the same protocol: the study `reproduce`, compared.

published/reproduced.csv: one row per figure: the row of the profile `reproduce`, which of its figures
(`<protocol>.<figure>`), the key of the published figure, the rule, how long the source trained (thousands of images; 0:
it does not), and how else the row's settings differ from it.
"""

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from paragone.evaluation import intervals
from paragone.results import published
from paragone.results.runs import Json

FEWEST = 3  # seeds whose spread may stand for that of a paper that states none
PROTOCOLS = ("importance", "parzen", "annealed", "clustering", "modes", "plane", "sampling", "size")  # of the study
RULES = ("within", "at_least", "rounds")
FIELDS = ("row", "figure", "key", "rule", "kimg", "differs")
Outcome = Literal["inside", "outside", "too few seeds", "not run"]
_FILE = Path(__file__).parent / "published" / "reproduced.csv"


class Reproduction(NamedTuple):
    """A published figure and ours."""

    row: str
    published: Json  # a row of published.csv
    rule: str
    differs: str  # how our settings differ; empty: in nothing that the paper states
    values: list[float]  # ours, one per seed
    errors: list[float]  # their standard errors over images, where they have one
    minutes: float | None  # of training, mean over seeds
    length: float | None  # of our training over that of the source
    reason: str = ""  # why there are no values

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def spread(self) -> intervals.Interval | None:
        """Where one more run of ours would fall in 95 of 100 cases; None for one seed or seeds without a difference."""
        if len(self.values) < 2 or not (deviation := statistics.stdev(self.values)):
            return None
        n = len(self.values)
        half = intervals.student(n - 1) * deviation * math.sqrt(1 + 1 / n)
        return intervals.Interval(self.mean, self.mean - half, self.mean + half, n)

    @property
    def outcome(self) -> Outcome:
        """Inside: our mean within the published value's stated spread; where it states none, the published value where
        one more run of ours would fall; under the rule `at_least`, our mean not below it; under `rounds`, ours rounded
        to the digits that the source prints."""
        if not self.values:
            return "not run"
        target, std = float(self.published["value"]), self.published["std"]
        if self.rule == "rounds":
            return "inside" if round(self.mean, _decimals(target)) == target else "outside"
        if self.rule == "at_least":
            return "inside" if self.mean >= target else "outside"
        if not pd.isna(std):
            return "inside" if abs(self.mean - target) <= float(std) else "outside"
        if self.spread is None or len(self.values) < FEWEST:
            return "too few seeds"
        return "inside" if self.spread.low <= target <= self.spread.high else "outside"


def compare(found: Json) -> list[Reproduction]:
    """Every figure of reproduced.csv beside what the study `reproduce` found. Raises ValueError for a wrong file."""
    listed = _listed()
    figures = {row["key"]: row for row in published.by_key([entry["key"] for entry in listed]).rows()}
    return [_reproduction(entry, figures[entry["key"]], found) for entry in listed]


def _listed() -> list[Json]:
    table = pd.read_csv(_FILE, keep_default_na=False)
    if list(table) != list(FIELDS):
        raise ValueError(
            f"{_FILE.name}: the columns are {', '.join(map(str, table.columns))}; they must be {', '.join(FIELDS)}"
        )
    if len(wrong := table[~table["rule"].isin(RULES)]):
        raise ValueError(f"{_FILE.name}: rule '{wrong.iloc[0]['rule']}' is not known; it is {' or '.join(RULES)}")
    if len(wrong := table[~table["figure"].str.partition(".")[0].isin(PROTOCOLS)]):
        named = f"{wrong.iloc[0]['row']}: figure '{wrong.iloc[0]['figure']}'"
        raise ValueError(f"{_FILE.name}: {named} is of no known protocol; they are {', '.join(PROTOCOLS)}")
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _reproduction(entry: Json, figure: Json, found: Json) -> Reproduction:
    protocol, _, name = entry["figure"].partition(".")
    if protocol == "sampling":
        timed = found["sampling"].get(entry["row"])
        values, reason = (timed[name], "") if timed else ([], "was not timed")
        return Reproduction(entry["row"], figure, entry["rule"], entry["differs"], values, [], None, None, reason)
    if protocol == "size":
        parts = found["size"].get(entry["row"])
        values, reason = ([sum(parts[part] for part in name.split("+"))], "") if parts else ([], "was not laid out")
        return Reproduction(entry["row"], figure, entry["rule"], entry["differs"], values, [], None, None, reason)
    if protocol == "plane":
        return _in_the_plane(entry, figure, found.get("plane", {}).get(entry["row"]), name)
    runs = found["rows"].get(entry["row"], [])
    measured = [run[protocol] for run in runs if protocol in run]
    reasons = [f"seed {run['seed']} {run['outcome']}: {run['reason']}" for run in runs if run["outcome"] != "finished"]
    return Reproduction(
        entry["row"],
        figure,
        entry["rule"],
        entry["differs"],
        [m[name] for m in measured],
        [m["se"] for m in measured if "se" in m],
        statistics.fmean(run["seconds"] / 60 for run in runs) if runs else None,
        statistics.fmean(run["kimg"] / entry["kimg"] for run in runs) if runs and entry["kimg"] else None,
        "; ".join(reasons),
    )


def _in_the_plane(entry: Json, figure: Json, trained: Json | None, name: str) -> Reproduction:
    about = (entry["row"], figure, entry["rule"], entry["differs"])
    if trained is None:
        return Reproduction(*about, [], [], None, None, "was not trained")
    lost = f"{trained['diverged']} of {trained['trials']} trials diverged" * bool(trained["diverged"])
    minutes, length = trained["seconds"] / 60 / trained["trials"], trained["kimg"] / entry["kimg"]
    return Reproduction(*about, trained[name], [], minutes, length, lost)


def _decimals(value: float) -> int:
    """Those of a number as it is written: 2 of 23.01, none of 30."""
    return len(f"{value:.12g}".partition(".")[2])


def counts(reproductions: Sequence[Reproduction]) -> dict[Outcome, int]:
    """How many figures came out how."""
    outcomes: tuple[Outcome, ...] = ("inside", "outside", "too few seeds", "not run")
    return {outcome: sum(r.outcome == outcome for r in reproductions) for outcome in outcomes}
