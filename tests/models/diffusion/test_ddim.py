"""DDIM: eq. 12 and 16, DDPM as its special case, and determinism."""

import pytest
import torch

from paragone.models.base import Progress, Spec
from paragone.models.diffusion.ddim import DDIM, times
from paragone.models.diffusion.ddpm import DDPM

SPEC = Spec((1, 16, 16))


@pytest.fixture
def parent() -> DDPM:
    return ddpm()


def ddpm(**config: object) -> DDPM:
    torch.manual_seed(0)
    small = {"width": 8, "multipliers": (1, 2), "blocks": 1, "attention": (8,), "timesteps": 12, "variance": "small"}
    model = DDPM(DDPM.Config(**{**small, **config}), SPEC).eval()  # type: ignore[arg-type]
    for p in model.net.parameters():
        torch.nn.init.normal_(p, std=0.1)
    return model


def build(parent: DDPM, **config: object) -> DDIM:
    return DDIM(DDIM.Config(**config), SPEC, ddpm=parent).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize("now", [1, 5, 11])
def test_all_steps_with_all_the_noise_are_ddpms_posterior(parent, now):
    model, x = build(parent, steps=12, eta=1.0), torch.randn(2, 1, 16, 16)
    t = torch.full((2,), now)
    mean, sigma = model.step(x, now, now - 1)
    torch.testing.assert_close(mean, parent.process.posterior_mean(parent.predict_x0(x, t), x, t), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(sigma, (0.5 * parent.process.posterior_logvar[now]).exp(), atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("parameterization", ["eps", "v", "both"])
def test_all_steps_with_all_the_noise_sample_what_ddpm_samples(parameterization):
    parent = ddpm(parameterization=parameterization)
    torch.manual_seed(1)
    ours = build(parent, steps=12, eta=1.0).sample(2)
    torch.manual_seed(1)
    torch.testing.assert_close(ours, parent.sample(2), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("eta", [0.0, 0.5])
def test_a_step_is_equation_12(parent, eta):
    model, x, a, b = build(parent, steps=4, eta=eta), torch.randn(2, 1, 16, 16), *parent.alpha_bar[[9, 4]]
    mean, sigma = model.step(x, 9, 4)
    guess = parent.predict_x0(x, torch.full((2,), 9))
    eps = (x - a.sqrt() * guess) / (1 - a).sqrt()
    expected = eta * ((1 - b) / (1 - a)).sqrt() * (1 - a / b).sqrt()  # eq. 16
    torch.testing.assert_close(sigma, expected)
    torch.testing.assert_close(mean, b.sqrt() * guess + (1 - b - expected**2).sqrt() * eps)


@pytest.mark.parametrize("clip", ["both", "image", "none"])
def test_what_clipping_changes_in_a_step(parent, clip):
    """`none` is generalized_steps of the authors' code; the others put a clipped image into it."""
    for p in parent.net.parameters():
        torch.nn.init.normal_(p, std=0.3)  # of guesses beyond the range
    model, x, a, b = build(parent, steps=4, clip=clip), torch.randn(2, 1, 16, 16), *parent.alpha_bar[[9, 4]]
    with torch.no_grad():
        eps = parent.net(x, parent.process.times[torch.full((2,), 9)])
        mean, _ = model.step(x, 9, 4)
    image = (x - (1 - a).sqrt() * eps) / a.sqrt()
    assert image.abs().max() > 1.1
    if clip != "none":
        image = image.clamp(-1, 1)
    if clip == "both":
        eps = (x - a.sqrt() * image) / (1 - a).sqrt()
    torch.testing.assert_close(mean, b.sqrt() * image + (1 - b).sqrt() * eps, atol=1e-4, rtol=1e-4)
    assert model.sample(2).abs().max() <= 1


def test_without_noise_the_image_follows_from_the_first_draw(parent):
    model = build(parent, steps=5)
    torch.manual_seed(1)
    drawn = model.sample(2)
    torch.manual_seed(1)
    x = torch.randn(2, 1, 16, 16)
    for now, then in ((11, 8), (8, 6), (6, 3), (3, 0), (0, -1)):
        x, sigma = model.step(x, now, then)
        assert sigma == 0
    assert torch.equal(drawn, x)
    assert drawn.abs().max() <= 1


@pytest.mark.parametrize(
    ("steps", "total", "spacing", "expected"),
    [
        (5, 1000, "linear", [0, 250, 500, 749, 999]),
        (5, 1000, "quadratic", [0, 62, 250, 562, 999]),
        (1, 1000, "linear", [999]),
        (10, 10, "linear", list(range(10))),
    ],
)
def test_sub_sequences(steps, total, spacing, expected):
    assert times(steps, total, spacing).tolist() == expected


def test_one_step_is_the_parents_guess_from_noise(parent):
    torch.manual_seed(1)
    drawn = build(parent, steps=1).sample(2)
    torch.manual_seed(1)
    torch.testing.assert_close(drawn, parent.predict_x0(torch.randn(2, 1, 16, 16), torch.tensor([11, 11])))


def test_it_trains_nothing_and_holds_its_parent_once(parent):
    model = build(parent, steps=5)
    assert model.optimizers() == {}
    assert list(model.losses({"image": torch.zeros(1, 1, 16, 16)}, Progress(0))) == []
    assert not [k for k in model.state_dict() if not k.startswith("frozen.ddpm.") and k != "times"]


@pytest.mark.parametrize("steps", [0, 13])
def test_more_steps_than_the_parent_has_are_refused(parent, steps):
    with pytest.raises(ValueError, match=f"DDIM's steps is {steps}; it must be 1 to the 12 timesteps of its parent"):
        build(parent, steps=steps)
