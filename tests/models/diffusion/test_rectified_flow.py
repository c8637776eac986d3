"""Rectified flow: eq. 1, the velocity field of a Gaussian in two dimensions, sampling."""

import pytest
import torch

from paragone.models.base import Progress, Spec
from paragone.models.diffusion.rectified_flow import RectifiedFlow

SMALL = {"width": 8, "multipliers": (1, 2), "blocks": 1, "attention": (8,), "dropout": 0.0}
X = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(shape: tuple[int, int, int] = (1, 16, 16), **config: object) -> RectifiedFlow:
    torch.manual_seed(0)
    model = RectifiedFlow(RectifiedFlow.Config(**{**SMALL, "steps": 3, **config}), Spec(shape)).eval()  # type: ignore[arg-type]
    for p in model.net.parameters():
        torch.nn.init.normal_(p, std=0.1)
    return model


@pytest.mark.parametrize("times", ["uniform", "logit-normal"])
def test_the_loss_is_equation_1(times: str) -> None:
    model = build(times=times)
    torch.manual_seed(1)
    (update,) = model.losses({"image": X}, Progress(0))
    torch.manual_seed(1)
    t = torch.rand(4)
    if times == "logit-normal":
        t = 1 / (1 + torch.exp(-torch.randn(4)))
    noise = torch.randn_like(X)
    x_t = torch.stack([s * x + (1 - s) * e for s, x, e in zip(t, X, noise, strict=True)])
    torch.testing.assert_close(update.loss, (model.net(x_t, 1000 * t) - (X - noise)).square().mean())


MEAN, ROOT = torch.tensor([0.1, -0.2]), torch.tensor([[0.2, 0.0], [0.12, 0.1]])  # of x_1 ~ N(MEAN, ROOT ROOT^T)


def gaussian_velocity(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """v(x, t) = m + (t S - (1 - t) I) (t^2 S + (1 - t)^2 I)^-1 (x - t m), as x_1, x_0, x_t are jointly normal."""
    t, s, eye = t.view(-1, 1, 1) / 1000, ROOT @ ROOT.T, torch.eye(2)
    gain = (t * s - (1 - t) * eye) @ torch.linalg.inv(t**2 * s + (1 - t) ** 2 * eye)
    return (MEAN.view(2, 1) + gain @ (x.view(-1, 2, 1) - t * MEAN.view(2, 1))).view(-1, 2, 1, 1)


def test_the_known_velocity_of_a_gaussian_in_two_dimensions_minimises_the_loss() -> None:
    model = build((2, 1, 1), network="dit", multipliers=(1,), heads=1)
    image = (MEAN + torch.randn(50_000, 2, generator=torch.Generator().manual_seed(1)) @ ROOT.T).view(-1, 2, 1, 1)
    bends = {
        "none": lambda x, t: torch.zeros_like(x),
        "more": lambda x, t: 0.1 * torch.ones_like(x),
        "less": lambda x, t: -0.1 * torch.ones_like(x),
        "steeper": lambda x, t: 0.1 * x,
        "flatter": lambda x, t: -0.1 * x,
    }
    losses = {}
    for name, bend in bends.items():
        model.net.forward = lambda x, t, bend=bend: gaussian_velocity(x, t) + bend(x, t)  # type: ignore[method-assign]
        torch.manual_seed(2)
        (update,) = model.losses({"image": image}, Progress(0))
        losses[name] = update.loss.item()
    assert min(losses, key=lambda name: losses[name]) == "none"


def test_the_known_velocity_of_a_gaussian_leads_to_its_moments() -> None:
    model = build((2, 1, 1), network="dit", multipliers=(1,), heads=1, steps=40, solver="heun")
    model.net.forward = gaussian_velocity  # type: ignore[method-assign]
    torch.manual_seed(3)
    drawn = model.sample(20_000).view(-1, 2)
    torch.testing.assert_close(drawn.mean(0), MEAN, atol=0.006, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), ROOT @ ROOT.T, atol=0.002, rtol=0)


def test_sampling_is_eulers_method() -> None:
    model = build()
    torch.manual_seed(3)
    drawn = model.sample(2)
    torch.manual_seed(3)
    x = torch.randn(2, 1, 16, 16)
    for t in (0.0, 1 / 3, 2 / 3):
        x = x + model.net(x, torch.full((2,), 1000 * t)) / 3
    torch.testing.assert_close(drawn, x.clamp(-1, 1), atol=1e-5, rtol=1e-4)


def test_the_denoiser_is_the_expected_image() -> None:
    model, sigma = build(), torch.tensor([0.5, 3.0, 0.1, 80.0])
    model.net.forward = lambda x, t: torch.full_like(x, 0.25)  # type: ignore[method-assign]
    t = (1 / (1 + sigma)).view(4, 1, 1, 1)
    torch.testing.assert_close(model.denoise(X, sigma), (t * X + (1 - t) * 0.25).clamp(-1, 1))


def test_a_transformer_works_as_well() -> None:
    model = build((3, 32, 32), network="dit", width=16, patch=4, heads=2)
    assert model.sample(2).shape == (2, 3, 32, 32)


@pytest.mark.parametrize(
    ("shape", "config", "words"),
    [
        ((1, 16, 32), {}, "square images; these are 16 x 32"),
        ((1, 18, 18), {"patch": 4}, "images of 18 pixels do not suit patch 4 and 2 levels"),
        ((1, 18, 18), {"patch": 4, "network": "dit"}, "images of 18 pixels do not suit patch 4"),
        ((1, 16, 16), {"steps": 0}, "steps is 0; it must be at least 1"),
    ],
)
def test_what_cannot_be_built_is_refused(shape: tuple[int, int, int], config: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(shape, **config)
