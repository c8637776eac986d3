"""The contract between a survey's sentence and the measurement that tests it.

A claim's file holds the sentence in our words, where it stands, what is measured, and the rule of the verdict, all
stated before the runs that decide it; and

    def judge(evidence: Evidence) -> list[Effect]

a pure function of the results. Its name begins with the claim's number: `c03_dcgan_over_gan.py` is C03. Every effect
has a verdict of its own (`decide`), and a claim's verdict follows from its effects' (`combine`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, NamedTuple

import pandas as pd

from paragone import intervals
from paragone.intervals import Interval
from paragone.report import columns
from paragone.report.results import Results, is_figure

Json = dict[str, Any]
SEEDS = 3  # at least; no verdict from one seed
PROTOCOL = ("metrics.n", "metrics.n_real", "metrics.reference_split", "train.data")
PAPER = "@paper"  # after a row's name: at its paper's number of steps
HARDWARE = ("sampling.device", "sampling.threads", "sampling.precision", "sampling.batch")


Unit = Literal["times", "", "%", "dB", "ms", "nats", "bits/dim"]


class Verdict(StrEnum):
    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    MIXED = "mixed"
    UNCERTAIN = "too uncertain to say"
    UNMEASURED = "not yet measured"


class NotMeasuredError(ValueError):
    """What a claim rests on is missing, failed, or was measured under several protocols."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence of a survey, and how it is put to the test."""

    surveys: tuple[str, ...]  # keys of SURVEYS
    sentence: str  # in our words
    measured: str  # which rows and figures, on which data
    rule: str  # what counts as supported and as contradicted
    rows: tuple[str, ...] = ()  # rows of params.yaml that must have run
    studies: tuple[str, ...] = ()  # measurements of their own (paragone/studies)
    lacks: str = ""  # for a claim that no profile can measure yet: what it would take


SURVEYS = {
    "li": "J. Li, Research on image generation technology based on deep learning",
    "hu": "H. Hu, A study of image generation methods that are based on deep learning",
    "zhao": "Y. Zhao, GAN-based image generation, 2024",
    "poudel": "R. Poudel, Image generation using AI",
}


class Effect(NamedTuple):
    """One comparison: its size with an interval, and what it says of the claim."""

    what: str  # "FD-clf of GAN over DCGAN's, MNIST (5,000 packaged)"
    unit: Unit
    size: Interval
    neutral: float  # the size that means no effect: 1 of a ratio, 0 of a difference
    at_least: float  # the size that counts
    verdict: Verdict
    repeats: str = "seeds"  # what the interval is over
    note: str = ""  # what it leaves out, such as seeds that diverged


class Finding(NamedTuple):
    """The verdict on a claim, and why."""

    verdict: Verdict
    reason: str
    effects: tuple[Effect, ...] = ()


class Evidence(NamedTuple):
    """What the runs of one profile left, and what its studies measured."""

    results: Results
    studies: Mapping[str, Json]

    def datasets(self, *rows: str) -> list[str]:
        """The data sets on which all of these rows stand. Raises NotMeasuredError if there is none."""
        runs = self.results.runs
        for row in rows:
            if row not in set(runs["model"]):
                raise NotMeasuredError(f"profile {self.results.profile} has no row '{row}'")
        found = [d.name for d in self.results.datasets if set(rows) <= set(self.results.of(d.name)["model"])]
        if not found:
            raise NotMeasuredError(f"profile {self.results.profile} has no data set on which {', '.join(rows)} all run")
        return found

    def title(self, dataset: str) -> str:
        return next(d.title for d in self.results.datasets if d.name == dataset)

    def name(self, row: str) -> str:
        """The title of a row, as the tables print it."""
        runs = self.results.runs
        return str(runs.loc[runs["model"] == row, "title"].iloc[0])

    def distances(self, dataset: str) -> list[tuple[str, str]]:
        """(label, column) of the Frechet distance in every feature space that was used on a data set."""
        pattern = re.compile(r"metrics\.spaces\.(.+)\.fd")
        measured = self.results.of(dataset).dropna(axis=1, how="all").columns
        found = [(columns.fd_label(m[1]), m[0]) for name in measured if (m := pattern.fullmatch(str(name)))]
        if not found:
            raise NotMeasuredError(f"{dataset}: nothing has been evaluated")
        return found

    def beside(self, dataset: str, what: str) -> tuple[str, str]:
        """(label, column) of another figure of the data set's first space: "coverage", "kid", ..."""
        label, column = self.distances(dataset)[0]
        return f"{what.capitalize()} ({label.removeprefix('FD-')})", column.removesuffix("fd") + what

    def with_column(self, name: str, above: str, below: str) -> "Evidence":
        """The same with one more column: the ratio of two. Raises NotMeasuredError where either is missing."""
        runs = self.results.runs
        if missing := {above, below} - set(runs):
            raise NotMeasuredError(f"nothing measured {', '.join(sorted(missing))}")
        ratio = pd.to_numeric(runs[above]) / pd.to_numeric(runs[below])
        return self._replace(results=self.results._replace(runs=runs.assign(**{name: ratio})))

    def study(self, name: str) -> Json:
        """What a study measured. Raises NotMeasuredError."""
        if name not in self.studies:
            raise NotMeasuredError(f"study '{name}' of profile {self.results.profile} has not run")
        return self.studies[name]

    def timed(self, *rows: str) -> list[tuple[str, list[Json]]]:
        """(data set, each row as the study `sampling_time` timed it) of the data sets on which all of them run.

        A row "ddpm@paper" is DDPM's at its paper's number of steps. Raises NotMeasuredError.
        """
        study, found = self.study("sampling_time"), []
        for dataset in self.datasets(*(row.removesuffix(PAPER) for row in rows)):
            if dataset not in study["datasets"]:
                continue
            own = study["datasets"][dataset]
            there = {**own["rows"], **{f"{row}{PAPER}": timed for row, timed in own["paper"].items()}}
            for row in rows:
                if row not in there:
                    why = own["left_out"].get(row.removesuffix(PAPER), "the study's options leave it out")
                    raise NotMeasuredError(f"{dataset}: study 'sampling_time' did not time '{row}': {why}")
            found.append((dataset, [{**there[row], "clock": study["clock"], "n": study["batch"]} for row in rows]))
        if not found:
            raise NotMeasuredError(f"study 'sampling_time' timed no data set on which {', '.join(rows)} run")
        return found

    def figures(self, dataset: str, rows: Sequence[str], column: str, seeds: int = SEEDS) -> list[list[float]]:
        """A column's figures of each row, seed by seed, from the seeds that all rows finished under one protocol.

        A diverged run has no figure and counts as one seed less, except in a column of `stability.`: what it tells is
        what such a column measures. Raises NotMeasuredError naming the row and what it lacks.
        """
        runs = self.results.of(dataset)
        if column not in runs:
            raise NotMeasuredError(f"{dataset}: nothing measured '{column}'")
        by_seed = [self._row(runs, dataset, row, column) for row in rows]
        shared = sorted(set.intersection(*(set(part) for part in by_seed)))
        if len(shared) < seeds:
            raise NotMeasuredError(_too_few(runs, dataset, rows, column, len(shared), seeds))
        self._one_protocol(runs, dataset, rows, HARDWARE if column.startswith("sampling.") else PROTOCOL)
        return [[part[seed] for seed in shared] for part in by_seed]

    @staticmethod
    def _row(runs: pd.DataFrame, dataset: str, row: str, column: str) -> dict[int, float]:
        ended = ("finished", "diverged") if column.startswith("stability.") else ("finished",)
        own = runs[(runs["model"] == row) & runs["outcome"].isin(ended)]
        return {int(s): float(v) for s, v in zip(own["seed"], own[column], strict=True) if is_figure(v)}

    @staticmethod
    def _one_protocol(runs: pd.DataFrame, dataset: str, rows: Sequence[str], keys: Sequence[str]) -> None:
        own = runs[runs["model"].isin(rows) & (runs["outcome"] == "finished")]
        hashes = [c for c in map(str, own) if c.startswith("metrics.spaces.") and c.endswith(".hash")]
        for key in keys:
            if key not in own or own[key].isna().any():
                raise NotMeasuredError(f"{dataset}: some run of {', '.join(rows)} does not say its {key}")
        for key in [*keys, *hashes]:
            if (kinds := own[key].dropna().unique()).size > 1:
                raise NotMeasuredError(f"{dataset}: {', '.join(rows)} differ in {key} ({', '.join(map(str, kinds))})")

    def left_out(self, dataset: str, *rows: str) -> str:
        """Which of the rows' runs did not finish, for the note of an effect; "" if all did."""
        runs = self.results.of(dataset)
        parts = []
        for row in rows:
            own = runs.loc[runs["model"] == row, "outcome"]
            lost = own[own != "finished"].value_counts(sort=False)
            parts += [f"{self.name(row)}: {n} of {len(own)} {outcome}" for outcome, n in lost.items()]
        return ", ".join(parts)

    def require_equal(self, dataset: str, rows: Sequence[str], column: str, what: str) -> None:
        """Raise NotMeasuredError unless all finished runs of the rows have one and the same figure in a column."""
        runs = self.results.of(dataset)
        own = runs[runs["model"].isin(rows) & (runs["outcome"] == "finished")]
        if column not in own or own[column].isna().any():
            raise NotMeasuredError(f"{dataset}: some run of {', '.join(rows)} does not say its {column}")
        if own[column].nunique() > 1:
            each = own.groupby("model", sort=False)[column].unique()
            said = ", ".join(f"{row} {' and '.join(f'{v:,}' for v in values)}" for row, values in each.items())
            raise NotMeasuredError(f"{dataset}: {what} differ: {said}")


def _too_few(runs: pd.DataFrame, dataset: str, rows: Sequence[str], column: str, found: int, seeds: int) -> str:
    """Why there are too few seeds: the first row that lacks some, with the reason that it gives."""
    for row in rows:
        bad = runs[(runs["model"] == row) & (runs["outcome"] != "finished")]
        if len(bad):
            first = bad.iloc[0]
            why = f" (seed {first['seed']} {first['outcome']}: {first['reason']})"
            return (
                f"{dataset}: '{row}' finished {(runs['model'] == row).sum() - len(bad)} seeds of at least {seeds}{why}"
            )
    return f"{dataset}: {found} seeds have {column} for {', '.join(rows)}; it takes at least {seeds}"


def decide(size: Interval, neutral: float, at_least: float) -> Verdict:
    """Does the size exceed `neutral` by enough to count?

    Supported: the interval lies above `neutral` (no effect), and the estimate reaches `at_least` (>= neutral), the
    size that counts. Contradicted: even the interval's upper end stays below `at_least`. Else uncertain.
    """
    if size.low > neutral and size.value >= at_least:
        return Verdict.SUPPORTED
    return Verdict.CONTRADICTED if size.high < at_least else Verdict.UNCERTAIN


def decide_below(size: Interval, bound: float) -> Verdict:
    """Does the size stay below a bound? Supported or contradicted where the whole interval lies on one side."""
    if size.high < bound:
        return Verdict.SUPPORTED
    return Verdict.CONTRADICTED if size.low > bound else Verdict.UNCERTAIN


def decide_within(size: Interval, low: float, high: float) -> Verdict:
    """Does the size lie between two bounds? Supported or contradicted where the whole interval lies in or out."""
    if low < size.low and size.high < high:
        return Verdict.SUPPORTED
    return Verdict.CONTRADICTED if size.high < low or size.low > high else Verdict.UNCERTAIN


def combine(verdicts: Sequence[Verdict]) -> Verdict:
    """One verdict from several: one alone if all agree, mixed if some support and some contradict, else uncertain."""
    kinds = set(verdicts)
    if len(kinds) == 1:
        return kinds.pop()
    return Verdict.MIXED if {Verdict.SUPPORTED, Verdict.CONTRADICTED} <= kinds else Verdict.UNCERTAIN


def times(
    evidence: Evidence, dataset: str, column: str, label: str, larger: str, smaller: str, at_least: float
) -> Effect:
    """How many times larger a figure of one row is than another's, paired by seed: the claim says `at_least` times."""
    a, b = evidence.figures(dataset, (larger, smaller), column)
    size = intervals.ratio(a, b)
    what = f"{label} of {evidence.name(larger)} over that of {evidence.name(smaller)}, {evidence.title(dataset)}"
    note = evidence.left_out(dataset, larger, smaller)
    return Effect(what, "times", size, 1.0, at_least, decide(size, 1.0, at_least), note=note)


def points(
    evidence: Evidence, dataset: str, column: str, label: str, larger: str, smaller: str, at_least: float
) -> Effect:
    """By how much a figure of one row exceeds another's, paired by seed: the claim says by `at_least`."""
    a, b = evidence.figures(dataset, (larger, smaller), column)
    size = intervals.difference(a, b)
    what = f"{label} of {evidence.name(larger)} less that of {evidence.name(smaller)}, {evidence.title(dataset)}"
    note = evidence.left_out(dataset, larger, smaller)
    return Effect(what, "", size, 0.0, at_least, decide(size, 0.0, at_least), note=note)


def below(evidence: Evidence, dataset: str, column: str, label: str, of: str, over: str, bound: float) -> Effect:
    """How many times larger a figure of row `of` is than that of `over`: the claim says less than `bound` times."""
    a, b = evidence.figures(dataset, (of, over), column)
    size = intervals.ratio(a, b)
    what = f"{label} of {evidence.name(of)} over that of {evidence.name(over)}, {evidence.title(dataset)}"
    note = evidence.left_out(dataset, of, over)
    return Effect(what, "times", size, 1.0, bound, decide_below(size, bound), note=note)


def value(evidence: Evidence, dataset: str, column: str, label: str, row: str, unit: Unit, bound: float) -> Effect:
    """A figure of one row, averaged over seeds: the claim says that it lies below `bound`."""
    (figures,) = evidence.figures(dataset, (row,), column)
    size = intervals.mean(figures)
    what = f"{label} of {evidence.name(row)}, {evidence.title(dataset)}"
    note = evidence.left_out(dataset, row)
    return Effect(what, unit, size, bound, bound, decide_below(size, bound), note=note)


def slower(slow: Json, fast: Json, images: Literal["first", "batch"]) -> Interval:
    """How many times longer one row of the study `sampling_time` takes than another to draw its first image, or a
    batch; paired by rounds."""
    pairs = zip(slow[images], fast[images], strict=False)  # a slow row has fewer rounds
    a, b = zip(*((x[slow["clock"]], y[slow["clock"]]) for x, y in pairs), strict=True)
    return intervals.ratio(a, b)


def find(claim: Claim, judge: Callable[[Evidence], list[Effect]], evidence: Evidence) -> Finding:
    """Put a claim to the test. What is missing gives *not yet measured* with the reason, never a verdict."""
    if claim.lacks:
        return Finding(Verdict.UNMEASURED, claim.lacks)
    try:
        for study in claim.studies:
            evidence.study(study)
        if claim.rows:
            evidence.datasets(*claim.rows)
        effects = tuple(judge(evidence))
    except NotMeasuredError as missing:
        return Finding(Verdict.UNMEASURED, str(missing))
    return Finding(combine([e.verdict for e in effects]), sentence(effects), effects)


def sentence(effects: Sequence[Effect]) -> str:
    """The effects in words, with their intervals."""
    notes = [f"; {e.note}" if e.note else "" for e in effects]
    said = (f"{e.what}: {number(e)} ({e.verdict}, {e.size.n} {e.repeats}" for e in effects)
    return "; ".join(f"{effect}{note})" for effect, note in zip(said, notes, strict=True))


def number(effect: Effect) -> str:
    """An effect's size and interval, as printed."""
    size, unit = effect.size, effect.unit
    factor = 100 if unit == "%" else 1
    value, low, high = (f"{v:,.0f}" if abs(v) >= 1000 else f"{v:.3g}" for v in (factor * v for v in size[:3]))
    return f"{value}{' ' if unit else ''}{unit} [{low}, {high}]"
