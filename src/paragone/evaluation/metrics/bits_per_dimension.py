"""Bits per dimension: the bound on the negative log likelihood per pixel and channel (Theis et al. 2016, section 3.1).

https://arxiv.org/abs/1511.01844. Of discrete (uint8) images, so that values of different models compare.
"""

import math

from paragone.evaluation.metrics.base import Bounded

needs = Bounded


def compute(view: Bounded) -> dict[str, float]:
    """bits_per_dimension: - mean bound / (D ln 2); lower is better."""
    return {"bits_per_dimension": -float(view.bound.double().mean()) / (view.dims * math.log(2))}
