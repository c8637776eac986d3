"""The rule of the verdicts, on its edges."""

import math

import pytest

from paragone.evaluation.intervals import Interval
from paragone.results.decision import Bounds, Verdict, about, above, at_least, below, combine, decide

SUPPORTED, SMALLER, NO_EFFECT, CONTRADICTED, UNCERTAIN = (
    Verdict.SUPPORTED, Verdict.SMALLER, Verdict.NO_EFFECT, Verdict.CONTRADICTED, Verdict.UNCERTAIN,
)  # fmt: skip


def verdict(low: float, value: float, high: float, bounds: Bounds) -> Verdict:
    return decide(Interval(value, low, high, 5), bounds)


@pytest.mark.parametrize(
    ("low", "value", "high", "said"),
    [
        (1.2, 1.5, 1.9, SUPPORTED),
        (1.0001, 1.1, 1.3, SUPPORTED),  # the estimate reaches the size exactly
        (1.0, 1.5, 1.9, UNCERTAIN),  # an interval that ends at no effect does not exclude it
        (1.01, 1.0999, 1.3, SMALLER),  # surely an effect; the estimate stays under the size
        (1.01, 1.03, 1.05, SMALLER),  # within the margin, and yet surely there
        (0.9, 1.5, 2.5, UNCERTAIN),
        (0.95, 1.02, 1.08, NO_EFFECT),
        (1 / 1.1, 1.0, 1.1, NO_EFFECT),  # the ends of the margin belong to it
        (0.9, 1.0, 1.1, UNCERTAIN),  # a little beyond it
        (0.95, 0.97, 0.99, NO_EFFECT),  # surely the other way, and too little to matter
        (0.8, 0.9, 0.95, CONTRADICTED),
        (0.8, 0.9, 1.0, UNCERTAIN),
        (0.8, 0.9, 1.05, UNCERTAIN),
        (0.2, 0.3, 0.4, CONTRADICTED),
    ],
)
def test_a_ratio_that_is_claimed_to_be_at_least_so_large(low: float, value: float, high: float, said: Verdict) -> None:
    assert verdict(low, value, high, at_least(1.1)) is said
    turned = (-high, -value, -low)
    assert verdict(*turned, Bounds(-1.0, -math.inf, -1.1, (-1.1, -1 / 1.1))) is said  # the same of a fall


def test_margins_lie_evenly_around_no_effect() -> None:
    assert at_least(1.1).equal == pytest.approx((1 / 1.1, 1.1))
    assert at_least(10, equal=2).equal == (0.5, 2)
    assert at_least(0.02, neutral=0).equal == (-0.02, 0.02)
    assert at_least(-0.1, neutral=0, equal=-0.05).equal == (-0.05, 0.05)


def test_a_narrower_margin_leaves_more_uncertain() -> None:
    assert verdict(-0.08, 0, 0.08, at_least(0.1, neutral=0)) is NO_EFFECT
    assert verdict(-0.08, 0, 0.08, at_least(0.1, neutral=0, equal=0.05)) is UNCERTAIN


def test_a_bound_is_all_that_some_claims_say() -> None:
    assert verdict(4, 5, 6, below(7)) is SUPPORTED
    assert verdict(4, 5, 7, below(7)) is UNCERTAIN
    assert verdict(7.1, 8, 9, below(7)) is CONTRADICTED
    assert verdict(4, 5, 6, above(3)) is SUPPORTED
    assert verdict(1, 2, 2.9, above(3)) is CONTRADICTED
    assert verdict(1, 3, 5, above(3)) is UNCERTAIN
    assert verdict(-0.01, 0, 0.01, above(-0.02)) is SUPPORTED


@pytest.mark.parametrize(
    ("low", "value", "high", "said"),
    [
        (1.0, 2.0, 3.0, SUPPORTED),
        (0.9, 2.0, 2.5, UNCERTAIN),  # the whole interval has to lie within
        (1.5, 2.0, 3.1, UNCERTAIN),
        (0.1, 0.5, 0.99, SMALLER),
        (3.1, 4.0, 5.0, CONTRADICTED),  # more than "about" allows
        (-2.0, -1.0, -0.6, CONTRADICTED),
        (-0.4, 0.1, 0.4, NO_EFFECT),
        (-0.4, 0.1, 0.6, UNCERTAIN),
    ],
)
def test_a_size_that_is_claimed_to_be_about_so_large(low: float, value: float, high: float, said: Verdict) -> None:
    assert verdict(low, value, high, about(1.0, 3.0, neutral=0.0, equal=0.5)) is said


def test_one_verdict_from_several() -> None:
    assert combine([SUPPORTED, SUPPORTED]) is SUPPORTED
    assert combine([CONTRADICTED]) is CONTRADICTED
    assert combine([SUPPORTED, UNCERTAIN]) is UNCERTAIN
    assert combine([SUPPORTED, UNCERTAIN, CONTRADICTED]) is Verdict.MIXED
    assert combine([SUPPORTED, SMALLER]) is Verdict.MIXED
    assert combine([SMALLER, NO_EFFECT]) is Verdict.MIXED
