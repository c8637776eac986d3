"""Rate: summed over latents, averaged over images, and how many latents are in use."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from paragone.evaluation.metrics.base import Encoded
from paragone.evaluation.metrics.rate import compute
from paragone.models.layers.functional import gaussian_kl_terms


def test_rate_is_the_mean_divergence_of_all_latents() -> None:
    mean, logvar = torch.randn(2, 50, 4, generator=torch.Generator().manual_seed(0))
    mean[:, 3], logvar[:, 3] = 0, 0  # a latent that says nothing
    expected = kl_divergence(Normal(mean, (logvar / 2).exp()), Normal(0, 1)).sum(1).mean()
    found = compute(Encoded(gaussian_kl_terms(mean, logvar)))["rate"]
    assert found == {"nats": pytest.approx(float(expected)), "active": 3, "latents": 4, "n": 50, "split": "test"}
