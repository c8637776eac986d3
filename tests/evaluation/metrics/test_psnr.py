"""Peak signal-to-noise ratio against scikit-image."""

import math

import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from paragone.evaluation.metrics.base import Reconstructed
from paragone.evaluation.metrics.psnr import compute, mse, psnr


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    x, y = (torch.randint(0, 256, (5, 9, 7, 3), generator=draw, dtype=torch.uint8) for _ in range(2))
    return x, y


def test_equals_scikit_image_image_by_image() -> None:
    x, y = pair()
    expected = [peak_signal_noise_ratio(a.numpy(), b.numpy(), data_range=255) for a, b in zip(x, y, strict=True)]
    assert psnr(x, y).numpy() == pytest.approx(expected, rel=1e-12)
    assert compute(Reconstructed(x, y))["psnr"] == pytest.approx(sum(expected) / 5)


def test_extremes() -> None:
    black = torch.zeros(2, 4, 4, 1, dtype=torch.uint8)
    assert mse(black, black + 255).tolist() == [1, 1]
    assert psnr(black, black + 255).tolist() == [0, 0]
    assert math.isinf(compute(Reconstructed(black, black))["psnr"])
