"""DDPM: the forward process, its posterior, the loss, the sampler and the bound, each against its definition."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from paragone.models.base import Progress, Spec
from paragone.models.diffusion.ddpm import DDPM
from paragone.models.layers.functional import cosine_betas, linear_betas

SMALL = {"width": 8, "multipliers": (1, 2), "blocks": 1, "attention": (8,), "dropout": 0.0}
X = torch.randint(256, (3, 1, 16, 16), generator=torch.Generator().manual_seed(0)) / 127.5 - 1


def build(shape: tuple[int, int, int] = (1, 16, 16), **config: object) -> DDPM:
    torch.manual_seed(0)
    model = DDPM(DDPM.Config(**{**SMALL, "timesteps": 10, **config}), Spec(shape)).eval()  # type: ignore[arg-type]
    for p in model.net.parameters():  # a network that says something
        torch.nn.init.normal_(p, std=0.1)
    return model


def posterior(x: Tensor, x_t: Tensor, t: int, betas: Tensor) -> Normal:
    """q(x_{t-1} | x_t, x_0) by Bayes' rule on two Gaussians: the prior q(x_{t-1} | x_0) and q(x_t | x_{t-1})."""
    a, before = 1 - betas[t], (1 - betas[:t]).prod()
    precision = 1 / (1 - before) + a / betas[t]
    mean = (before.sqrt() * x / (1 - before) + a.sqrt() * x_t / betas[t]) / precision
    return Normal(mean, precision.rsqrt())


def test_the_linear_schedule_is_the_papers() -> None:
    betas = linear_betas(1000)
    assert betas[[0, -1]].tolist() == pytest.approx([1e-4, 0.02])
    torch.testing.assert_close(betas.diff(), torch.full((999,), (0.02 - 1e-4) / 999, dtype=torch.float64))


@pytest.mark.parametrize("steps", [100, 250])
def test_fewer_linear_steps_add_as_much_noise(steps: int) -> None:
    log_alpha_bar = [(1 - linear_betas(n)).log().sum().item() for n in (steps, 1000)]
    assert log_alpha_bar[0] == pytest.approx(log_alpha_bar[1], rel=0.15)


@pytest.mark.parametrize("steps", [2, 5, 20])
@pytest.mark.parametrize("schedule", [linear_betas, cosine_betas])
def test_few_steps_have_variances_below_one(schedule, steps: int) -> None:
    assert ((schedule(steps) > 0) & (schedule(steps) <= 0.999)).all()


def test_the_cosine_schedule_is_equation_17() -> None:
    alpha_bar = (1 - cosine_betas(100)).cumprod(0)
    expected = [math.cos((t / 100 + 0.008) / 1.008 * math.pi / 2) ** 2 for t in (1, 40, 90)]
    start = math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    assert alpha_bar[[0, 39, 89]].tolist() == pytest.approx([e / start for e in expected])


def test_diffusing_at_once_has_the_moments_of_diffusing_step_by_step() -> None:
    model, betas, t = build(), linear_betas(10), 6
    mean, variance = X.double(), torch.zeros((), dtype=torch.float64)
    for beta in betas[: t + 1]:  # eq. 2
        mean, variance = (1 - beta).sqrt() * mean, (1 - beta) * variance + beta
    times = torch.full((3,), t)
    noise = torch.ones_like(X)
    still = model.process.diffuse(X, times, torch.zeros_like(X))
    torch.testing.assert_close(still.double(), mean, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(
        (model.process.diffuse(X, times, noise) - still).double(), variance.sqrt() * noise.double()
    )


@pytest.mark.parametrize("t", [1, 5, 9])
def test_the_posterior_follows_from_bayes_rule(t: int) -> None:
    model, x_t = build(variance="small"), torch.randn_like(X)
    q = posterior(X.double(), x_t.double(), t, linear_betas(10))
    torch.testing.assert_close(
        model.process.posterior_mean(X, x_t, torch.full((3,), t)).double(), q.mean, atol=1e-5, rtol=1e-4
    )
    assert model.process.posterior_logvar[t].exp().item() == pytest.approx(q.variance.mean().item(), rel=1e-5)


def test_the_large_variance_is_beta_but_for_the_first_step() -> None:
    x_t, t = torch.zeros(10, 1, 16, 16), torch.arange(10)
    large, small = (build(variance=v).reverse(x_t, t)[1].exp().flatten() for v in ("large", "small"))
    torch.testing.assert_close(large[1:], linear_betas(10)[1:].float())
    assert large[0] == small[0] == small[1]


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("parameterization", ["eps", "v"])
def test_the_loss_is_the_mean_squared_error_of_the_target(parameterization: str, schedule: str) -> None:
    model = build(parameterization=parameterization, schedule=schedule)
    torch.manual_seed(1)
    (update,) = model.losses({"image": X}, Progress(0))
    torch.manual_seed(1)
    t, eps = torch.randint(10, (3,)), torch.randn_like(X)
    betas = linear_betas(10) if schedule == "linear" else cosine_betas(10)
    a = torch.stack([(1 - betas[: k + 1]).prod() for k in t]).view(3, 1, 1, 1).float()
    pred = model.net(a.sqrt() * X + (1 - a).sqrt() * eps, t * 100.0)
    target = eps if parameterization == "eps" else a.sqrt() * eps - (1 - a).sqrt() * X
    torch.testing.assert_close(update.loss, (pred - target).square().mean())


def test_two_predictions_are_merged_into_one_image() -> None:
    """Salimans and Ho, section 4: x_hat = sigma^2 x~ + alpha (z - sigma eps~), and so v_hat = alpha eps~ - sigma x~."""
    model, t = build(parameterization="both", schedule="cosine"), torch.tensor([0, 4, 8])
    z = model.process.diffuse(X, t, torch.randn_like(X))
    alpha, sigma = (a.view(3, 1, 1, 1) for a in (model.alpha_bar[t].sqrt(), (1 - model.alpha_bar[t]).sqrt()))
    said = model.net(z, model.process.times[t])
    assert said.shape == (3, 2, 16, 16)
    image, noise = said[:, :1], said[:, 1:]
    x_hat = model.unclipped_x0(z, t)
    torch.testing.assert_close(x_hat, sigma**2 * image + alpha * (z - sigma * noise), atol=1e-5, rtol=1e-4)
    eps_hat = (z - alpha * x_hat) / sigma  # what a sampler makes of it
    torch.testing.assert_close(alpha * eps_hat - sigma * x_hat, alpha * noise - sigma * image, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(model.predict_x0(z, t), x_hat.clamp(-1, 1))


def test_the_loss_of_two_predictions_is_that_of_v_and_of_each() -> None:
    """The paper's loss is the image's, weighted by SNR + 1; the two predictions' own are added."""
    model = build(parameterization="both", schedule="cosine")
    torch.manual_seed(1)
    (update,) = model.losses({"image": X}, Progress(0))
    torch.manual_seed(1)
    t, eps = torch.randint(10, (3,)), torch.randn_like(X)
    a = torch.stack([(1 - cosine_betas(10)[: k + 1]).prod() for k in t]).view(3, 1, 1, 1)
    z = a.sqrt() * X + (1 - a).sqrt() * eps
    image, noise = model.net(z.float(), t * 100.0).double().chunk(2, 1)
    x_hat = (1 - a) * image + a.sqrt() * (z - (1 - a).sqrt() * noise)
    snr = a / (1 - a)
    expected = (snr + 1) * (x_hat - X).square() + (image - X).square() + (noise - eps).square()
    torch.testing.assert_close(update.loss.double(), expected.mean(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("parameterization", ["eps", "v", "both"])
def test_a_perfect_network_finds_the_image(parameterization: str) -> None:
    model, eps, t = build(parameterization=parameterization), torch.randn_like(X), torch.tensor([0, 2, 4])
    a = model.alpha_bar[t].view(3, 1, 1, 1)
    v = a.sqrt() * eps - (1 - a).sqrt() * X
    target = {"eps": eps, "v": v, "both": torch.cat([X, eps], 1)}[parameterization]
    model.net.forward = lambda x_t, t: target  # type: ignore[method-assign]
    torch.testing.assert_close(model.predict_x0(model.process.diffuse(X, t, eps), t), X, atol=1e-4, rtol=0)


def test_sampling_is_algorithm_2() -> None:
    model, betas = build(variance="large"), linear_betas(10).float()
    torch.manual_seed(3)
    drawn = model.sample(2)
    torch.manual_seed(3)
    x = torch.randn(2, 1, 16, 16)
    for t in reversed(range(10)):
        a, before = (1 - betas[: t + 1]).prod(), (1 - betas[:t]).prod()
        eps = model.net(x, torch.full((2,), 100.0 * t))
        x_0 = ((x - (1 - a).sqrt() * eps) / a.sqrt()).clamp(-1, 1)
        mean = before.sqrt() * betas[t] / (1 - a) * x_0 + (1 - betas[t]).sqrt() * (1 - before) / (1 - a) * x
        x = mean + betas[t].sqrt() * torch.randn_like(x) if t else mean
    torch.testing.assert_close(drawn, x, atol=1e-4, rtol=1e-4)
    assert drawn.abs().max() <= 1


@pytest.mark.parametrize("parameterization", ["eps", "both"])
@pytest.mark.parametrize("variance", ["large", "small"])
def test_a_term_of_the_bound_is_the_divergence_of_two_gaussians(variance: str, parameterization: str) -> None:
    model, t = build(variance=variance, parameterization=parameterization), torch.tensor([1, 4, 9])
    torch.manual_seed(2)
    x_t = model.process.diffuse(X, t, torch.randn_like(X))
    terms = model.process.vlb_term(X, x_t, t, *model.reverse(x_t, t))
    guess = model.predict_x0(x_t, t)
    for i, k in enumerate(t.tolist()):
        q, p = (posterior(x[i].double(), x_t[i].double(), k, linear_betas(10)) for x in (X, guess))
        std = linear_betas(10)[k].sqrt() if variance == "large" else p.stddev
        expected = kl_divergence(q, Normal(p.mean, std)).sum()
        torch.testing.assert_close(terms[i].double(), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("parameterization", ["eps", "both"])
def test_the_bound_is_the_sum_of_its_terms(parameterization: str) -> None:
    model = build(parameterization=parameterization)
    torch.manual_seed(4)
    bound = model.log_likelihood_bound(X)
    torch.manual_seed(4)
    a = model.alpha_bar[-1]
    expected = -kl_divergence(Normal(a.sqrt() * X, (1 - a).sqrt()), Normal(0, 1)).sum((1, 2, 3))
    for k in range(10):
        t = torch.randint(k, k + 1, (3,))
        x_t = model.process.diffuse(X, t, torch.randn_like(X))
        expected -= model.process.vlb_term(X, x_t, t, *model.reverse(x_t, t))
    torch.testing.assert_close(bound, expected, atol=1e-2, rtol=1e-4)


def test_a_bound_of_few_terms_has_the_whole_bounds_expectation() -> None:
    model = build((1, 8, 8))
    torch.manual_seed(5)
    x = X[:1, :, :8, :8].expand(600, -1, -1, -1)
    whole = model.log_likelihood_bound(x).double()
    model.cfg = DDPM.Config(**SMALL, timesteps=10, vlb_terms=2)
    few = model.log_likelihood_bound(x).double()
    error = (whole.var() / 600 + few.var() / 600).sqrt()
    assert few.std() > whole.std()  # it is an estimate
    assert (whole.mean() - few.mean()).abs() < 3 * error


def test_patches_and_colour() -> None:
    model = build((3, 64, 64), patch=2)
    assert model.sample(1).shape == (1, 3, 64, 64)
    assert model.log_likelihood_bound(torch.zeros(2, 3, 64, 64)).shape == (2,)


@pytest.mark.parametrize(
    ("shape", "config", "words"),
    [
        ((1, 16, 32), {}, "square images; these are 16 x 32"),
        ((1, 18, 18), {"patch": 4}, "images of 18 pixels do not suit patch 4 and 2 levels"),
        ((1, 16, 16), {"timesteps": 1}, "timesteps is 1; it must be at least 2"),
    ],
)
def test_what_cannot_be_built_is_refused(shape: tuple[int, int, int], config: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(shape, **config)
