"""How far the sharpness of samples departs from that of real images, by the study `sharpness`."""

import math

from paragone.evaluation import intervals
from paragone.results.claims.base import SEEDS, Bounds, Effect, Evidence, Json, NotMeasuredError


def departure(evidence: Evidence, dataset: str, worse: str, better: str, bounds: Bounds) -> Effect:
    """How many times further one row's sharpness is from the real images' than another's, paired by seed.

    A sample that is half or twice as sharp as real images is a factor of 2 away. Raises NotMeasuredError.
    """
    found = evidence.study("sharpness")["datasets"].get(dataset)
    if found is None:
        raise NotMeasuredError(f"study 'sharpness' has nothing of {dataset}")
    a, b = (_departures(found, dataset, row) for row in (worse, better))
    shared = sorted(a.keys() & b.keys())
    if len(shared) < SEEDS:
        raise NotMeasuredError(
            f"{dataset}: study 'sharpness' has {len(shared)} seeds of both {worse} and {better}; it takes {SEEDS}"
        )
    size = intervals.ratio([a[seed] for seed in shared], [b[seed] for seed in shared])
    what = f"Departure from real sharpness of {evidence.name(worse)} over that of {evidence.name(better)}"
    note = evidence.left_out(dataset, worse, better)
    return Effect(f"{what}, {evidence.title(dataset)}", "times", size, bounds, note=note)


def _departures(found: Json, dataset: str, row: str) -> dict[int, float]:
    """By seed, the factor by which a row's sharpness differs from the real images', either way."""
    if row not in found["rows"]:
        raise NotMeasuredError(f"{dataset}: study 'sharpness' has no samples of '{row}'; add it to the study's rows")
    real = found["real"]["sharpness"]
    return {run["seed"]: math.exp(abs(math.log(max(run["sharpness"], 1e-12) / real))) for run in found["rows"][row]}
