"""The study of likelihoods: each kind kept apart, from the models' own figures."""

import math

import pytest
import torch

from paragone.data.base import ImageSet
from paragone.engine.seeding import Stream, mix
from paragone.evaluation.metrics import importance_weighted
from paragone.evaluation.metrics.base import Weighted
from paragone.evaluation.studies import likelihood
from paragone.evaluation.studies.likelihood import Options
from paragone.models.autoregressive.pixel_cnn import PixelCNN
from paragone.models.base import Spec
from paragone.models.flow.flow_prior import FlowPrior
from paragone.models.vae.avb import AVB
from paragone.models.vae.vae import VAE

CPU = torch.device("cpu")
SPEC = Spec((1, 8, 8), levels=2)


@pytest.fixture(scope="module")
def test_split():
    images = 255 * torch.randint(2, (120, 8, 8, 1), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return ImageSet(images, None, SPEC)


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    return VAE(VAE.Config(hidden=8, z_dim=2), SPEC)


def figures(net, test_split, k=3):
    return likelihood.figures(net, test_split, Options(k=k, n=110), 0, CPU)


def test_a_vae_has_a_bound_and_an_estimate_that_gets_no_worse_with_more_draws(vae, test_split):
    one, many = figures(vae, test_split, 1), figures(vae, test_split, 20)
    assert one["exact"] is None
    assert one["importance"]["nats"] == pytest.approx(one["importance"]["elbo"])
    assert many["importance"]["nats"] <= many["importance"]["elbo"]
    assert many["bound"] == pytest.approx(64 * math.log(2), rel=0.05)  # weights that start near 0: coin tosses
    assert figures(vae, test_split) == figures(vae, test_split)


def test_draws_are_summed_as_they_come_to_what_they_are_together(vae, test_split):
    found = figures(vae, test_split, 7)["importance"]
    chosen = test_split._replace(images=test_split.images[likelihood.spaces.choose(torch.arange(120), 110)])
    draws = [
        likelihood._over(vae.log_weight, [chosen.images], mix(0, Stream.EVALUATE, i), CPU) for i in range(7)
    ]  # (7,110)
    assert found == pytest.approx(
        importance_weighted.compute(Weighted(torch.stack(draws, 1), 64))["importance_weighted"]
    )


def test_a_flow_prior_and_avb_are_estimated_too(vae, test_split):
    for net in (FlowPrior(FlowPrior.Config(couplings=2, hidden=4), SPEC, vae=vae),
                AVB(AVB.Config(z_dim=2, hidden=4, noises=2), SPEC)):  # fmt: skip
        found = figures(net, test_split)
        assert found["importance"]["k"] == 3
        assert found["bound"] > 0


def test_an_autoregressive_model_is_exact(test_split):
    net = PixelCNN(PixelCNN.Config(width=4, layers=1), SPEC)
    found = figures(net, test_split)
    assert found["exact"] > 0
    assert (found["bound"], found["importance"]) == (None, None)


@pytest.mark.parametrize("name", ["k", "n"])
def test_a_count_below_one_is_one_sentence(name):
    with pytest.raises(ValueError, match=f"{name} is 0; it must be at least 1"):
        Options(**{name: 0})
