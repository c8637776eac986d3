"""NVAE: residual posteriors, the balance and warm-up of KL, spectral regularisation, and the bound."""

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from paragone.models.base import Progress, Spec
from paragone.models.layers import logistic_mixture
from paragone.models.vae.nvae import NVAE, Conv, residual_kl, residual_log_ratio

X = torch.randint(256, (4, 1, 16, 16), generator=torch.Generator().manual_seed(0)) / 127.5 - 1


def build(shape: tuple[int, int, int] = (1, 16, 16), *, levels: int = 256, **config: object) -> NVAE:
    torch.manual_seed(0)
    small = {"scales": (1, 2), "z_dim": 2, "width": 4, "cells": 1, "expansion": 2, "components": 2, "halvings": 1}
    return NVAE(NVAE.Config(**{**small, **config}), Spec(shape, levels=levels))  # type: ignore[arg-type]


def test_the_divergence_of_residual_normals_is_equation_2() -> None:
    mu, shift, log_ratio, log_sigma = torch.randn(4, 5)
    q = Normal(mu + shift, (log_sigma + log_ratio).exp())
    expected = kl_divergence(q, Normal(mu, log_sigma.exp()))
    torch.testing.assert_close(residual_kl(shift, log_ratio, log_sigma), expected, atol=1e-5, rtol=1e-4)


def test_the_loss_weighs_kl_by_warm_up_and_balance() -> None:
    model = build(spectral=0.2, warm_up=0.5).eval()
    for kimg, beta in ((0.0, 1e-4), (0.25, 0.5), (0.6, 1.0)):
        torch.manual_seed(1)
        (update,) = model.losses({"image": X}, Progress(0, kimg, 1.0))
        torch.manual_seed(1)
        params, kls = model._run(4, x=X)
        gamma = torch.ones(3)
        if kimg < 0.5:
            gamma = torch.tensor([1.0, 4.0, 4.0]) * (kls.detach().mean(0) + 0.01)
            gamma = gamma / gamma.mean()
        convs = [m for m in model.modules() if isinstance(m, Conv)]
        spectral = sum(m.largest_singular_value() for m in convs)
        expected = beta * (gamma * kls.mean(0)).sum() - logistic_mixture.log_likelihood(X, params).mean()
        torch.testing.assert_close(update.loss, expected + 0.2 * spectral)


def test_the_largest_singular_value_converges_to_the_true_one() -> None:
    torch.manual_seed(0)
    conv = Conv(3, 5, 3).train()
    for _ in range(60):
        found = conv.largest_singular_value()
    torch.testing.assert_close(found, torch.linalg.matrix_norm(conv.weight.flatten(1), 2), rtol=1e-3, atol=0)
    depthwise = Conv(4, 4, 5, groups=4)
    assert depthwise(torch.randn(1, 4, 6, 6)).shape == (1, 4, 6, 6)
    before = conv.eval().u.clone()
    conv.largest_singular_value()
    assert torch.equal(conv.u, before)


def test_the_bound_is_the_likelihood_less_all_divergences() -> None:
    model = build().eval()
    torch.manual_seed(1)
    bound = model.log_likelihood_bound(X)
    torch.manual_seed(1)
    params, kls = model._run(4, x=X)
    assert kls.shape == (4, 3)
    assert (kls > -1e-4).all()
    torch.testing.assert_close(bound, logistic_mixture.log_likelihood(X, params) - kls.sum(1))


def test_the_ratio_of_posterior_and_prior_at_a_draw() -> None:
    mu, shift, log_ratio, log_sigma, noise = torch.randn(5, 6)
    q, p = Normal(mu + shift, (log_sigma + log_ratio).exp()), Normal(mu, log_sigma.exp())
    z = q.mean + q.stddev * noise
    found = residual_log_ratio(noise, shift, log_ratio, log_sigma)
    torch.testing.assert_close(found, q.log_prob(z) - p.log_prob(z), atol=1e-4, rtol=1e-4)


def test_importance_weights_average_to_the_bound_in_logarithms_and_exceed_it_before() -> None:
    model = build().eval()
    with torch.no_grad():
        torch.manual_seed(1)
        weights = torch.stack([model.log_weight(X) for _ in range(200)])
        bounds = torch.stack([model.log_likelihood_bound(X) for _ in range(200)])
    error = ((weights.var(0) + bounds.var(0)) / 200).sqrt()
    assert ((weights.mean(0) - bounds.mean(0)).abs() < 5 * error).all()
    assert (torch.logsumexp(weights, 0) - torch.tensor(200.0).log() > weights.mean(0)).all()


def test_a_bernoulli_likelihood_is_one_on_two_levels_alone() -> None:
    model = build(levels=2, likelihood="bernoulli").eval()
    x = X.sign()
    torch.manual_seed(1)
    bound = model.log_likelihood_bound(x)
    torch.manual_seed(1)
    params, kls = model._run(4, x=x)
    expected = Bernoulli(logits=params).log_prob((x + 1) / 2).sum((1, 2, 3)) - kls.sum(1)
    torch.testing.assert_close(bound, expected)
    assert params.shape == x.shape
    assert set(model.sample(8).unique().tolist()) == {-1.0, 1.0}
    torch.testing.assert_close(model.reconstruct(x).abs().clamp(max=1), model.reconstruct(x).abs())
    grey = build(likelihood="bernoulli")
    assert not grey.capabilities & {"log_likelihood_bound", "log_weight"}
    next(grey.train().losses({"image": X}, Progress(0))).loss.backward()
    assert grey.head.weight.grad is not None


def test_where_the_posterior_says_nothing_new_it_is_the_prior() -> None:
    model = build().eval()
    for group in model.groups:
        torch.nn.init.zeros_(group.posterior.weight)
        torch.nn.init.zeros_(group.posterior.bias)
    noise = [torch.randn(4, 2, *grid) for grid in model.grids]
    posterior, kls = model._run(4, x=X, noise=noise)
    prior, _ = model._run(4, noise=noise)
    torch.testing.assert_close(posterior, prior)
    torch.testing.assert_close(kls, torch.zeros(4, 3))


def test_groups_stand_at_their_scales() -> None:
    model = build((3, 32, 32), scales=(1, 2, 1), halvings=2)
    assert model.grids == [(2, 2), (4, 4), (4, 4), (8, 8)]
    assert model.latents(3).shape == (3, 2 * (4 + 16 + 16 + 64), 1, 1)


def test_samples_show_draws_or_means() -> None:
    shown = {}
    for output in ("draw", "mean"):
        model = build(output=output).eval()
        z = model.latents(2)
        shown[output] = [model.decode(z) for _ in range(2)]
    assert not torch.equal(*shown["draw"])
    assert torch.equal(*shown["mean"])


def test_gradients_reach_every_parameter_through_the_hierarchy() -> None:
    model = build((3, 16, 16)).train()
    x = torch.randint(256, (4, 3, 16, 16)) / 127.5 - 1
    next(model.losses({"image": x}, Progress(0, 0.2, 1.0))).loss.backward()
    missing = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not missing
    for y in (model.reconstruct(x), model.sample(4)):
        assert y.shape == x.shape
        assert y.abs().max() <= 1


@pytest.mark.parametrize(("key", "value"), [("scales", (2, 0)), ("scales", ()), ("z_dim", 0), ("components", 0)])
def test_what_cannot_be_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{key} is "):
        build(**{key: value})
    with pytest.raises(ValueError, match="need sides that divide by 4; these are 18 x 18"):
        build((1, 18, 18))
