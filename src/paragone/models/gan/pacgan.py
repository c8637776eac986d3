"""PacGAN: a discriminator that judges several images at once cannot overlook that they are alike.

Lin, Khetan, Fanti, Oh 2018, https://arxiv.org/abs/1712.04086, on the small networks of their section 4.1, which are
those of Metz et al. 2017 (https://arxiv.org/abs/1611.02163, appendix) and make a GAN collapse on stacked MNIST.

    section 1      D(x_1, ..., x_m): m images of one kind, real or generated, concatenated along the channels
    Goodfellow     D maximises E[log D(x_1, ..., x_m)] + E[log(1 - D(G(z_1), ..., G(z_m)))], G its second term's
                   non-saturating form; z from N(0, I)

Networks and hyper-parameters are those of the authors' code (https://github.com/fjxmlzn/PacGAN, D=0.25G): convolutions
of 3 x 3, a discriminator of 2, 4 and 8 channels, a generator of 64, 32, 16 and 8. A batch holds `packing` times as
many images as the discriminator has judgements: 128 of these in the code, for 500,000 updates of each network. With
`packing: 1` it is the DCGAN that the paper compares with.
Batch normalisation policy: real and generated images apart; samples are drawn with the running statistics.

Deviations:
- Images of the paper have 28 px; here the three halvings, rounded up, fit any size.
- The packed images are neighbours in a shuffled epoch of a fixed set; the authors' code composes new ones.
- Weights of the discriminator's convolutions are not truncated at two standard deviations.
- The authors' code samples with the statistics of each batch of 128.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import functional

STAGES = 3  # halvings


def _sizes(size: int) -> list[int]:
    """From the image's down: 28 -> 28, 14, 7, 4."""
    sizes = [size]
    for _ in range(STAGES):
        sizes.append((sizes[-1] + 1) // 2)
    return sizes


def _init(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0, 0.02)
        assert module.bias is not None
        nn.init.zeros_(module.bias)


class Generator(nn.Module):
    """z (B,z_dim) -> (B,C,H,W) before the tanh."""

    def __init__(self, z_dim: int, shape: tuple[int, int, int], width: int) -> None:
        super().__init__()
        c, h, w = shape
        self.sizes = list(zip(_sizes(h), _sizes(w), strict=True))[::-1]  # from the smallest up
        channels = [width * 2**i for i in range(STAGES, -1, -1)]
        self.project = nn.Linear(z_dim, channels[0] * self.sizes[0][0] * self.sizes[0][1])
        self.ups = nn.ModuleList(nn.ConvTranspose2d(a, b, 3, 2, 1) for a, b in pairwise(channels))
        self.norms = nn.ModuleList(nn.BatchNorm2d(n) for n in channels)
        self.last = nn.Conv2d(width, c, 3, 1, 1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.project(z).unflatten(1, (*self.sizes[0], -1)).permute(0, 3, 1, 2)  # channels-last as the rest
        h = relu(self.norms[0](h))
        for up, norm, size in zip(self.ups, self.norms[1:], self.sizes[1:], strict=True):
            h = relu(norm(up(h, output_size=size)))
        return self.last(h)


class Discriminator(nn.Module):
    """m images of C channels (B,mC,H,W) -> one logit (B,1)."""

    def __init__(self, channels: int, size: tuple[int, int], width: int) -> None:
        super().__init__()
        widths = [channels, *(width * 2**i for i in range(STAGES))]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(nn.BatchNorm2d(n) for n in widths[1:])
        self.score = nn.Linear(widths[-1] * _sizes(size[0])[-1] * _sizes(size[1])[-1], 1)

    def forward(self, x: Tensor) -> Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = leaky_relu(norm(conv(x)), 0.3)
        return self.score(x.flatten(1))


class PacGAN(Model):
    """A small convolutional GAN whose discriminator sees several images at once."""

    title = "PacGAN"
    paper = "Lin et al., 2018"
    plan = Plan(kimg=128_000, batch=256)
    generator = "generator"
    capabilities = frozenset({"decode", "latents"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        packing: int = 2  # m: images that the discriminator sees at once; divides the batch
        z_dim: int = 256
        width: int = 8  # the generator's channels next to the image; they double as the size halves
        d_width: int = 2  # and the discriminator's
        lr: float = 2e-4  # of the discriminator
        generator_lr: float = 1e-4
        beta1: float = 0.5
        beta2: float = 0.99

        def __post_init__(self) -> None:
            for name in ("packing", "z_dim", "width", "d_width"):
                if getattr(self, name) < 1:
                    raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg = cfg
        c, h, w = spec.shape
        self.G = Generator(cfg.z_dim, spec.shape, cfg.width)
        self.D = Discriminator(cfg.packing * c, (h, w), cfg.d_width)
        self.apply(_init)

    def optimizers(self) -> dict[str, Optimizer]:
        betas = (self.cfg.beta1, self.cfg.beta2)
        return {
            "discriminator": Adam(self.D.parameters(), self.cfg.lr, betas, fused=True),
            "generator": Adam(self.G.parameters(), self.cfg.generator_lr, betas, fused=True),
        }

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x = batch["image"]  # (B,C,H,W)
        fake = self.sample(len(x))
        real_score, fake_score = self.D(self.pack(x)), self.D(self.pack(fake.detach()))
        loss = functional.logistic_discriminator_loss(real_score, fake_score)
        yield Update("discriminator", loss, drawn=len(x))
        yield Update("generator", functional.nonsaturating_generator_loss(self.D(self.pack(fake))))

    def pack(self, x: Tensor) -> Tensor:
        """Neighbours side by side: (B,C,H,W) -> (B/m,mC,H,W). Raises ValueError if m does not divide the batch."""
        m = self.cfg.packing
        if len(x) % m:
            raise ValueError(f"a batch of {len(x)} images cannot be packed by {m}; make plan.batch a multiple of it")
        return x.unflatten(0, (-1, m)).flatten(1, 2).contiguous(memory_format=torch.channels_last)

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """G(z), z ~ N(0, I)."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """z ~ N(0, I), (n,z_dim)."""
        return torch.randn(n, self.cfg.z_dim, device=next(self.G.parameters()).device)

    def decode(self, z: Tensor) -> Tensor:
        """G(z): (B,z_dim) -> (B,C,H,W) in [-1,1]."""
        return torch.tanh(self.G(z).float())
