"""R3GAN: a relativistic loss with two gradient penalties, on plain modern networks.

Huang, Gokaslan, Kuleshov, Tompkin 2024, "The GAN is dead; long live the GAN! A modern baseline GAN",
https://arxiv.org/abs/2501.05441, configuration E.

    section 2    L_G = E[softplus(-(D(G(z)) - D(x)))]
                 L_D = E[softplus(-(D(x) - D(G(z))))] + R_1 + R_2, x and z in pairs
                 R_1 = gamma/2 E[||grad D(x)||^2], R_2 = gamma/2 E[||grad D(G(z))||^2]

Networks (section 3): residual blocks of a 1 x 1, a grouped 3 x 3 and a 1 x 1 convolution around twice the channels, no
normalisation, weights that shrink with the number of blocks and a last one that starts from 0 (fix-up); bilinear
resampling; a learned 4 x 4 basis at either end. Settings are the authors' for CIFAR-10, https://github.com/brownvc/R3GAN:
gamma falls along half a cosine from a first to a last value.

Deviations:
- `generator_lr` gives the generator a rate of its own; the paper has one rate.
- gamma falls over a share of the budget (`anneal`) in place of 20 million images.
- Adam's settings stay where they are: the authors' learning rate falls to a quarter on the same cosine, as `plan.decay`
  may have it here; their beta2 rises from 0.9 to the default's 0.99, their half-life of averaging from 0 to the plan's.
- No augmentation of what D sees (the authors raise that of StyleGAN2-ADA to p = 0.55 on the same cosine).
- The filter is [1,3,3,1], which the authors write as [1,2,1] convolved with [1,1].
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import cos, pi, sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, softplus
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import functional
from paragone.models.layers.stylegan import Filter, halvings

GAIN = sqrt(2 / (1 + 0.2**2))  # of leaky ReLU with slope 0.2


class R3GAN(Model):
    """A GAN with a loss that converges and no tricks, any power of two from 8 px up."""

    title = "R3GAN"
    paper = "Huang et al., 2024"
    plan = Plan(kimg=200_000, batch=512, ema_kimg=5_000)
    generator = "generator"
    capabilities = frozenset({"decode", "latents"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        z_dim: int = 64
        width: int = 768  # channels up to `flat`, halved with each doubling beyond
        flat: int = 32  # px, a power of two from 4 up
        blocks: int = 2  # of each size
        group: int = 16  # channels of a group in the 3 x 3 convolutions
        gamma: tuple[float, float] = (0.05, 0.005)  # first and last
        anneal: float = 0.1  # share of the budget over which it falls
        lr: float = 2e-4
        generator_lr: float | None = None  # the generator's, where it is not lr too
        beta1: float = 0.0
        beta2: float = 0.99

        def __post_init__(self) -> None:
            if self.width < 1 or 2 * self.width % self.group:
                raise ValueError(f"group is {self.group}; it must divide 2 x width, which is {2 * self.width}")
            if self.flat < 4 or self.flat & (self.flat - 1):
                raise ValueError(f"flat is {self.flat}; it must be a power of two from 4 up")
            if not 0 < self.anneal <= 1:
                raise ValueError(f"anneal is {self.anneal}; it must lie in (0, 1]")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg = cfg
        count = halvings(spec.shape, self.title, 8) + 1
        sides = [4 * 2**i for i in range(count)]
        channels = [max(cfg.group // 2, cfg.width // max(1, side // cfg.flat)) for side in sides]
        self.G = Generator(cfg, spec.shape[0], channels)
        self.D = Discriminator(cfg, spec.shape[0], channels[::-1])

    def optimizers(self) -> dict[str, Optimizer]:
        nets, betas = {"discriminator": self.D, "generator": self.G}, (self.cfg.beta1, self.cfg.beta2)
        rate = self.cfg.lr if self.cfg.generator_lr is None else self.cfg.generator_lr
        rates = {"discriminator": self.cfg.lr, "generator": rate}
        return {name: Adam(net.parameters(), rates[name], betas, fused=True) for name, net in nets.items()}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        cfg, x = self.cfg, batch["image"]  # (B,C,H,W)
        gamma = progress.number(lambda now: anneal(cfg.gamma, min(1.0, now.share / cfg.anneal)))
        with torch.no_grad():
            fake = self.G(self.latents(len(x))).float()
        scores, gradients = functional.scores_and_gradients(self.D, torch.cat([x, fake]))
        (real_score, fake_score), (r1, r2) = scores.chunk(2), gradients.view(2, -1).mean(1)
        loss = softplus(fake_score - real_score).mean()
        logs = {"r1": r1.detach(), "r2": r2.detach()}
        yield Update("discriminator", loss + gamma / 2 * (r1 + r2), logs, drawn=len(x))
        with torch.no_grad():
            real_score = self.D(x).float()
        fake = self.G(self.latents(len(x))).float()
        yield Update("generator", softplus(real_score - self.D(fake).float()).mean(), drawn=len(x))

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """G(z), z ~ N(0, I)."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """z ~ N(0, I), (n,z_dim)."""
        return torch.randn(n, self.cfg.z_dim, device=self.G.basis.device)

    def decode(self, z: Tensor) -> Tensor:
        """G(z): (B,z_dim) -> (B,C,H,W), clipped to [-1,1]."""
        return self.G(z).float().clamp(-1, 1)


def anneal(ends: tuple[float, float], share: float) -> float:
    """From the first to the last value along half a cosine; share in [0,1]."""
    return ends[1] + (ends[0] - ends[1]) * (1 + cos(pi * share)) / 2


class Generator(nn.Module):
    """z (B,z_dim) -> (B,C,H,W), unbounded; `channels` from 4 x 4 up."""

    def __init__(self, cfg: R3GAN.Config, colours: int, channels: list[int]) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.randn(channels[0], 4, 4))
        self.project = _scaled(nn.Linear(cfg.z_dim, channels[0], bias=False))
        count = cfg.blocks * len(channels)
        self.stages = nn.ModuleList(_stage(c, cfg, count) for c in channels)
        self.transitions = nn.ModuleList(_transition(a, b) for a, b in pairwise(channels))
        self.filter = Filter()
        self.out = _scaled(nn.Conv2d(channels[-1], colours, 1, bias=False))

    def forward(self, z: Tensor) -> Tensor:
        x = self.basis * self.project(z)[:, :, None, None]  # (B,c,4,4)
        x = self.stages[0](x.contiguous(memory_format=torch.channels_last))
        for transition, stage in zip(self.transitions, self.stages[1:], strict=True):
            x = stage(self.filter.up(transition(x)))
        return self.out(x)


class Discriminator(nn.Module):
    """x (B,C,H,W) -> (B,1) scores; `channels` from full size down to 4 x 4."""

    def __init__(self, cfg: R3GAN.Config, colours: int, channels: list[int]) -> None:
        super().__init__()
        top, count = channels[-1], cfg.blocks * len(channels)
        self.rgb = _scaled(nn.Conv2d(colours, channels[0], 1, bias=False))
        self.stages = nn.ModuleList(_stage(c, cfg, count) for c in channels)
        self.transitions = nn.ModuleList(_transition(a, b) for a, b in pairwise(channels))
        self.filter = Filter()
        self.basis = _scaled(nn.Conv2d(top, top, 4, groups=top, bias=False))
        self.out = _scaled(nn.Linear(top, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        x = self.rgb(x)
        for stage, transition in zip(self.stages[:-1], self.transitions, strict=True):
            x = transition(self.filter.down(stage(x)))
        return self.out(self.basis(self.stages[-1](x)).flatten(1))


class Block(nn.Module):
    """x + a bottleneck turned inside out, which starts from 0: (B,c,H,W) -> the same; `count` blocks in all."""

    def __init__(self, channels: int, group: int, count: int) -> None:
        super().__init__()
        inner, gain = 2 * channels, GAIN * count ** (-1 / 4)  # fix-up, three layers: exponent -1 / (2 * 3 - 2)
        self.conv1 = _scaled(nn.Conv2d(channels, inner, 1, bias=False), gain)
        self.conv2 = _scaled(nn.Conv2d(inner, inner, 3, padding=1, groups=max(1, inner // group), bias=False), gain)
        self.conv3 = _scaled(nn.Conv2d(inner, channels, 1, bias=False), 0.0)
        self.bias1, self.bias2 = (nn.Parameter(torch.zeros(inner, 1, 1)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(leaky_relu(self.conv1(x) + self.bias1, 0.2))
        return x + self.conv3(leaky_relu(y + self.bias2, 0.2))


def _stage(channels: int, cfg: R3GAN.Config, count: int) -> nn.Sequential:
    return nn.Sequential(*(Block(channels, cfg.group, count) for _ in range(cfg.blocks)))


def _transition(a: int, b: int) -> nn.Module:
    return nn.Identity() if a == b else _scaled(nn.Conv2d(a, b, 1, bias=False))


def _scaled(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> nn.Module:
    """Weights from N(0, gain^2 / fan-in)."""
    nn.init.normal_(layer.weight, 0, gain / sqrt(layer.weight[0].numel()))
    return layer
