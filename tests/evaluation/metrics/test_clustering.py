"""Clustering accuracy: each category counts as its most frequent class."""

import pytest
import torch

from paragone.evaluation.metrics.base import Clustered
from paragone.evaluation.metrics.clustering import compute


def test_each_category_stands_for_its_most_frequent_class() -> None:
    clusters = torch.tensor([0, 0, 0, 2, 2, 2, 2, 5])
    labels = torch.tensor([1, 1, 0, 0, 0, 0, 1, 2])
    found = compute(Clustered(clusters, labels))["clustering"]
    assert found["accuracy"] == pytest.approx((2 + 3 + 1) / 8)
    assert found["categories"] == 3


def test_names_of_categories_do_not_matter_and_chance_scores_low() -> None:
    labels = torch.randint(10, (5000,), generator=torch.Generator().manual_seed(0))
    assert compute(Clustered((labels * 3 + 4) % 10, labels))["clustering"]["accuracy"] == 1
    noise = torch.randint(10, (5000,), generator=torch.Generator().manual_seed(1))
    assert compute(Clustered(noise, labels))["clustering"]["accuracy"] < 0.2
    assert compute(Clustered(torch.zeros_like(labels), labels))["clustering"]["accuracy"] < 0.12
