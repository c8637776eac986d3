"""Strided sampling of a finished DDPM, Improved DDPM or LDM in few of its steps. Alex Nichol, Prafulla Dhariwal, 2021.

https://arxiv.org/abs/2102.09672, section 4. The parent (`ddpm`) visits K evenly spaced of its T steps, the first and
the last among them; beta and beta~ of the shorter process follow from alpha_bar there (eq. 19), and so do fixed
variances and the bounds of learned ones. It trains nothing: one training serves every K.

    eq. 19    beta_{S_t} = 1 - alpha_bar_{S_t} / alpha_bar_{S_{t-1}}
              beta~_{S_t} = (1 - alpha_bar_{S_{t-1}}) / (1 - alpha_bar_{S_t}) beta_{S_t}

Deviations: none known. The noise is that of the ancestral sampler, with x_0 clipped to [-1,1] at each step; latents of
an LDM, which know no such bounds, are not clipped, and are drawn with its labels and guidance.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update, class_labels


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
        self.cfg, self.shape = cfg, getattr(ddpm, "latent_shape", spec.shape)  # of what is diffused
        self.needs = self.needs | (ddpm.needs & {"label"})
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
        parent: Any = self.frozen["ddpm"]
        x = torch.randn(n, *self.shape, device=self.process.times.device)
        labelled = "label" in parent.needs
        given = (class_labels(cond, n, parent.classes, x.device),) if labelled else ()
        x = self.process.sample(lambda x_t, t: parent.reverse(x_t, t, self.process, *given), x)
        return parent.images(x) if hasattr(parent, "images") else x
