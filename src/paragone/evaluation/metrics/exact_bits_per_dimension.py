"""Bits per dimension where the likelihood is known exactly: apart from bounds, which may lie anywhere above.

https://arxiv.org/abs/1511.01844 (Theis et al. 2016, section 3.1). Of discrete (uint8) images.
"""

import math

from paragone.evaluation.metrics.base import Likely

needs = Likely


def compute(view: Likely) -> dict[str, float]:
    """exact_bits_per_dimension: - mean log likelihood / (D ln 2); lower is better."""
    return {"exact_bits_per_dimension": -float(view.log_likelihood.double().mean()) / (view.dims * math.log(2))}
