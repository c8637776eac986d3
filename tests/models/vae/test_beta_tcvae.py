"""beta-TCVAE: the decomposed divergence, and its estimate from a batch."""

from itertools import permutations

import pytest
import torch
from torch.distributions import Bernoulli, Normal

from paragone.models.base import Progress, Spec
from paragone.models.vae.beta_tcvae import BetaTCVAE, decompose, stratified_weights

X = torch.randint(256, (5, 1, 16, 16), generator=torch.Generator().manual_seed(0)) / 127.5 - 1


def build(shape: tuple[int, int, int] = (1, 16, 16), **config: object) -> BetaTCVAE:
    torch.manual_seed(0)
    config = {"hidden": 8, "width": 4, "z_dim": 3, "dataset_size": 50, **config}
    return BetaTCVAE(BetaTCVAE.Config(**config), Spec(shape))  # type: ignore[arg-type]


def test_the_loss_is_the_negative_of_equation_4() -> None:
    model = build(alpha=2.0, beta=5.0, gamma=0.5)
    torch.manual_seed(1)
    (update,) = model.losses({"image": X}, Progress(0))
    torch.manual_seed(1)
    mu, logvar = model.encoder((X + 1) / 2).chunk(2, 1)
    z = mu + (logvar / 2).exp() * torch.randn(5, 3)
    weights = [[1 / 50 if i == j else 46 / 200 if j == (i + 1) % 5 else 1 / 4 for j in range(5)] for i in range(5)]
    mi, tc, kl = 0.0, 0.0, 0.0
    for i in range(5):
        q = torch.stack([Normal(mu[j], (logvar[j] / 2).exp()).log_prob(z[i]).exp() for j in range(5)])  # (5,3)
        w = torch.tensor(weights[i])
        joint, marginals = (w * q.prod(1)).sum(), (w[:, None] * q).sum(0)
        mi += (q[i].prod() / joint).log() / 5
        tc += (joint / marginals.prod()).log() / 5
        kl += (marginals.log() - Normal(0, 1).log_prob(z[i])).sum() / 5
    p = Bernoulli(logits=model.decoder(z), validate_args=False)
    reconstruction = p.log_prob((X + 1) / 2).sum((1, 2, 3)).mean()
    torch.testing.assert_close(update.loss, 2 * mi + 5 * tc + 0.5 * kl - reconstruction)
    expected = {"mutual_information": mi, "total_correlation": tc, "dimension_kl": kl}
    torch.testing.assert_close({k: update.logs[k] for k in expected}, expected)


def test_the_estimate_of_the_aggregate_posterior_has_no_bias() -> None:
    """Over all batches of 3 out of 5 images, the weighted densities average to the mean of all five."""
    q = torch.rand(5, dtype=torch.float64)  # q(z|n) at the z of image 0
    weights = stratified_weights(3, 5).double()
    estimates = [weights[0] @ q[[0, *others]] for others in permutations(range(1, 5), 2)]
    torch.testing.assert_close(torch.stack(estimates).mean(), q.mean(), atol=1e-7, rtol=0)
    torch.testing.assert_close(stratified_weights(64, 4000).sum(1), torch.ones(64))


def test_the_terms_add_up_to_the_divergence() -> None:
    z, mu, logvar = torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(0))
    whole = (Normal(mu, (logvar / 2).exp()).log_prob(z) - Normal(0, 1).log_prob(z)).sum(1)
    torch.testing.assert_close(sum(decompose(z, mu, logvar, 100)), whole)


def test_independent_latents_have_no_total_correlation_and_dependent_ones_do() -> None:
    torch.manual_seed(0)
    mu = torch.randn(2000, 2)
    logvar = torch.full_like(mu, -2.0)
    noise = torch.randn_like(mu) * (logvar / 2).exp()
    dependent = mu[:, :1].expand(-1, 2)
    free = decompose(mu + noise, mu, logvar, 2000).total_correlation.mean()
    tied = decompose(dependent + noise, dependent, logvar, 2000).total_correlation.mean()
    rho = 1 / (1 + torch.tensor(-2.0).exp())  # correlation of the two latents; both are normal together
    assert abs(free) < 0.05
    assert tied == pytest.approx(float(-0.5 * (1 - rho**2).log()), abs=0.06)


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_every_parameter_trains_and_images_stay_in_range(network: str) -> None:
    model = build((3, 32, 32), network=network)
    x = torch.rand(4, 3, 32, 32) * 2 - 1
    next(model.losses({"image": x}, Progress(0))).loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    for y in (model.reconstruct(x), model.sample(4), model.decode(100 * torch.randn(4, 3))):
        assert y.shape == x.shape
        assert y.abs().max() <= 1


@pytest.mark.parametrize(("key", "value"), [("alpha", -1.0), ("beta", -1.0), ("z_dim", 0), ("dataset_size", 0)])
def test_what_cannot_be_is_refused(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{key} is {value}; it must"):
        build(**{key: value})


@pytest.mark.parametrize(("images", "size"), [(1, 50), (5, 4)])
def test_a_batch_that_cannot_be_stratified_is_refused(images: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"a batch of {images} images out of dataset_size {size} cannot be stratified"):
        next(build(dataset_size=size).losses({"image": X[:images]}, Progress(0)))
