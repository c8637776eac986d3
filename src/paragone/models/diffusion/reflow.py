"""Reflow: a rectified flow trained again on the pairs that a finished one makes, so that its paths are straighter.

Liu, Gong, Liu 2022, "Flow Straight and Fast", https://arxiv.org/abs/2209.03003, section 2.1 and algorithm 1. The parent
`flow`, a finished rectified flow, carries noise x_0 to an image x_1; regressing the straight line between the two of
each pair makes the paths straighter, so that few Euler steps, or one, suffice. It starts from the parent's weights.

    eq. 1          min_v E[||(x_1 - x_0) - v(x_t, t)||^2], x_t = t x_1 + (1 - t) x_0, t uniform in [0,1]
    reflow         (x_0, x_1): x_0 ~ N(0, I), x_1 the end of the parent's flow from x_0
    distillation   t = 0 alone: x_0 + v(x_0, 0) is regressed on x_1 (section 2.1, `distil: true`), for one step

Implemented: `pairs` pairs are made before the first step, in `pair_steps` of the solver, and drawn from at random after
that. They follow from the seed `seed`, drawn when the model is built, so a resumed run makes the same ones again
and no file carries them.

Deviations: the paper makes 4 million pairs with RK45; its metric for distillation is LPIPS, here the squared error.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import mse_loss
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import straight


class Reflow(Model):
    """A rectified flow of its parent's pairs."""

    title = "Rectified flow, reflow"
    paper = "Liu et al., 2022"
    plan = Plan(kimg=38_400, batch=128, ema_kimg=887, clip_norm=1.0)
    capabilities = frozenset({"decode", "latents"})
    parents = frozenset({"flow"})
    sigma_range = straight.SIGMA_RANGE

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pairs: int = 1_000_000
        pair_steps: int = 100  # of the parent's flow from x_0 to x_1
        pair_batch: int = 250
        distil: bool = False  # t = 0 alone
        steps: int = 1  # of sampling
        solver: Literal["euler", "heun"] = "euler"  # of sampling and of the pairs
        lr: float = 2e-4

    seed: Tensor  # 0-d int64: what the pairs follow from

    def __init__(self, cfg: Config, spec: Spec, *, flow: Any) -> None:
        super().__init__(flow=flow)
        self.cfg, self.shape = cfg, spec.shape
        if not hasattr(flow, "velocity"):
            raise ValueError(f"reflow starts from a rectified flow, and its parent {flow.title} is none; name another")
        self.net = copy.deepcopy(flow.net).requires_grad_(True)
        self.register_buffer("seed", torch.randint(2**31, ()))
        self.made: tuple[Tensor, Tensor] | None = None  # x_0 and x_1, (pairs,C,H,W) each

    def optimizers(self) -> dict[str, Optimizer]:
        return {"net": Adam(self.net.parameters(), self.cfg.lr, fused=True)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        n, device = len(batch["image"]), batch["image"].device
        drawn = self.cfg.pairs if progress.step == 0 and self.made is None else 0
        self.made = self.made or self._pairs(device)
        chosen = torch.randint(self.cfg.pairs, (n,), device=device)
        x_0, x_1 = self.made[0][chosen], self.made[1][chosen]
        t = torch.zeros(n, device=device) if self.cfg.distil else torch.rand(n, device=device)
        loss = mse_loss(self.velocity(straight.between(x_0, x_1, t), t), x_1 - x_0)  # eq. 1
        yield Update("net", loss, drawn=drawn)

    @torch.no_grad()
    def _pairs(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Noise and where the parent's flow takes it."""
        generator = torch.Generator().manual_seed(int(self.seed))
        x_0 = torch.randn(self.cfg.pairs, *self.shape, generator=generator).to(device)
        flow: Any = self.frozen["flow"]
        with torch.autocast(device.type, enabled=False):
            parts = [
                straight.integrate(flow.velocity, part, self.cfg.pair_steps, self.cfg.solver)
                for part in x_0.split(self.cfg.pair_batch)
            ]
        return x_0, torch.cat(parts)

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        """v(x, t): x (B,C,H,W), t (B,) in [0,1] -> (B,C,H,W)."""
        return self.net(x, 1000 * t).float()

    def denoise(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The expected image of x (B,C,H,W) = image + sigma noise, sigma (B,); in [-1,1]."""
        return straight.denoise(self.velocity, x, sigma).clamp(-1, 1)

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """x_0 ~ N(0, I), (n,C,H,W)."""
        return torch.randn(n, *self.shape, device=next(self.parameters()).device)

    @torch.no_grad()
    def decode(self, x: Tensor) -> Tensor:
        """The images that x_0 (B,C,H,W) flows to, the same in [-1,1]."""
        return straight.integrate(self.velocity, x, self.cfg.steps, self.cfg.solver).clamp(-1, 1)
