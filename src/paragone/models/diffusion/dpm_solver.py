"""DPM-Solver++(2M): a second-order multistep sampler of finished diffusion models. Cheng Lu et al., 2022.

"DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models", https://arxiv.org/abs/2211.01095,
algorithm 2. The parent (`ddpm`: DDPM, Improved DDPM, LDM, EDM or rectified flow) is evaluated once per step; the
predicted image is extrapolated from its last two values. It trains nothing.

    eq. 9          x_t = sigma_t / sigma_s x_s - alpha_t (exp(-h) - 1) D, h = lambda_t - lambda_s,
                   lambda = log(alpha / sigma)
    algorithm 2    D_i = (1 + 1 / (2 r_i)) x_hat_0(x_{i-1}) - 1 / (2 r_i) x_hat_0(x_{i-2}), r_i = h_{i-1} / h_i;
                   D_1 = x_hat_0(x_0)

In the code x is divided by alpha, and sigma stands for sigma / alpha, so lambda = -log sigma and eq. 9 reads
x_t = exp(-h) x_s + (1 - exp(-h)) D.

Implemented: both spacings of the noise levels, uniform in lambda (the paper's for unconditional models of few pixels)
and that of EDM (`spacing: karras`).

Deviations: the last step, to noise 0, is of first order, x = x_hat_0 (the paper stops at a small noise and returns
that x; its appendix D.3 uses first order at the end for few steps). The predicted image is clipped as in the parent.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update, class_labels
from paragone.models.layers import karras


class DPMSolver(Model):
    """A sampler: one evaluation of the parent per step, and the one before remembered."""

    title = "DPM-Solver++(2M)"
    paper = "Lu et al., 2022"
    plan = Plan(kimg=0)
    capabilities = frozenset({"decode", "latents"})
    parents = frozenset({"ddpm"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        steps: int = 20
        spacing: Literal["lambda", "karras"] = "lambda"
        sigma_max: float = 0.0  # noise over signal at the start; 0: the parent's highest

    levels: Tensor  # (steps+1,) float64, falling to 0

    def __init__(self, cfg: Config, spec: Spec, *, ddpm: Any) -> None:
        super().__init__(ddpm=ddpm)
        self.cfg, self.shape = cfg, getattr(ddpm, "latent_shape", spec.shape)  # of what is diffused
        self.needs = self.needs | (ddpm.needs & {"label"})
        low, high = sigma_range(ddpm, "DPM-Solver++", cfg.steps)
        high = min(high, cfg.sigma_max or high)
        rho = math.inf if cfg.spacing == "lambda" else 7.0
        self.register_buffer("levels", karras.noise_levels(cfg.steps, low, high, rho))

    def optimizers(self) -> dict[str, Optimizer]:
        return {}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        yield from ()

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        return self.decode(self.latents(n), cond)

    def latents(self, n: int) -> Tensor:
        """The first noise over its level: N(0, I), (n,C,H,W)."""
        return torch.randn(n, *self.shape, device=self.levels.device)

    @torch.no_grad()
    def decode(self, z: Tensor, cond: Tensor | None = None) -> Tensor:
        """The images (B,C,H,W) in [-1,1] that the noise z leads to; cond: labels (B,), of a parent that takes them."""
        denoise, finish = ends(self.frozen["ddpm"], len(z), cond, z.device)
        return finish(karras.multistep(denoise, float(self.levels[0]) * z, self.levels))


def ends(
    parent: Any, n: int, cond: Tensor | None, device: torch.device
) -> tuple[karras.Denoiser, Callable[[Tensor], Tensor]]:
    """A parent's denoiser, of n labels where it takes them, and what makes images of what it denoises."""
    finish = parent.images if hasattr(parent, "images") else (lambda x: x.clamp(-1, 1))
    if "label" not in parent.needs:
        return parent.denoise, finish
    labels = class_labels(cond, n, parent.classes, device)
    return (lambda x, sigma: parent.denoise(x, sigma, labels)), finish


def sigma_range(parent: Any, who: str, steps: int) -> tuple[float, float]:
    """The lowest and the highest noise level of a parent. Raises ValueError where it has none, or fewer steps."""
    if not hasattr(parent, "denoise") or not hasattr(parent, "sigma_range"):
        raise ValueError(f"{who} samples a diffusion model or a flow, and {parent.title} is neither; name another one")
    total = len(parent.process) if hasattr(parent, "process") else steps
    if not 1 <= steps <= total:
        raise ValueError(f"{who}'s steps is {steps}; it must be 1 to the {total} timesteps of its parent")
    low, high = parent.sigma_range
    return low, high
