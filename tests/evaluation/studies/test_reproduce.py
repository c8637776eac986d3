"""The study of published protocols: each measure against an independent computation."""

import math
from typing import Any

import pytest
import torch

from paragone.data.base import ImageSet
from paragone.evaluation.studies import likelihood, reproduce
from paragone.evaluation.studies.reproduce import Options
from paragone.models.base import Spec
from paragone.models.gan.infogan import InfoGAN
from paragone.models.vae.vae import VAE
from paragone.project import files, paths, settings
from paragone.results import reproduced
from paragone.stages import study
from support import ROOT, square_images

CPU = torch.device("cpu")


def split(levels=256, n=40):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (n, 8, 8, 1), generator=generator, dtype=torch.uint8)
    labels = torch.arange(n) % 4
    return ImageSet(images if levels == 256 else images // 128 * 255, labels, Spec((1, 8, 8), 4, levels))


def test_importance_is_nats_of_a_binarised_set_and_a_density_of_an_8_bit_one():
    torch.manual_seed(0)
    binary, grey = split(2), split()
    net = VAE(VAE.Config(hidden=8, z_dim=2), binary.spec)
    found = reproduce.importance(net, binary, 3, 30, 0, CPU)
    assert found["nats"] == likelihood.figures(net, binary, likelihood.Options(k=3, n=30), 0, CPU)["importance"]["nats"]
    assert (found["k"], found["n"]) == (3, 30)
    net = VAE(VAE.Config(hidden=8, z_dim=2, likelihood="gaussian", std=0.3), grey.spec)
    with torch.no_grad():
        net.decoder[2].weight.zero_()  # z says nothing: every draw has the weight of the density itself
        for layer in (net.encoder[1], net.encoder[3]):
            layer.weight.zero_()
            layer.bias.zero_()
    found = reproduce.importance(net, grey, 2, 30, 0, CPU)
    x = grey.images.flatten(1) / 255
    mean = (net.decode(torch.zeros(1, 2)).flatten() + 1) / 2
    assert found["density"] == pytest.approx(
        torch.distributions.Normal(mean, 0.3).log_prob(x).sum(1).mean().item(), abs=1
    )
    net.capabilities = frozenset()
    with pytest.raises(ValueError, match="VAE has no log_weight on this data set; name rows of autoencoders"):
        reproduce.importance(net, grey, 2, 30, 0, CPU)


def test_clustering_error_and_accuracy():
    net = InfoGAN(InfoGAN.Config(width=2, hidden=4, q_hidden=4), Spec((1, 8, 8), 4))
    net.cluster = lambda x: torch.arange(len(x)) % 2  # classes 0 and 2, or 1 and 3
    found = reproduce.clustering(net, split(), CPU)
    assert found == {"error": 50.0, "accuracy": 50.0, "n": 40}
    with pytest.raises(ValueError, match="VAE finds no categories, or the data set has no labels"):
        reproduce.clustering(VAE(VAE.Config(hidden=4), Spec((1, 8, 8))), split(), CPU)


def test_modes_are_counted_by_the_classifier_of_the_set(squares):
    params = square_images.params(studies={"reproduce": {"modes": {"vae": 40}}})
    study.run(squares, params, "small", "reproduce")
    (run,) = files.read_json(squares / paths.study("small", "reproduce"))["rows"]["vae"]
    assert set(run["modes"]) == {"counted", "kl", "n"}
    assert run["modes"]["n"] == 40
    assert 1 <= run["modes"]["counted"] <= 2
    assert 0 <= run["modes"]["kl"] <= math.log(2) + 1e-6


@pytest.mark.parametrize("given", [{"n": 0}, {"parzen": {"gan": 0}}, {"importance": {"vae": 0}}, {"modes": {"gan": 0}}])
def test_a_count_below_one_is_one_sentence(given):
    with pytest.raises(ValueError, match="is 0; it must be at least 1"):
        Options(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"packing": 2}, "plane.mine has no geometry; it is ring or grid"),
        ({"geometry": "ring", "speed": 2}, "plane.mine: 'speed' is not known; it is one of batch, beta1, epochs"),
        ({"geometry": "cube"}, "geometry is 'cube'; it must be ring or grid"),
    ],
)
def test_wrong_points_in_the_plane_are_one_sentence(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Options(plane={"mine": given})


OUTSIDE = {"stylegan3-r-size", "mobile-stylegan-size", "pix2pix-g-size", "cyclegan-g-size", "cyclegan-d-size"}
"""Why is in reproduced.csv."""


def test_networks_have_the_size_that_their_sources_print() -> None:
    size = settings.load(ROOT, "reproduce").profiles["reproduce"].studies["reproduce"]["size"]
    counted = {name: reproduce.sizes(size, name) for name in size}
    compared = reproduced.compare({"rows": {}, "sampling": {}, "size": counted})
    found = {r.published["key"]: r.outcome for r in compared if r.published["protocol"] == "size"}
    assert len(found) == 22
    assert {key for key, outcome in found.items() if outcome != "inside"} == OUTSIDE


def test_parents_and_what_is_frozen_count_for_nothing() -> None:
    size = {"base": {"model": "ddpm", "shape": [1, 32, 32]},
            "child": {"model": "ddim", "shape": [1, 32, 32], "parents": {"ddpm": "base"}}}  # fmt: skip
    assert reproduce.sizes(size, "base")["all"] > 1
    assert reproduce.sizes(size, "child") == {"all": 0.0}


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"shape": [3, 32, 32]}, "size.mine has no model"),
        ({"model": "ddpm"}, "size.mine has no shape"),
        ({"model": "ddpm", "shape": [3, 32, 32], "width": 3}, "size.mine: 'width' is not known"),
        ({"model": "ddim", "shape": [3, 32, 32], "parents": {"ddpm": "base"}}, "its parent 'base' is none of `size`"),
    ],
)
def test_a_network_that_cannot_be_laid_out_is_one_sentence(network: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        reproduce.Options(size={"mine": network})
