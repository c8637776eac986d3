"""Strided sampling of a finished DDPM or Improved DDPM in few of its steps. Alex Nichol, Prafulla Dhariwal, 2021.

https://arxiv.org/abs/2102.09672, section 4. The parent (`ddpm`) visits K evenly spaced of its T steps, the first and
the last among them; beta and beta~ of the shorter process follow from alpha_bar there (eq. 19), and so do fixed
variances and the bounds of learned ones. It trains nothing: one training serves every K.

    eq. 19    beta_{S_t} = 1 - alpha_bar_{S_t} / alpha_bar_{S_{t-1}}
              beta~_{S_t} = (1 - alpha_bar_{S_{t-1}}) / (1 - alpha_bar_{S_t}) beta_{S_t}

Deviations: none known. The noise is that of the ancestral sampler, with x_0 clipped to [-1,1] at each step.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update


class Strided(Model):
    """A sampler: its parent's ancestral sampling in `steps` steps."""

    title = "DDPM, strided"
    paper = "Nichol and Dhariwal, 2021"
    plan = Plan(kimg=0)
    parents = frozenset({"ddpm"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        steps: int = 100  # K

    def __init__(self, cfg: Config, spec: Spec, *, ddpm: Any) -> None:
        super().__init__(ddpm=ddpm)
        self.cfg, self.shape = cfg, spec.shape
        if not hasattr(ddpm, "reverse"):
            raise ValueError(
                f"strided sampling is of a DDPM's steps, and its parent {ddpm.title} is none; name another as ddpm"
            )
        self.process = ddpm.process.strided(cfg.steps)

    def optimizers(self) -> dict[str, Optimizer]:
        return {}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        yield from ()

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        x = torch.randn(n, *self.shape, device=self.process.times.device)
        return self.process.sample(lambda x_t, t: self.frozen["ddpm"].reverse(x_t, t, self.process), x)  # type: ignore[operator]
