"""Straight lines between noise and images, and the flow along them: what rectified flow and reflow share.

Liu, Gong, Liu 2022, https://arxiv.org/abs/2209.03003; noise is at t = 0 and the image at t = 1.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from paragone.models.layers.repeated import repeated

Velocity = Callable[[Tensor, Tensor], Tensor]
"""x (B,C,H,W), t (B,) in [0,1] -> dx/dt (B,C,H,W)."""

SIGMA_RANGE = (0.002, 80.0)  # of the noise levels (1 - t) / t that samplers visit: t = 0.998 to 0.012


def between(x_0: Tensor, x_1: Tensor, t: Tensor) -> Tensor:
    """x_t = t x_1 + (1 - t) x_0; images (B,C,H,W), t (B,)."""
    t = t[:, None, None, None]
    return t * x_1 + (1 - t) * x_0


def integrate(velocity: Velocity, x: Tensor, steps: int, solver: str) -> Tensor:
    """x (B,C,H,W) at t = 0 to t = 1 in equal steps of Euler's or Heun's method."""
    velocity = repeated(velocity, steps * (1 + (solver == "heun")))
    for i in range(steps):
        slope = velocity(x, _each(x, i / steps))
        if solver == "heun":
            slope = (slope + velocity(x + slope / steps, _each(x, (i + 1) / steps))) / 2
        x = x + slope / steps
    return x


def denoise(velocity: Velocity, x: Tensor, sigma: Tensor) -> Tensor:
    """E[x_1 | x] for x (B,C,H,W) = x_1 + sigma x_0, sigma (B,): t x has the noise level of time t = 1 / (1 + sigma)."""
    t = 1 / (1 + sigma)
    x_t = t[:, None, None, None] * x
    return x_t + (1 - t)[:, None, None, None] * velocity(x_t, t)


def _each(x: Tensor, t: float) -> Tensor:
    return torch.full((len(x),), t, device=x.device)
