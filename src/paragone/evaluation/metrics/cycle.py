"""Cycle error: how near a source comes to itself, translated there and back (Zhu et al. 2017, eq. 2, first half).

https://arxiv.org/abs/1703.10593. It needs no true partners, and a small one alone says little: a model that hides its
source in the translation, or that changes nothing, has it.
"""

from paragone.evaluation.metrics.base import Returned
from paragone.evaluation.metrics.translation import l1

needs = Returned


def compute(view: Returned) -> dict[str, dict[str, float | int | str]]:
    """cycle: l1 (mean absolute difference over images, 1 being the pixel range), n, split."""
    error = float(l1(view.sources, view.returned).mean())
    return {"cycle": {"l1": error, "n": len(view.sources), "split": "test"}}
