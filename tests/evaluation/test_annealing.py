"""Annealed importance sampling against likelihoods that are known in closed form."""

import math

import pytest
import torch

from paragone.data.base import ImageSet
from paragone.evaluation import annealing, parzen
from paragone.evaluation.annealing import Annealing
from paragone.models.base import Spec
from paragone.models.diffusion.ddim import DDIM
from paragone.models.diffusion.ddpm import DDPM
from paragone.models.gan.dcgan import DCGAN
from paragone.models.gan.infogan import InfoGAN
from paragone.models.vae.aae import AAE
from paragone.models.vae.vae import VAE

CPU = torch.device("cpu")
SPEC = Spec((1, 3, 3))


def images(levels=256, n=12):
    found = torch.randint(256, (n, 3, 3, 1), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    return ImageSet(found if levels == 256 else found // 128 * 255, None, Spec((1, 3, 3), levels=levels))


class Linear(AAE):
    """An AAE whose decoder is linear in the latent, so that p(x) is a Gaussian."""

    def decode(self, z, y=None):
        return (2 * (z @ self.matrix + 0.5) - 1).unflatten(1, (1, 3, 3))


def linear(prior_std):
    torch.manual_seed(0)
    net = Linear(AAE.Config(hidden=2, z_dim=2, prior_std=prior_std), SPEC)
    net.matrix = 0.3 / prior_std * torch.randn(2, 9)
    return net


@pytest.mark.parametrize("prior_std", [1.0, 5.0])
def test_a_linear_decoder_has_the_density_of_its_gaussian(prior_std):
    net, test = linear(prior_std), images()
    found = annealing.estimate(net, test, Annealing(steps=150, chains=16, std=0.2), 0, CPU)
    x = parzen.intensities(test.images, torch.Generator().manual_seed(0))
    cov = prior_std**2 * net.matrix.T @ net.matrix + 0.04 * torch.eye(9)
    exact = torch.distributions.MultivariateNormal(torch.full((9,), 0.5), cov).log_prob(x)
    assert found["nats"] == pytest.approx(exact.mean().item(), abs=0.15)
    assert found["se"] == pytest.approx((exact.std() / math.sqrt(12)).item(), rel=0.1)
    assert 0.4 < found["accepted"] < 0.9
    assert (found["n"], found["std"]) == (12, 0.2)


def test_few_steps_are_too_low_and_more_come_nearer():
    net, test = linear(1.0), images()
    low, high = (
        annealing.estimate(net, test, Annealing(steps=steps, chains=2, std=0.1), 0, CPU)["nats"] for steps in (2, 200)
    )
    assert low < high - 1


def test_two_levels_have_a_bernoulli_likelihood():
    test = images(2)
    torch.manual_seed(0)
    net = VAE(VAE.Config(hidden=4, z_dim=1), test.spec)
    with torch.no_grad():
        net.decoder[0].weight.normal_()
        net.decoder[2].weight.normal_()
        z = torch.linspace(-6, 6, 2001)[:, None]
        logits = net.decoder(z).flatten(1)  # (2001,9)
        each = (logits[:, None] * (test.images.flatten(1) > 0) - torch.nn.functional.softplus(logits)[:, None]).sum(2)
        prior = torch.distributions.Normal(0, 1).log_prob(z)
        exact = torch.logsumexp(each + prior, 0) + math.log(12 / 2000)
    found = annealing.estimate(net, test, Annealing(steps=100, chains=16), 0, CPU)
    assert found["nats"] == pytest.approx(exact.mean().item(), abs=0.1)
    assert found["std"] is None


def test_a_deviation_that_is_not_given_is_the_best_for_other_images():
    net, test = linear(1.0), images(n=40)
    how = Annealing(steps=40, chains=4, n=10)
    found = annealing.estimate(net, test, how, 0, CPU)
    assert found["std"] == max(annealing.STDS)  # noise that fills the cube is nothing that two latents explain
    with pytest.raises(ValueError, match=r"all 40 test images are measured, .* lower n or give std"):
        annealing.estimate(net, test, Annealing(steps=40, chains=4, n=40), 0, CPU)


def test_uniform_latents_are_normal_ones_turned():
    net = DCGAN(DCGAN.Config(z_dim=3, width=4), Spec((1, 16, 16)))
    decoder = annealing._Decoder(net.eval().requires_grad_(False), 0, CPU)
    drawn = decoder.latents(torch.randn(5000, 3, generator=torch.Generator().manual_seed(0)))
    assert decoder.scale == pytest.approx(1)
    assert drawn.var().item() == pytest.approx(1 / 3, rel=0.05)
    assert drawn.abs().max() < 1


def test_it_follows_from_the_seed_and_not_from_what_was_drawn_before():
    net, test, how = linear(1.0), images(), Annealing(steps=5, chains=2, std=0.2)
    first = annealing.estimate(net, test, how, 0, CPU)
    torch.randn(3)
    assert annealing.estimate(net, test, how, 0, CPU) == first
    assert annealing.estimate(net, test, how, 1, CPU) != first


def test_models_that_it_cannot_be_asked_of_are_one_sentence():
    ddpm = DDPM(DDPM.Config(width=4, multipliers=(1,), blocks=1, attention=(), timesteps=3), Spec((1, 8, 8)))
    test = images()
    for net, message in (
        (ddpm, "DDPM decodes no latents"),
        (DDIM(DDIM.Config(steps=2), Spec((1, 8, 8)), ddpm=ddpm), "DDIM gives no gradient by its latents"),
        (InfoGAN(InfoGAN.Config(width=2, hidden=4, q_hidden=4), Spec((1, 8, 8), 4)), "latents that are not all normal"),
    ):
        with pytest.raises(ValueError, match=message):
            annealing.estimate(net, test, Annealing(steps=1), 0, CPU)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 0}, "steps is 0; it must be at least 1"),
        ({"n": 1}, "n is 1; it must be at least 2"),
        ({"std": 0.0}, "std is 0.0; it must be above 0, or null"),
    ],
)
def test_a_wrong_setting_is_one_sentence(given, message):
    with pytest.raises(ValueError, match=message):
        Annealing(**given)
