"""Sampling in terms of noise levels: what is shared by every model that can denoise x = x_0 + sigma eps.

Karras et al. 2022, https://arxiv.org/abs/2206.00364 (EDM), whose equations and algorithms are cited below. A process
with a scale, x_t = s (x_0 + sigma eps), is brought into this form by dividing by s, and so the samplers here serve
DDPMs, EDM and rectified flows alike: each of them has a method `denoise` and a range `sigma_range`.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from paragone.models.layers.repeated import repeated

Denoiser = Callable[[Tensor, Tensor], Tensor]
"""x (B,C,H,W) = x_0 + sigma eps, sigma (B,) -> D(x; sigma), the expectation of x_0 given x: (B,C,H,W)."""


class Churn(NamedTuple):
    """How much fresh noise algorithm 2 adds; none at all makes it algorithm 1."""

    amount: float = 0.0  # S_churn
    low: float = 0.0  # S_tmin
    high: float = math.inf  # S_tmax
    noise: float = 1.0  # S_noise

    def gamma(self, sigma: float, steps: int) -> float:
        """By what share the noise level is raised before a step."""
        return min(self.amount / steps, math.sqrt(2) - 1) if self.low <= sigma <= self.high else 0.0


def noise_levels(steps: int, low: float, high: float, rho: float = 7.0) -> Tensor:
    """sigma_0 = high, ..., sigma_{steps-1} = low, and 0 after them: (steps+1,) float64 (eq. 5).

    rho = inf spaces their logarithms evenly, which is the limit of eq. 5.
    Raises ValueError unless 0 < low < high and steps >= 1. One step goes from `high` to 0.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}; it must be at least 1")
    if not 0 < low < high:
        raise ValueError(f"the noise levels are {low} to {high}; they must be above 0 and rise")
    share = torch.arange(steps, dtype=torch.float64) / max(steps - 1, 1)
    if math.isinf(rho):
        levels = high * (low / high) ** share
    else:
        levels = (high ** (1 / rho) + share * (low ** (1 / rho) - high ** (1 / rho))) ** rho
    return torch.cat([levels, levels.new_zeros(1)])


def heun(denoise: Denoiser, x: Tensor, levels: Tensor, churn: Churn = Churn()) -> Tensor:  # noqa: B008 (immutable)
    """Algorithm 2 from x (B,C,H,W) at levels[0] to levels[-1] = 0: 2 len(levels) - 3 evaluations of `denoise`."""
    sigmas, denoise = levels.tolist(), repeated(denoise, 2 * len(levels) - 3)
    for now, then in pairwise(sigmas):
        gamma = churn.gamma(now, len(sigmas) - 1)
        raised = now * (1 + gamma)
        if gamma:
            x = x + math.sqrt(raised**2 - now**2) * churn.noise * torch.randn_like(x)
        slope = (x - denoise(x, _each(x, raised))) / raised
        ahead = x + (then - raised) * slope
        if then:  # second order, but for the last step
            slope = (slope + (ahead - denoise(ahead, _each(x, then))) / then) / 2
            ahead = x + (then - raised) * slope
        x = ahead
    return x


def multistep(denoise: Denoiser, x: Tensor, levels: Tensor, order: int = 2) -> Tensor:
    """DPM-Solver++(2M) from x (B,C,H,W) at levels[0] to levels[-1] = 0, one evaluation per step (Lu et al. 2022,
    https://arxiv.org/abs/2211.01095, algorithm 2, with x over the scale of the process and lambda = -log sigma).

    Of order 1 it is DDIM (Song et al. 2021, https://arxiv.org/abs/2010.02502, eq. 12 with sigma_t = 0)."""
    sigmas, denoise = levels.tolist(), repeated(denoise, len(levels) - 1)
    before, h_before = None, 0.0  # the last predicted image, and the step in lambda that led from it
    for now, then in pairwise(sigmas):
        x_0 = denoise(x, _each(x, now))
        if not then:
            return x_0
        h, guess = math.log(now / then), x_0
        if order == 2 and before is not None:
            guess = x_0 + h / (2 * h_before) * (x_0 - before)
        x = then / now * x + (1 - then / now) * guess
        before, h_before = x_0, h
    return x


def _each(x: Tensor, sigma: float) -> Tensor:
    return torch.full((len(x),), sigma, device=x.device)


class Preconditioning(NamedTuple):
    """The factors of eq. 7 and table 1 for the noise levels of a batch."""

    skip: Tensor  # c_skip (B,1,1,1), of the noisy image in the output
    out: Tensor  # c_out (B,1,1,1), of the network's output
    input: Tensor  # c_in (B,1,1,1), of the noisy image in the network's input
    noise: Tensor  # c_noise (B,), what the network is given of the level


def precondition(sigma: Tensor, sigma_data: float, sigma_min: float = 0.0) -> Preconditioning:
    """The factors at the noise levels sigma (B,). With sigma_min > 0 they are those of a consistency model, c_skip = 1
    and c_out = 0 at sigma_min (Song et al. 2023, https://arxiv.org/abs/2303.01469, appendix C)."""
    s = sigma.float()[:, None, None, None]
    root = (s**2 + sigma_data**2).sqrt()
    skip = sigma_data**2 / ((s - sigma_min) ** 2 + sigma_data**2)
    return Preconditioning(skip, sigma_data * (s - sigma_min) / root, 1 / root, sigma.float().log() / 4)
