"""Whether two orders of the same rows agree: Kendall's tau-b, with an interval over rows.

Kendall 1945, "The treatment of ties in ranking problems": concordant less discordant pairs, over the geometric mean of
the pairs that each side orders. 1: one order; 0: as two random ones; -1: the reverse.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000  # of the bootstrap
FEWEST = 5  # rows: fewer have no interval worth printing

Floats = NDArray[np.float64]


class Agreement(NamedTuple):
    """Two orders compared."""

    tau: float  # nan where one side orders nothing
    low: float  # of the 95 % interval over rows; -1 and 1 for fewer than FEWEST rows
    high: float
    n: int  # rows that both have
    kept: float  # share of the pairs that both order, in the same order
    mover: str  # the row whose rank differs most
    moved: int  # by so many places


def agreement(a: Mapping[str, float], b: Mapping[str, float]) -> Agreement:
    """Of the rows that both have a figure for. Raises ValueError for fewer than two."""
    rows = [row for row in a if row in b]
    if len(rows) < 2:
        raise ValueError(f"{len(rows)} rows are in both tables; an order takes at least 2")
    x, y = (np.array([side[row] for row in rows], dtype=np.float64) for side in (a, b))
    moves = np.argsort(np.argsort(x)) - np.argsort(np.argsort(y))
    most = int(np.abs(moves).argmax())
    low, high = _interval(x, y)
    return Agreement(tau(x, y), low, high, len(rows), _kept(x, y), rows[most], int(abs(moves[most])))


def tau(x: Floats, y: Floats) -> float:
    """Kendall's tau-b of two sequences; nan where one is constant."""
    a, b = (np.sign(v[:, None] - v[None, :]) for v in (x, y))
    ordered = math.sqrt(float((a * a).sum()) * float((b * b).sum()))
    return float((a * b).sum()) / ordered if ordered else math.nan


def _kept(x: Floats, y: Floats) -> float:
    a, b = (np.sign(v[:, None] - v[None, :]) for v in (x, y))
    both = (a * b) != 0
    return float((a * b > 0).sum() / both.sum()) if both.any() else math.nan


def _interval(x: Floats, y: Floats) -> tuple[float, float]:
    """Percentiles of the bootstrap over rows: what other rows of such a kind would give.

    Where every draw gives the same, as of two orders that agree in full, the bootstrap knows no width. Then the other
    end follows from disjoint pairs of rows, which are independent: by Clopper and Pearson (1934), k of k pairs in one
    order leave a chance of that order of 0.025^(1/k) or more.
    """
    if len(x) < FEWEST:
        return -1.0, 1.0
    random = np.random.default_rng(0)
    chosen = random.integers(len(x), size=(DRAWS, len(x)))
    taus = [value for rows in chosen if not math.isnan(value := tau(x[rows], y[rows]))]
    low, high = (float(end) for end in np.percentile(taus or [0.0], [2.5, 97.5]))
    if low < high:
        return low, high
    if abs(low) < 0.999:  # ties alone
        return -1.0, 1.0
    far = 2 * 0.025 ** (1 / (len(x) // 2)) - 1
    return (far, 1.0) if low > 0 else (-1.0, -far)


def pairs(orders: Sequence[tuple[str, Mapping[str, float]]]) -> list[tuple[str, str, Agreement]]:
    """Each two of several named orders that share at least two rows."""
    return [
        (name, other, agreement(a, b))
        for i, (name, a) in enumerate(orders)
        for other, b in orders[i + 1 :]
        if len(a.keys() & b.keys()) > 1
    ]
