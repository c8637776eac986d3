"""Multi-scale structural similarity against pytorch-msssim."""

import numpy as np
import pytest
import pytorch_msssim
import torch
from skimage import data

from paragone.evaluation.metrics import ssim
from paragone.evaluation.metrics.base import Reconstructed
from paragone.evaluation.metrics.ms_ssim import WEIGHTS, compute, ms_ssim, scales


def patches(side: int, channels: int = 1) -> torch.Tensor:
    """Parts of a photograph: (4,side,side,channels) uint8."""
    photo = data.astronaut()[..., :channels]
    return torch.from_numpy(np.stack([photo[60 * i : 60 * i + side, 50 * i : 50 * i + side] for i in range(4)]))


def worse(x: torch.Tensor, sigma: float) -> torch.Tensor:
    noise = sigma * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    return (x + noise).round().clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sigma", [3, 60])
def test_the_papers_five_scales_equal_pytorch_msssim(channels: int, sigma: float) -> None:
    x = patches(176, channels)
    y = worse(x, sigma)
    a, b = (z.permute(0, 3, 1, 2).double() for z in (x, y))
    expected = pytorch_msssim.ms_ssim(a, b, data_range=255, size_average=False)
    torch.testing.assert_close(ms_ssim(x, y), expected, rtol=2e-5, atol=0)  # its window is in float32


def test_fewer_scales_are_the_first_of_the_five() -> None:
    """At 32 px: the two values that SSIM is made of, at both sizes, by the paper's weights."""
    x = patches(32)
    y = worse(x, 20)
    small = [z.double().view(4, 16, 2, 16, 2).mean((2, 4))[:, None] for z in (x, y)]
    large = [z.permute(0, 3, 1, 2).double() for z in (x, y)]
    fine, coarse = ssim.terms(*large)[1].mean((1, 2, 3)), torch.stack(ssim.terms(*small)).prod(0).mean((1, 2, 3))
    power = 1.0001 / (0.0448 + 0.2856)  # the five published weights add up to 1.0001
    torch.testing.assert_close(ms_ssim(x, y), fine ** (0.0448 * power) * coarse ** (0.2856 * power))


def test_as_many_scales_as_the_window_fits() -> None:
    assert [scales(side, side) for side in (10, 11, 22, 32, 44, 64, 128, 256, 1024)] == [0, 1, 2, 2, 3, 3, 4, 5, 5]
    assert scales(32, 64) == 2
    assert sum(WEIGHTS) == pytest.approx(1, abs=2e-4)


def test_equal_images_score_one_and_what_has_nothing_in_common_zero() -> None:
    x = torch.randint(256, (4, 32, 32, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    assert ms_ssim(x, x).numpy() == pytest.approx(1)
    assert ms_ssim(x, 255 - x).numpy() == pytest.approx(0, abs=1e-9)  # structure turned round: negative, so 0


def test_the_figure_says_its_scales_and_small_images_have_none() -> None:
    x = patches(32)
    y = worse(x, 10)
    assert compute(Reconstructed(x, y)) == {"ms_ssim": pytest.approx(float(ms_ssim(x, y).mean())), "ms_ssim_scales": 2}
    assert compute(Reconstructed(x[:, :16, :16], y[:, :16, :16])) == {}
    with pytest.raises(ValueError, match="images of 16x16 have no second scale for MS-SSIM; it needs 22x22"):
        ms_ssim(x[:, :16, :16], y[:, :16, :16])
