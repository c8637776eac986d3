"""WGAN-GP: algorithm 1, the penalty, the order of updates."""

import pytest
import torch
from torch import nn

from paragone.models.base import Progress, Spec, Update
from paragone.models.gan.wgan_gp import WGANGP

X = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(**config: object) -> WGANGP:
    torch.manual_seed(0)
    return WGANGP(WGANGP.Config(width=4, **config), Spec((3, 16, 16)))  # type: ignore[arg-type]


def test_the_critic_loss_is_equation_3() -> None:
    model = build(norm=False)
    torch.manual_seed(1)
    update = next(model.losses({"image": X}, Progress(0)))
    torch.manual_seed(1)
    with torch.no_grad():
        fake = model.sample(len(X))
    eps = torch.rand(len(X), 1, 1, 1)
    x_hat = (eps * X + (1 - eps) * fake).requires_grad_()
    model.D(x_hat).sum().backward(inputs=[x_hat])
    assert x_hat.grad is not None
    norms = torch.stack([g.square().sum().sqrt() for g in x_hat.grad])
    penalty = ((norms - 1) ** 2).mean()
    distance = model.D(X).mean() - model.D(fake).mean()
    torch.testing.assert_close(update.loss, 10 * penalty - distance)
    torch.testing.assert_close(update.logs["distance"], distance.detach())
    torch.testing.assert_close(update.logs["penalty"], penalty)


def test_the_critics_gradient_matches_finite_differences_through_the_penalty() -> None:
    model = build(norm=False, penalty=100.0)
    # the penalty is smooth in the last layer's weights; in earlier layers it jumps with LeakyReLU's slopes
    weight = model.D.layers[-2].weight

    def loss() -> torch.Tensor:
        torch.manual_seed(1)
        return next(model.losses({"image": X}, Progress(0))).loss

    loss().backward(inputs=list(model.D.parameters()))
    assert weight.grad is not None
    direction = weight.grad / weight.grad.norm()
    step = 1e-2
    with torch.no_grad():
        weight += step * direction
    up = loss().item()
    with torch.no_grad():
        weight -= 2 * step * direction
    assert (up - loss().item()) / (2 * step) == pytest.approx(weight.grad.norm().item(), rel=2e-2)
    assert all(p.grad is None for p in model.G.parameters())


def names(model: WGANGP, step: int) -> list[str]:
    return [u.optimizer for u in model.losses({"image": X}, Progress(step))]


def test_the_generator_is_updated_after_every_fifth_critic_update() -> None:
    model = build()
    orders = [names(model, step) for step in range(10)]
    assert orders == ([["critic"]] * 4 + [["critic", "generator"]]) * 2


def test_the_generators_loss_is_the_negative_score_and_leaves_the_critic_alone() -> None:
    model = build(n_critic=1, norm=False)
    updates = model.losses({"image": X}, Progress(0))
    next(updates)
    state = torch.get_rng_state()
    update = next(updates)
    torch.set_rng_state(state)
    torch.testing.assert_close(update.loss, -model.D(model.sample(len(X))).mean())
    update.loss.backward(inputs=list(model.G.parameters()))
    assert all(p.grad is None for p in model.D.parameters())
    assert all(p.grad is not None for p in model.G.parameters())


def test_a_lazy_penalty_is_rarer_and_as_much_stronger() -> None:
    lazy, model = build(penalty_every=3, norm=False), build(norm=False)

    def critic(model: WGANGP, step: int) -> Update:
        torch.manual_seed(1)
        return next(model.losses({"image": X}, Progress(step)))

    every = critic(model, 0)
    torch.testing.assert_close(critic(lazy, 3).loss, every.loss + 2 * 10 * every.logs["penalty"])
    torch.testing.assert_close(critic(lazy, 4).loss, -every.logs["distance"])
    assert "penalty" not in critic(lazy, 4).logs


def test_the_critic_has_no_batch_normalisation() -> None:
    assert not any(isinstance(m, nn.BatchNorm2d) for m in build().D.modules())


def test_the_optimisers_are_the_papers() -> None:
    for optimizer in build().optimizers().values():
        assert optimizer.defaults["lr"] == 1e-4
        assert optimizer.defaults["betas"] == (0.0, 0.9)


def test_a_penalty_with_a_step_of_its_own_is_corrected_as_stylegan2_does() -> None:
    model, joint = build(penalty_every=3, penalty_step="own", norm=False), build(penalty_every=3, norm=False)
    assert names(model, 0) == names(model, 3) == ["critic", "critic"]
    assert names(model, 1) == ["critic"]
    torch.manual_seed(1)
    critic, penalty = model.losses({"image": X}, Progress(0))
    torch.manual_seed(1)
    torch.testing.assert_close(critic.loss + penalty.loss, next(joint.losses({"image": X}, Progress(0))).loss)
    rates = {name: (o.defaults["lr"], o.defaults["betas"]) for name, o in model.optimizers().items()}
    assert rates == {"critic": (pytest.approx(0.75e-4), (0.0, pytest.approx(0.9**0.75))), "generator": (1e-4, (0, 0.9))}


def test_layer_normalisation_is_over_each_image_alone() -> None:
    model = build(critic_norm="layer")
    layers = list(model.D.layers)
    norms = [i for i, m in enumerate(layers) if isinstance(m, nn.GroupNorm)]
    assert len(norms) == 1  # 16 px: two convolutions before the last, of which the first has none
    h = model.D.layers[: norms[0]](X)
    expected = (h - h.mean((1, 2, 3), keepdim=True)) / (h.var((1, 2, 3), keepdim=True, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(layers[norms[0]](h), expected)
    assert layers[norms[0]].weight.shape == (h.shape[1],)  # a gain per channel


def test_the_generator_may_have_a_rate_of_its_own() -> None:
    rates = {name: o.defaults["lr"] for name, o in build(generator_lr=4e-4).optimizers().items()}
    assert rates == {"critic": 1e-4, "generator": 4e-4}
