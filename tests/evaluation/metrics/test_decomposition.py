"""The divergence in three: against torch's own mixtures, and on latents whose dependence is known."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal, kl_divergence

from paragone.evaluation.metrics import decomposition
from paragone.evaluation.metrics.base import Posteriors

NAMES = ("mutual_information", "total_correlation", "dimension_kl")


def drawn(n: int, dims: int) -> Posteriors:
    torch.manual_seed(0)
    mean, logvar = torch.randn(n, dims), torch.randn(n, dims) - 2
    return Posteriors(mean + (logvar / 2).exp() * torch.randn(n, dims), mean, logvar)


def test_the_three_are_those_of_a_mixture_of_the_posteriors() -> None:
    z, mean, logvar = view = drawn(230, 3)  # three parts, of which the last is smaller
    found = decomposition.compute(view)["decomposition"]
    each, even = Normal(mean, (logvar / 2).exp()), Categorical(torch.ones(230))
    log_q = MixtureSameFamily(even, Independent(each, 1)).log_prob(z)
    marginals = MixtureSameFamily(Categorical(torch.ones(3, 230)), Normal(mean.T, (logvar.T / 2).exp()))
    log_marginals = marginals.log_prob(z).sum(1)
    expected = [
        (each.log_prob(z).sum(1) - log_q).mean(),
        (log_q - log_marginals).mean(),
        (log_marginals - Normal(0, 1).log_prob(z).sum(1)).mean(),
    ]
    assert [found[name] for name in NAMES] == pytest.approx([float(v) for v in expected], rel=1e-4)
    assert (found["n"], found["split"]) == (230, "test")


def test_of_latents_that_are_normal_together_all_three_are_known() -> None:
    torch.manual_seed(0)
    noise = math.exp(-1)
    first = torch.randn(2500, 1)
    mean = torch.cat([first, first], 1)  # two latents of one cause
    logvar = torch.full_like(mean, 2 * math.log(noise))
    found = decomposition.compute(Posteriors(mean + noise * torch.randn_like(mean), mean, logvar))["decomposition"]
    assert found["n"] == decomposition.MOST
    together = torch.ones(2, 2) + noise**2 * torch.eye(2)
    rho = together[0, 1] / together[0, 0]
    expected = {
        "mutual_information": 0.5 * torch.logdet(together) - 2 * math.log(noise),
        "total_correlation": -0.5 * torch.log(1 - rho**2),
        "dimension_kl": 2 * kl_divergence(Normal(0, together[0, 0].sqrt()), Normal(0, 1)),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(float(value), abs=0.1), name
    whole = kl_divergence(Normal(mean, noise), Normal(0.0, 1.0)).sum(1).mean()
    assert sum(found[name] for name in NAMES) == pytest.approx(float(whole), abs=0.1)
    assert MultivariateNormal(torch.zeros(2), together).entropy() < 2 * Normal(0, together[0, 0].sqrt()).entropy()


def test_information_on_the_index_is_at_most_its_entropy() -> None:
    mean = 100 * torch.randn(50, 2)
    found = decomposition.compute(Posteriors(mean, mean, torch.zeros_like(mean)))["decomposition"]
    assert found["mutual_information"] == pytest.approx(math.log(50), abs=1e-3)
