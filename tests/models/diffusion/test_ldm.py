"""Latent diffusion: scale, loss, guidance, sampling through both kinds of first stage."""

import pytest
import torch
from torch import nn

from paragone.models.base import Progress, Spec
from paragone.models.diffusion.consistency import Consistency
from paragone.models.diffusion.dpm_solver import DPMSolver
from paragone.models.diffusion.heun import Heun
from paragone.models.diffusion.ldm import LDM
from paragone.models.diffusion.strided import Strided
from paragone.models.gan.dcgan import DCGAN
from paragone.models.vae.kl_autoencoder import KLAutoencoder
from paragone.models.vq.vq_vae import VQVAE

SPEC = Spec((1, 32, 32), 3)
SMALL = {"width": 8, "multipliers": (1, 2), "blocks": 1, "attention": (4,), "context": 6, "timesteps": 12, "steps": 4}
X = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
BATCH = {"image": X, "label": torch.tensor([0, 1, 2, 1])}


def kl() -> nn.Module:
    return KLAutoencoder(KLAutoencoder.Config(width=8, multipliers=(1, 1, 1), blocks=1, dim=2, adversary=0), SPEC)


def vq() -> nn.Module:
    return VQVAE(VQVAE.Config(width=8, codes=16, dim=4), SPEC)


def build(first: nn.Module | None = None, spec: Spec = SPEC, **config: object) -> LDM:
    torch.manual_seed(0)
    first = kl() if first is None else first
    model = LDM(LDM.Config(**{**SMALL, **config}), spec, autoencoder=first.eval()).eval()  # type: ignore[arg-type]
    for p in model.net.parameters():
        nn.init.normal_(p, std=0.1)
    return model


def test_the_first_batch_sets_the_scale_of_the_latents() -> None:
    model = build()
    next(model.losses(BATCH, Progress(0)))
    z = model.frozen["autoencoder"].encode(X)  # type: ignore[operator]
    torch.testing.assert_close(model.scale, 1 / z.std(unbiased=False))
    before = model.scale.clone()
    next(model.losses({**BATCH, "image": X / 2}, Progress(1)))
    assert torch.equal(model.scale, before)


@pytest.mark.parametrize("parameterization", ["eps", "v"])
def test_the_loss_is_that_of_the_noise_on_scaled_latents(parameterization: str) -> None:
    model = build(parameterization=parameterization, drop=0.5)
    torch.manual_seed(1)
    (update,) = model.losses(BATCH, Progress(0))
    torch.manual_seed(1)
    z = model.frozen["autoencoder"].encode(X) * model.scale  # type: ignore[operator]
    t, eps = torch.randint(12, (4,)), torch.randn_like(z)
    label = [3 if u < 0.5 else y for u, y in zip(torch.rand(4), [0, 1, 2, 1], strict=True)]
    a = model.process.alpha_bar[t].view(4, 1, 1, 1)
    assert model.embedding is not None
    context = model.embedding(torch.tensor(label)).unsqueeze(1)
    pred = model.net(a.sqrt() * z + (1 - a).sqrt() * eps, model.process.times[t], context)
    target = eps if parameterization == "eps" else a.sqrt() * eps - (1 - a).sqrt() * z
    torch.testing.assert_close(update.loss, (pred - target).square().mean(), rtol=1e-4, atol=1e-5)


def test_guidance_extrapolates_from_no_label() -> None:
    z, sigma, y = torch.randn(2, 2, 8, 8), torch.tensor([0.5, 2.0]), torch.tensor([0, 2])
    plain, guided = build(guidance=1.0), build(guidance=3.0)
    given, none = plain.denoise(z, sigma, y), plain.denoise(z, sigma, torch.tensor([3, 3]))
    assert not torch.allclose(given, none)
    torch.testing.assert_close(guided.denoise(z, sigma, y), none + 3 * (given - none))


def test_ddim_in_latent_space_is_equation_12() -> None:
    model = build(guidance=1.0)
    torch.manual_seed(3)
    drawn = model.sample(2, torch.tensor([0, 1]))
    torch.manual_seed(3)
    a = model.process.alpha_bar[[11, 7, 4, 0]].tolist()
    z = ((1 - a[0]) / a[0]) ** 0.5 * torch.randn(2, 2, 8, 8) * a[0] ** 0.5
    for i, (now, then) in enumerate(zip(a, [*a[1:], 1.0], strict=True)):
        sigma = torch.full((2,), ((1 - now) / now) ** 0.5)
        z_0 = model.denoise(z / now**0.5, sigma, torch.tensor([0, 1]))
        z = then**0.5 * z_0 + (1 - then) ** 0.5 * (z - now**0.5 * z_0) / (1 - now) ** 0.5
        assert i < 4
    torch.testing.assert_close(drawn, model.frozen["autoencoder"].decode(z / model.scale), atol=1e-3, rtol=1e-3)  # type: ignore[operator]


@pytest.mark.parametrize("labels", [True, False])
def test_as_a_parent_of_dpm_solver_it_draws_what_its_own_solver_draws(labels: bool) -> None:
    """At the same noise levels, of the labels asked for and guided."""
    model = build(labels=labels, guidance=3.0 if labels else 1.0, solver="dpm-solver")
    model.scale.fill_(0.7)
    child = DPMSolver(DPMSolver.Config(steps=4), SPEC, ddpm=model).eval()
    child.levels.copy_(model.levels)
    asked = torch.tensor([2, 0, 1]) if labels else None
    assert ("label" in child.needs) == labels
    for cond in (asked, None):  # without labels they are drawn
        drawn = []
        for sampler in (model, child):
            torch.manual_seed(4)
            drawn.append(sampler.sample(3, cond))
        torch.testing.assert_close(*drawn)


def test_edms_sampler_takes_it_too_and_a_teacher_it_is_not() -> None:
    model = build()
    child = Heun(Heun.Config(steps=3), SPEC, ddpm=model).eval()
    assert child.latents(2).shape == (2, *model.latent_shape)
    images = child.sample(2, torch.tensor([0, 1]))
    assert images.shape == (2, 1, 32, 32)
    assert images.abs().max() <= 1
    with pytest.raises(
        ValueError, match="distilled from a diffusion model or a flow of pixels, and its teacher LDM is"
    ):
        Consistency(Consistency.Config(width=8, multipliers=(1,), blocks=1, attention=()), SPEC, teacher=model)


@pytest.mark.parametrize("labels", [True, False])
def test_strided_draws_from_its_guided_gaussians(labels: bool) -> None:
    """Nichol and Dhariwal's eq. 19 in latent space, with the posterior's variance."""
    model = build(labels=labels, guidance=2.0 if labels else 1.0)
    model.scale.fill_(0.7)
    child = Strided(Strided.Config(steps=4), SPEC, ddpm=model).eval()
    assert ("label" in child.needs) == labels
    y = torch.tensor([2, 0]) if labels else None
    torch.manual_seed(5)
    drawn = child.sample(2, y)
    torch.manual_seed(5)
    z = torch.randn(2, 2, 8, 8)
    visited = [11, 7, 4, 0]
    a = [*model.process.alpha_bar[visited].tolist(), 1.0]
    for t, now, then in zip(visited, a, a[1:], strict=False):
        eps = model._network(z, model.process.times[t].expand(2), y)
        if labels:
            none = model._network(z, model.process.times[t].expand(2), torch.tensor([3, 3]))
            eps = none + 2 * (eps - none)
        beta = 1 - now / then
        z = (z - beta / (1 - now) ** 0.5 * eps) / (1 - beta) ** 0.5
        if t:
            z = z + ((1 - then) / (1 - now) * beta) ** 0.5 * torch.randn_like(z)
    torch.testing.assert_close(drawn, model.images(z), atol=1e-3, rtol=1e-3)
    assert child.sample(3).shape == (3, 1, 32, 32)  # of labels that are drawn


def test_codes_of_a_vq_vae_are_found_by_the_decoder() -> None:
    first = vq()
    model = build(first, solver="dpm-solver")
    assert model.latent_shape == (4, 8, 8)
    assert model.sample(2).shape == (2, 1, 32, 32)
    assert torch.equal(model.images(model._encode(X)), first.reconstruct(X))  # type: ignore[operator]


@pytest.mark.parametrize("network", ["unet", "dit"])
def test_with_and_without_labels(network: str) -> None:
    with_labels = build(network=network, heads=1)
    assert with_labels.needs == {"image", "label"}
    assert with_labels.sample(2, torch.tensor([2, 0])).shape == (2, 1, 32, 32)
    without = build(network=network, labels=False, guidance=1.0)
    assert without.needs == {"image"}
    assert without.sample(2).shape == (2, 1, 32, 32)
    assert next(without.losses({"image": X}, Progress(0))).loss.isfinite()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"labels": False}, "guidance is 1.5, but labels is false"),
        ({"steps": 13}, "steps is 13; it must be 1 to its 12 timesteps"),
        ({"drop": 1.0}, "drop is 1.0; it must be 0 or more, and below 1"),
    ],
)
def test_impossible_settings_are_refused(config: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(**config)


def test_labels_and_latents_must_be_there() -> None:
    with pytest.raises(ValueError, match="LDM needs labels and the data set has none"):
        build(spec=Spec((1, 32, 32)))
    with pytest.raises(ValueError, match="LDM's autoencoder is DCGAN, which has no grid of latents"):
        build(DCGAN(DCGAN.Config(width=4), SPEC))
