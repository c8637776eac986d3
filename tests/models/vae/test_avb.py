"""AVB: the adversary's estimate of the divergence, adaptive contrast, and a bound that holds whatever the adversary."""

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from paragone.models.base import Progress, Spec
from paragone.models.vae.avb import AVB, Noise

X = torch.randint(256, (5, 1, 16, 16), generator=torch.Generator().manual_seed(0)) / 127.5 - 1


def build(shape: tuple[int, int, int] = (1, 16, 16), **config: object) -> AVB:
    torch.manual_seed(0)
    config = {"hidden": 8, "width": 4, "z_dim": 3, "noises": 4, **config}
    return AVB(AVB.Config(**config), Spec(shape))  # type: ignore[arg-type]


@pytest.mark.parametrize("adaptive", [True, False])
def test_the_losses_are_those_of_sections_3_and_4(adaptive: bool) -> None:
    model = build(adaptive_contrast=adaptive)
    torch.manual_seed(1)
    first, second = model.losses({"image": X}, Progress(0))
    torch.manual_seed(1)
    losses = []
    for turn in range(2):
        a = model.encoder((X + 1) / 2).unflatten(1, (5, 3))
        z = a[:, 0] + (model.noise(5) * a[:, 1:]).sum(1)
        r = Normal(torch.zeros(5, 3), 1.0)
        if adaptive:
            v = model.noise(128)
            variance = (v.var(0) * a[:, 1:] ** 2).sum(1) + 1e-6
            r = Normal((a[:, 0] + (v.mean(0) * a[:, 1:]).sum(1)).detach(), variance.sqrt().detach())
        t = model.T(X, (z - r.mean) / r.stddev)
        if turn == 0:
            kl = t + (r.log_prob(z) - Normal(0, 1).log_prob(z)).sum(1)
            likelihood = Bernoulli(logits=model.decoder(z), validate_args=False).log_prob((X + 1) / 2).sum((1, 2, 3))
            losses.append((kl - likelihood).mean())
        else:
            other = model.T(X, torch.randn(5, 3))
            losses.append(bce(t, torch.ones(5)) + bce(other, torch.zeros(5)))
    torch.testing.assert_close(first.loss, losses[0])
    torch.testing.assert_close(second.loss, losses[1])
    assert [u.optimizer for u in (first, second)] == ["vae", "adversary"]


def test_the_moments_are_those_of_the_draws() -> None:
    model = build()
    torch.manual_seed(2)
    with torch.no_grad():
        draws = torch.stack([model._draw(X)[0] for _ in range(3000)])
        moments = [model._draw(X)[1:] for _ in range(100)]
    mu, sigma = (torch.stack(m).mean(0) for m in zip(*moments, strict=True))
    torch.testing.assert_close(draws.mean(0), mu, atol=0.06 * float(sigma.max()), rtol=0)
    torch.testing.assert_close(draws.std(0), sigma, atol=0, rtol=0.08)


def test_its_own_estimate_is_the_negative_loss_and_the_other_bound_does_not_ask_the_adversary() -> None:
    torch.manual_seed(0)
    model = AVB(AVB.Config(hidden=8, z_dim=3, noises=4), Spec((1, 16, 16), levels=2)).eval()
    x = X.sign()
    figures = {}
    for shift in (0.0, 50.0):  # an adversary that puts the divergence too low
        model.T.head[-1].bias.data.sub_(shift)  # type: ignore[operator, union-attr]
        torch.manual_seed(1)
        figures[shift] = model.log_likelihood_estimate(x), model.log_likelihood_bound(x)
        torch.manual_seed(1)
        torch.testing.assert_close(figures[shift][0].mean(), -next(model.losses({"image": x}, Progress(0))).loss)
    torch.testing.assert_close(figures[50.0][0], figures[0.0][0] + 50)
    torch.testing.assert_close(figures[50.0][1], figures[0.0][1])


def test_a_trained_adversary_estimates_a_known_divergence() -> None:
    """Of draws from N(m, s^2) against the standard normal."""
    torch.manual_seed(0)
    model = build(z_dim=1, adaptive_contrast=False, hidden=16)
    q = Normal(0.8, 0.6)
    optimizer = torch.optim.Adam(model.T.parameters(), 0.01)
    x = X[:1].expand(256, -1, -1, -1)
    for _ in range(150):
        loss = bce(model.T(x, q.sample((256, 1))), torch.ones(256)) + bce(
            model.T(x, torch.randn(256, 1)), torch.zeros(256)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    exact = float(torch.distributions.kl_divergence(q, Normal(0, 1)))
    with torch.no_grad():
        assert float(model.T(x, q.sample((256, 1))).mean()) == pytest.approx(exact, abs=0.12)


class Linear(nn.Module):
    """A decoder whose marginal likelihood is known: the Bernoulli's logits are z for one pixel."""

    def forward(self, z: Tensor) -> Tensor:
        return z[:, :1, None, None]


def test_the_importance_bound_stays_below_the_likelihood_and_comes_near() -> None:
    model = build(z_dim=1).eval()
    model.decoder = Linear()
    x = torch.tensor([1.0, -1.0]).view(2, 1, 1, 1).expand(2, 1, 16, 16)
    grid = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    p = Normal(0, 1).log_prob(grid).exp() * torch.sigmoid(grid) ** 256 * (grid[1] - grid[0])
    model._log_likelihood = lambda v, z: 256 * Bernoulli(logits=z[:, 0] * v[:, 0, 0, 0]).log_prob(torch.ones(2))  # type: ignore[method-assign, assignment]
    torch.manual_seed(0)
    with torch.no_grad():
        few, many = (torch.stack([model.importance_bound(x, k) for _ in range(40)]).mean(0) for k in (1, 300))
    exact = float(p.sum().log())
    assert (few < many).all()
    assert (many < exact + 0.1).all()


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_every_parameter_trains_and_images_stay_in_range(network: str) -> None:
    model = build((3, 32, 32), network=network, likelihood="logistic")
    x = torch.randint(256, (4, 3, 32, 32)) / 127.5 - 1
    for update in model.losses({"image": x}, Progress(0)):
        held = [p for g in model.optimizers()[update.optimizer].param_groups for p in g["params"]]
        grads = torch.autograd.grad(update.loss, held)
        assert all(g.isfinite().all() for g in grads)
    assert (model.log_likelihood_bound(x) < 0).all()
    for y in (model.reconstruct(x), model.sample(4), model.decode(100 * torch.randn(4, 3))):
        assert y.shape == x.shape
        assert y.abs().max() <= 1
    assert not build().capabilities & {"log_likelihood_bound", "log_likelihood_estimate"}


def test_the_noise_of_two_bases_is_independent() -> None:
    torch.manual_seed(0)
    v = Noise(2, 1)(4000).squeeze(2)
    assert abs(float(torch.corrcoef(v.detach().T)[0, 1])) < 0.06


@pytest.mark.parametrize("key", ["z_dim", "noises", "adversary_steps", "importance_samples"])
def test_what_cannot_be_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=f"{key} is 0; it must be at least 1"):
        build(**{key: 0})
