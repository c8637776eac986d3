"""A flow as a VAE's prior: its density, its bound, and that it learns what the standard normal prior misses."""

import pytest
import torch
from torch.distributions import Normal

from paragone.models.base import Progress, Spec
from paragone.models.flow.flow_prior import FlowPrior
from paragone.models.vae.beta_vae import BetaVAE
from paragone.models.vae.vae import VAE

X = torch.randint(256, (4, 1, 16, 16), generator=torch.Generator().manual_seed(0)) / 127.5 - 1
SPEC = Spec((1, 16, 16))


def build(likelihood: str = "logistic", **config: object) -> FlowPrior:
    torch.manual_seed(0)
    vae = VAE(VAE.Config(likelihood=likelihood, hidden=8, z_dim=3), SPEC)  # type: ignore[arg-type]
    model = FlowPrior(FlowPrior.Config(**{"hidden": 8, "couplings": 3, **config}), SPEC, vae=vae)  # type: ignore[arg-type]
    return model.eval()


def test_before_training_the_prior_and_the_bound_are_the_vaes() -> None:
    model = build()
    z = torch.randn(4, 3)
    torch.testing.assert_close(model.log_prior(z), Normal(0, 1).log_prob(z).sum(1))
    torch.manual_seed(1)
    bounds = torch.stack([model.log_likelihood_bound(X) for _ in range(60)]).mean(0)
    torch.manual_seed(1)
    expected = torch.stack([model.vae.log_likelihood_bound(X) for _ in range(60)]).mean(0)
    torch.testing.assert_close(bounds, expected, atol=0.5, rtol=0)
    torch.manual_seed(2)
    images = model.sample(4)
    torch.manual_seed(2)
    torch.testing.assert_close(images, model.vae.sample(4))


def test_the_loss_is_the_cross_entropy_of_draws_of_the_posterior() -> None:
    model = build()
    for p in model.flow.parameters():
        p.data += 0.2 * torch.randn_like(p)
    torch.manual_seed(1)
    (update,) = model.losses({"image": X}, Progress(0))
    torch.manual_seed(1)
    mean, logvar = model.vae.posterior(X)
    z = (mean + (logvar / 2).exp() * torch.randn(4, 3)).detach()
    expected = []
    for row in z:
        jacobian = torch.autograd.functional.jacobian(lambda v: model.flow(v[None])[0][0], row)
        u = model.flow(row[None])[0][0]
        expected.append(Normal(0, 1).log_prob(u).sum() + torch.linalg.slogdet(jacobian).logabsdet)
    torch.testing.assert_close(update.loss, -torch.stack(expected).mean())
    torch.testing.assert_close(update.logs["standard_normal"], -Normal(0, 1).log_prob(z).sum(1).mean())
    assert not any(p.grad is not None for p in model.vae.parameters())


def test_it_learns_a_density_that_is_not_the_standard_normal() -> None:
    model = build(couplings=4, hidden=16)
    optimizer = model.optimizers()["flow"]
    torch.manual_seed(0)
    for _ in range(100):
        u = torch.randn(128, 3)
        z = torch.cat([u[:, :1], 0.3 * u[:, 1:2] + u[:, :1].square() - 1, 0.5 * u[:, 2:] + 1], 1)
        loss = -model.log_prior(z).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    standard = -Normal(0, 1).log_prob(z).sum(1).mean()
    assert loss < standard - 0.7
    back = model.flow.inverse(model.flow(z)[0])
    torch.testing.assert_close(back, z, atol=1e-4, rtol=1e-4)


def test_without_a_bound_of_the_vae_there_is_none() -> None:
    assert "log_likelihood_bound" in build().capabilities
    assert "log_likelihood_bound" not in build("bernoulli").capabilities


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="couplings is 0; it must be at least 1"):
        build(couplings=0)
    with pytest.raises(ValueError, match="the parent vae is a beta-VAE"):
        FlowPrior(FlowPrior.Config(), SPEC, vae=BetaVAE(BetaVAE.Config(hidden=8), SPEC))
    vae = VAE(VAE.Config(hidden=8, z_dim=1), SPEC)
    with pytest.raises(ValueError, match="the VAE's z_dim is 1; a coupling needs at least 2 latents"):
        FlowPrior(FlowPrior.Config(), SPEC, vae=vae)
