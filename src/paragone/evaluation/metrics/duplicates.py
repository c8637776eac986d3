"""How many fakes are duplicates of another fake: collapse within classes, which no class count sees."""

from paragone.evaluation.metrics.base import Pixels
from paragone.evaluation.metrics.nearest import nearest_distances

needs = Pixels


def compute(view: Pixels) -> dict[str, dict[str, float | int]]:
    """duplicates: the share of fakes whose nearest other fake is nearer than the threshold (in 0..1; lower is better).

    The threshold is the 0.5 % quantile of the same distance within as many real images, so real data scores 0.005.
    """
    d = nearest_distances(view.fakes)
    rate = float((d < view.duplicate_threshold).double().mean())
    return {"duplicates": {"rate": rate, "threshold": view.duplicate_threshold, "n": len(view.fakes)}}
