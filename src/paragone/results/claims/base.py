"""The contract between a survey's claim and the measurement that tests it.

A claim's file holds the claim in our words, which surveys make it, what is measured, and the rule of the verdict, all
stated before the runs that decide it; and

    def effects(evidence: Evidence) -> list[Effect]

a pure function of the results. Its name begins with the claim's number: `c03_dcgan_over_gan.py` is C03. Every effect's
verdict follows from its size and what the claim says of it, and a claim's from its effects' (`results.decision`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from paragone.evaluation import intervals
from paragone.evaluation.intervals import Interval
from paragone.results import measures
from paragone.results.decision import Bounds as Bounds
from paragone.results.decision import Verdict as Verdict
from paragone.results.decision import about as about
from paragone.results.decision import above as above
from paragone.results.decision import at_least as at_least
from paragone.results.decision import below as below
from paragone.results.decision import combine as combine
from paragone.results.decision import decide as decide
from paragone.results.evidence import SEEDS as SEEDS
from paragone.results.evidence import Evidence as Evidence
from paragone.results.evidence import Json as Json
from paragone.results.evidence import NotMeasuredError as NotMeasuredError

Unit = Literal["times", "", "%", "dB", "ms", "nats", "bits/dim"]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim of a survey, and how it is tested."""

    surveys: tuple[str, ...]  # keys of SURVEYS
    sentence: str  # in our words
    measured: str  # which rows and figures, on which data
    rule: str  # what counts as supported and as contradicted
    rows: tuple[str, ...] = ()  # rows of a profile that must have run
    joins: tuple[str, ...] = ()  # rows that are compared too in a profile that has them
    studies: tuple[str, ...] = ()  # measurements beyond those of single runs (paragone/evaluation/studies)
    joined_studies: tuple[str, ...] = ()  # studies that count too where they have run


SURVEYS = {
    "li": "J. Li, Research on image generation technology based on deep learning",
    "hu": "H. Hu, A study of image generation methods that are based on deep learning",
    "zhao": "Y. Zhao, GAN-based image generation, 2024",
    "poudel": "R. Poudel, Image generation using AI",
}


class Effect(NamedTuple):
    """One comparison: its size with an interval, and what the claim says of it."""

    what: str  # "FD-clf of GAN over DCGAN's, MNIST (5,000 packaged)"
    unit: Unit
    size: Interval
    bounds: Bounds
    repeats: str = "seeds"  # what the interval is over
    note: str = ""  # what it leaves out, such as seeds that diverged
    part: str = ""  # of a claim that says several things: which of them this tests

    @property
    def verdict(self) -> Verdict:
        """It follows from the size and the bounds alone."""
        return decide(self.size, self.bounds)


class Finding(NamedTuple):
    """The verdict on a claim, and why."""

    verdict: Verdict
    reason: str
    effects: tuple[Effect, ...] = ()

    @property
    def parts(self) -> dict[str, Verdict]:
        """The verdict on each part of a claim that says several things; empty for one that says one."""
        names = dict.fromkeys(e.part for e in self.effects if e.part)
        return {name: combine([e.verdict for e in self.effects if e.part == name]) for name in names}


def times(
    evidence: Evidence, dataset: str, column: str, label: str, larger: str, smaller: str, bounds: Bounds
) -> Effect:
    """How many times larger a figure of one row is than another's, paired by seed."""
    a, b = evidence.figures(dataset, (larger, smaller), column)
    what = f"{label} of {evidence.name(larger)} over that of {evidence.name(smaller)}, {evidence.title(dataset)}"
    note = evidence.left_out(dataset, larger, smaller)
    return Effect(what, "times", intervals.ratio(a, b), bounds, note=note)


def points(
    evidence: Evidence, dataset: str, column: str, label: str, larger: str, smaller: str, bounds: Bounds
) -> Effect:
    """By how much a figure of one row exceeds another's, paired by seed."""
    a, b = evidence.figures(dataset, (larger, smaller), column)
    what = f"{label} of {evidence.name(larger)} less that of {evidence.name(smaller)}, {evidence.title(dataset)}"
    note = evidence.left_out(dataset, larger, smaller)
    return Effect(what, "", intervals.difference(a, b), bounds, note=note)


def distances(evidence: Evidence, dataset: str, larger: str, smaller: str, bounds: Bounds) -> list[Effect]:
    """`times` of the Frechet distance, in every feature space."""
    spaces = evidence.measured(dataset, measures.DISTANCE)
    return [times(evidence, dataset, column, label, larger, smaller, bounds) for label, column in spaces]


def coverages(evidence: Evidence, dataset: str, larger: str, smaller: str, bounds: Bounds) -> list[Effect]:
    """`points` of the coverage, in every feature space."""
    spaces = evidence.measured(dataset, measures.COVERAGE)
    return [points(evidence, dataset, column, label, larger, smaller, bounds) for label, column in spaces]


def in_part(part: str, effects: Sequence[Effect]) -> list[Effect]:
    """The same effects, as tests of a part of the claim."""
    return [effect._replace(part=part) for effect in effects]


def slower(slow: Json, fast: Json, images: Literal["first", "batch"]) -> Interval:
    """How many times longer one row of the study `sampling_time` takes than another to draw its first image, or a
    batch; paired by rounds."""
    pairs = zip(slow[images], fast[images], strict=False)  # a slow row has fewer rounds
    a, b = zip(*((x[slow["clock"]], y[slow["clock"]]) for x, y in pairs), strict=True)
    return intervals.ratio(a, b)


def find(claim: Claim, measure: Callable[[Evidence], list[Effect]], evidence: Evidence) -> Finding:
    """Put a claim to the test. What is missing gives *not yet measured* with the reason, never a verdict."""
    try:
        for study in claim.studies:
            evidence.study(study)
        if claim.rows:
            evidence.datasets(*claim.rows)
        effects = tuple(measure(evidence))
    except NotMeasuredError as missing:
        return Finding(Verdict.UNMEASURED, str(missing))
    if not effects:
        return Finding(Verdict.UNMEASURED, "nothing that ran tests this claim")
    found = Finding(combine([e.verdict for e in effects]), "", effects)
    parts = "".join(f"{part}: {verdict}. " for part, verdict in found.parts.items())
    return found._replace(reason=parts + sentence(effects))


def sentence(effects: Sequence[Effect]) -> str:
    """The effects in words, with their intervals."""
    notes = [f"; {e.note}" if e.note else "" for e in effects]
    texts = (f"{e.what}: {number(e)} ({e.verdict}, {e.size.n} {e.repeats}" for e in effects)
    return "; ".join(f"{effect}{note})" for effect, note in zip(texts, notes, strict=True))


def _digits(value: float) -> str:
    """All digits of thousands; of what is larger three, as 1.73e+14; of what rounding left of 0, such as -1e-17, 0."""
    if abs(value) < 1e-12:
        return "0"
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e6 else f"{value:.3g}"


def number(effect: Effect) -> str:
    """An effect's size and interval, as printed."""
    size, unit = effect.size, effect.unit
    factor = 100 if unit == "%" else 1
    value, low, high = (_digits(factor * v) for v in size[:3])
    if size.low == size.high:  # a count, which is the same each time
        return f"{value}{' ' if unit else ''}{unit}"
    interval = f"[{low}, {high}]" if size.finite else f"[n = {size.n}, no spread]"
    return f"{value}{' ' if unit else ''}{unit} {interval}"
