"""Bits per dimension by an estimate that bounds nothing: it may lie on either side of the truth, so it stands apart.

An adversary's estimate of the divergence of AVB (Mescheder et al. 2017, https://arxiv.org/abs/1701.04722, eq. 3.7) is
too low as long as the adversary is short of its best, and the likelihood that it makes too high.
"""

import math

from paragone.evaluation.metrics.base import Estimated

needs = Estimated


def compute(view: Estimated) -> dict[str, float]:
    """estimated_bits_per_dimension: - mean estimate / (D ln 2); no arrow says which way is better."""
    return {"estimated_bits_per_dimension": -float(view.estimate.double().mean()) / (view.dims * math.log(2))}
