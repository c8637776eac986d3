"""Intervals at 95 %: of a mean over seeds, of paired ratios and differences, of a share.

None has the width 0. Values that happen to be equal do not say how far the next one would fall: without a resolution,
to which such values are known, their interval is endless.
"""

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

    @property
    def finite(self) -> bool:
        """Whether it has ends."""
        return math.isfinite(self.low) and math.isfinite(self.high)


def mean(values: Sequence[float], *, resolution: float = 0.0) -> Interval:
    """Student's t-interval of a mean. Raises ValueError for fewer than two values: one seed has no interval.

    resolution: the step between values that a measure can tell apart, as 1 / n of a share of n images. The spread is
    taken for no less than rounding to it would leave, resolution / sqrt(12).
    """
    if len(values) < 2:
        raise ValueError(f"{len(values)} values have no interval; it takes at least 2")
    exact = [float(value) for value in values]  # `statistics` rounds once, so equal values have no spread
    centre, spread = statistics.mean(exact), max(statistics.stdev(exact), resolution / math.sqrt(12))
    half = student(len(values) - 1) * spread / math.sqrt(len(exact)) if spread else math.inf
    return Interval(centre, centre - half, centre + half, len(values))


def student(freedom: int) -> float:
    """Quantile of Student's t that an interval at 95 % reaches to, in standard errors."""
    return float(special.stdtrit(freedom, (1 + CONFIDENCE) / 2))


def normal(value: float, error: float, n: int = 1) -> Interval:
    """The interval of an estimate with a standard error, from n images or the like: many enough for a normal one."""
    half = float(special.ndtri((1 + CONFIDENCE) / 2)) * error if error else math.inf
    return Interval(value, value - half, value + half, n)


def difference(a: Sequence[float], b: Sequence[float], *, resolution: float = 0.0) -> Interval:
    """Mean of a - b, paired: a[i] and b[i] share a seed. resolution: of the differences, as for `mean`."""
    return mean([x - y for x, y in zip(a, b, strict=True)], resolution=resolution)


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
