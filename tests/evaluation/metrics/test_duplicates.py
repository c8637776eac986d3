"""The duplicate rate: half a per cent of real images, and every repeated fake."""

import pytest
import torch

from paragone.evaluation.metrics.base import Pixels
from paragone.evaluation.metrics.duplicates import compute
from paragone.evaluation.metrics.nearest import nearest_distances, quantile


def images(n: int, seed: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 6, 6, 1), generator=draw, dtype=torch.uint8)


def rate(fakes: torch.Tensor) -> float:
    real = images(400, 1)
    threshold = quantile(nearest_distances(real))
    return float(compute(Pixels(fakes, real, torch.ones(1), threshold))["duplicates"]["rate"])


def test_real_images_score_what_the_threshold_is_set_to() -> None:
    assert rate(images(400, 1)) == pytest.approx(0.005, abs=0.0026)
    assert rate(images(400, 2)) < 0.03


def test_repeated_images_are_counted() -> None:
    new = images(400, 3)
    assert rate(torch.cat([new[:300], new[:100]])) == pytest.approx(0.5, abs=0.02)  # 100 originals and their copies
    assert rate(new[:1].repeat(50, 1, 1, 1)) == 1
