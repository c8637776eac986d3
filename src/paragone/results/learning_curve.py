"""What the study `learning_curve` says: what a stated quality took each row, and the order of the rows at equal images,
equal updates and equal time.

Between two points of a curve the logarithm of the distance is taken to be linear in the logarithm of what was spent.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

from paragone.results.runs import Json
from paragone.results.space_names import fd_label

AXES = ("images", "generator_updates", "seconds", "macs")  # what a point says was spent
SECONDS = {"cpu": "CPU-s", "wall": "seconds"}  # by the clock that trainings are timed with
ORDERED = ("images", "generator_updates", "seconds")  # those at which the rows are put in order
NAMED = 8  # pairs that a sentence names, at most
Curve = Sequence[tuple[float, float]]  # (spent, distance), by what was spent


class Reached(NamedTuple):
    """What it took to come to a distance for the first time."""

    spent: float
    before: bool  # reached by the first point already: it took less, nobody knows how much


class Order(NamedTuple):
    """The rows at an equal amount of something."""

    at: float  # the largest that all of them spent
    distances: dict[str, float]  # of each row, the nearest to the data first
    missing: list[str]  # rows whose first point lies beyond it, or of which the amount is not known


def curve(row: Json, axis: str, space: str) -> list[tuple[float, float]]:
    """The points of a row that have both figures, above 0."""
    points = [(point[axis], point["spaces"][space]["fd"]) for point in row["points"]]
    return [(x, y) for x, y in points if x and y]


def level(found: Json, space: str) -> float:
    """The distance to which times are stated: the one that was asked for, or the largest final one."""
    if space in found["quality"]:
        return float(found["quality"][space])
    return max(float(row["points"][-1]["spaces"][space]["fd"]) for row in finished(found).values())


def finished(found: Json) -> dict[str, Json]:
    """The rows that were trained to their end."""
    return {name: row for name, row in found["rows"].items() if row["outcome"] == "finished"}


def spaces(found: Json) -> list[str]:
    """The spaces of every point."""
    points = [point for row in found["rows"].values() for point in row["points"]]
    return list(points[0]["spaces"]) if points else []


def reached(points: Curve, distance: float) -> Reached | None:
    """What it took to come to a distance for the first time; None where a curve never does."""
    if points and points[0][1] <= distance:
        return Reached(points[0][0], True)
    for (x, y), (later, lower) in pairwise(points):
        if lower <= distance:
            share = math.log(y / distance) / math.log(y / lower)
            return Reached(x * (later / x) ** share, False)
    return None


def at(points: Curve, spent: float) -> float | None:
    """The distance after so much was spent; None beyond the ends of a curve."""
    for (x, y), (later, lower) in pairwise(points):
        if x <= spent <= later:
            return y * (lower / y) ** (math.log(spent / x) / math.log(later / x))
    return None


def order(rows: Mapping[str, Json], axis: str, space: str) -> Order | None:
    """The rows at the largest amount that all of them spent; None where fewer than two can be compared."""
    curves = {name: curve(row, axis, space) for name, row in rows.items()}
    known = {name: points for name, points in curves.items() if points}
    if len(known) < 2:
        return None
    most = min(points[-1][0] for points in known.values())
    distances = {name: y for name, points in known.items() if (y := at(points, most)) is not None}
    ordered = dict(sorted(distances.items(), key=lambda item: item[1]))
    return Order(most, ordered, [name for name in rows if name not in ordered])


def orders(found: Json, space: str) -> dict[str, Order]:
    """The order at equal images, updates and time, those that can be made."""
    rows = finished(found)
    made = {axis: order(rows, axis, space) for axis in ORDERED}
    return {axis: result for axis, result in made.items() if result is not None}


def changes(made: Mapping[str, Order]) -> list[tuple[str, str]]:
    """The pairs of rows that do not stand in one order in all that were made."""
    ranked = [list(result.distances) for result in made.values()]
    shared = [row for row in (ranked[0] if ranked else []) if all(row in rows for rows in ranked)]
    return [(a, b) for a, b in combinations(shared, 2) if len({rows.index(a) < rows.index(b) for rows in ranked}) > 1]


def sentence(found: Json, titles: Mapping[str, str]) -> str:
    """How many pairs of rows change places between the orders, in which spaces, and which do so in all of them."""
    made = {space: orders(found, space) for space in spaces(found)}
    if not any(len(of_space) > 1 for of_space in made.values()):
        return "There are not two orders of these rows to compare."
    changed = {space: changes(of_space) for space, of_space in made.items()}
    n = len(finished(found))
    pairs = n * (n - 1) // 2
    counts = " and ".join(f"{len(turned)} by {fd_label(space)}" for space, turned in changed.items())
    first = (
        f"Of {pairs} pair{'s' * (pairs != 1)} of rows, {counts} change places between the orders at equal images, "
        f"equal generator updates and equal {SECONDS[found['clock']]}."
    )
    if len(changed) < 2:
        return first
    everywhere = [p for p in next(iter(changed.values())) if all(_has(turned, p) for turned in changed.values())]
    if not everywhere:
        return f"{first} None does so in every space."
    named = [f"{titles.get(a, a)} and {titles.get(b, b)}" for a, b in everywhere]
    more = f"; {len(named) - NAMED} more" if len(named) > NAMED else ""
    return f"{first} In every space: {'; '.join(named[:NAMED])}{more}."


def _has(pairs: Sequence[tuple[str, str]], pair: tuple[str, str]) -> bool:
    return any(set(pair) == set(other) for other in pairs)
