"""WGAN: algorithm 1, the box, the order of updates."""

import pytest
import torch
from torch import nn

from paragone.models.base import Progress, Spec
from paragone.models.gan.wgan import WGAN

X = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(**config: object) -> WGAN:
    torch.manual_seed(0)
    return WGAN(WGAN.Config(width=4, **config), Spec((3, 16, 16)))  # type: ignore[arg-type]


def test_the_critic_ascends_the_difference_of_the_mean_scores() -> None:
    model = build(norm=False)
    torch.manual_seed(1)
    update = next(model.losses({"image": X}, Progress(0)))
    torch.manual_seed(1)
    with torch.no_grad():
        fake = model.sample(len(X))
    scores = [sum(model.D(image[None]).item() for image in images) / 6 for images in (X, fake)]
    assert update.optimizer == "critic"
    assert update.loss.item() == pytest.approx(scores[1] - scores[0], abs=1e-5)
    assert update.logs["distance"].item() == pytest.approx(scores[0] - scores[1], abs=1e-5)
    update.loss.backward(inputs=list(model.D.parameters()))
    assert all(p.grad is None for p in model.G.parameters())


def test_clipping_follows_each_step_of_the_critic_and_takes_its_every_parameter() -> None:
    model = build(clip=0.02)
    before = [p.detach().clone() for p in model.D.parameters()]
    generator = [p.detach().clone() for p in model.G.parameters()]
    updates = model.losses({"image": X}, Progress(0))
    next(updates)
    assert all(torch.equal(a, b) for a, b in zip(before, model.D.parameters(), strict=True))  # not before its step
    list(updates)
    for old, new in zip(before, model.D.parameters(), strict=True):
        torch.testing.assert_close(new.detach(), old.clamp(-0.02, 0.02), rtol=0, atol=0)
    assert all(torch.equal(a, b) for a, b in zip(generator, model.G.parameters(), strict=True))
    assert any(isinstance(m, nn.BatchNorm2d) and (m.weight == 0.02).all() for m in model.D.modules())


def test_real_and_generated_images_are_normalised_apart() -> None:
    model = build()
    seen: list[int] = []
    model.D.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    next(model.losses({"image": X}, Progress(0)))
    assert seen == [6, 6]


def test_the_generator_is_updated_after_every_fifth_critic_update() -> None:
    model = build()
    orders = [[u.optimizer for u in model.losses({"image": X}, Progress(step))] for step in range(10)]
    assert orders == ([["critic"]] * 4 + [["critic", "generator"]]) * 2


def test_the_generators_loss_is_the_negative_score() -> None:
    model = build(n_critic=1, norm=False)
    updates = model.losses({"image": X}, Progress(0))
    next(updates)
    state = torch.get_rng_state()
    update = next(updates)
    torch.set_rng_state(state)
    torch.testing.assert_close(update.loss, -model.D(model.sample(len(X))).sum() / 6)


def test_the_optimisers_are_the_papers() -> None:
    for optimizer in build().optimizers().values():
        assert isinstance(optimizer, torch.optim.RMSprop)
        assert optimizer.defaults["lr"] == 5e-5
        assert optimizer.defaults["momentum"] == 0


@pytest.mark.parametrize(("key", "value"), [("clip", 0.0), ("clip", -0.01), ("n_critic", 0)])
def test_a_box_or_a_rhythm_that_cannot_be_is_refused(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{key} is {value}; it must be"):
        build(**{key: value})


def test_the_generator_may_have_a_rate_of_its_own() -> None:
    rates = {name: o.defaults["lr"] for name, o in build(generator_lr=1e-3).optimizers().items()}
    assert rates == {"critic": 5e-05, "generator": 1e-3}
