"""HGAN: an adversarial game at each size that the generator passes through. An interpretation.

The survey (Li) names an HGAN, "horizontal adversarial", with a further horizontal adversarial loss between generator
and discriminator that raises diversity, and cites no source. The closest documented reading is taken: Zhang, Xie, Yang
2018, "Photographic text-to-image synthesis with a hierarchically-nested adversarial network" (HDGAN),
https://arxiv.org/abs/1802.09178, whose generator shows an image at several of its depths, each to a discriminator of
that size: beside the game between the two ends, another one is played level with each depth. (Read as rivalry between
generators side by side, as in MAD-GAN, https://arxiv.org/abs/1704.02906, it would not be a loss between generator and
discriminator.)

    games            G_1(z) ... G_s(z), images of s sizes; x_i, x averaged to size i
    discriminators   L_D = -sum_i (E[log D_i(x_i)] + E[log(1 - D_i(G_i(z)))])
    generator        L_G = -sum_i E[log D_i(G_i(z))]

Networks and settings otherwise are DCGAN's (`paragone.models.gan.dcgan`, 4 x 4 kernels), so that with `games: 1` it
plays DCGAN's game alone, and a comparison shows what the further games do.

Deviations from HDGAN:
- No text: neither its embedding nor the discriminators' matching-aware loss, nor their local (patch) adversaries.
- DCGAN's networks in place of residual ones.
- The further games are weighted by `weight`, the paper's is 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import functional
from paragone.models.layers.dcgan import Discriminator, init_weights
from paragone.models.layers.stylegan import halvings


class HGAN(Model):
    """DCGAN with a discriminator level with each of the generator's last sizes, any power of two from 16 px up."""

    title = "HGAN (interpretation)"
    paper = "Zhang et al., 2018, by interpretation"
    plan = Plan(kimg=15_000, batch=128)
    capabilities = frozenset({"decode", "latents"})
    generator = "generator"
    latent_prior = "uniform"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        z_dim: int = 100
        width: int = 128  # channels next to the image; they double as the size halves
        games: int = 3  # s: sizes that meet a discriminator, of 16 px and more
        weight: float = 1.0  # of each game but the last
        lr: float = 2e-4
        beta1: float = 0.5
        beta2: float = 0.999

        def __post_init__(self) -> None:
            if self.games < 1:
                raise ValueError(f"games is {self.games}; it must be at least 1: that at the image's own size")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg = cfg
        c, size, _ = spec.shape
        levels = halvings(spec.shape, self.title, 16)
        games = min(cfg.games, levels - 1)
        self.G = Generator(cfg.z_dim, c, [cfg.width * 2 ** min(i, 3) for i in reversed(range(levels))], games)
        sizes = [size // 2**i for i in reversed(range(games))]  # from the smallest up
        self.D = nn.ModuleList(Discriminator((c, s, s), cfg.width, kernel=4) for s in sizes)
        self.apply(init_weights)

    def optimizers(self) -> dict[str, Optimizer]:
        nets, betas = {"discriminators": self.D, "generator": self.G}, (self.cfg.beta1, self.cfg.beta2)
        return {name: Adam(net.parameters(), self.cfg.lr, betas, fused=True) for name, net in nets.items()}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x = batch["image"]  # (B,C,H,W)
        fakes = self.images(self.latents(len(x)))
        reals = [
            x if len(fake[0, 0]) == len(x[0, 0]) else avg_pool2d(x, len(x[0, 0]) // len(fake[0, 0])) for fake in fakes
        ]
        games = [
            functional.logistic_discriminator_loss(D(real), D(fake.detach()))
            for D, real, fake in zip(self.D, reals, fakes, strict=True)
        ]
        yield Update("discriminators", self._total(games), {"full_size": games[-1].detach()}, drawn=len(x))
        games = [functional.nonsaturating_generator_loss(D(fake)) for D, fake in zip(self.D, fakes, strict=True)]
        yield Update("generator", self._total(games))

    def _total(self, games: list[Tensor]) -> Tensor:
        return torch.stack([*(self.cfg.weight * loss for loss in games[:-1]), games[-1]]).sum()

    def images(self, z: Tensor) -> list[Tensor]:
        """G_1(z) ... G_s(z): (B,z_dim) -> images (B,C,h,w) in [-1,1], from the smallest size up."""
        return [torch.tanh(image.float()) for image in self.G(z)]

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """G_s(z), z uniform in [-1,1]."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """z uniform in [-1,1], (n,z_dim)."""
        return 2 * torch.rand(n, self.cfg.z_dim, device=next(self.G.parameters()).device) - 1

    def decode(self, z: Tensor) -> Tensor:
        """G_s(z): (B,z_dim) -> (B,C,H,W) in [-1,1]."""
        return self.images(z)[-1]


class Generator(nn.Module):
    """z (B,z_dim) -> the last `count` sizes as images (B,C,h,w) before the tanh; `channels` at 4 x 4, 8 x 8, ..."""

    def __init__(self, z_dim: int, colours: int, channels: list[int], count: int) -> None:
        super().__init__()
        self.project = nn.Linear(z_dim, 16 * channels[0], bias=False)
        self.norm = _normalised(channels[0])
        self.ups = nn.ModuleList(nn.Sequential(_up(a, b), *_normalised(b)) for a, b in pairwise(channels))
        self.last = _up(channels[-1], colours)
        self.early = len(channels) - count  # stages whose size shows no image
        self.sides = nn.ModuleList(nn.Conv2d(c, colours, 3, padding=1) for c in channels[len(channels) - count + 1 :])

    def forward(self, z: Tensor) -> list[Tensor]:
        h = self.norm(self.project(z).unflatten(1, (-1, 4, 4)).contiguous(memory_format=torch.channels_last))
        images = []
        for i, up in enumerate(self.ups):
            h = up(h)
            if i >= self.early:
                images.append(self.sides[i - self.early](h))
        return [*images, self.last(h)]


def _up(a: int, b: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(a, b, 4, stride=2, padding=1)


def _normalised(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
