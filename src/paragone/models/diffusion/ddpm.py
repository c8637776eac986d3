"""DDPM: Denoising Diffusion Probabilistic Models. Jonathan Ho, Ajay Jain, Pieter Abbeel, 2020.

https://arxiv.org/abs/2006.11239. A Markov chain q adds noise to an image in T steps (eq. 2); a U-Net learns to undo
them, trained on the noise it should have seen (L_simple, eq. 14). In the code a step t of the paper is t - 1.
What it shares with its successors is in `paragone.models.layers.diffusion`.

    eq. 4          q(x_t|x_0) = N(x_t; sqrt(alpha_bar_t) x_0, (1 - alpha_bar_t) I)
    eq. 6, 7       q(x_{t-1}|x_t,x_0) = N(x_{t-1}; mu~_t(x_t,x_0), beta~_t I)
                   mu~_t = (sqrt(alpha_bar_{t-1}) beta_t x_0 + sqrt(alpha_t) (1 - alpha_bar_{t-1}) x_t)
                           / (1 - alpha_bar_t)
                   beta~_t = (1 - alpha_bar_{t-1}) / (1 - alpha_bar_t) beta_t
    eq. 14         L_simple = E[||eps - eps_theta(x_t, t)||^2], x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps
    algorithm 2    x_{t-1} = mu~_t(x_t, x_hat_0) + sigma_t z, z ~ N(0, I); x_hat_0 follows from eps_theta by eq. 4

Implemented: the forward process in closed form (eq. 4), its posterior (eq. 6, 7), L_simple (eq. 14), ancestral
sampling (Algorithm 2) with x_0 clipped to [-1,1] as in the authors' code, the variational bound (eq. 5) with the
discretised Gaussian decoder (eq. 13), and both fixed variances of section 3.2. "large" is beta_t with the first
step's set to the posterior variance of the second, as the authors' code has it for CIFAR-10; "small" is the posterior
variance itself.

Deviations: no random horizontal flips. The options change the paper's model and are off by default: `patch` works on
patches (space to depth), a smaller and faster network; `parameterization: v` predicts sqrt(alpha_bar) epsilon -
sqrt(1 - alpha_bar) x_0 (Salimans and Ho 2022, https://arxiv.org/abs/2202.00512); `parameterization: both` predicts x_0
and epsilon in channels of their own and merges them into v (the same, section 4), and learns both besides v, which the
paper does not; `schedule: cosine` is Nichol and Dhariwal's (2021, https://arxiv.org/abs/2102.09672, eq. 17). For
another `timesteps` than 1000 the linear schedule and the times that the network sees are scaled by 1000 / timesteps.
GroupNorm takes fewer than 32 groups where `width` is small.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers.diffusion import Diffusion, Parameterization, at, diffusion
from paragone.models.layers.unet import UNet


class DDPM(Model):
    title = "DDPM"
    paper = "Ho et al., 2020"
    # CIFAR-10: 800,000 steps of 128 images, EMA 0.9999 per step (half-life 6,931 steps), 5,000 steps of warm-up
    plan = Plan(kimg=102_400, batch=128, ema_kimg=887, warmup_kimg=640, clip_norm=1.0)
    capabilities = frozenset({"log_likelihood_bound"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = 128  # channels at full resolution
        multipliers: tuple[int, ...] = (1, 2, 2, 2)
        blocks: int = 2  # residual blocks a level
        attention: tuple[int, ...] = (16,)  # sizes of the feature maps that attend
        heads: int = 1
        dropout: float = 0.1
        patch: int = 1  # not the paper's if above 1
        timesteps: int = 1000  # T
        schedule: Literal["linear", "cosine"] = "linear"
        parameterization: Parameterization = "eps"  # what the network predicts
        variance: Literal["large", "small"] = "large"  # sigma_t^2: beta_t or the posterior's
        lr: float = 2e-4
        vlb_terms: int = 0  # of the T-1 KL terms an image's bound evaluates, drawn without bias; 0: all

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg, self.shape = cfg, spec.shape
        self.process = diffusion(cfg.schedule, cfg.timesteps, cfg.parameterization)
        c, size, width = spec.shape
        if size != width:
            raise ValueError(f"DDPM takes square images; these are {size} x {width}: prepare the data set square")
        self.net = UNet(
            c, self.process.predictions * c, size, width=cfg.width, multipliers=cfg.multipliers, blocks=cfg.blocks,
            attention=cfg.attention, heads=cfg.heads, dropout=cfg.dropout, patch=cfg.patch,
        )  # fmt: skip

    @property
    def alpha_bar(self) -> Tensor:
        return self.process.alpha_bar

    @property
    def sigma_range(self) -> tuple[float, float]:
        """The lowest and the highest level of noise over signal."""
        return self.process.sigma_range

    def optimizers(self) -> dict[str, Optimizer]:
        return {"net": Adam(self.net.parameters(), self.cfg.lr, fused=True)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x, process = batch["image"], self.process
        t = torch.randint(self.cfg.timesteps, (len(x),), device=x.device)
        eps = torch.randn_like(x)
        pred = self.net(process.diffuse(x, t, eps), process.times[t]).float()
        yield Update("net", process.loss(pred, x, t, eps))  # eq. 14

    def predict_x0(self, x_t: Tensor, t: Tensor, process: Diffusion | None = None) -> Tensor:
        """The image that x_t (B,C,H,W) at t (B,) is taken to come from, clipped to [-1,1]; t counts the steps of
        `process`, which is the training's unless given."""
        return self.unclipped_x0(x_t, t, process).clamp(-1, 1)

    def unclipped_x0(self, x_t: Tensor, t: Tensor, process: Diffusion | None = None) -> Tensor:
        """The same, wherever it lies."""
        process = self.process if process is None else process
        return process.x0(self.net(x_t, process.times[t]).float(), x_t, t)

    def denoise(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The image that x (B,C,H,W) = image + sigma noise, sigma (B,), is taken to come from, clipped to [-1,1]."""
        return self.process.denoise(lambda x_t, time: self.net(x_t, time).float(), x, sigma).clamp(-1, 1)

    def reverse(self, x_t: Tensor, t: Tensor, process: Diffusion | None = None) -> tuple[Tensor, Tensor]:
        """Mean (B,C,H,W) and log variance (B,1,1,1) of p(x_{t-1} | x_t); process as above."""
        process = self.process if process is None else process
        mean = process.posterior_mean(self.predict_x0(x_t, t, process), x_t, t)
        logvar = process.posterior_logvar
        if self.cfg.variance == "large":
            logvar = torch.cat([logvar[:1], process.log_beta[1:]])
        return mean, at(logvar, t)

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """Algorithm 2."""
        x = torch.randn(n, *self.shape, device=self.alpha_bar.device)
        return self.process.sample(self.reverse, x)

    @torch.no_grad()
    def log_likelihood_bound(self, x: Tensor) -> Tensor:
        """A lower bound on log P(x) of 8-bit images x (B,C,H,W) in [-1,1], in nats, (B,); `vlb_terms` terms of it."""
        return self.process.log_likelihood_bound(self.reverse, x, self.cfg.vlb_terms)
