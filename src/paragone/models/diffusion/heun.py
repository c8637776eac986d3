"""EDM's sampler for finished diffusion models: Heun's method over noise levels. Tero Karras et al., 2022.

https://arxiv.org/abs/2206.00364, algorithm 2, for a parent (`ddpm`) that was trained otherwise: DDPM, Improved DDPM,
LDM or rectified flow, whose samples are brought to the form image + sigma noise by their scale (section 3). It trains
nothing.

    eq. 5      r_i = r_0 + i / (N - 1) (r_{N-1} - r_0), the root r_i of sigma_i of order rho; sigma_0 = sigma_max,
               sigma_{N-1} = sigma_min, sigma_N = 0
    alg. 2     d = (x - D(x; sigma)) / sigma; x' = x + (sigma' - sigma) d; d' = (x' - D(x'; sigma')) / sigma';
               x' = x + (sigma' - sigma) (d + d') / 2, but for the last step: 2 N - 1 evaluations of the network

Deviations: none known. Between the steps of a parent with discrete ones, its time is interpolated.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.diffusion.dpm_solver import ends, sigma_range
from paragone.models.layers import karras


class Heun(Model):
    """A sampler: algorithm 2 of EDM on its parent's denoiser."""

    title = "EDM's sampler"
    paper = "Karras et al., 2022"
    plan = Plan(kimg=0)
    capabilities = frozenset({"decode", "latents"})
    parents = frozenset({"ddpm"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        steps: int = 18  # N
        sigma_max: float = 80.0  # but not above the parent's highest
        rho: float = 7.0
        s_churn: float = 0.0  # above 0: fresh noise at each step

    levels: Tensor  # (N+1,) float64, falling to 0

    def __init__(self, cfg: Config, spec: Spec, *, ddpm: Any) -> None:
        super().__init__(ddpm=ddpm)
        self.cfg, self.shape = cfg, getattr(ddpm, "latent_shape", spec.shape)  # of what is diffused
        self.needs = self.needs | (ddpm.needs & {"label"})
        low, high = sigma_range(ddpm, "EDM's sampler", cfg.steps)
        self.register_buffer("levels", karras.noise_levels(cfg.steps, low, min(high, cfg.sigma_max), cfg.rho))
        if cfg.s_churn:
            self.capabilities = frozenset()

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
        return finish(karras.heun(denoise, float(self.levels[0]) * z, self.levels, karras.Churn(self.cfg.s_churn)))
