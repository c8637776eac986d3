"""Kendall's tau-b against SciPy's, and its interval."""

import math

import numpy as np
import pytest
from scipy import stats

from paragone.evaluation import rank_correlation
from paragone.evaluation.rank_correlation import agreement


def test_tau_is_scipys():
    random = np.random.default_rng(0)
    for _ in range(5):
        x, y = random.integers(6, size=(2, 12)).astype(float)  # with ties
        assert rank_correlation.tau(x, y) == pytest.approx(stats.kendalltau(x, y).statistic)


def test_rows_that_both_have_are_compared():
    a = {"gan": 1.0, "vae": 2.0, "ddpm": 3.0, "here": 4.0}
    found = agreement(a, {"gan": 30.0, "vae": 10.0, "ddpm": 20.0, "there": 0.0})
    assert (found.n, found.tau, found.kept) == (3, pytest.approx(-1 / 3), pytest.approx(1 / 3))
    assert (found.mover, found.moved) == ("gan", 2)
    assert (found.low, found.high) == (-1, 1)  # three rows have no interval
    with pytest.raises(ValueError, match="1 rows are in both tables; an order takes at least 2"):
        agreement({"gan": 1.0}, {"gan": 2.0})


@pytest.mark.parametrize("n", [6, 16])
@pytest.mark.parametrize("sign", [1, -1])
def test_orders_that_agree_in_full_have_an_interval_too(n: int, sign: int) -> None:
    """Its far end is that of SciPy's exact interval of a share, of n / 2 pairs of n / 2, as a tau."""
    found = agreement({str(i): float(i) for i in range(n)}, {str(i): float(sign * i) for i in range(n)})
    share = stats.binomtest(n // 2, n // 2).proportion_ci(0.95, "exact").low
    ends = sorted((sign * (2 * share - 1), float(sign)))
    assert (found.tau, found.low, found.high) == (pytest.approx(sign), pytest.approx(ends[0]), pytest.approx(ends[1]))


def test_the_interval_holds_the_estimate_and_says_more_with_more_rows():
    random = np.random.default_rng(1)

    def width(n):
        x = random.normal(size=n)
        found = agreement(*({str(i): v for i, v in enumerate(side)} for side in (x, x + random.normal(size=n))))
        assert found.low <= found.tau <= found.high
        return found.high - found.low

    assert width(60) < width(8)
    assert math.isnan(rank_correlation.tau(np.zeros(3), np.arange(3.0)))
