"""How often trainings crash: collapse or diverge (the states of evaluation.stability), over data sets and seeds.

A share of runs, with Wilson's interval. Runs of several data sets are pooled, since a few seeds alone leave an
interval too wide to say anything; the note beside the share lists each row and data set. Undertrained runs
are counted both ways. Left out: that they show few kinds of images means that the budget was short, not that the
training crashed. And as crashes, in an effect of its own: who leaves out what went badly makes a row look steady.
Where every run is undertrained, the first share may be anything from none to all, and says so by its interval.
"""

from collections.abc import Sequence
from typing import NamedTuple

from paragone.evaluation import intervals
from paragone.evaluation.intervals import Interval
from paragone.results.claims.base import SEEDS, Effect, Evidence, NotMeasuredError, above, at_least

STATES = ("collapsed", "diverged")
COUNTED = ", undertrained ones counted as such"


class Crashes(NamedTuple):
    """Runs that ended and were not undertrained, and how many of them crashed."""

    hits: int
    n: int
    note: str  # row by row, data set by data set
    undertrained: int  # in neither of the first two

    @property
    def share(self) -> Interval:
        """Of no runs, anything: 0 to 1."""
        return intervals.share(self.hits, self.n) if self.n else Interval(0.5, 0.0, 1.0, 0)

    def with_undertrained(self) -> "Crashes":
        """The same with undertrained runs counted as crashes."""
        return Crashes(self.hits + self.undertrained, self.n + self.undertrained, self.note, 0)


def count(evidence: Evidence, rows: Sequence[str]) -> Crashes:
    """The crashes of these rows, on every data set of the profile on which they run.

    Raises NotMeasuredError unless each row has enough runs (`SEEDS`) with a state on each of its data sets.
    """
    hits, n, left, notes = 0, 0, 0, []
    for row in rows:
        parts = []
        for dataset in evidence.datasets(row):
            ended = _ended(evidence, dataset, row)
            learned = [state for state in ended if state != "undertrained"]
            bad = sum(state in STATES for state in learned)
            undertrained = len(ended) - len(learned)
            hits, n, left = hits + bad, n + len(learned), left + undertrained
            left_out = f" ({undertrained} undertrained)" if undertrained else ""
            parts.append(f"{bad} of {len(learned)} on {evidence.title(dataset)}{left_out}")
        notes.append(f"{evidence.name(row)} {', '.join(parts)}")
    return Crashes(hits, n, "; ".join(notes), left)


def _ended(evidence: Evidence, dataset: str, row: str) -> list[str]:
    """The states of the runs that finished or diverged."""
    runs = evidence.results.of(dataset)
    of_row = runs[runs["model"] == row]
    if "stability.state" not in of_row:
        raise NotMeasuredError(f"{dataset}: no run of '{row}' has a state")
    ended = of_row[of_row["stability.state"].notna()]
    if len(ended) < SEEDS:
        rest = of_row[of_row["stability.state"].isna()]
        why = "".join(f" (seed {r['seed']} {r['outcome']}: {r['reason']})" for _, r in rest.head(1).iterrows())
        raise NotMeasuredError(f"{dataset}: {len(ended)} runs of '{row}' ended; it takes at least {SEEDS}{why}")
    return list(ended["stability.state"])


def exceeds(evidence: Evidence, rows: Sequence[str], bound: float) -> list[Effect]:
    """Does the share of crashes of these rows exceed a bound? Where runs are undertrained, counted both ways."""
    found = count(evidence, rows)
    what = f"Runs of {_names(evidence, rows)} that collapse or diverge"
    effects = [Effect(what, "%", found.share, above(bound), "runs", found.note)]
    if found.undertrained:
        whole = found.with_undertrained()
        effects.append(Effect(what + COUNTED, "%", whole.share, above(bound), "runs"))
    return effects


def fewer(evidence: Evidence, steady: Sequence[str], other: Sequence[str], size: float) -> list[Effect]:
    """By how much the share of some rows' crashes exceeds that of steadier ones, which the claim says is `size` or
    more; nothing where none of the others crashed: settings in which they cannot crash do not tell who is steadier.
    """
    a, b = (count(evidence, rows) for rows in (other, steady))
    if not a.hits:
        return []
    what = f"Share of runs of {_names(evidence, other)} that collapse or diverge, less that of "
    what += _names(evidence, steady)
    said = at_least(size, neutral=0.0)
    effects = [Effect(what, "%", _difference(a, b), said, "runs", f"{a.note}; {b.note}")]
    if a.undertrained or b.undertrained:
        both = _difference(a.with_undertrained(), b.with_undertrained())
        effects.append(Effect(what + COUNTED, "%", both, said, "runs"))
    return effects


def _difference(a: Crashes, b: Crashes) -> Interval:
    if a.n and b.n:
        return intervals.share_difference((a.hits, a.n), (b.hits, b.n))
    x, y = a.share, b.share
    return Interval(x.value - y.value, x.low - y.high, x.high - y.low, 0)


def _names(evidence: Evidence, rows: Sequence[str]) -> str:
    return ", ".join(evidence.name(row) for row in rows)
