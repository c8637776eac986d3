"""LSGAN: least squares in place of the sigmoid cross-entropy.

Mao, Li, Xie, Lau, Wang, Smolley 2017, https://arxiv.org/abs/1611.04076.

    eq. 2    min_D  E[(D(x) - b)^2] / 2 + E[(D(G(z)) - a)^2] / 2
             min_G  E[(D(G(z)) - c)^2] / 2
    eq. 9    a = 0, b = c = 1, which the paper's experiments use (eq. 8: a = -1, b = 1, c = 0)

Networks and hyper-parameters are those of figure 2 and the authors' code, https://github.com/xudonmao/LSGAN: DCGAN's
discriminator, and a generator of 3 x 3 transposed convolutions, twice as many at low resolution as DCGAN has. The plan
is the code's 10^6 updates. Batch normalisation policy: as for DCGAN, real and generated images apart.

Deviations:
- The authors' images have 112 px, four doublings from 7 x 7; here the generator starts from 4 x 4 and other sizes have
  one doubling fewer or more (32 px: three).
- `network: dcgan` is DCGAN's generator (see `layers.dcgan`), so that the loss alone differs from DCGAN's.
- The generator is updated on the same noise as the discriminator, through the scores of the updated discriminator.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import dcgan


class Generator(nn.Module):
    """Figure 2's generator: z (B,z_dim) -> (B,C,H,W) before the tanh; `width` channels next to the image.

    From 4 x 4 in doublings to H x W, with 4 `width` channels, 2 `width` before the last doubling and `width` after
    it. A convolution without stride follows each doubling but the last two. H and W are one power of two from 16 up.
    """

    def __init__(self, z_dim: int, shape: tuple[int, int, int], width: int) -> None:
        super().__init__()
        doublings = shape[1].bit_length() - 3
        self.project = nn.Linear(z_dim, 4 * width * 16)
        layers: list[nn.Module] = [nn.BatchNorm2d(4 * width), nn.ReLU(inplace=True)]
        for _ in range(doublings - 2):
            layers += [*_up(4 * width, 4 * width, stride=2), *_up(4 * width, 4 * width, stride=1)]
        layers += [*_up(4 * width, 2 * width, stride=2), *_up(2 * width, width, stride=2)]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(width, shape[0], 3, padding=1))

    def forward(self, z: Tensor) -> Tensor:
        h = self.project(z).unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2)  # (B,C,4,4), channels-last as the rest
        return self.layers(h)


def _up(c_in: int, c_out: int, *, stride: int) -> list[nn.Module]:
    conv = nn.ConvTranspose2d(c_in, c_out, 3, stride=stride, padding=1, output_padding=stride - 1)
    return [conv, nn.BatchNorm2d(c_out), nn.ReLU(inplace=True)]


class LSGAN(Model):
    """A GAN whose discriminator regresses targets, 32 or 64 px (any power of two from 16 up)."""

    title = "LSGAN"
    paper = "Mao et al., 2017"
    plan = Plan(kimg=64_000, batch=64)
    generator = "generator"
    capabilities = frozenset({"decode", "latents"})
    latent_prior = "uniform"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        a: float = 0.0  # the discriminator's target for generated images
        b: float = 1.0  # and for real ones
        c: float = 1.0  # the generator's target
        network: Literal["vgg", "dcgan"] = "vgg"  # of the generator
        z_dim: int = 1024
        width: int = 64  # channels next to the image
        kernel: dcgan.Kernel = 5  # of DCGAN's networks
        lr: float = 1e-3
        beta1: float = 0.5
        beta2: float = 0.999

        def __post_init__(self) -> None:
            for name in ("z_dim", "width"):
                if getattr(self, name) < 1:
                    raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
            if self.a == self.b:
                raise ValueError(f"a and b are both {self.a}; the targets of generated and real images must differ")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg = cfg
        self.D = dcgan.Discriminator(spec.shape, cfg.width, kernel=cfg.kernel)
        if cfg.network == "vgg":
            self.G: nn.Module = Generator(cfg.z_dim, spec.shape, cfg.width)
        else:
            self.G = dcgan.Generator(cfg.z_dim, spec.shape, cfg.width, kernel=cfg.kernel)
        self.apply(dcgan.init_weights)

    def optimizers(self) -> dict[str, Optimizer]:
        nets, betas = {"discriminator": self.D, "generator": self.G}, (self.cfg.beta1, self.cfg.beta2)
        return {name: Adam(net.parameters(), self.cfg.lr, betas, fused=True) for name, net in nets.items()}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x, cfg = batch["image"], self.cfg  # (B,C,H,W)
        fake = self.sample(len(x))
        real_score, fake_score = self.D(x).float(), self.D(fake.detach()).float()
        loss = (real_score - cfg.b).square().mean() / 2 + (fake_score - cfg.a).square().mean() / 2  # eq. 2
        yield Update("discriminator", loss, drawn=len(x))
        yield Update("generator", (self.D(fake).float() - cfg.c).square().mean() / 2)  # eq. 2

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """G(z), z uniform in [-1,1]."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """z uniform in [-1,1], (n,z_dim)."""
        return 2 * torch.rand(n, self.cfg.z_dim, device=next(self.G.parameters()).device) - 1

    def decode(self, z: Tensor) -> Tensor:
        """G(z): (B,z_dim) -> (B,C,H,W) in [-1,1]."""
        return torch.tanh(self.G(z).float())
