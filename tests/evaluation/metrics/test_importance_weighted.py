"""The importance-weighted estimate against a model whose likelihood is known."""

import math

import pytest
import torch
from torch.distributions import Normal

from paragone.evaluation.metrics import importance_weighted
from paragone.evaluation.metrics.base import Weighted


def weights(n: int, k: int) -> tuple[torch.Tensor, float]:
    """z ~ N(0,1), x ~ N(z,1), q(z|x) = N(x/2,1): log weights (n,k), and the mean negative log likelihood of N(0,2)."""
    torch.manual_seed(0)
    x = math.sqrt(2) * torch.randn(n, 1, dtype=torch.float64)
    q = Normal(x / 2, 1.0)
    z = q.sample((k,)).permute(1, 0, 2)[..., 0]
    log_w = Normal(0, 1).log_prob(z) + Normal(z, 1).log_prob(x) - q.log_prob(z[..., None].permute(1, 0, 2))[..., 0].T
    return log_w, -float(Normal(0, math.sqrt(2)).log_prob(x).mean())


def test_many_draws_come_near_the_likelihood_and_one_is_the_elbo() -> None:
    log_w, truth = weights(400, 2000)
    found = importance_weighted.compute(Weighted(log_w, 4))["importance_weighted"]
    assert found["nats"] == pytest.approx(truth, abs=2e-3)
    assert found["bits_per_dimension"] == pytest.approx(found["nats"] / (4 * math.log(2)))
    assert found["elbo"] > found["nats"] + 0.05  # KL(q || p) lies between
    one = importance_weighted.compute(Weighted(log_w[:, :1], 4))["importance_weighted"]
    assert one["nats"] == pytest.approx(one["elbo"])
    assert found["k"] == 2000


def test_weights_that_overflow_in_numbers_do_not_in_logarithms() -> None:
    found = importance_weighted.compute(Weighted(torch.tensor([[-1e4, -1e4], [-2e4, -2e4]]), 1))["importance_weighted"]
    assert found["nats"] == pytest.approx(1.5e4)
    assert found["se"] == pytest.approx(5e3)
