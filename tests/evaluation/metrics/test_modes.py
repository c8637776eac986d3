"""Mode shares: missing classes found where counting predicted labels does not find them."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paragone.evaluation.metrics.base import Classified
from paragone.evaluation.metrics.modes import compute, mode_shares

CLASSES = 10


def predictions(labels: torch.Tensor, seed: int) -> torch.Tensor:
    """Logits of a mediocre classifier, which takes class 4 for 5 now and then, and the other way round."""
    draw = torch.Generator().manual_seed(seed)
    z = 4 * torch.nn.functional.one_hot(labels, CLASSES).float() + torch.randn(len(labels), CLASSES, generator=draw)
    confused = (torch.rand(len(labels), generator=draw) < 0.2) & ((labels == 4) | (labels == 5))
    z[confused] = z[confused][:, [0, 1, 2, 3, 5, 4, 6, 7, 8, 9]]
    return z


@pytest.fixture(scope="module")
def confusion() -> torch.Tensor:
    labels = torch.arange(CLASSES).repeat_interleave(500)
    p = predictions(labels, 1).double().softmax(1)
    return torch.stack([p[labels == c].mean(0) for c in range(CLASSES)])


def view(labels: torch.Tensor, confusion: torch.Tensor) -> Classified:
    return Classified(predictions(labels, 2), confusion, torch.full((CLASSES,), 1 / CLASSES, dtype=torch.float64))


@pytest.mark.parametrize("dropped", [[], [4], [0, 4, 9]])
def test_finds_the_classes_that_are_missing(dropped: list[int], confusion: torch.Tensor) -> None:
    labels = torch.arange(CLASSES).repeat(200)
    labels = labels[~torch.isin(labels, torch.tensor(dropped, dtype=torch.int64))]
    found = compute(view(labels, confusion))["modes"]
    assert found["missing"] == len(dropped)
    assert found["tv"] == pytest.approx(len(dropped) / CLASSES, abs=0.02)
    assert sum(found["shares"]) == pytest.approx(1)
    assert all(found["shares"][c] < 0.01 for c in dropped)


def test_counting_labels_would_not_find_it(confusion: torch.Tensor) -> None:
    labels = torch.arange(CLASSES).repeat(200)
    z = predictions(labels[labels != 4], 2)
    counted = torch.bincount(z.argmax(1), minlength=CLASSES) / len(z)
    assert counted[4] > 0.1 * 0.1  # not missing by its count
    assert mode_shares(z, confusion)[4] < 0.1 * 0.1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=CLASSES, max_size=CLASSES).filter(lambda q: sum(q) > 0.1))
def test_recovers_any_mixture_exactly(weights: list[float]) -> None:
    draw = torch.Generator().manual_seed(0)
    confusion = (3 * torch.eye(CLASSES) + torch.rand(CLASSES, CLASSES, generator=draw)).double()
    confusion /= confusion.sum(1, keepdim=True)
    q = torch.tensor(weights, dtype=torch.float64)
    q /= q.sum()
    mean = (q @ confusion).log()[None].expand(5, -1)
    assert torch.allclose(mode_shares(mean, confusion), q, atol=1e-6)


def test_a_class_that_the_real_data_lacks_is_not_missing(confusion: torch.Tensor) -> None:
    labels = torch.arange(9).repeat(200)
    shares = torch.tensor([1 / 9] * 9 + [0.0], dtype=torch.float64)
    assert compute(view(labels, confusion)._replace(shares=shares))["modes"]["missing"] == 0


def test_few_images_of_many_classes_are_held_against_what_chance_misses() -> None:
    classes, n = 100, 120
    labels = torch.randint(classes, (n,), generator=torch.Generator().manual_seed(0))
    real = torch.full((classes,), 1 / classes, dtype=torch.float64)
    seen = len(labels.unique())
    logits = 40 * torch.nn.functional.one_hot(labels, classes).float()
    found = compute(Classified(logits, torch.eye(classes, dtype=torch.float64), real))["modes"]
    assert found["missing"] == classes - seen
    assert found["counted"] == seen
    assert found["ideal"] == pytest.approx(classes * (1 - 1 / classes) ** n)
    assert abs(found["missing"] - found["ideal"]) < 12
    counts = torch.bincount(labels, minlength=classes)
    expected = sum(c / n * math.log(c / n * classes) for c in counts.tolist() if c)
    assert found["kl"] == pytest.approx(expected)
