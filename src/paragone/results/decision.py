"""What an interval says of a claim: the one rule by which every effect gets its verdict.

A claim names a direction and a size: "at least 1.1 times", "below 10 ms", "about 2 dB". Five verdicts:

    supported             the interval excludes no effect, and the estimate reaches the size that the claim needs
    smaller than claimed  it excludes no effect in the claimed direction, and the estimate stays under that size
    no effect             the whole interval lies within the stated margin of equivalence around no effect
    contradicted          it excludes no effect in the other direction, or all of it exceeds a size that is "about"
    too uncertain         none of these: more seeds, or more images, would have to tell

The margin is at first the size that counts, to either side: an interval within excludes that any such effect exists
(Lakens 2017, https://doi.org/10.1177/1948550617697177). Where that size is large, a claim states a narrower one. An
effect in the claimed direction that is surely there is *smaller than claimed* even within the margin; one in the other
direction that lies wholly within it is none.
"""

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from paragone.evaluation.intervals import Interval


class Verdict(StrEnum):
    SUPPORTED = "supported"
    SMALLER = "smaller than claimed"
    NO_EFFECT = "no effect"
    CONTRADICTED = "contradicted"
    MIXED = "mixed"
    UNCERTAIN = "too uncertain"
    UNMEASURED = "not yet measured"


class Bounds(NamedTuple):
    """What a claim says of a size. Made by `at_least`, `below`, `above` or `about`."""

    neutral: float  # the size that means no effect: 1 of a ratio, 0 of a difference
    low: float  # the sizes that the claim allows; infinite where it names no end
    high: float
    equal: tuple[float, float] | None = None  # the margin of equivalence, `neutral` within; None where none makes sense


def at_least(size: float, neutral: float = 1.0, equal: float | None = None) -> Bounds:
    """The claim says that a ratio (`neutral` 1) or a difference (0) is at least this large; or at least this small,
    where `size` lies below `neutral`.

    equal: the end of the margin of equivalence in the claimed direction; `size` if it is not stated.
    """
    far = size if equal is None else equal
    mirrored = 1 / far if neutral == 1 else 2 * neutral - far
    low, high = (size, math.inf) if size > neutral else (-math.inf, size)
    return Bounds(neutral, low, high, (min(far, mirrored), max(far, mirrored)))


def below(bound: float) -> Bounds:
    """The claim says that the size lies below a bound, and the bound is all that it says."""
    return Bounds(bound, -math.inf, bound)


def above(bound: float) -> Bounds:
    """The claim says that the size lies above a bound, and the bound is all that it says."""
    return Bounds(bound, bound, math.inf)


def about(low: float, high: float, neutral: float, equal: float) -> Bounds:
    """The claim says that the size lies between two bounds, both on the same side of `neutral`; equal: as of
    `at_least`."""
    return at_least(low, neutral, equal)._replace(high=high)


def decide(size: Interval, bounds: Bounds) -> Verdict:
    """The verdict on one size: see the module."""
    neutral, near, far = bounds.neutral, bounds.low, bounds.high
    value, low, high = size.value, size.low, size.high
    if near < neutral:  # the claim says less: turn the scale around
        neutral, near, far = -neutral, -far, -near
        value, low, high = -value, -high, -low
    if low > neutral:
        return _in_the_claimed_direction(value, low, high, near, far)
    if bounds.equal is not None and bounds.equal[0] <= size.low and size.high <= bounds.equal[1]:
        return Verdict.NO_EFFECT
    return Verdict.CONTRADICTED if high < neutral else Verdict.UNCERTAIN


def _in_the_claimed_direction(value: float, low: float, high: float, near: float, far: float) -> Verdict:
    if far == math.inf:
        return Verdict.SUPPORTED if value >= near else Verdict.SMALLER
    if low > far:
        return Verdict.CONTRADICTED
    if high < near:
        return Verdict.SMALLER
    return Verdict.SUPPORTED if low >= near and high <= far else Verdict.UNCERTAIN  # "about": the whole interval


def combine(verdicts: Sequence[Verdict]) -> Verdict:
    """One verdict from several: one alone if all agree, mixed if two that are certain differ, else too uncertain."""
    kinds = set(verdicts)
    if len(kinds) == 1:
        return kinds.pop()
    return Verdict.MIXED if len(kinds - {Verdict.UNCERTAIN}) > 1 else Verdict.UNCERTAIN
