"""Precision, recall, density and coverage against their authors' package, and at the extremes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from prdc import compute_prdc

from paragone.evaluation.metrics.prdc import prdc


def features(n: int, seed: int, d: int = 16) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (0.6, 0.1), (1.4, 0.5)])
def test_equals_the_authors_package(k: int, scale: float, shift: float) -> None:
    real, fake = features(200, 1), features(150, 2) * scale + shift
    expected = compute_prdc(real.double().numpy(), fake.double().numpy(), nearest_k=k)
    assert prdc(real, fake, k) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(block=st.integers(1, 130), seed=st.integers(0, 5))
def test_does_not_depend_on_blocks_or_order(block: int, seed: int) -> None:
    real, fake = features(100, seed), features(80, seed + 10)
    expected = prdc(real, fake, block=200)
    assert prdc(real, fake, block=block) == pytest.approx(expected, abs=1e-9)
    assert prdc(real.flip(0), fake.flip(0)) == pytest.approx(expected, abs=1e-9)


def test_far_features_cancel_nothing() -> None:
    """A mean far from 0 would drown distances in float32."""
    real, fake = features(100, 1), features(80, 2)
    assert prdc(real + 2**12, fake + 2**12) == pytest.approx(prdc(real, fake), abs=0.03)


def test_extremes() -> None:
    real = features(100, 1)
    same, far = prdc(real, real), prdc(real, real + 100)
    assert (same["precision"], same["recall"], same["coverage"]) == (1, 1, 1)
    assert far == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


def test_the_edge_of_a_ball_is_outside() -> None:
    real = torch.tensor([[-2.0], [-1.0], [0.0], [1.0], [2.0]])  # each 1 from its nearest; exact in float32
    edge = torch.tensor([[-3.0], [3.0]])
    assert prdc(real, edge, k=1)["precision"] == 0
    assert prdc(real, edge * 0.99, k=1)["precision"] == 1


def test_repeats_lose_recall_and_coverage_but_not_precision() -> None:
    real, more = features(500, 1, 8), features(500, 2, 8)
    whole, few = prdc(real, more), prdc(real, more[:10].repeat(50, 1))
    assert few["recall"] < 0.1 * whole["recall"]
    assert few["coverage"] < 0.3 * whole["coverage"]
    assert few["precision"] > 0.5


def test_too_few_images_are_refused() -> None:
    with pytest.raises(ValueError, match="5 fake images are too few"):
        prdc(features(10, 1), features(5, 2))
