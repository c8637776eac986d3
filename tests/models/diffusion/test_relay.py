"""The relay: what is noised, what is refined, and what it refuses."""

import pytest
import torch

from paragone.models.base import Progress, Spec
from paragone.models.diffusion.ddim import DDIM
from paragone.models.diffusion.ddpm import DDPM
from paragone.models.diffusion.edm import EDM
from paragone.models.diffusion.relay import Relay
from paragone.models.gan.cgan import CGAN
from paragone.models.gan.dcgan import DCGAN

SPEC = Spec((1, 16, 16), 3)
SMALL = {"width": 8, "multipliers": (1, 2), "blocks": 1, "attention": (8,)}


@pytest.fixture
def ddpm() -> DDPM:
    torch.manual_seed(0)
    model = DDPM(DDPM.Config(**SMALL, timesteps=12), SPEC).eval()  # type: ignore[arg-type]
    for p in model.net.parameters():
        torch.nn.init.normal_(p, std=0.1)
    return model


@pytest.fixture
def gan() -> DCGAN:
    return DCGAN(DCGAN.Config(width=4), SPEC).eval()


def build(ddpm: torch.nn.Module, gan: torch.nn.Module, **config: object) -> Relay:
    return Relay(Relay.Config(**config), SPEC, gan=gan, ddpm=ddpm).eval()  # type: ignore[arg-type]


def test_from_the_last_step_the_refinement_is_ddim(ddpm, gan) -> None:
    """Noise at the last step hides the image: what the relay does from there is DDIM from the same x_T."""
    model, x = build(ddpm, gan, start=1.0, steps=4), torch.rand(2, 1, 16, 16)
    torch.manual_seed(1)
    refined = model.refine(x)
    torch.manual_seed(1)
    x_t = ddpm.process.diffuse(x, torch.tensor([11, 11]), torch.randn_like(x))
    assert torch.equal(refined, DDIM(DDIM.Config(steps=4), SPEC, ddpm=ddpm).decode(x_t))


def test_one_step_is_the_guess_from_the_noised_image(ddpm, gan) -> None:
    model = build(ddpm, gan, start=0.5, steps=1)
    torch.manual_seed(1)
    drawn = model.sample(2)
    torch.manual_seed(1)
    x, a = gan.sample(2), ddpm.alpha_bar[5]  # the sixth of twelve steps
    x_t = a.sqrt() * x + (1 - a).sqrt() * torch.randn_like(x)
    torch.testing.assert_close(drawn, ddpm.predict_x0(x_t, torch.tensor([5, 5])))


def test_less_noise_keeps_more_of_the_image(ddpm, gan) -> None:
    ddpm.net.forward = lambda x, t: torch.zeros_like(x)  # the image over its scale
    x = gan.sample(8).detach()
    torch.manual_seed(1)
    near, far = (build(ddpm, gan, start=s, steps=1).refine(x).sub(x).abs().mean() for s in (0.1, 0.9))
    assert near < far


def test_it_trains_nothing_and_takes_labels_where_its_gan_does(ddpm, gan) -> None:
    model = build(ddpm, gan)
    assert model.optimizers() == {}
    assert list(model.losses({"image": torch.zeros(1, 1, 16, 16)}, Progress(0))) == []
    assert model.needs == {"image"}
    labelled = build(ddpm, CGAN(CGAN.Config(hidden=(8, 8, 8), units=(4, 2, 4)), SPEC).eval())
    assert labelled.needs == {"image", "label"}
    assert labelled.sample(2, torch.tensor([0, 2])).shape == (2, 1, 16, 16)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"start": 0.0}, "start is 0.0; it must be above 0 and at most 1"),
        ({"start": 1.2}, "start is 1.2; it must be above 0 and at most 1"),
        ({"start": 0.25, "steps": 4}, "steps is 4; it must be 1 to the 3 timesteps up to its start"),
        ({"steps": 0}, "steps is 0; it must be 1 to the 6 timesteps"),
    ],
)
def test_impossible_settings_are_refused(ddpm, gan, config, words) -> None:
    with pytest.raises(ValueError, match=words):
        build(ddpm, gan, **config)


def test_parents_of_another_size_or_kind_are_refused(ddpm, gan) -> None:
    with pytest.raises(ValueError, match=r"ddpm makes images \(1, 16, 16\), the data set has \(1, 32, 32\)"):
        Relay(Relay.Config(), Spec((1, 32, 32)), gan=gan, ddpm=ddpm)
    larger = DCGAN(DCGAN.Config(width=4), Spec((1, 32, 32))).eval()
    with pytest.raises(ValueError, match=r"gan makes images \(1, 32, 32\), its ddpm \(1, 16, 16\)"):
        build(ddpm, larger).sample(1)
    with pytest.raises(ValueError, match="refines by a DDPM, and its parent EDM is none"):
        build(EDM(EDM.Config(**SMALL), SPEC), gan)  # type: ignore[arg-type]
