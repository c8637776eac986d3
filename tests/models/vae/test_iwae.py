"""IWAE: the bound of equation 8, that it rises with k, and where its weights are a likelihood's."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal

from paragone.engine.schedules import learning_rate_scale
from paragone.models.base import Progress, Spec
from paragone.models.vae.iwae import IWAE

X = torch.randint(2, (5, 1, 8, 8), generator=torch.Generator().manual_seed(0)) * 2.0 - 1


def build(k: int = 4, levels: int = 2) -> IWAE:
    torch.manual_seed(0)
    return IWAE(IWAE.Config(k=k, z_dim=3, layers=(8, 6)), Spec((1, 8, 8), levels=levels)).eval()


def test_the_loss_is_the_negative_bound_of_equation_8() -> None:
    model = build()
    torch.manual_seed(1)
    (update,) = model.losses({"image": X}, Progress(0))
    torch.manual_seed(1)
    x = (X + 1) / 2
    mu, logvar = model.encoder(x).chunk(2, 1)
    q = Normal(mu, (logvar / 2).exp())
    z = mu + q.stddev * torch.randn(4, 5, 3)
    weights = q.log_prob(z).neg() + Normal(0, 1).log_prob(z)  # (k,B,z)
    pixels = Bernoulli(logits=model.decoder(z.flatten(0, 1)).view(4, 5, 1, 8, 8)).log_prob(x.expand(4, -1, -1, -1, -1))
    total = weights.sum(2) + pixels.sum((2, 3, 4))
    torch.testing.assert_close(update.loss, -(torch.logsumexp(total, 0) - math.log(4)).mean())
    torch.testing.assert_close(update.logs["elbo"], total.mean())


def test_the_bound_rises_with_k() -> None:
    bounds = []
    for k in (1, 10, 100):
        model = build(k)
        with torch.no_grad():
            bounds.append(torch.stack([model.log_likelihood_bound(X).mean() for _ in range(50)]).mean().item())
    assert bounds[0] < bounds[1] < bounds[2]


def test_grey_levels_have_no_likelihood() -> None:
    assert {"log_weight", "log_likelihood_bound"} <= build().capabilities
    assert not {"log_weight", "log_likelihood_bound"} & build(levels=256).capabilities


def test_the_learning_rate_falls_as_in_section_5() -> None:
    """10^(-i/7) for 3^i epochs."""
    rates = [learning_rate_scale(IWAE.plan, 60 * epoch) for epoch in (0, 1.5, 4.5, 13.5, 1094, 3279)]
    assert rates == pytest.approx([10 ** (-i / 7) for i in (0, 1, 2, 3, 7, 7)])
