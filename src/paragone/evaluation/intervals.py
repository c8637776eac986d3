"""Intervals at 95 %: of a mean over seeds, of paired ratios and differences, of a share."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from scipy import special  # `scipy.stats` takes twice as long to import as all of pandas

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """An estimate, its interval, and how many values it rests on."""

    value: float
    low: float
    high: float
    n: int


def mean(values: Sequence[float]) -> Interval:
    """Student's t-interval of a mean. Raises ValueError for fewer than two values: one seed has no interval."""
    if len(values) < 2:
        raise ValueError(f"{len(values)} values have no interval; it takes at least 2")
    exact = [float(value) for value in values]  # `statistics` rounds once, so equal values have no spread
    centre, error = statistics.mean(exact), statistics.stdev(exact) / math.sqrt(len(exact))
    half = student(len(values) - 1) * error
    return Interval(centre, centre - half, centre + half, len(values))


def student(freedom: int) -> float:
    """Quantile of Student's t that an interval at 95 % reaches to, in standard errors."""
    return float(special.stdtrit(freedom, (1 + CONFIDENCE) / 2))


def normal(value: float, error: float, n: int = 1) -> Interval:
    """The interval of an estimate with a standard error, from n images or the like: many enough for a normal one."""
    half = float(special.ndtri((1 + CONFIDENCE) / 2)) * error
    return Interval(value, value - half, value + half, n)


def difference(a: Sequence[float], b: Sequence[float]) -> Interval:
    """Mean of a - b, paired: a[i] and b[i] share a seed."""
    return mean([x - y for x, y in zip(a, b, strict=True)])


def ratio(a: Sequence[float], b: Sequence[float]) -> Interval:
    """Geometric mean of a / b, paired; the t-interval is of the logarithms. Raises ValueError unless all exceed 0."""
    if min(*a, *b) <= 0:
        raise ValueError(f"a ratio needs positive figures; there is {min(*a, *b):g}")
    logs = mean([math.log(x / y) for x, y in zip(a, b, strict=True)])
    return Interval(math.exp(logs.value), math.exp(logs.low), math.exp(logs.high), logs.n)


def share_difference(a: tuple[int, int], b: tuple[int, int]) -> Interval:
    """The share of a less that of b, each (hits, n): Newcombe's interval from Wilson's (Newcombe 1998, method 10)."""
    p, q = share(*a), share(*b)
    value = p.value - q.value
    low = value - math.hypot(p.value - p.low, q.high - q.value)
    high = value + math.hypot(p.high - p.value, q.value - q.low)
    return Interval(value, low, high, p.n + q.n)


def share(hits: int, n: int) -> Interval:
    """Wilson's interval of a share: of use at small n and near 0 and 1 (Wilson 1927)."""
    p, z = hits / n, float(special.ndtri((1 + CONFIDENCE) / 2))
    centre = (2 * n * p + z**2) / (2 * (n + z**2))
    half = z / (2 * (n + z**2)) * math.sqrt(4 * n * p * (1 - p) + z**2)
    return Interval(p, centre - half if hits else 0.0, centre + half if hits < n else 1.0, n)
