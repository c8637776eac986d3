"""Two sides compared: pairs, intervals, what is refused, and what fails a check."""

import statistics
from typing import Any

import numpy as np
import pytest
import scipy.stats

from paragone.results import comparison
from paragone.results.comparison import ComparisonError, Side

FD = "metrics.spaces.clf-digits.fd"


def run(model: str, seed: int, fd: float, **more: Any) -> dict[str, Any]:
    return {
        **{"dataset": "digits", "model": model, "title": model.upper(), "seed": seed, "outcome": "finished"},
        **{FD: fd, "metrics.n": 1000, "metrics.protocol": 2, "train.data": "abc", **more},
    }


def side(model: str, *values: float, seeds: Any = None, **more: Any) -> Side:
    numbers = range(len(values)) if seeds is None else seeds
    return Side(model, [run(model, seed, fd, **more) for seed, fd in zip(numbers, values, strict=True)])


def fd_of(a: Side, b: Side) -> comparison.Difference:
    return next(d for d in comparison.compare(a, b) if d.column.key == "fd_clf")


def test_seeds_that_pair_are_paired() -> None:
    a, b = (5.0, 6.0, 9.0), (5.5, 6.6, 9.3)
    found = fd_of(side("a", *a), side("b", *b))
    expected = scipy.stats.ttest_rel(b, a)
    low, high = expected.confidence_interval()
    assert (found.over, found.n) == ("paired seeds", 3)
    assert (found.p, found.low, found.high) == pytest.approx((expected.pvalue, low, high))
    assert found.value == pytest.approx(statistics.mean(b) - statistics.mean(a))


def test_seeds_that_do_not_are_not() -> None:
    a, b = (5.0, 6.0, 9.0), (5.5, 7.6)
    found = fd_of(side("a", *a), side("b", *b, seeds=(7, 8)))
    expected = scipy.stats.ttest_ind(b, a, equal_var=False)
    low, high = expected.confidence_interval()
    assert (found.over, found.n) == ("seeds", 5)
    assert (found.p, found.low, found.high) == pytest.approx((expected.pvalue, low, high))


def test_single_seeds_have_an_interval_over_samples() -> None:
    found = fd_of(side("a", 5.0, **{f"{FD}_se": 0.3}), side("b", 6.0, **{f"{FD}_se": 0.4}))
    assert found.over == "samples"
    assert (found.low, found.high) == pytest.approx((1 - 1.96 * 0.5, 1 + 1.96 * 0.5), abs=1e-3)
    assert found.p == pytest.approx(2 * scipy.stats.norm.sf(2))
    assert fd_of(side("a", 5.0), side("b", 6.0)).over == ""


def test_no_spread_is_no_certainty() -> None:
    found = fd_of(side("a", 5.0, 5.0), side("b", 6.0, 6.0))
    assert (found.low, found.p) == (None, None)


def test_p_values_are_corrected_as_holm_says() -> None:
    draw = np.random.default_rng(0)
    keys = [FD, "metrics.spaces.clf-digits.kid", "metrics.spaces.clf-digits.coverage", "metrics.duplicates.rate"]
    runs = {m: [run(m, s, 0.0, **dict(zip(keys, draw.random(4), strict=True))) for s in range(4)] for m in "ab"}
    found = comparison.compare(Side("a", runs["a"]), Side("b", runs["b"]))
    p = [d.p for d in found]
    order = np.argsort(p)
    expected = np.minimum(1, np.maximum.accumulate(np.sort(p) * np.arange(len(p), 0, -1)))
    assert [found[i].holm for i in order] == pytest.approx(expected)


def test_rows_pair_by_name_or_each_is_alone() -> None:
    many = Side("many", [*side("a", 1.0).runs, *side("b", 2.0).runs])
    other = Side("other", [*side("b", 4.0).runs, *side("c", 9.0).runs])
    assert [(d.row_a, d.row_b, d.value) for d in comparison.compare(many, other)] == [("B", "B", 2.0)]
    with pytest.raises(ComparisonError, match="a has a on digits, other has b on digits; c on digits: no row of both"):
        comparison.compare(side("a", 1.0), other)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"train.data": "xyz"}, "digits: the data hash is not the same: a abc and b xyz"),
        ({"metrics.protocol": 1}, "digits: the protocol is not the same: a 2 and b 1"),
        ({"metrics.n": 500}, "digits: the number of samples is not the same"),
        ({"metrics.spaces.clf-digits.hash": "1"}, "the hash of the feature space clf-digits is not the same"),
    ],
)
def test_what_does_not_compare_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ComparisonError, match=message):
        comparison.compare(side("a", 1.0, **{"metrics.spaces.clf-digits.hash": "0"}), side("b", 1.0, **more))


def test_a_limit_fails_what_is_worse_by_more() -> None:
    found = comparison.compare(
        side("a", 10.0, **{"metrics.spaces.clf-digits.coverage": 0.5}),
        side("b", 10.6, **{"metrics.spaces.clf-digits.coverage": 0.6}),
    )
    assert comparison.failures(found, [("fd_clf", "7%"), ("fd_clf", "0.7")]) == []
    coverage = next(d.column.key for d in found if "coverage" in d.column.key)
    assert comparison.failures(found, [("fd_clf", "5%"), (coverage, "0")]) == [
        "digits: FD-clf of B is 10.60, worse than 10.00 of A by 0.60; 5% are allowed"
    ]
    for limit, message in (
        (("fd", "5%"), "--fail-if-worse fd: was not compared; there are fd_clf"),
        (("fd_clf", "much"), "--fail-if-worse fd_clf much: is no limit"),
        (("fd_clf", "-1"), "is no limit"),
    ):
        with pytest.raises(ComparisonError, match=message):
            comparison.failures(found, [limit])
