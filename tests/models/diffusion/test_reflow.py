"""Reflow: its pairs, its loss, its start, and one step along a straight path."""

import pytest
import torch

from paragone.models.base import Model, Progress, Spec
from paragone.models.diffusion.rectified_flow import RectifiedFlow
from paragone.models.diffusion.reflow import Reflow

SPEC = Spec((1, 16, 16))
SMALL = {"width": 8, "multipliers": (1, 2), "blocks": 1, "attention": (8,), "dropout": 0.0}
BATCH = {"image": torch.zeros(5, 1, 16, 16)}


@pytest.fixture
def flow() -> RectifiedFlow:
    torch.manual_seed(0)
    model = RectifiedFlow(RectifiedFlow.Config(**SMALL, steps=3), SPEC).eval()  # type: ignore[arg-type]
    for p in model.net.parameters():
        torch.nn.init.normal_(p, std=0.1)
    return model


def build(flow: torch.nn.Module, **config: object) -> Reflow:
    torch.manual_seed(1)
    settings = {"pairs": 7, "pair_steps": 3, "pair_batch": 4, **config}
    return Reflow(Reflow.Config(**settings), SPEC, flow=flow)  # type: ignore[arg-type]


def test_it_starts_as_its_parent(flow) -> None:
    model = build(flow, steps=3)
    z = model.latents(2)
    assert torch.equal(model.decode(z), flow.decode(z))


@pytest.mark.parametrize("distil", [False, True])
def test_the_loss_is_that_of_the_parents_pairs(flow, distil) -> None:
    model = build(flow, distil=distil)
    torch.manual_seed(2)
    update = next(model.losses(BATCH, Progress(0)))
    assert update.drawn == 7
    assert next(model.losses(BATCH, Progress(1))).drawn == 0
    noise = torch.randn(7, 1, 16, 16, generator=torch.Generator().manual_seed(int(model.seed)))
    image = noise
    for t in (0.0, 1 / 3, 2 / 3):
        image = image + flow.velocity(image, torch.full((7,), t)) / 3
    torch.manual_seed(2)
    chosen = torch.randint(7, (5,))
    t = torch.zeros(5) if distil else torch.rand(5)
    x_t = t.view(5, 1, 1, 1) * image[chosen] + (1 - t).view(5, 1, 1, 1) * noise[chosen]
    expected = (flow.velocity(x_t, t) - (image - noise)[chosen]).square().mean()  # the weights are still the parent's
    torch.testing.assert_close(update.loss, expected)


def test_a_resumed_run_makes_the_same_pairs(flow) -> None:
    first = build(flow)
    next(first.losses(BATCH, Progress(0)))
    again = build(flow)
    again.load_state_dict(first.state_dict())
    next(again.losses(BATCH, Progress(3)))
    assert first.made is not None
    assert again.made is not None
    assert torch.equal(first.made[1], again.made[1])


def test_a_parent_that_is_no_flow_is_refused() -> None:
    other = Model()
    other.title = "GAN"  # type: ignore[misc]
    with pytest.raises(ValueError, match="starts from a rectified flow, and its parent GAN is none"):
        build(other)
