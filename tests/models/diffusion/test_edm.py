"""EDM: the loss of eq. 8, the denoiser of eq. 7, the sampler."""

import math

import pytest
import torch

from paragone.models.base import Progress, Spec
from paragone.models.diffusion.edm import EDM
from support.gaussian import Gaussian

SMALL = {"width": 8, "multipliers": (1, 2), "blocks": 1, "attention": (8,), "dropout": 0.0}
X = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(shape: tuple[int, int, int] = (1, 16, 16), **config: object) -> EDM:
    torch.manual_seed(0)
    model = EDM(EDM.Config(**{**SMALL, "steps": 4, **config}), Spec(shape)).eval()  # type: ignore[arg-type]
    for p in model.net.parameters():
        torch.nn.init.normal_(p, std=0.1)
    return model


def test_the_loss_is_the_weighted_error_of_the_denoiser() -> None:
    """Eq. 2 with lambda of table 1, worked out for each image from D instead of F."""
    model = build()
    torch.manual_seed(1)
    (update,) = model.losses({"image": X}, Progress(0))
    torch.manual_seed(1)
    sigma = torch.exp(-1.2 + 1.2 * torch.randn(4))
    noisy = X + sigma.view(4, 1, 1, 1) * torch.randn_like(X)
    error = (model.denoise(noisy, sigma) - X).square().mean((1, 2, 3))
    weight = (sigma**2 + 0.25) / (sigma * 0.5) ** 2
    torch.testing.assert_close(update.loss, (weight * error).mean(), rtol=1e-4, atol=1e-4)


def test_the_denoiser_is_equation_7() -> None:
    model, s, d = build(), 0.7, 0.5
    f = model.net(X / math.hypot(s, d), torch.full((4,), 1000 * math.log(s) / 4))
    expected = d**2 / (s**2 + d**2) * X + s * d / math.hypot(s, d) * f
    torch.testing.assert_close(model.denoise(X, torch.full((4,), s)), expected)


def test_an_untrained_network_gives_the_best_linear_denoiser() -> None:
    """F = 0 leaves c_skip x, which is E[x_0 | x] of data N(0, sigma_data^2)."""
    model, sigma = build(), torch.tensor([0.1, 0.5, 2.0, 70.0])
    model.net.forward = lambda x, t: torch.zeros_like(x)  # type: ignore[method-assign]
    torch.testing.assert_close(model.denoise(X, sigma), Gaussian(0.0, 0.5).denoise(X, sigma))


def test_samples_of_a_known_denoiser_have_the_data_s_moments() -> None:
    model, data = build((1, 64, 64), steps=64), Gaussian(0.1, 0.2)
    model.denoise = data.denoise  # type: ignore[method-assign]
    torch.manual_seed(2)
    x = model.sample(8)
    assert x.mean().item() == pytest.approx(0.1, abs=0.005)
    assert x.std().item() == pytest.approx(0.2, abs=0.005)


def test_only_a_sampler_without_fresh_noise_has_latents() -> None:
    assert build().capabilities == {"decode", "latents"}
    assert build(s_churn=10.0).capabilities == set()


def test_impossible_levels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the noise levels are 2.0 to 1.0; they must be above 0 and rise"):
        build(sigma_min=2.0, sigma_max=1.0)
