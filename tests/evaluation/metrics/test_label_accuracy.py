"""Label accuracy: the share of samples that are classified as asked for, over all and by class."""

import pytest
import torch

from paragone.evaluation.metrics.base import Conditional
from paragone.evaluation.metrics.label_accuracy import compute


def test_it_is_the_share_of_right_classes() -> None:
    logits = torch.tensor([[2.0, 1, 0], [0, 3, 1], [5, 0, 4], [1, 2, 0]])  # classified as 0, 1, 0, 1
    found = compute(Conditional(logits, torch.tensor([0, 1, 1, 1])))["label_accuracy"]
    assert found["rate"] == pytest.approx(3 / 4)
    assert found["classes"] == [pytest.approx(1), pytest.approx(2 / 3), None]
    assert found["n"] == 4


def test_samples_that_ignore_their_label_score_by_chance() -> None:
    draw = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(4000, 10, generator=draw), torch.randint(10, (4000,), generator=draw)
    rate = compute(Conditional(logits, labels))["label_accuracy"]["rate"]
    assert rate == pytest.approx(0.1, abs=0.02)
