"""The contract between a survey's claim and the measurement that tests it.

A claim's file holds the claim in our words, which surveys make it, what is measured, and the rule of the verdict, all
stated before the runs that decide it; and

    def effects(evidence: Evidence) -> list[Effect]

a pure function of the results. Its name begins with the claim's number: `c03_dcgan_over_gan.py` is C03. Every effect
has a verdict of its own (`decide`), and a claim's verdict follows from its effects' (`combine`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

from paragone.evaluation import intervals
from paragone.evaluation.intervals import Interval
from paragone.results.evidence import SEEDS as SEEDS
from paragone.results.evidence import Evidence as Evidence
from paragone.results.evidence import Json as Json
from paragone.results.evidence import NotMeasuredError as NotMeasuredError

Unit = Literal["times", "", "%", "dB", "ms", "nats", "bits/dim"]


class Verdict(StrEnum):
    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    MIXED = "mixed"
    UNCERTAIN = "too uncertain to say"
    UNMEASURED = "not yet measured"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim of a survey, and how it is tested."""

    surveys: tuple[str, ...]  # keys of SURVEYS
    sentence: str  # in our words
    measured: str  # which rows and figures, on which data
    rule: str  # what counts as supported and as contradicted
    rows: tuple[str, ...] = ()  # rows of a profile that must have run
    studies: tuple[str, ...] = ()  # measurements beyond those of single runs (paragone/evaluation/studies)
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


def find(claim: Claim, measure: Callable[[Evidence], list[Effect]], evidence: Evidence) -> Finding:
    """Put a claim to the test. What is missing gives *not yet measured* with the reason, never a verdict."""
    if claim.lacks:
        return Finding(Verdict.UNMEASURED, claim.lacks)
    try:
        for study in claim.studies:
            evidence.study(study)
        if claim.rows:
            evidence.datasets(*claim.rows)
        effects = tuple(measure(evidence))
    except NotMeasuredError as missing:
        return Finding(Verdict.UNMEASURED, str(missing))
    return Finding(combine([e.verdict for e in effects]), sentence(effects), effects)


def sentence(effects: Sequence[Effect]) -> str:
    """The effects in words, with their intervals."""
    notes = [f"; {e.note}" if e.note else "" for e in effects]
    texts = (f"{e.what}: {number(e)} ({e.verdict}, {e.size.n} {e.repeats}" for e in effects)
    return "; ".join(f"{effect}{note})" for effect, note in zip(texts, notes, strict=True))


def number(effect: Effect) -> str:
    """An effect's size and interval, as printed."""
    size, unit = effect.size, effect.unit
    factor = 100 if unit == "%" else 1
    # all digits of thousands; of what is larger three, as 1.73e+14
    value, low, high = (f"{v:,.0f}" if 1e3 <= abs(v) < 1e6 else f"{v:.3g}" for v in (factor * v for v in size[:3]))
    interval = f"[{low}, {high}]" if size.finite else f"[n = {size.n}, no spread]"
    return f"{value}{' ' if unit else ''}{unit} {interval}"
