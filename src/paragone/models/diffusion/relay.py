"""GAN-diffusion relay: a GAN composes an image, a diffusion model refines it in a few steps.

Haojun Hu, "A Study of Image Generation Methods that are based on Deep Learning", proposes the fusion without a method.
The reading here is SDEdit's (Meng et al. 2021, https://arxiv.org/abs/2108.01073, section 3), noise an image to a time
t_0 and let a diffusion model take the noise away, with DDIM's deterministic steps (Song et al. 2021,
https://arxiv.org/abs/2010.02502, eq. 12). Both parents are finished: `gan`, any model that samples, and `ddpm`. It
trains nothing.

    composition    x_0 = G(z)
    eq. 4 (DDPM)   x_{t_0} = sqrt(alpha_bar_{t_0}) x_0 + sqrt(1 - alpha_bar_{t_0}) eps, eps ~ N(0, I)
    refinement     DDIM from t_0 to the image in `steps` evenly spaced steps

`start` is t_0 over T: 1 forgets the GAN and is DDIM, and the smaller it is the more of the GAN's image stays.

Deviations: the survey states no algorithm, so all of it is an interpretation.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.diffusion.ddim import step, times
from paragone.models.layers.repeated import repeated


class Relay(Model):
    """A GAN's image, noised and refined by a DDPM."""

    title = "GAN-diffusion relay"
    paper = "Hu (proposal); Meng et al., 2021"
    plan = Plan(kimg=0)
    parents = frozenset({"gan", "ddpm"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        start: float = 0.5  # t_0 / T, SDEdit's choice for photographs lies between 0.3 and 0.6
        steps: int = 5  # evaluations of the diffusion model

    times: Tensor  # (steps,) int64, rising: the steps of the diffusion model that are visited

    def __init__(self, cfg: Config, spec: Spec, *, gan: Any, ddpm: Any) -> None:
        super().__init__(gan=gan, ddpm=ddpm)
        self.cfg, self.shape = cfg, spec.shape
        if not hasattr(ddpm, "alpha_bar"):
            raise ValueError(f"the relay refines by a DDPM, and its parent {ddpm.title} is none; name another as ddpm")
        if not 0 < cfg.start <= 1:
            raise ValueError(f"the relay's start is {cfg.start}; it must be above 0 and at most 1 (of the parent's T)")
        if tuple(ddpm.shape) != tuple(spec.shape):
            raise ValueError(f"the relay's ddpm makes images {tuple(ddpm.shape)}, the data set has {tuple(spec.shape)}")
        last = round(cfg.start * len(ddpm.alpha_bar))  # t_0 as the paper counts, from 1
        if not 1 <= cfg.steps <= last:
            raise ValueError(f"the relay's steps is {cfg.steps}; it must be 1 to the {last} timesteps up to its start")
        self.register_buffer("times", times(cfg.steps, last, "linear"))
        self.needs = self.needs | (gan.needs & {"label"})

    def optimizers(self) -> dict[str, Optimizer]:
        return {}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        yield from ()

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """Images (n,C,H,W) in [-1,1]; cond: labels (n,) where the GAN takes them."""
        return self.refine(self.frozen["gan"].sample(n, cond))  # type: ignore[operator]

    @torch.no_grad()
    def refine(self, x: Tensor) -> Tensor:
        """Images x (B,C,H,W) in [-1,1] noised to t_0 and denoised, the same. Raises ValueError for another size."""
        if tuple(x.shape[1:]) != tuple(self.shape):
            raise ValueError(f"the relay's gan makes images {tuple(x.shape[1:])}, its ddpm {tuple(self.shape)}")
        ddpm: Any = self.frozen["ddpm"]
        steps = self.times.tolist()
        t = torch.full((len(x),), steps[-1], device=x.device)
        x = ddpm.process.diffuse(x, t, torch.randn_like(x))
        guess = repeated(ddpm.unclipped_x0, len(steps))
        for now, then in zip(steps[::-1], [*steps[-2::-1], -1], strict=True):
            x, _ = step(ddpm, x, now, then, predict=guess)
        return x
