"""Shared mathematics against few-line computations that share no code with it."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from paragone.models.layers import functional

REAL = torch.tensor([[2.0], [-0.5], [0.3]])
FAKE = torch.tensor([[-1.0], [0.7], [0.0]])


def test_logistic_losses_are_those_of_the_paper() -> None:
    d_real, d_fake = REAL.sigmoid(), FAKE.sigmoid()
    value = d_real.log().mean() + (1 - d_fake).log().mean()  # what D maximises
    torch.testing.assert_close(functional.logistic_discriminator_loss(REAL, FAKE), -value)
    torch.testing.assert_close(functional.nonsaturating_generator_loss(FAKE), -d_fake.log().mean())
    torch.testing.assert_close(functional.minimax_generator_loss(FAKE), (1 - d_fake).log().mean())


def test_logistic_losses_stay_finite_where_the_discriminator_is_sure() -> None:
    sure = torch.tensor([1e4])
    assert functional.logistic_discriminator_loss(-sure, sure).item() == 2e4
    assert functional.nonsaturating_generator_loss(-sure).item() == 1e4
    assert functional.minimax_generator_loss(-sure).item() == 0


def test_the_hinge_loss_is_that_of_the_paper() -> None:
    real, fake = [max(0, 1 - s) for s in (2.0, -0.5, 0.3)], [max(0, 1 + s) for s in (-1.0, 0.7, 0.0)]
    expected = sum(real) / 3 + sum(fake) / 3
    assert functional.hinge_discriminator_loss(REAL, FAKE).item() == pytest.approx(expected)


def test_losses_of_bfloat16_logits_are_float32() -> None:
    half = FAKE.bfloat16()
    assert functional.logistic_discriminator_loss(half, half).dtype == torch.float32
    assert functional.nonsaturating_generator_loss(half).dtype == torch.float32
    assert functional.hinge_discriminator_loss(half, half).dtype == torch.float32
    assert functional.gaussian_kl(half, half).dtype == torch.float32


def test_gradient_penalty_takes_the_norm_over_channels_height_and_width() -> None:
    weight = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))  # D(x) = <weight, x>: gradient = weight

    def critic(x: Tensor) -> Tensor:
        return (x * weight).sum((1, 2, 3))

    real, fake = torch.randn(5, 2, 3, 4), torch.randn(5, 2, 3, 4)
    expected = (math.sqrt((weight.double() ** 2).sum()) - 1) ** 2
    assert functional.gradient_penalty(critic, real, fake).item() == pytest.approx(expected, rel=1e-5)


def test_gradient_penalty_is_taken_between_real_and_fake_images() -> None:
    seen = []

    def critic(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return x.sum((1, 2, 3))

    torch.manual_seed(0)
    functional.gradient_penalty(critic, torch.full((64, 1, 2, 2), 3.0), torch.full((64, 1, 2, 2), 1.0))
    places = seen[0].flatten(1)
    assert (places == places[:, :1]).all()  # one place per image
    assert places.min() >= 1
    assert places.max() <= 3
    assert places[:, 0].unique().numel() == 64
    assert places.mean().item() == pytest.approx(2, abs=0.3)


def test_gradient_penalty_matches_finite_differences() -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    x = torch.randn(1, 3, 2, 2).double()
    slopes = torch.zeros(12, dtype=torch.double)
    for i in range(12):
        step = torch.zeros(12, dtype=torch.double)
        step[i] = 1e-5
        step = step.view_as(x)
        slopes[i] = (critic(x + step) - critic(x - step)).item() / 2e-5
    expected = (slopes.square().sum().sqrt() - 1).square().item()
    assert functional.gradient_penalty(critic.float(), x, x).item() == pytest.approx(expected, rel=1e-4)


def test_gradient_penalty_is_differentiable_twice_and_untouched_by_autocast() -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 1))
    x = torch.randn(4, 3, 2, 2)
    exact = functional.gradient_penalty(critic, x, x)
    with torch.autocast("cpu", torch.bfloat16):
        assert functional.gradient_penalty(critic, x, x).item() == exact.item()
    exact.backward(inputs=list(critic.parameters())[:1])
    assert critic[1].weight.grad.abs().sum() > 0


def test_gaussian_kl_matches_torch_distributions() -> None:
    mean, logvar = torch.randn(4, 7), torch.randn(4, 7)
    expected = kl_divergence(Normal(mean, (logvar / 2).exp()), Normal(0, 1)).sum(1)
    torch.testing.assert_close(functional.gaussian_kl(mean, logvar), expected)


def test_bernoulli_and_gaussian_log_likelihoods() -> None:
    x, a, b = torch.rand(3, 1, 4, 4), torch.randn(3, 1, 4, 4), torch.randn(3, 1, 4, 4)
    p = a.sigmoid()
    bernoulli = (x * p.log() + (1 - x) * (1 - p).log()).sum((1, 2, 3))
    torch.testing.assert_close(functional.bernoulli_log_likelihood(x, a), bernoulli)
    torch.testing.assert_close(
        functional.gaussian_log_likelihood(x, a, b), Normal(a, b.exp()).log_prob(x).sum((1, 2, 3))
    )


@pytest.mark.parametrize("mean", [-1.3, -1.0, 0.1, 0.99])
@pytest.mark.parametrize("log_scale", [-7.0, -2.0, 1.0])
def test_discretized_logistic_is_a_distribution_over_256_levels(mean: float, log_scale: float) -> None:
    levels = (torch.arange(256) / 127.5 - 1).view(256, 1, 1, 1)
    log_p = functional.discretized_logistic_log_likelihood(
        levels, torch.full_like(levels, mean), torch.full_like(levels, log_scale)
    )
    assert log_p.isfinite().all()
    assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_discretized_logistic_is_the_logistic_mass_of_the_bin() -> None:
    x = (torch.tensor([0.0, 1, 100, 254, 255]) / 127.5 - 1).double()
    mean, scale = torch.tensor(0.2).double(), 0.4

    def cdf(t: Tensor) -> Tensor:
        return 1 / (1 + (-(t - mean) / scale).exp())

    upper, lower = cdf(x + 1 / 255), cdf(x - 1 / 255)
    upper[-1], lower[0] = 1, 0
    got = functional.discretized_logistic_log_likelihood(
        x.view(-1, 1, 1, 1), mean.expand(5, 1, 1, 1), torch.full((5, 1, 1, 1), math.log(scale))
    )
    torch.testing.assert_close(got, (upper - lower).log().float(), rtol=1e-4, atol=1e-4)


def test_discretized_logistic_has_finite_gradients_at_the_edges() -> None:
    x = torch.tensor([-1.0, 1.0, 0.0]).view(1, 1, 1, 3)
    mean, log_scale = torch.zeros_like(x).requires_grad_(), torch.full_like(x, -7.0).requires_grad_()
    functional.discretized_logistic_log_likelihood(x, mean, log_scale).sum().backward()
    assert mean.grad is not None
    assert log_scale.grad is not None
    assert mean.grad.isfinite().all()
    assert log_scale.grad.isfinite().all()
