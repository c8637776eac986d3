"""Improved DDPM: eq. 15, 16 and 18, where the gradients go, importance sampling, and sampling in few steps."""

import copy
import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from paragone.models.base import Progress, Spec
from paragone.models.diffusion.improved_ddpm import Importance, ImprovedDDPM
from paragone.models.layers.functional import cosine_betas

SMALL = {"width": 8, "multipliers": (1, 2), "blocks": 1, "attention": (8,), "heads": 2, "dropout": 0.0, "timesteps": 10}
X = torch.randint(256, (4, 1, 16, 16), generator=torch.Generator().manual_seed(0)) / 127.5 - 1


def build(shape: tuple[int, int, int] = (1, 16, 16), **config: object) -> ImprovedDDPM:
    torch.manual_seed(0)
    model = ImprovedDDPM(ImprovedDDPM.Config(**{**SMALL, **config}), Spec(shape)).eval()  # type: ignore[arg-type]
    for p in model.net.parameters():  # a network that says something
        torch.nn.init.normal_(p, std=0.1)
    return model


def terms(model: ImprovedDDPM, t: torch.Tensor, eps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """L_simple and T L_t in bits per dimension of each image of X, from the definitions."""
    betas = cosine_betas(10)
    simple, vlb = [], []
    for x, k, e in zip(X.double(), t.tolist(), eps.double(), strict=True):
        a, before = (1 - betas[: k + 1]).prod(), (1 - betas[:k]).prod()
        x_t = a.sqrt() * x + (1 - a).sqrt() * e
        pred, place = model.net(x_t[None].float(), torch.tensor([100.0 * k]))[0].double().chunk(2, 0)
        weight_x, weight_t = before.sqrt() * betas[k] / (1 - a), (1 - betas[k]).sqrt() * (1 - before) / (1 - a)
        guess = (x_t - (1 - a).sqrt() * pred) / a.sqrt()
        i = max(k, 1)  # the first step's posterior variance is 0; that of the second bounds it
        tilde = betas[i] * (1 - (1 - betas[:i]).prod()) / (1 - (1 - betas[: i + 1]).prod())
        v = (place + 1) / 2
        p = Normal(weight_x * guess + weight_t * x_t, (v * betas[k].log() + (1 - v) * tilde.log()).exp().sqrt())
        if k:
            nats = kl_divergence(Normal(weight_x * x + weight_t * x_t, tilde.sqrt()), p)
        else:
            upper = torch.where(x > 254 / 255, 1.0, p.cdf(x + 1 / 255))
            nats = -(upper - torch.where(x < -254 / 255, 0.0, p.cdf(x - 1 / 255))).clamp(min=1e-30).log()
        simple.append((pred - e).square().mean())
        vlb.append(10 * nats.mean() / math.log(2))
    return torch.stack(simple), torch.stack(vlb)


def test_the_hybrid_loss_is_equation_16() -> None:
    model = build(vlb_weight=0.01)
    torch.manual_seed(3)
    (update,) = model.losses({"image": X}, Progress(0))
    torch.manual_seed(3)
    t, eps = torch.randint(10, (4,)), torch.randn_like(X)
    simple, vlb = terms(model, t, eps)
    torch.testing.assert_close(update.loss.double(), (simple + 0.01 * vlb).mean(), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(update.logs["vlb"].double(), vlb.mean(), rtol=1e-3, atol=1e-4)


def test_the_first_steps_term_is_the_decoders() -> None:
    model, t = build(objective="vlb"), torch.zeros(4).long()
    model._times = lambda x: (t, torch.ones(4))  # type: ignore[method-assign]
    for p in model.net.parameters():  # small enough words for float64's cdf: a mean near the image
        torch.nn.init.zeros_(p)
    torch.manual_seed(3)
    (update,) = model.losses({"image": X}, Progress(0))
    torch.manual_seed(3)
    torch.testing.assert_close(update.loss.double(), terms(model, t, torch.randn_like(X))[1].mean(), rtol=1e-3, atol=0)


@pytest.mark.parametrize("place", [-1.0, 0.0, 1.0])
def test_the_variance_lies_between_the_two_on_a_log_scale(place: float) -> None:
    model, t = build(), torch.tensor([1, 4, 9])
    model.net.forward = lambda x, t: torch.full((len(x), 2, 16, 16), place)  # type: ignore[method-assign]
    _, logvar = model.reverse(torch.zeros(3, 1, 16, 16), t)
    betas = cosine_betas(10)
    for pred, k in zip(logvar, t.tolist(), strict=True):
        tilde = betas[k] * (1 - (1 - betas[:k]).prod()) / (1 - (1 - betas[: k + 1]).prod())
        expected = betas[k] ** ((place + 1) / 2) * tilde ** ((1 - place) / 2)
        assert pred.exp().flatten()[0].item() == pytest.approx(expected.item(), rel=1e-4)


def test_the_bounds_gradient_does_not_reach_the_mean() -> None:
    for objective, reached in (("hybrid", False), ("vlb", True)):
        model = build(objective=objective, vlb_weight=1.0)
        pred = torch.zeros(4, 2, 16, 16, requires_grad=True)
        model.net.forward = lambda x, t, pred=pred: pred  # type: ignore[method-assign]
        (update,) = model.losses({"image": X}, Progress(0))
        simple = update.logs["simple"] if objective == "hybrid" else 0.0
        (grad,) = torch.autograd.grad(update.loss - simple, pred)
        mean, variance = grad.chunk(2, 1)
        assert bool(mean.any()) == reached
        assert variance.any()


def test_importance_sampling_draws_in_proportion_to_the_root_mean_square() -> None:
    sampler = Importance(4)
    sampler.history.copy_(torch.tensor([1.0, 2.0, 3.0, 10.0])[:, None] * torch.tensor([1.0, -1.0]).repeat(5))
    sampler.count.fill_(10)
    expected = 0.999 * torch.tensor([1.0, 2, 3, 10]) / 16 + 0.001 / 4
    torch.testing.assert_close(sampler.probabilities().float(), expected)
    torch.manual_seed(0)
    t, weight = sampler.draw(20_000)
    assert torch.bincount(t, minlength=4) / 20_000 == pytest.approx(expected, abs=0.01)
    torch.testing.assert_close(weight, 1 / (4 * expected[t]))
    loss = torch.tensor([5.0, -1.0, 2.0, 7.0])
    assert (weight * loss[t]).mean().item() == pytest.approx(loss.mean().item(), abs=0.1)  # unbiased


def test_it_draws_uniformly_until_every_time_has_ten_losses() -> None:
    sampler = Importance(3)
    for i in range(9):
        sampler.learn(torch.arange(3), torch.tensor([1.0, 2.0, 3.0]) + i)
    sampler.learn(torch.tensor([0, 1]), torch.tensor([1.0, 1.0]))
    torch.testing.assert_close(sampler.probabilities().float(), torch.full((3,), 1 / 3))
    sampler.learn(torch.tensor([2]), torch.tensor([50.0]))
    assert sampler.probabilities().argmax() == 2


def test_it_remembers_the_last_ten_losses_of_a_time_and_no_other() -> None:
    sampler = Importance(2)
    sampler.learn(torch.zeros(4).long(), torch.arange(4.0))
    sampler.learn(torch.tensor([0] * 13 + [1]), torch.cat([torch.arange(4.0, 17.0), torch.tensor([99.0])]))
    assert sorted(sampler.history[0].tolist()) == list(range(7, 17))
    assert sampler.history[1].tolist() == [99.0] + [0.0] * 9
    assert sampler.count.tolist() == [17, 1]


def test_what_it_remembers_is_state_and_weighs_the_loss() -> None:
    model = build(objective="vlb", sampler="importance", timesteps=3)
    assert model.importance is not None
    for step in range(15):
        list(model.losses({"image": X}, Progress(step)))
    assert (model.importance.count >= 10).all()
    twin = build(objective="vlb", sampler="importance", timesteps=3)
    twin.load_state_dict(copy.deepcopy(model.state_dict()))
    updates = []
    for each in (model, twin):
        torch.manual_seed(5)
        updates += list(each.losses({"image": X}, Progress(15)))
    assert torch.equal(updates[0].loss, updates[1].loss)
    torch.testing.assert_close(updates[0].loss, updates[0].logs["vlb"])


def test_the_networks_second_half_is_the_variance_of_each_channel() -> None:
    model = build((3, 16, 16))
    mean, logvar = model.reverse(torch.randn(2, 3, 16, 16), torch.tensor([2, 7]))
    assert mean.shape == logvar.shape == (2, 3, 16, 16)
    assert logvar.std() > 0


def test_sampling_visits_the_steps_asked_for() -> None:
    model, seen = build(sampling_steps=4), []
    net = model.net.forward
    model.net.forward = lambda x, t: seen.append(t[0].item()) or net(x, t)  # type: ignore[method-assign, func-returns-value]
    assert model.sample(2).abs().max() <= 1
    assert seen == pytest.approx([900, 600, 300, 0])


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"timesteps": 1}, "timesteps is 1; it must be at least 2"),
        ({"sampling_steps": 11}, "sampling steps is 11; it must be 2 to the 10"),
        ({"vlb_weight": -1.0}, "vlb_weight is -1.0; it must not be negative"),
    ],
)
def test_what_cannot_be_built_is_refused(config: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(**config)
