"""Strided sampling: what it asks of its parents, DDPM and Improved DDPM."""

import pytest
import torch

from paragone.models.base import Spec
from paragone.models.diffusion.ddim import DDIM
from paragone.models.diffusion.ddpm import DDPM
from paragone.models.diffusion.edm import EDM
from paragone.models.diffusion.improved_ddpm import ImprovedDDPM
from paragone.models.diffusion.strided import Strided

SPEC = Spec((1, 16, 16))
SMALL = {"width": 8, "multipliers": (1, 2), "blocks": 1, "attention": (8,), "timesteps": 12}


def parent(cls: type, **config: object) -> torch.nn.Module:
    torch.manual_seed(0)
    model = cls(cls.Config(**SMALL, **config), SPEC).eval()
    for p in model.net.parameters():
        torch.nn.init.normal_(p, std=0.1)
    return model


@pytest.mark.parametrize(("cls", "parameterization"), [(DDPM, "eps"), (DDPM, "both"), (ImprovedDDPM, "eps")])
def test_all_the_steps_are_the_parents_own_sampler(cls: type, parameterization: str) -> None:
    model, drawn = parent(cls, parameterization=parameterization), []
    for sampler in (model, Strided(Strided.Config(steps=12), SPEC, ddpm=model)):
        torch.manual_seed(1)
        drawn.append(sampler.sample(2))  # type: ignore[operator]
    torch.testing.assert_close(drawn[0], drawn[1], atol=1e-3, rtol=1e-3)


def test_it_is_improved_ddpms_short_sampler() -> None:
    model = parent(ImprovedDDPM)
    short = ImprovedDDPM(ImprovedDDPM.Config(**SMALL, sampling_steps=5), SPEC).eval()
    short.net.load_state_dict(model.net.state_dict())
    drawn = []
    for sampler in (short, Strided(Strided.Config(steps=5), SPEC, ddpm=model)):
        torch.manual_seed(1)
        drawn.append(sampler.sample(2))
    assert torch.equal(drawn[0], drawn[1])


@pytest.mark.parametrize("variance", ["large", "small"])
def test_fixed_variances_are_those_of_the_strided_process(variance: str) -> None:
    model = DDPM(DDPM.Config(**SMALL, variance=variance), SPEC).eval()  # type: ignore[arg-type]
    short = Strided(Strided.Config(steps=5), SPEC, ddpm=model)
    _, logvar = model.reverse(torch.zeros(1, 1, 16, 16), torch.tensor([3]), short.process)
    a, before = model.alpha_bar[[8, 5]]  # the fourth of 0, 3, 5, 8, 11 and the one before
    beta = 1 - a / before
    expected = beta if variance == "large" else beta * (1 - before) / (1 - a)
    assert logvar.exp().item() == pytest.approx(expected.item(), rel=1e-4)


def test_more_steps_than_the_parent_has_are_refused() -> None:
    with pytest.raises(ValueError, match="sampling steps is 13; it must be 2 to the 12 of the training"):
        Strided(Strided.Config(steps=13), SPEC, ddpm=parent(DDPM))


@pytest.mark.parametrize(("cls", "words"), [(DDIM, "DDIM samples a DDPM"), (Strided, "strided sampling is of a DDPM")])
def test_a_parent_without_steps_is_named(cls: type, words: str) -> None:
    cfg = EDM.Config(**{key: value for key, value in SMALL.items() if key != "timesteps"})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=f"{words}.*, and its parent EDM is none; name another as ddpm"):
        cls(cls.Config(steps=2), SPEC, ddpm=EDM(cfg, SPEC))
