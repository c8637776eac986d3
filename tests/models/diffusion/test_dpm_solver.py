"""DPM-Solver++ and EDM's sampler as children: of DDPM, Improved DDPM, EDM and rectified flow."""

import pytest
import torch
from torch import nn

from paragone.models.base import Model, Progress, Spec
from paragone.models.diffusion.ddpm import DDPM
from paragone.models.diffusion.dpm_solver import DPMSolver
from paragone.models.diffusion.edm import EDM
from paragone.models.diffusion.heun import Heun
from paragone.models.diffusion.improved_ddpm import ImprovedDDPM
from paragone.models.diffusion.rectified_flow import RectifiedFlow
from support.gaussian import Gaussian

SPEC = Spec((1, 16, 16))
SMALL = {"width": 8, "multipliers": (1, 2), "blocks": 1, "attention": (8,)}
DDPMS = {"timesteps": 50, "schedule": "cosine"}


def parent(cls: type, **config: object) -> nn.Module:
    torch.manual_seed(0)
    model = cls(cls.Config(**SMALL, **config), SPEC).eval()
    for p in model.net.parameters():
        nn.init.normal_(p, std=0.1)
    return model


PARENTS = {
    "ddpm": lambda: parent(DDPM, **DDPMS),
    "v": lambda: parent(DDPM, **DDPMS, parameterization="v"),
    "both": lambda: parent(DDPM, **DDPMS, parameterization="both"),
    "improved": lambda: parent(ImprovedDDPM, **DDPMS),
    "edm": lambda: parent(EDM),
    "flow": lambda: parent(RectifiedFlow),
}


@pytest.mark.parametrize("cls", [DPMSolver, Heun])
@pytest.mark.parametrize("name", PARENTS)
def test_it_samples_every_kind_of_diffusion(cls: type, name: str) -> None:
    model = cls(cls.Config(steps=4), SPEC, ddpm=PARENTS[name]()).eval()
    torch.manual_seed(1)
    z = model.latents(2)
    torch.manual_seed(1)
    drawn = model.sample(2)
    assert torch.equal(drawn, model.decode(z))
    assert drawn.shape == (2, 1, 16, 16)
    assert drawn.abs().max() <= 1
    assert model.optimizers() == {}
    assert list(model.losses({"image": drawn}, Progress(0))) == []


@pytest.mark.parametrize("parameterization", ["eps", "v", "both"])
def test_the_denoiser_of_a_ddpm_is_its_guess_at_the_steps(parameterization: str) -> None:
    """At the noise level of step t, on x_t over its scale, `denoise` is `predict_x0`."""
    model = parent(DDPM, **DDPMS, parameterization=parameterization)
    t, x = torch.tensor([0, 7, 30, 48]), torch.randn(4, 1, 16, 16)
    a = model.alpha_bar[t]
    x_t = a.sqrt().view(4, 1, 1, 1) * x
    sigma = ((1 - a) / a).sqrt()
    torch.testing.assert_close(model.denoise(x, sigma), model.predict_x0(x_t, t), atol=2e-3, rtol=1e-3)
    low, high = model.sigma_range
    assert low == pytest.approx(((1 - model.alpha_bar[0]) / model.alpha_bar[0]).sqrt().item(), rel=1e-3)
    assert high > 100


@pytest.mark.parametrize("cls", [DPMSolver, Heun])
def test_samples_of_a_known_denoiser_have_the_moments_of_the_data(cls: type) -> None:
    teacher, data = PARENTS["ddpm"](), Gaussian(0.1, 0.2)
    teacher.denoise = data.denoise  # type: ignore[assignment]
    model = cls(cls.Config(steps=18, sigma_max=80.0), SPEC, ddpm=teacher)
    torch.manual_seed(2)
    x = model.sample(100)
    assert x.mean().item() == pytest.approx(0.1, abs=0.01)
    assert x.std().item() == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(("cls", "who"), [(DPMSolver, r"DPM-Solver\+\+'s"), (Heun, "EDM's sampler's")])
def test_more_steps_than_the_parent_has_are_refused(cls: type, who: str) -> None:
    with pytest.raises(ValueError, match=f"{who} steps is 51; it must be 1 to the 50 timesteps of its parent"):
        cls(cls.Config(steps=51), SPEC, ddpm=PARENTS["ddpm"]())


def test_a_parent_that_is_no_diffusion_is_refused() -> None:
    other = Model()
    other.title = "GAN"  # type: ignore[misc]
    with pytest.raises(ValueError, match="samples a diffusion model or a flow, and GAN is neither"):
        DPMSolver(DPMSolver.Config(), SPEC, ddpm=other)
