"""Rectified flow: an ordinary differential equation from noise to images, learned by regressing straight lines.

Liu, Gong, Liu 2022, "Flow Straight and Fast", https://arxiv.org/abs/2209.03003. Flow matching with the optimal
transport path (Lipman et al. 2022, https://arxiv.org/abs/2210.02747, eq. 23, sigma_min = 0) is the same model.

    eq. 1          min_v E[||(x_1 - x_0) - v(x_t, t)||^2], x_t = t x_1 + (1 - t) x_0, t uniform in [0,1]
    eq. 2          dx_t = v(x_t, t) dt from x_0 ~ N(0, I) at t = 0 to an image x_1 at t = 1
    Euler          x_{t + 1/N} = x_t + v(x_t, t) / N, N steps
    Heun           the mean of the slopes at both ends of a step, two evaluations

The minimiser is v(x, t) = E[x_1 - x_0 | x_t = x], so x_t + (1 - t) v is the expected image: divided by t, x_t has noise
of level sigma = (1 - t) / t, and `denoise` lets samplers that work on noise levels take this row for a parent.

Deviations:
- The defaults are the paper's for CIFAR-10, with the U-Net of DDPM (`layers.unet`) in place of DDPM++ and without
  random horizontal flips. The paper samples with RK45 of adaptive steps; here the steps are fixed.
- The paper's plan is 600,000 steps of 128 images and an average of decay 0.999999 a step.
- `times: logit-normal` draws t as the sigmoid of a standard normal variable (Esser et al. 2024,
  https://arxiv.org/abs/2403.03206, section 3.1); `network: dit` is a transformer (`layers.dit`); `patch` works on
  patches, of which tokens of the transformer see `overlap` more pixels on each side.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import mse_loss
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import straight
from paragone.models.layers.backbone import Backbone


class RectifiedFlow(Model):
    """A velocity field that carries noise to images along nearly straight lines."""

    title = "Rectified flow"
    paper = "Liu et al., 2022"
    plan = Plan(kimg=76_800, batch=128, ema_kimg=887, warmup_kimg=640, clip_norm=1.0)
    capabilities = frozenset({"decode", "latents"})
    sigma_range = straight.SIGMA_RANGE

    @dataclass(frozen=True, kw_only=True)
    class Config(Backbone):
        dropout: float = 0.15
        times: Literal["uniform", "logit-normal"] = "uniform"
        steps: int = 100  # N
        solver: Literal["euler", "heun"] = "euler"
        lr: float = 2e-4

        def __post_init__(self) -> None:
            if self.steps < 1:
                raise ValueError(f"steps is {self.steps}; it must be at least 1")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg, self.shape = cfg, spec.shape
        self.net = cfg.build(spec.shape[0], spec.shape[0], spec.shape[1:])

    def optimizers(self) -> dict[str, Optimizer]:
        return {"net": Adam(self.net.parameters(), self.cfg.lr, fused=True)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x_1 = batch["image"]
        t = torch.rand(len(x_1), device=x_1.device)
        if self.cfg.times == "logit-normal":
            t = torch.randn(len(x_1), device=x_1.device).sigmoid()
        x_0 = torch.randn_like(x_1)
        yield Update("net", mse_loss(self.velocity(straight.between(x_0, x_1, t), t), x_1 - x_0))  # eq. 1

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
