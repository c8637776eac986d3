"""Improved DDPM: learned variances and a cosine schedule. Alex Nichol, Prafulla Dhariwal, 2021.

https://arxiv.org/abs/2102.09672. A DDPM whose network says the variance of each reverse step as well, as a place
between the two that bound it, so that good likelihoods and few sampling steps come from one model.

    eq. 15    Sigma_theta(x_t, t) = exp(v log beta_t + (1 - v) log beta~_t)
    eq. 16    L_hybrid = L_simple + lambda L_vlb
    eq. 17    alpha_bar_t = f(t) / f(0), f(t) = cos^2((t/T + s) / (1 + s) pi/2)
    eq. 18    L_vlb = E_{t~p_t}[L_t / p_t], p_t in proportion to sqrt(E[L_t^2])
    eq. 19    beta_{S_t} = 1 - alpha_bar_{S_t} / alpha_bar_{S_{t-1}} of the steps S that a strided sampler visits

Implemented: the variance between beta~_t and beta_t (eq. 15), L_hybrid (eq. 16) with the gradient of L_vlb kept from
the mean, the cosine schedule (eq. 17), L_vlb alone under importance sampling (eq. 18), sampling by a strided subset of
the steps (section 4, eq. 19; `sampling_steps`), the variational bound, and the paper's U-Net: attention of 4 heads at
16 and 8 px, the time embedding as scale and shift. L_vlb is in bits per dimension, as in the authors' code
(https://github.com/openai/improved-diffusion), whose settings for CIFAR-10 the defaults are. Of its two published
models L_hybrid has the better samples, `objective: vlb, sampler: importance` the better likelihood.

Deviations: no random horizontal flips; weights start as DDPM's do. x_0 is clipped to [-1,1] in sampling and in the
bound, not in training (the authors' code does the same). The options that change the paper's model are DDPM's, and off
by default: `patch` and `parameterization: v`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers.diffusion import Diffusion, at, diffusion
from paragone.models.layers.unet import UNet


class ImprovedDDPM(Model):
    """DDPM with learned variances."""

    title = "Improved DDPM"
    paper = "Nichol and Dhariwal, 2021"
    # CIFAR-10: 500,000 steps of 128 images, EMA 0.9999 per step (half-life 6,931 steps)
    plan = Plan(kimg=64_000, batch=128, ema_kimg=887)
    capabilities = frozenset({"log_likelihood_bound"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = 128  # channels at full resolution
        multipliers: tuple[int, ...] = (1, 2, 2, 2)
        blocks: int = 3  # residual blocks a level
        attention: tuple[int, ...] = (16, 8)  # sizes of the feature maps that attend
        heads: int = 4
        dropout: float = 0.3
        patch: int = 1  # not the paper's if above 1
        timesteps: int = 4000  # T
        schedule: Literal["linear", "cosine"] = "cosine"
        parameterization: Literal["eps", "v"] = "eps"  # what the network predicts of the mean
        objective: Literal["hybrid", "vlb"] = "hybrid"
        sampler: Literal["uniform", "importance"] = "uniform"  # of the training's t
        vlb_weight: float = 0.001  # lambda of eq. 16
        lr: float = 1e-4
        sampling_steps: int = 0  # of the T, evenly spaced; 0: all
        vlb_terms: int = 0  # of the T-1 KL terms an image's bound evaluates, drawn without bias; 0: all

        def __post_init__(self) -> None:
            if self.vlb_weight < 0:
                raise ValueError(f"vlb_weight is {self.vlb_weight}; it must not be negative")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg, self.shape = cfg, spec.shape
        self.process = diffusion(cfg.schedule, cfg.timesteps, cfg.parameterization)
        self.short = self.process.strided(cfg.sampling_steps or cfg.timesteps)
        c, size, width = spec.shape
        if size != width:
            raise ValueError(f"Improved DDPM takes square images; these are {size} x {width}: prepare the set square")
        self.net = UNet(
            c, 2 * c, size, width=cfg.width, multipliers=cfg.multipliers, blocks=cfg.blocks, attention=cfg.attention,
            heads=cfg.heads, dropout=cfg.dropout, patch=cfg.patch, scale_shift=True,
        )  # fmt: skip
        self.importance = Importance(cfg.timesteps) if cfg.sampler == "importance" else None

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
        t, weight = self._times(x)
        eps = torch.randn_like(x)
        x_t = process.diffuse(x, t, eps)
        pred, place = self.net(x_t, process.times[t]).float().chunk(2, 1)
        mean = process.posterior_mean(process.x0(pred, x_t, t), x_t, t)
        hybrid = self.cfg.objective == "hybrid"
        bits = process.vlb_term(x, x_t, t, mean.detach() if hybrid else mean, between(place, process, t))
        vlb = self.cfg.timesteps * bits / (math.log(2) * x[0].numel())  # L_vlb of each image, bits per dimension
        simple = (pred - process.target(x, t, eps)).square().flatten(1).mean(1)
        loss = simple + self.cfg.vlb_weight * vlb if hybrid else vlb  # eq. 16
        if self.importance is not None:
            self.importance.learn(t, loss.detach())
        yield Update("net", (weight * loss).mean(), {"simple": simple.mean(), "vlb": (weight * vlb).mean()})

    def _times(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """A time for each image, and what its loss is to be multiplied with: both (B,)."""
        if self.importance is not None:
            return self.importance.draw(len(x))
        return torch.randint(self.cfg.timesteps, (len(x),), device=x.device), torch.ones(len(x), device=x.device)

    def predict_x0(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The image that x_t (B,C,H,W) at t (B,) is taken to come from, clipped to [-1,1]."""
        return self.unclipped_x0(x_t, t).clamp(-1, 1)

    def unclipped_x0(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The same, wherever it lies."""
        pred, _ = self.net(x_t, self.process.times[t]).float().chunk(2, 1)
        return self.process.x0(pred, x_t, t)

    def _predict(self, x_t: Tensor, t: Tensor, process: Diffusion) -> tuple[Tensor, Tensor]:
        pred, place = self.net(x_t, process.times[t]).float().chunk(2, 1)
        return process.x0(pred, x_t, t).clamp(-1, 1), place

    def denoise(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The image that x (B,C,H,W) = image + sigma noise, sigma (B,), is taken to come from, clipped to [-1,1]."""
        return self.process.denoise(lambda x_t, time: self.net(x_t, time).float().chunk(2, 1)[0], x, sigma).clamp(-1, 1)

    def reverse(self, x_t: Tensor, t: Tensor, process: Diffusion | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log variance, both (B,C,H,W), of p(x_{t-1} | x_t); t counts the steps of `process`, which is the
        training's unless given: the variances of a strided process follow from the same places between its own."""
        process = self.process if process is None else process
        x, place = self._predict(x_t, t, process)
        return process.posterior_mean(x, x_t, t), between(place, process, t)

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        x = torch.randn(n, *self.shape, device=self.alpha_bar.device)
        return self.short.sample(lambda x_t, t: self.reverse(x_t, t, self.short), x)

    @torch.no_grad()
    def log_likelihood_bound(self, x: Tensor) -> Tensor:
        """A lower bound on log P(x) of 8-bit images x (B,C,H,W) in [-1,1], in nats, (B,); over all T steps."""
        return self.process.log_likelihood_bound(self.reverse, x, self.cfg.vlb_terms)


def between(place: Tensor, process: Diffusion, t: Tensor) -> Tensor:
    """Log Sigma, eq. 15: v log beta_t + (1 - v) log beta~_t with v = (place + 1) / 2, which nothing bounds."""
    v = (place + 1) / 2
    return v * at(process.log_beta, t) + (1 - v) * at(process.posterior_logvar, t)


class Importance(nn.Module):
    """Draws t in proportion to the root mean square of its last losses, eq. 18; uniformly until each t has `KEPT`.

    One in a thousand draws stays uniform, as in the authors' code, so that no t is forgotten.
    """

    KEPT = 10
    UNIFORM = 0.001

    history: Tensor  # (T,KEPT): the last losses of each t, a ring
    count: Tensor  # (T,) int64: how many it has had

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.register_buffer("history", torch.zeros(steps, self.KEPT))
        self.register_buffer("count", torch.zeros(steps, dtype=torch.int64))

    def probabilities(self) -> Tensor:
        """p_t, (T,) float64."""
        size = self.history.double().square().mean(1).sqrt()
        size = torch.where((self.count >= self.KEPT).all(), size, torch.ones_like(size))
        return size / size.sum() * (1 - self.UNIFORM) + self.UNIFORM / len(size)

    def draw(self, n: int) -> tuple[Tensor, Tensor]:
        """n times t, and the weights 1 / (T p_t) that leave the expectation of a loss as it is: both (n,)."""
        p = self.probabilities()
        u = torch.rand(n, device=p.device, dtype=p.dtype)
        t = torch.searchsorted(p.cumsum(0), u, right=True).clamp(max=len(p) - 1)
        return t, (1 / (len(p) * p[t])).float()

    @torch.no_grad()
    def learn(self, t: Tensor, losses: Tensor) -> None:
        """Remember the losses (B,) at the times t (B,); those of all ranks, so that all draw alike."""
        if dist.is_initialized():
            t, losses = _gathered(t), _gathered(losses)
        same = t[:, None] == t
        earlier, all_of_it = same.tril(-1).sum(1), same.sum(1)  # images of the batch with the same t
        last = all_of_it - earlier <= self.KEPT  # no place is written twice, so the order of writing is no matter
        place = t * self.KEPT + (self.count[t] + earlier) % self.KEPT
        size = self.history.numel()
        ring = torch.cat([self.history.flatten(), self.history.new_zeros(1)])  # and a place for what is not kept
        ring.scatter_(0, torch.where(last, place, size), losses.float())
        self.history.copy_(ring[:size].view_as(self.history))
        self.count.index_add_(0, t, torch.ones_like(t))


def _gathered(values: Tensor) -> Tensor:
    """The values (B,) of all ranks, one after another."""
    parts = [torch.empty_like(values) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, values.contiguous())
    return torch.cat(parts)
