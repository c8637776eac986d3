"""The study of likelihoods: each kind kept apart, from the models' own figures."""

import math

import pytest
import torch

from paragone.data.base import ImageSet
from paragone.engine.seeding import Stream, mix
from paragone.evaluation import annealing, parzen
from paragone.evaluation.annealing import Annealing
from paragone.evaluation.metrics import importance_weighted
from paragone.evaluation.metrics.base import Weighted
from paragone.evaluation.studies import likelihood
from paragone.evaluation.studies.likelihood import Options
from paragone.models.autoregressive.pixel_cnn import PixelCNN
from paragone.models.base import Spec
from paragone.models.flow.flow_prior import FlowPrior
from paragone.models.vae.aae import AAE
from paragone.models.vae.avb import AVB
from paragone.models.vae.cvae import CVAE
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


def test_rows_that_know_no_likelihood_are_annealed_and_given_a_window_where_they_are_named():
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    grey = ImageSet(torch.randint(256, (40, 8, 8, 1), generator=generator, dtype=torch.uint8), None, Spec((1, 8, 8)))
    net = AAE(AAE.Config(hidden=4, z_dim=2), grey.spec)
    options = Options(annealed={"aae": 5}, chains=2, annealed_n=6, parzen={"aae": 20}, parzen_n=10)
    found = likelihood.named(net, grey, "aae", options, 0, CPU)
    scale = 64 * math.log(256)
    how = Annealing(steps=5, chains=2, n=6)
    assert found["annealed"]["nats"] == pytest.approx(scale - annealing.estimate(net, grey, how, 0, CPU)["nats"])
    window = parzen.density(likelihood.samples(net, grey, 20, 0), grey, 10, 0)
    assert found["parzen"]["nats"] == pytest.approx(scale - window["nats"])
    assert likelihood.named(net, grey, "another", options, 0, CPU) == {"annealed": None, "parzen": None}


def test_samples_of_a_model_with_labels_have_those_of_the_set():
    images = torch.zeros(6, 8, 8, 1, dtype=torch.uint8)
    labelled = ImageSet(images, torch.tensor([2] * 6), Spec((1, 8, 8), 3))
    net = CVAE(CVAE.Config(hidden=4, z_dim=2), labelled.spec)
    asked = []
    net.sample = lambda n, cond=None: asked.append(cond.tolist()) or -torch.ones(n, 1, 8, 8)
    assert [part.sum().item() for part in likelihood.samples(net, labelled, 4, 0)] == [0]
    assert asked == [[2, 2, 2, 2]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"annealed": {"gan": 0}}, "gan is 0; it must be at least 1"),
        ({"chains": 0}, "chains is 0; it must be at least 1"),
        ({"std": {"gan": 0.1}}, "std names gan, which is not annealed; add it to `annealed`, or take it out"),
        ({"annealed": {"gan": 5}, "std": {"gan": -1.0}}, "std of gan is -1.0; it must be above 0"),
    ],
)
def test_a_wrong_option_of_the_named_rows_is_one_sentence(given, message):
    with pytest.raises(ValueError, match=message):
        Options(**given)


@pytest.mark.parametrize("name", ["k", "n"])
def test_a_count_below_one_is_one_sentence(name):
    with pytest.raises(ValueError, match=f"{name} is 0; it must be at least 1"):
        Options(**{name: 0})
