"""Intervals against scipy's own tests and against coverage by simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from paragone.evaluation import intervals

A, B = [3.0, 4.0, 5.5], [2.0, 2.5, 2.75]


def test_the_interval_of_a_difference_is_the_paired_t_tests() -> None:
    found = intervals.difference(A, B)
    expected = stats.ttest_rel(A, B).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.value == pytest.approx(np.mean(A) - np.mean(B))
    assert found.n == 3


def test_a_ratio_turned_round_is_its_inverse() -> None:
    forth, back = intervals.ratio(A, B), intervals.ratio(B, A)
    assert forth.value == pytest.approx(1 / back.value)
    assert forth.low == pytest.approx(1 / back.high)


def test_a_ratio_of_what_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="positive figures; there is 0"):
        intervals.ratio([1, 0], [1, 1])


def test_one_seed_has_no_interval() -> None:
    with pytest.raises(ValueError, match="1 values have no interval"):
        intervals.mean([3.0])


def test_equal_values_do_not_say_how_far_the_next_would_fall() -> None:
    for found in (intervals.mean([2.0, 2.0, 2.0]), intervals.difference(A, A), intervals.normal(2.0, 0.0)):
        assert (found.low, found.high, found.finite) == (-math.inf, math.inf, False)
    assert intervals.ratio(A, A)[:3] == (1.0, 0.0, math.inf)
    assert intervals.share(0, 5).high > intervals.share(0, 5).low == 0
    assert intervals.share_difference((0, 5), (0, 5)).finite


def test_values_known_to_a_resolution_spread_at_least_as_rounding_does() -> None:
    """The error of rounding is uniform over one step: its standard deviation is the step over the root of 12."""
    rounding = np.random.default_rng(0).uniform(-0.005, 0.005, 100_000).std()
    found = intervals.mean([0.25, 0.25, 0.25], resolution=0.01)
    expected = stats.t.interval(0.95, 2, loc=0.25, scale=rounding / np.sqrt(3))
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-4)
    wide = [0.1, 0.3, 0.6]
    assert intervals.mean(wide, resolution=0.01) == intervals.mean(wide)


def test_a_share_of_none_still_has_an_upper_end() -> None:
    found = intervals.share(0, 3)
    assert found.value == found.low == 0
    assert found.high == pytest.approx(0.5615, abs=1e-3)  # Wilson: z^2 / (n + z^2)


def test_the_interval_of_a_share_is_wilsons() -> None:
    for hits, n in ((0, 1), (1, 1), (1, 3), (7, 10), (30, 30), (13, 400)):
        expected = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
        assert intervals.share(hits, n)[1:3] == pytest.approx((expected.low, expected.high), rel=1e-14)


def test_the_interval_of_a_difference_of_shares_is_newcombes() -> None:
    """Newcombe 1998, table II, the example 56/70 - 48/80 by method 10."""
    found = intervals.share_difference((56, 70), (48, 80))
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    back = intervals.share_difference((48, 80), (56, 70))
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low))


def test_the_interval_of_an_estimate_with_an_error_is_normal() -> None:
    assert intervals.normal(5, 1)[:3] == pytest.approx((5, 5 - 1.959964, 5 + 1.959964))


def test_the_interval_covers_the_truth_about_95_times_in_100() -> None:
    draw = np.random.default_rng(0)
    inside = [i.low <= 1 <= i.high for i in (intervals.mean(draw.normal(1, 2, 4)) for _ in range(2000))]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)
