"""DDPM: Denoising Diffusion Probabilistic Models. Jonathan Ho, Ajay Jain, Pieter Abbeel, 2020.

https://arxiv.org/abs/2006.11239. A Markov chain q adds noise to an image in T steps (eq. 2); a U-Net learns to undo
them, trained on the noise it should have seen (L_simple, eq. 14). In the code a step t of the paper is t - 1.

Implemented: the forward process in closed form (eq. 4), its posterior (eq. 6, 7), L_simple (eq. 14), ancestral
sampling (Algorithm 2) with x_0 clipped to [-1,1] as in the authors' code, the variational bound (eq. 5) with the
discretised Gaussian decoder (eq. 13), and both fixed variances of section 3.2. "large" is beta_t with the first
step's set to the posterior variance of the second, as the authors' code has it for CIFAR-10; "small" is the posterior
variance itself.

Deviations: no random horizontal flips. The options change the paper's model and are off by default: `patch` works on
patches (space to depth), a smaller and faster network; `parameterization: v` predicts sqrt(alpha_bar) epsilon -
sqrt(1 - alpha_bar) x_0 (Salimans and Ho 2022, https://arxiv.org/abs/2202.00512); `schedule: cosine` is Nichol and
Dhariwal's (2021, https://arxiv.org/abs/2102.09672, eq. 17). For another `timesteps` than 1000 the linear schedule and
the times that the network sees are scaled by 1000 / timesteps. GroupNorm takes fewer than 32 groups where `width` is
small.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import mse_loss
from torch.optim import Adam, Optimizer

from paragone.functional import cosine_betas, discretized_gaussian_log_likelihood, gaussian_kl, linear_betas
from paragone.layers.unet import UNet
from paragone.models.base import Batch, Model, Plan, Spec, Update


class DDPM(Model):
    title = "DDPM"
    paper = "Ho et al., 2020"
    # CIFAR-10: 800,000 steps of 128 images, EMA 0.9999 a step (half-life 6,931 steps), 5,000 steps of warm-up
    plan = Plan(kimg=102_400, batch=128, ema_kimg=887, warmup_kimg=640, clip_norm=1.0)

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
        parameterization: Literal["eps", "v"] = "eps"  # what the network predicts
        variance: Literal["large", "small"] = "large"  # sigma_t^2: beta_t or the posterior's
        lr: float = 2e-4
        vlb_terms: int = 0  # of the T-1 KL terms an image's bound evaluates, drawn without bias; 0: all

    alpha_bar: Tensor  # (T,), as the buffers below
    posterior_x0: Tensor
    posterior_xt: Tensor
    posterior_logvar: Tensor
    logvar: Tensor

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        if cfg.timesteps < 2:
            raise ValueError(f"timesteps is {cfg.timesteps}; it must be at least 2")
        self.cfg, self.shape = cfg, spec.shape
        c, size, width = spec.shape
        if size != width:
            raise ValueError(f"DDPM takes square images; these are {size} x {width}: prepare the data set square")
        self.net = UNet(
            c, c, size, width=cfg.width, multipliers=cfg.multipliers, blocks=cfg.blocks, attention=cfg.attention,
            heads=cfg.heads, dropout=cfg.dropout, patch=cfg.patch,
        )  # fmt: skip
        self._set_schedule(linear_betas(cfg.timesteps) if cfg.schedule == "linear" else cosine_betas(cfg.timesteps))

    def _set_schedule(self, beta: Tensor) -> None:
        """The coefficients that depend on beta (T,) alone, reckoned in float64."""
        alpha_bar = (1 - beta).cumprod(0)
        before = torch.cat([torch.ones(1, dtype=torch.float64), alpha_bar[:-1]])  # alpha_bar of the step before
        variance = beta * (1 - before) / (1 - alpha_bar)  # eq. 7
        variance[0] = variance[1]  # it is 0: x_0 is certain
        tables = {
            "alpha_bar": alpha_bar,
            "posterior_x0": beta * before.sqrt() / (1 - alpha_bar),  # eq. 7
            "posterior_xt": (1 - before) * (1 - beta).sqrt() / (1 - alpha_bar),
            "posterior_logvar": variance.log(),
            "logvar": (variance if self.cfg.variance == "small" else torch.cat([variance[:1], beta[1:]])).log(),
        }
        for name, table in tables.items():
            self.register_buffer(name, table.float())

    def optimizers(self) -> dict[str, Optimizer]:
        return {"net": Adam(self.net.parameters(), self.cfg.lr, fused=True)}

    def losses(self, batch: Batch, step: int) -> Iterator[Update]:
        x = batch["image"]
        t = torch.randint(self.cfg.timesteps, (len(x),), device=x.device)
        eps = torch.randn_like(x)
        a = _at(self.alpha_bar, t)
        target = eps if self.cfg.parameterization == "eps" else a.sqrt() * eps - (1 - a).sqrt() * x
        yield Update("net", mse_loss(self.predict(self.diffuse(x, t, eps), t), target))  # eq. 14

    def diffuse(self, x: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """x_t of q(x_t | x_0) for the noise eps; x, eps and the result (B,C,H,W), t (B,) in 0..T-1."""
        a = _at(self.alpha_bar, t)
        return a.sqrt() * x + (1 - a).sqrt() * eps  # eq. 4

    def predict(self, x_t: Tensor, t: Tensor) -> Tensor:
        """What the network says, in float32: epsilon or v."""
        return self.net(x_t, t.float() * (1000 / self.cfg.timesteps)).float()

    def predict_x0(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The image that x_t (B,C,H,W) at t (B,) is taken to come from, clipped to [-1,1]."""
        a, y = _at(self.alpha_bar, t), self.predict(x_t, t)
        if self.cfg.parameterization == "v":
            return (a.sqrt() * x_t - (1 - a).sqrt() * y).clamp(-1, 1)
        return ((x_t - (1 - a).sqrt() * y) / a.sqrt()).clamp(-1, 1)

    def posterior_mean(self, x: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """The mean of q(x_{t-1} | x_t, x_0), eq. 7."""
        return _at(self.posterior_x0, t) * x + _at(self.posterior_xt, t) * x_t

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """Algorithm 2."""
        x = torch.randn(n, *self.shape, device=self.alpha_bar.device)
        for step in reversed(range(self.cfg.timesteps)):
            t = torch.full((n,), step, device=x.device)
            x = self.posterior_mean(self.predict_x0(x, t), x, t)
            if step:
                x = x + (0.5 * self.logvar[step]).exp() * torch.randn_like(x)
        return x

    @torch.no_grad()
    def log_likelihood_bound(self, x: Tensor) -> Tensor:
        """A lower bound on log P(x) of 8-bit images x (B,C,H,W) in [-1,1], in nats, (B,): minus eq. 5.

        L_T and L_0 are evaluated for every image; of the T-1 terms between, `vlb_terms`, one drawn from each of as
        many equal ranges of t and weighted by the range's length: the expectation is the whole bound's. Draws come
        from torch's default generator.
        """
        a = self.alpha_bar[-1]
        prior = gaussian_kl(a.sqrt() * x, (1 - a).log())  # L_T
        middle = torch.zeros_like(prior)
        last = self.cfg.timesteps - 1
        terms = min(self.cfg.vlb_terms or last, last)
        for low, high in pairwise(1 + i * last // terms for i in range(terms + 1)):
            t = torch.randint(low, high, (len(x),), device=x.device)
            middle += (high - low) * self._kl_term(x, t)
        return self._decoder_term(x) - middle - prior

    def _kl_term(self, x: Tensor, t: Tensor) -> Tensor:
        """L_{t-1} of eq. 5, KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)), in nats, (B,), for t from 1."""
        x_t = self.diffuse(x, t, torch.randn_like(x))
        # the means differ by the images they are told; KL(N(a,A) || N(b,B)) = KL(N((a-b)/sqrt(B), A/B) || N(0,1))
        distance = _at(self.posterior_x0, t) * (x - self.predict_x0(x_t, t))
        logvar = _at(self.logvar, t)
        return gaussian_kl(distance * (-0.5 * logvar).exp(), _at(self.posterior_logvar, t) - logvar)

    def _decoder_term(self, x: Tensor) -> Tensor:
        """-L_0 of eq. 5: log p(x_0 | x_1) by the discretised decoder of eq. 13, in nats, (B,)."""
        t = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        x_1 = self.diffuse(x, t, torch.randn_like(x))
        mean = self.posterior_mean(self.predict_x0(x_1, t), x_1, t)
        return discretized_gaussian_log_likelihood(x, mean, 0.5 * self.logvar[0])


def _at(table: Tensor, t: Tensor) -> Tensor:
    """The entries of a table (T,) at the times t (B,), to multiply images with: (B,1,1,1)."""
    return table[t, None, None, None]
