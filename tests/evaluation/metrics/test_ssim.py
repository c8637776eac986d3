"""Structural similarity against scikit-image."""

import numpy as np
import pytest
import torch
from skimage import data
from skimage.metrics import structural_similarity

from paragone.evaluation.metrics.base import Reconstructed
from paragone.evaluation.metrics.ssim import compute, ssim


def patches(size: int, channels: int, n: int = 6) -> torch.Tensor:
    """Parts of a photograph: (n,size,size,channels) uint8."""
    photo = data.astronaut()[..., :channels]
    return torch.from_numpy(np.stack([photo[60 * i : 60 * i + size, 50 * i : 50 * i + size] for i in range(n)]))


def worse(x: torch.Tensor, sigma: float) -> torch.Tensor:
    noise = sigma * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    return (x + noise).round().clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize("size", [11, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sigma", [3, 40])
def test_equals_scikit_image(size: int, channels: int, sigma: float) -> None:
    x = patches(size, channels)
    y = worse(x, sigma)
    options = {"data_range": 255, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = [
        structural_similarity(a.numpy(), b.numpy(), channel_axis=-1, **options) for a, b in zip(x, y, strict=True)
    ]
    assert ssim(x, y).numpy() == pytest.approx(expected, abs=1e-9)


def test_equal_images_score_one_and_flat_ones_are_no_trouble() -> None:
    x = patches(32, 3)
    assert ssim(x, x).numpy() == pytest.approx(1)
    black = torch.zeros(2, 32, 32, 1, dtype=torch.uint8)
    assert ssim(black, black).numpy() == pytest.approx(1)
    assert ssim(black, black + 255).numpy() == pytest.approx(0, abs=1e-3)


def test_images_below_the_window() -> None:
    small = torch.zeros(2, 10, 32, 1, dtype=torch.uint8)
    with pytest.raises(ValueError, match="images of 10x32 are smaller than the window of SSIM, 11x11"):
        ssim(small, small)
    assert compute(Reconstructed(small, small)) == {}


def test_the_mean_covers_every_batch() -> None:
    x = patches(16, 1).repeat(100, 1, 1, 1)
    y = worse(x, 10)
    assert compute(Reconstructed(x, y))["ssim"] == pytest.approx(float(ssim(x, y).mean()))
