"""Bits per dimension of distributions whose entropy is known."""

import math

import pytest
import torch

from paragone.evaluation.metrics import exact_bits_per_dimension
from paragone.evaluation.metrics.base import Bounded, Likely
from paragone.evaluation.metrics.bits_per_dimension import compute


@pytest.mark.parametrize("levels", [2, 256])
def test_uniform_pixels_cost_the_logarithm_of_their_levels(levels: int) -> None:
    dims = 3 * 32 * 32
    bound = torch.full((7,), -dims * math.log(levels))
    assert compute(Bounded(bound, dims)) == {"bits_per_dimension": pytest.approx(math.log2(levels), rel=1e-6)}
    exact = exact_bits_per_dimension.compute(Likely(bound, dims))
    assert exact == {"exact_bits_per_dimension": pytest.approx(math.log2(levels), rel=1e-6)}


def test_a_bound_that_is_not_finite_stays_so() -> None:
    assert not math.isfinite(compute(Bounded(torch.tensor([-1.0, -math.inf]), 4))["bits_per_dimension"])
