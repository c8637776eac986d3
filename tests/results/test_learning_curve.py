"""What the study of learning curves says: interpolation, what a quality took, three orders and where they differ."""

from typing import Any

import pytest

from paragone.results import learning_curve


def row(*points: tuple[float, float | None, float, float, float], outcome: str = "finished") -> dict[str, Any]:
    """Points of (images, updates, seconds, FD in one space, FD in another)."""
    made = [
        {"images": i, "generator_updates": u, "seconds": s, "macs": 10 * i,
         "spaces": {"clf-a": {"fd": a, "fd_se": 0.1}, "lite0": {"fd": b, "fd_se": 1.0}}}
        for i, u, s, a, b in points
    ]  # fmt: skip
    return {"outcome": outcome, "points": made}


SLOW = row((10, 1, 10, 80, 800), (100, 10, 100, 8, 80))
QUICK = row((10, 5, 1, 160, 400), (100, 50, 10, 16, 40))
FOUND = {"rows": {"slow": SLOW, "quick": QUICK}, "quality": {}, "clock": "cpu"}
TITLES = {"slow": "Slow", "quick": "Quick"}


def test_between_two_points_logarithms_are_linear() -> None:
    points = [(10.0, 80.0), (1000.0, 20.0)]
    assert learning_curve.at(points, 100) == pytest.approx(40)  # half way in both logarithms
    assert learning_curve.at(points, 10) == 80
    assert learning_curve.at(points, 9) is None
    assert learning_curve.at(points, 1001) is None


def test_a_quality_is_reached_between_points_by_the_first_or_never() -> None:
    points = [(10.0, 80.0), (1000.0, 20.0), (2000.0, 30.0)]
    assert learning_curve.reached(points, 40) == pytest.approx((100, False))
    assert learning_curve.reached(points, 20) == pytest.approx((1000, False))
    assert learning_curve.reached(points, 80) == (10, True)
    assert learning_curve.reached(points, 19) is None
    assert learning_curve.reached([], 19) is None


def test_the_level_is_what_every_row_reaches_or_what_is_stated() -> None:
    assert learning_curve.level(FOUND, "clf-a") == 16
    assert learning_curve.level(FOUND, "lite0") == 80
    assert learning_curve.level(FOUND | {"quality": {"clf-a": 5.0}}, "clf-a") == 5


def test_rows_are_ordered_at_the_largest_amount_that_all_spent() -> None:
    made = learning_curve.orders(FOUND, "clf-a")
    assert made["images"] == (100, {"slow": 8, "quick": 16}, [])
    updates, seconds = made["generator_updates"], made["seconds"]
    assert (updates.at, updates.distances) == (10, pytest.approx({"slow": 8, "quick": 80}))
    assert (seconds.at, seconds.distances) == (10, {"quick": 16, "slow": 80})


def test_rows_that_cannot_be_placed_are_named() -> None:
    no_updates = row((10, None, 50, 1, 1), (20, None, 60, 1, 1))
    rows = {"slow": SLOW, "quick": QUICK, "late": no_updates}
    made = learning_curve.orders({"rows": rows, "quality": {}, "clock": "cpu"}, "clf-a")
    assert made["images"].at == 20
    assert made["generator_updates"].missing == ["late"]
    assert made["seconds"].missing == ["late"]  # its first point lies beyond the 10 s of the quick row
    assert learning_curve.order({"slow": SLOW}, "images", "clf-a") is None


def test_a_row_that_diverged_is_in_no_order() -> None:
    rows = {"slow": SLOW, "quick": QUICK, "lost": row((1, 1, 1, 500, 500), outcome="diverged")}
    assert learning_curve.orders({"rows": rows, "quality": {}, "clock": "cpu"}, "clf-a") == learning_curve.orders(
        FOUND, "clf-a"
    )
    assert learning_curve.level({"rows": rows, "quality": {}, "clock": "cpu"}, "clf-a") == 16


def test_pairs_that_change_places_are_found() -> None:
    made = learning_curve.orders(FOUND, "clf-a")
    assert learning_curve.changes(made) == [("slow", "quick")]
    assert learning_curve.changes({"images": made["images"], "generator_updates": made["generator_updates"]}) == []
    assert learning_curve.changes({}) == []


def test_the_sentence_counts_them_in_each_space() -> None:
    # in the second space the quick row leads at equal images (40, 80) and at equal CPU-s (40, 800), not at equal
    # updates: there it has the 200 of its tenth update (logarithms: 400 -> 40 from 5 to 50), the slow row 80
    assert learning_curve.sentence(FOUND, TITLES) == (
        "Of 1 pair of rows, 1 by FD-clf and 1 by FD-Lite0 change places between the orders at equal images, equal "
        "generator updates and equal CPU-s. In every space: Slow and Quick."
    )
    same = {
        "rows": {"slow": SLOW, "other": row((10, 1, 10, 90, 900), (100, 10, 100, 9, 90))},
        "quality": {},
        "clock": "cpu",
    }
    assert learning_curve.sentence(same, TITLES).startswith("Of 1 pair of rows, 0 by FD-clf and 0 by FD-Lite0 change")
    assert learning_curve.sentence(same, TITLES).endswith("None does so in every space.")
    many = {f"slow {i}": SLOW for i in range(5)} | {f"quick {i}": QUICK for i in range(2)}
    assert learning_curve.sentence({"rows": many, "quality": {}, "clock": "cpu"}, {}).endswith(
        "; 2 more."
    )  # of 10 pairs
    alone = {"rows": {"slow": SLOW}, "quality": {}, "clock": "cpu"}
    assert learning_curve.sentence(alone, TITLES) == "There are not two orders of these rows to compare."
