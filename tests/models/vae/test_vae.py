"""VAE: the bound, its likelihoods, the reparameterisation, and when bits per dimension are honest."""

import copy
import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from paragone.models.base import Progress, Spec
from paragone.models.vae.vae import VAE

X = torch.randint(256, (5, 1, 16, 16), generator=torch.Generator().manual_seed(0)) / 127.5 - 1


def build(shape: tuple[int, int, int] = (1, 16, 16), **config: object) -> VAE:
    torch.manual_seed(0)
    return VAE(VAE.Config(**{"hidden": 8, "width": 4, "z_dim": 3, **config}), Spec(shape)).eval()  # type: ignore[arg-type]


def test_the_loss_is_the_negative_bound_of_equation_10() -> None:
    model = build()
    torch.manual_seed(1)
    (update,) = model.losses({"image": X}, Progress(0))
    torch.manual_seed(1)
    mu, logvar = model.encoder((X + 1) / 2).chunk(2, 1)
    q = Normal(mu, (logvar / 2).exp())
    z = mu + q.stddev * torch.randn(5, 3)
    x = (X + 1) / 2
    p = Bernoulli(logits=model.decoder(z), validate_args=False)
    bound = p.log_prob(x).sum((1, 2, 3)) - kl_divergence(q, Normal(0, 1)).sum(1)
    torch.testing.assert_close(update.loss, -bound.mean())


@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "logistic"])
@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 64, 64)])
def test_every_kind_trains_every_parameter(shape: tuple[int, int, int], likelihood: str, network: str) -> None:
    model = build(shape, likelihood=likelihood, network=network).train()
    x = torch.rand(4, *shape) * 2 - 1
    (update,) = model.losses({"image": x}, Progress(0))
    update.loss.backward(inputs=list(model.parameters()))
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    model.eval()
    assert model.encode(x).shape == (4, 3)
    for y in (model.reconstruct(x), model.sample(4), model.decode(torch.randn(4, 3))):
        assert y.shape == x.shape
        assert y.abs().max() <= 1


@pytest.mark.parametrize("likelihood", ["gaussian", "logistic"])
def test_the_bound_stays_below_the_exact_likelihood_of_the_256_levels(likelihood: str) -> None:
    """A decoder that ignores z makes log P(x) a sum of known bin masses; the bound may not exceed it."""
    model = build(likelihood=likelihood)
    last = model.decoder[2]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.randn(512, generator=torch.Generator().manual_seed(2)))
        last.bias[256:].abs_()  # scales from 1 up: no bin so far out that its mass is 0 in double precision
    mean, log_scale = (t.flatten() for t in last.bias.view(2, 256))
    mean, scale = torch.tanh(mean / 2).double(), log_scale.exp().double()
    levels = torch.arange(256).double().view(256, 1) / 127.5 - 1

    def cdf(t: torch.Tensor) -> torch.Tensor:
        u = (t - mean) / scale
        return u.sigmoid() if likelihood == "logistic" else 0.5 * (1 + torch.erf(u / math.sqrt(2)))

    mass = cdf(levels + 1 / 255) - cdf(levels - 1 / 255)  # (256 levels, 256 pixels)
    if likelihood == "logistic":  # its outermost bins take the tails
        mass[0], mass[-1] = cdf(levels[:1] + 1 / 255), 1 - cdf(levels[-1:] - 1 / 255)
    assert (mass.sum(0) <= 1 + 1e-6).all()
    index = ((X + 1) * 127.5).round().long().flatten(1)  # (5,256)
    exact = mass.log().gather(0, index).sum(1)
    q = Normal(*(f(t) for f, t in zip((lambda m: m, lambda v: (v / 2).exp()), model.posterior(X), strict=True)))
    gap = kl_divergence(q, Normal(0, 1)).sum(1).double()  # all that the bound loses to log P(x) with such a decoder
    bound = torch.stack([model.log_likelihood_bound(X) for _ in range(50)]).double().mean(0)
    assert bound.shape == (5,)
    assert (bound <= exact - gap + 1e-2).all()
    torch.testing.assert_close(bound, exact - gap, rtol=1e-3, atol=0.1)


def test_a_bernoulli_vae_reports_no_bits_per_dimension() -> None:
    assert "log_likelihood_bound" not in build().capabilities


def test_on_two_levels_bernoulli_is_the_likelihood() -> None:
    """Two binary pixels and one latent: the sum over their four images of exp(log P(x)), by many draws, is 1."""
    torch.manual_seed(0)
    model = VAE(VAE.Config(hidden=4, z_dim=1), Spec((1, 1, 2), levels=2)).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(30)  # from nearly nothing to something
    assert model.capabilities >= {"log_likelihood_bound", "log_weight"}
    images = torch.tensor([[a, b] for a in (-1.0, 1.0) for b in (-1.0, 1.0)]).view(4, 1, 1, 2)
    weights = torch.stack([model.log_weight(images) for _ in range(4000)])
    estimate = torch.logsumexp(weights.double(), 0) - math.log(len(weights))
    assert float(estimate.detach().exp().sum()) == pytest.approx(1, abs=0.02)
    bound = torch.stack([model.log_likelihood_bound(images) for _ in range(500)]).mean(0)
    assert (bound <= estimate + 0.02).all()
    torch.testing.assert_close(weights.mean(0), bound, atol=0.1, rtol=0)  # both estimate the ELBO


def test_a_copys_bound_is_its_own() -> None:
    model = build(likelihood="logistic")
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin.decoder[2].bias += 1
    torch.manual_seed(1)
    mine = model.log_likelihood_bound(X)
    torch.manual_seed(1)
    assert not torch.equal(twin.log_likelihood_bound(X), mine)


def test_the_noise_is_reparameterised() -> None:
    """The encoder learns from the reconstruction, not from the KL term alone."""
    model = build()
    reconstruction, _ = model._terms(X)
    reconstruction.sum().backward(inputs=list(model.encoder.parameters()))
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.encoder.parameters())


def test_the_defaults_are_the_papers() -> None:
    model = VAE(VAE.Config(), Spec((1, 28, 28)))
    encoder, decoder = 784 * 500 + 500 + 500 * 40 + 40, 20 * 500 + 500 + 500 * 784 + 784
    assert sum(p.numel() for p in model.parameters()) == encoder + decoder
    assert model.optimizers()["vae"].__class__.__name__ == "Adagrad"


def test_its_optimizer_can_be_built_where_no_fused_kernel_exists() -> None:
    (optimizer,) = build().to("meta").optimizers().values()  # meta stands in for CUDA, for which Adagrad has none
    assert not optimizer.defaults["fused"]
    (optimizer,) = build().optimizers().values()
    assert optimizer.defaults["fused"]


def test_settings_of_other_papers() -> None:
    """Hidden layers of both networks, and one fixed deviation for all pixels, of intensities in [0,1]."""
    model = build(likelihood="gaussian", std=0.1, layers=(8, 4), decoder=(5, 6, 7), activation="relu")
    widths = [[m.out_features for m in net if isinstance(m, torch.nn.Linear)] for net in (model.encoder, model.decoder)]
    assert widths == [[8, 4, 6], [5, 6, 7, 256]]
    z = torch.randn(5, 3)
    torch.manual_seed(3)
    found = model.conditional_log_likelihood(X, z)
    torch.manual_seed(3)
    noisy = (X + 1) / 2 + (torch.rand_like(X) - 0.5) / 255
    density = Normal((model.decode(z) + 1) / 2, 0.1).log_prob(noisy).sum((1, 2, 3))
    torch.testing.assert_close(found, density - 256 * math.log(255))
    with pytest.raises(ValueError, match=r"std is 0.1 and likelihood bernoulli; only gaussian has one"):
        VAE.Config(std=0.1)
    with pytest.raises(ValueError, match=r"layers is \[8, 0\]; each must have at least 1 unit"):
        VAE.Config(layers=(8, 0))
