"""The Inception Score against torch-fidelity, its bounds, and what it cannot see."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_fidelity.metric_isc import isc_features_to_metric

from paragone.evaluation.metrics.base import Predicted
from paragone.evaluation.metrics.inception_score import compute, inception_score


def logits(n: int, seed: int, sharp: float = 3.0, classes: int = 10) -> torch.Tensor:
    return sharp * torch.randn(n, classes, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n", [100, 1003])
def test_equals_torch_fidelity(n: int) -> None:
    z = logits(n, 1)
    oracle = isc_features_to_metric(z, splits=10, shuffle=False)
    mean, std = inception_score(z)
    assert mean == pytest.approx(oracle["inception_score_mean"], rel=1e-9)
    assert std == pytest.approx(oracle["inception_score_std"], rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100), sharp=st.floats(0, 50), classes=st.integers(2, 20))
def test_lies_between_one_and_the_number_of_classes(seed: int, sharp: float, classes: int) -> None:
    mean, _ = inception_score(logits(60, seed, sharp, classes), splits=3)
    assert 1 - 1e-9 <= mean <= classes + 1e-9


def test_extremes() -> None:
    certain = 1000 * torch.eye(10).repeat(100, 1)
    assert inception_score(certain)[0] == pytest.approx(10)
    assert inception_score(torch.zeros(100, 10))[0] == pytest.approx(1)
    assert inception_score(certain.sort(0).values[:, :1].expand(-1, 10))[0] == pytest.approx(1)


def test_is_blind_to_repeats_within_classes() -> None:
    """Which is why it never stands alone."""
    z = 10 * torch.eye(10).repeat(100, 1) + logits(1000, 1, 0.5)
    order = torch.randperm(1000, generator=torch.Generator().manual_seed(0))
    repeated = z[:20].repeat(50, 1)[order]  # two images a class
    assert inception_score(repeated)[0] == pytest.approx(inception_score(z[order])[0], rel=0.02)


def test_says_how_it_was_computed() -> None:
    value = compute(Predicted(logits(50, 0)))["is"]
    assert (value["splits"], value["n"]) == (10, 50)


def test_too_few_images_are_refused() -> None:
    with pytest.raises(ValueError, match="9 images cannot be split into 10 parts"):
        inception_score(logits(9, 0))
