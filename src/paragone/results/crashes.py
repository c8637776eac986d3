"""How often trainings crash: collapse or diverge (the states of evaluation.stability), over data sets and seeds.

A share of runs, with Wilson's interval. Runs of several data sets are pooled, since three seeds alone leave an interval
too wide to say anything; the note beside the share lists each row and data set. Undertrained runs are left out: that
they show few kinds of images means that the budget was short, not that the training crashed.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from paragone.evaluation import intervals, stability
from paragone.results.claims.base import SEEDS, Effect, Evidence, NotMeasuredError, decide

STATES = ("collapsed", "diverged")


class Crashes(NamedTuple):
    """Runs that ended and were not undertrained, and how many of them crashed."""

    hits: int
    n: int
    note: str  # row by row, data set by data set

    @property
    def share(self) -> intervals.Interval:
        return intervals.share(self.hits, self.n)


def count(evidence: Evidence, rows: Sequence[str], collapsed: Collection[str] = ()) -> Crashes:
    """The crashes of these rows, on every data set of the profile on which they run.

    collapsed: names of runs that count as crashed whatever their state, since a study drew more samples of them.
    Raises NotMeasuredError unless each row has at least three runs with a state on each of its data sets, and at least
    one run is not undertrained.
    """
    hits, n, notes = 0, 0, []
    for row in rows:
        parts = []
        for dataset in evidence.datasets(row):
            ended = _ended(evidence, dataset, row)
            learned = {name: state for name, state in ended.items() if state != "undertrained"}
            bad = sum(state in STATES or name in collapsed for name, state in learned.items())
            hits, n = hits + bad, n + len(learned)
            left_out = f" ({len(ended) - len(learned)} undertrained)" if len(learned) < len(ended) else ""
            parts.append(f"{bad} of {len(learned)} on {evidence.title(dataset)}{left_out}")
        notes.append(f"{evidence.name(row)} {', '.join(parts)}")
    if not n:
        raise NotMeasuredError(
            f"every run is undertrained, so crashes cannot be told from too small a budget: {'; '.join(notes)}"
        )
    return Crashes(hits, n, "; ".join(notes))


def missing_modes(evidence: Evidence, row: str) -> dict[int, float]:
    """The share of the modes that each run of a row misses, by seed, as the study `mode_coverage` measured it; a run
    that diverged shows none. Raises NotMeasuredError."""
    study = evidence.study("mode_coverage")
    if row not in study["rows"]:
        raise NotMeasuredError(f"study 'mode_coverage' did not sample '{row}'; add it to the study's rows")
    runs = study["rows"][row]
    return {run["seed"]: run["missing_share"] if run["outcome"] == "finished" else 1.0 for run in runs}


def short_of_modes(evidence: Evidence, row: str) -> set[str]:
    """The names of the runs that miss at least a tenth of the modes, as collapse is defined, by that study."""
    dataset = evidence.study("mode_coverage")["dataset"]
    shares = missing_modes(evidence, row)
    return {f"{dataset}/{row}/{seed}" for seed, share in shares.items() if share >= stability.MISSING}


def _ended(evidence: Evidence, dataset: str, row: str) -> dict[str, str]:
    """The state of each run that finished or diverged, by its name."""
    runs = evidence.results.of(dataset)
    of_row = runs[runs["model"] == row]
    if "stability.state" not in of_row:
        raise NotMeasuredError(f"{dataset}: no run of '{row}' has a state")
    ended = of_row[of_row["stability.state"].notna()]
    if len(ended) < SEEDS:
        rest = of_row[of_row["stability.state"].isna()]
        why = "".join(f" (seed {r['seed']} {r['outcome']}: {r['reason']})" for _, r in rest.head(1).iterrows())
        raise NotMeasuredError(f"{dataset}: {len(ended)} runs of '{row}' ended; it takes at least {SEEDS}{why}")
    return dict(zip(ended["name"], ended["stability.state"], strict=True))


def exceeds(evidence: Evidence, row: str, bound: float, collapsed: Collection[str] = ()) -> Effect:
    """Does the row's share of crashes exceed a bound? Yes or no where Wilson's interval lies on one side."""
    found = count(evidence, (row,), collapsed)
    what = f"Runs of {evidence.name(row)} that collapse or diverge"
    return Effect(what, "%", found.share, bound, bound, decide(found.share, bound, bound), "runs", found.note)


def fewer(evidence: Evidence, steady: str, other: str, at_least: float, collapsed: Collection[str] = ()) -> Effect:
    """By how much the share of a row's crashes exceeds a steadier one's, on the data sets that both run on."""
    a, b = (count(evidence, (row,), collapsed) for row in (other, steady))
    size = intervals.share_difference((a.hits, a.n), (b.hits, b.n))
    what = f"Share of runs of {evidence.name(other)} that collapse or diverge, less that of {evidence.name(steady)}"
    verdict = decide(size, 0.0, at_least)
    return Effect(what, "%", size, 0.0, at_least, verdict, "runs", f"{a.note}; {b.note}")
