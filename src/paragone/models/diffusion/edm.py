"""EDM: a diffusion model whose choices are taken apart. Tero Karras, Miika Aittala, Timo Aila, Samuli Laine, 2022.

"Elucidating the Design Space of Diffusion-Based Generative Models", https://arxiv.org/abs/2206.00364. The network is
preconditioned so that input, output and loss have unit variance at every noise level, the levels of the training follow
a log-normal distribution, and Heun's method samples in few steps of a schedule that is dense at low noise.

    eq. 5      sigma_i = (sigma_max^(1/rho) + i / (N - 1) (sigma_min^(1/rho) - sigma_max^(1/rho)))^rho, sigma_N = 0
    eq. 7      D(x; sigma) = c_skip(sigma) x + c_out(sigma) F(c_in(sigma) x; c_noise(sigma))
    table 1    c_skip = sigma_data^2 / (sigma^2 + sigma_data^2)
               c_out = sigma sigma_data / sqrt(sigma^2 + sigma_data^2)
               c_in = 1 / sqrt(sigma^2 + sigma_data^2), c_noise = ln(sigma) / 4
               lambda = (sigma^2 + sigma_data^2) / (sigma sigma_data)^2, ln sigma ~ N(P_mean, P_std^2)
    eq. 8      E[lambda c_out^2 ||F(c_in x; c_noise) - (y - c_skip x) / c_out||^2], x = y + sigma n, n ~ N(0, I)
    alg. 2     Heun's method with churn: 2 N - 1 evaluations of the network; S_churn = 0 is the deterministic alg. 1

Since lambda c_out^2 = 1, the loss is the mean squared error of F.

Deviations:
- The U-Net is DDPM's (`layers.unet`; the paper retrains DDPM++ and NCSN++), told 1000 c_noise as in the authors' later
  code for consistency models, whose embedding of times expects the range of DDPM's; `network: dit` is a transformer.
- No augmentation (section 5, non-leaking) and no dropout schedule; the plan is the paper's for CIFAR-10 with batches
  of 512 and an average of half-life 500 kimg.
- Samples are clipped to [-1,1] at the end.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import mse_loss
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import karras
from paragone.models.layers.backbone import Backbone


class EDM(Model):
    """A denoiser preconditioned for every noise level, sampled by Heun's method."""

    title = "EDM"
    paper = "Karras et al., 2022"
    plan = Plan(kimg=200_000, batch=512, ema_kimg=500, warmup_kimg=10_000)
    capabilities = frozenset({"decode", "latents"})

    @dataclass(frozen=True, kw_only=True)
    class Config(Backbone):
        dropout: float = 0.13
        sigma_data: float = 0.5  # standard deviation of the pixels
        p_mean: float = -1.2  # of ln sigma in training
        p_std: float = 1.2
        steps: int = 18  # N
        sigma_min: float = 0.002
        sigma_max: float = 80.0
        rho: float = 7.0
        s_churn: float = 0.0  # above 0: alg. 2 adds noise at levels from s_min to s_max
        s_min: float = 0.0
        s_max: float = math.inf
        s_noise: float = 1.0
        lr: float = 1e-3

    levels: Tensor  # (N+1,) float64, falling to 0

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg, self.shape = cfg, spec.shape
        self.net = cfg.build(spec.shape[0], spec.shape[0], spec.shape[1:])
        self.register_buffer("levels", karras.noise_levels(cfg.steps, cfg.sigma_min, cfg.sigma_max, cfg.rho))
        if cfg.s_churn:  # the first noise does not decide the image alone
            self.capabilities = frozenset()

    @property
    def sigma_range(self) -> tuple[float, float]:
        return self.cfg.sigma_min, self.cfg.sigma_max

    def optimizers(self) -> dict[str, Optimizer]:
        return {"net": Adam(self.net.parameters(), self.cfg.lr, fused=True)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        y = batch["image"]
        sigma = (self.cfg.p_mean + self.cfg.p_std * torch.randn(len(y), device=y.device)).exp()
        x = y + sigma[:, None, None, None] * torch.randn_like(y)
        c_skip, c_out, c_in, c_noise = karras.precondition(sigma, self.cfg.sigma_data)
        pred = self.net(c_in * x, 1000 * c_noise).float()
        yield Update("net", mse_loss(pred, (y - c_skip * x) / c_out))  # eq. 8

    def denoise(self, x: Tensor, sigma: Tensor) -> Tensor:
        """D(x; sigma), eq. 7: x (B,C,H,W) = image + sigma noise, sigma (B,) -> (B,C,H,W)."""
        c_skip, c_out, c_in, c_noise = karras.precondition(sigma, self.cfg.sigma_data)
        return c_skip * x + c_out * self.net(c_in * x, 1000 * c_noise).float()

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """The first noise over sigma_max: N(0, I), (n,C,H,W)."""
        return torch.randn(n, *self.shape, device=self.levels.device)

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        """The images that the noise sigma_max z leads to: (B,C,H,W) -> the same in [-1,1]."""
        cfg = self.cfg
        churn = karras.Churn(cfg.s_churn, cfg.s_min, cfg.s_max, cfg.s_noise)
        return karras.heun(self.denoise, cfg.sigma_max * z, self.levels, churn).clamp(-1, 1)
