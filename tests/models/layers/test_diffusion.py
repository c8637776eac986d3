"""The shared diffusion process: its tables, the strided process, and the bound's terms against numerical integrals."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from paragone.models.layers.diffusion import Diffusion, diffusion
from paragone.models.layers.functional import cosine_betas, linear_betas

PIXEL = torch.tensor([0.2]).view(1, 1, 1, 1)


def kl_by_quadrature(p: stats.rv_continuous, q: stats.rv_continuous) -> float:
    """The integral of p log(p/q) over twelve standard deviations of p to each side of its mean."""
    low, high = p.mean() - 12 * p.std(), p.mean() + 12 * p.std()
    return integrate.quad(lambda y: p.pdf(y) * (p.logpdf(y) - q.logpdf(y)), low, high, limit=200)[0]


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("t", [1, 7, 19])
def test_a_term_is_the_integral_of_the_divergence(schedule: str, t: int) -> None:
    process = diffusion(schedule, 20, "eps")
    betas = (linear_betas if schedule == "linear" else cosine_betas)(20).numpy()
    x, x_t, mean, logvar = 0.2, -0.35, 0.1, math.log(0.6 * betas[t])
    # q(x_{t-1} | x_t, x_0) by Bayes' rule: the product of q(x_{t-1} | x_0) and q(x_t | x_{t-1}), seen as Gaussians
    before, a = np.prod(1 - betas[:t]), 1 - betas[t]
    precision = 1 / (1 - before) + a / betas[t]
    middle = (math.sqrt(before) * x / (1 - before) + math.sqrt(a) * x_t / betas[t]) / precision
    q, p = stats.norm(middle, precision**-0.5), stats.norm(mean, math.exp(0.5 * logvar))
    shaped = [torch.tensor(v, dtype=torch.float32).view(1, 1, 1, 1) for v in (x, x_t, mean, logvar)]
    term = process.vlb_term(shaped[0], shaped[1], torch.tensor([t]), shaped[2], shaped[3])
    assert term.item() == pytest.approx(kl_by_quadrature(q, p), rel=2e-4, abs=1e-5)


@pytest.mark.parametrize("std", [0.003, 0.05, 1.5])
@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_the_first_term_is_the_mass_of_the_levels_bin(std: float, level: int) -> None:
    process, mean = diffusion("cosine", 20, "eps"), (level + 0.3) / 127.5 - 1
    lower = -np.inf if level == 0 else (level - 0.5) / 127.5 - 1
    upper = np.inf if level == 255 else (level + 0.5) / 127.5 - 1
    expected = -math.log(stats.norm(mean, std).cdf(upper) - stats.norm(mean, std).cdf(lower))
    x = torch.full((1, 1, 1, 1), level / 127.5 - 1)
    logvar = torch.full_like(x, 2 * math.log(std))
    term = process.vlb_term(x, x, torch.tensor([0]), torch.full_like(x, mean), logvar)
    assert term.item() == pytest.approx(expected, rel=1e-3, abs=1e-6)


def test_the_first_terms_levels_share_out_all_of_the_mass() -> None:
    process = diffusion("linear", 20, "eps")
    levels = (torch.arange(256) / 127.5 - 1).view(256, 1, 1, 1)
    t, mean, logvar = torch.zeros(256).long(), torch.full_like(levels, 0.9), torch.full_like(levels, -3.0)
    assert (-process.vlb_term(levels, levels, t, mean, logvar)).exp().sum().item() == pytest.approx(1, abs=1e-4)


def test_the_gradients_of_the_terms_are_finite_at_the_outermost_levels() -> None:
    process, x = diffusion("cosine", 4000, "eps"), torch.tensor([-1.0, 1.0, 0.0, -1.0]).view(4, 1, 1, 1)
    mean = torch.tensor([-1.0, 1.0, 0.9, 0.9]).view(4, 1, 1, 1).requires_grad_()
    logvar = torch.full_like(x, process.posterior_logvar[0].item()).requires_grad_()
    process.vlb_term(x, x, torch.tensor([0, 0, 0, 3]), mean, logvar).sum().backward()
    assert mean.grad is not None
    assert mean.grad.isfinite().all()
    assert mean.grad[2:].all()
    assert logvar.grad is not None
    assert logvar.grad.isfinite().all()


def test_the_first_of_many_steps_keeps_its_digits() -> None:
    process, beta = diffusion("cosine", 4000, "eps"), cosine_betas(4000)[0].item()
    assert process.noise[0].item() ** 2 == pytest.approx(beta, rel=1e-6)


def test_a_stride_over_all_steps_is_the_process() -> None:
    process = diffusion("cosine", 12, "v")
    for name, table in process.strided(12).named_buffers():
        torch.testing.assert_close(table, dict(process.named_buffers())[name], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("steps", [2, 5, 50])
def test_a_stride_is_equation_19(steps: int) -> None:
    whole = diffusion("cosine", 200, "eps")
    process = whole.strided(steps)
    visited = [round(1 + i * 199 / (steps - 1)) - 1 for i in range(steps)]  # the paper's steps are 1 to T
    alpha_bar = np.cumprod(1 - cosine_betas(200).numpy())[visited]
    before = np.concatenate([[1.0], alpha_bar[:-1]])
    beta = 1 - alpha_bar / before
    assert process.times.tolist() == pytest.approx([5.0 * s for s in visited])
    assert process.log_beta.exp().tolist() == pytest.approx(beta, rel=1e-5)
    posterior = (1 - before) / (1 - alpha_bar) * beta
    assert process.posterior_logvar.exp()[1:].tolist() == pytest.approx(posterior[1:], rel=1e-5)


def test_a_stride_of_a_stride_visits_steps_of_the_first() -> None:
    whole = diffusion("linear", 100, "eps")
    twice = whole.strided(34).strided(12)
    assert set(twice.times.tolist()) <= set(whole.strided(34).times.tolist())


@pytest.mark.parametrize("steps", [1, 0, 13])
def test_a_stride_that_cannot_be_is_refused(steps: int) -> None:
    with pytest.raises(ValueError, match=f"sampling steps is {steps}; it must be 2 to the 12 of the training"):
        diffusion("cosine", 12, "eps").strided(steps)


def test_sampling_with_the_true_reverse_process_finds_the_image() -> None:
    """With the posterior of a known image as p, ancestral sampling ends at that image, strided or not."""
    whole = diffusion("cosine", 40, "eps")
    for process in (whole, whole.strided(7)):

        def reverse(
            x_t: torch.Tensor, t: torch.Tensor, chain: Diffusion = process
        ) -> tuple[torch.Tensor, torch.Tensor]:
            mean = chain.posterior_mean(PIXEL.expand_as(x_t), x_t, t)
            return mean, chain.posterior_logvar[t].view(-1, 1, 1, 1)

        found = process.sample(reverse, torch.randn(5, 1, 1, 1))
        torch.testing.assert_close(found, PIXEL.expand(5, 1, 1, 1), atol=1e-4, rtol=0)
