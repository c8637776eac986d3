"""ProGAN: progressive growing of GANs.

Karras, Aila, Laine, Lehtinen 2018, "Progressive growing of GANs for improved quality, stability, and variation",
https://arxiv.org/abs/1710.10196. Training starts with images of 4 x 4; each larger size fades in over the last one, in
both networks, while all layers go on learning.

    figure 2       G: (1 - alpha) up(toRGB_{l-1}(h)) + alpha toRGB_l(block_l(up(h))), D likewise, alpha from 0 to 1
    section 3      minibatch standard deviation: one more feature map before D's last layers
    section 4.1    w = c v at run time, v ~ N(0, 1), c He's constant: an equalised learning rate
    section 4.2    b = a / sqrt(mean_j a_j^2 + 1e-8): G's pixel-wise feature vector normalisation
    appendix A.1   L_D = E[D(G(z))] - E[D(x)] + 10 E[(||grad D(x_hat)||_2 - 1)^2] + 0.001 E[D(x)^2]
                   L_G = -E[D(G(z))], one update each

Settings are the paper's: Adam (0, 0.99) at 0.001, batches of 16, weights averaged at 0.999 a step (half-life 11 kimg),
12 million images (the authors' code, https://github.com/tkarras/progressive_growing_of_gans). The level is a buffer, so
that the averaged generator grows too; samples of a level below the last are enlarged by repeating pixels.

Deviations:
- `generator_lr` gives the generator a rate of its own; the paper has one rate.
- Stages last equal shares of the budget, up to `growing` of it, in place of 600 or 800 kimg each.
- Adam's moments are kept when a size is added (the authors' code: reset), and the batch stays the same.
- A block halves or doubles in the convolution itself (averaged or repeated pixels, and the filter's order, as the
  authors' later fused kernels have it).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import progressive
from paragone.models.layers.progressive import Discriminator, Level, activate, double, fade, split
from paragone.models.layers.stylegan import Conv2d, Linear, halvings, pixel_norm


class ProGAN(Model):
    """A GAN that grows from 4 x 4 to its images' size, any power of two from 8 px up."""

    title = "ProGAN"
    paper = "Karras et al., 2018"
    plan = Plan(kimg=12_000, batch=16, ema_kimg=11)
    generator = "generator"
    capabilities = frozenset({"decode", "latents"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        z_dim: int = 512
        width: int = 16_384  # channels times side: 16 channels at 1024 px,
        max_width: int = 512  # and never more than these
        growing: float = 0.8  # share of the budget after which the last size has faded in
        penalty: float = 10.0  # lambda
        drift: float = 1e-3  # epsilon_drift
        stddev_group: int = 4
        lr: float = 1e-3
        generator_lr: float | None = None  # the generator's, where it is not lr too
        beta1: float = 0.0
        beta2: float = 0.99

        def __post_init__(self) -> None:
            progressive.check(self.growing)

    level: Tensor

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg, self.size = cfg, spec.shape[1]
        self.levels = halvings(spec.shape, self.title, 8)
        channels = [max(1, min(cfg.max_width, cfg.width // (4 * 2**i))) for i in range(self.levels + 1)]
        self.G = Generator(cfg.z_dim, spec.shape[0], channels)
        self.D = Discriminator(spec.shape[0], channels, cfg.stddev_group)
        self.register_buffer("level", torch.zeros((), dtype=torch.float64))

    def optimizers(self) -> dict[str, Optimizer]:
        nets, betas = {"discriminator": self.D, "generator": self.G}, (self.cfg.beta1, self.cfg.beta2)
        rate = self.cfg.lr if self.cfg.generator_lr is None else self.cfg.generator_lr
        rates = {"discriminator": self.cfg.lr, "generator": rate}
        return {name: Adam(net.parameters(), rates[name], betas, fused=True) for name, net in nets.items()}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        cfg, n = self.cfg, len(batch["image"])
        whole, level = progressive.reached(progress, self.levels, cfg.growing)
        self.level.fill_(whole)
        x = progressive.real_at(batch["image"], level, self.levels)  # (B,C,h,w)
        with torch.no_grad():
            fake = self.G(self.latents(n), level).float()
        loss, logs = progressive.critic_loss(lambda image: self.D(image, level), x, fake, cfg.penalty, cfg.drift)
        yield Update("discriminator", loss, logs | {"level": self.level.clone()}, drawn=n)
        fake = self.G(self.latents(n), level).float()
        yield Update("generator", -self.D(fake, level).float().mean(), drawn=n)

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """G(z), z ~ N(0, I), at the level reached."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """z ~ N(0, I), (n,z_dim)."""
        return torch.randn(n, self.cfg.z_dim, device=self.level.device)

    def decode(self, z: Tensor) -> Tensor:
        """G(z): (B,z_dim) -> (B,C,H,W), clipped to [-1,1]."""
        return progressive.full_size(self.G(z, float(self.level)).float().clamp(-1, 1), self.size)


class Generator(nn.Module):
    """z (B,z_dim) -> images (B,C,h,w) of a level, unbounded; `channels` from 4 x 4 up."""

    def __init__(self, z_dim: int, colours: int, channels: list[int]) -> None:
        super().__init__()
        gain, low = math.sqrt(2), channels[0]
        self.dense = Linear(z_dim, 16 * low, gain=gain / 4)  # of a 4 x 4 convolution's fan-in, as the authors' code
        self.conv = Conv2d(low, low, 3, gain=gain)
        self.ups = nn.ModuleList(Conv2d(a, b, 3, gain=gain, resample="up", fir=(1, 1)) for a, b in pairwise(channels))
        self.convs = nn.ModuleList(Conv2d(b, b, 3, gain=gain) for b in channels[1:])
        self.rgb = nn.ModuleList(Conv2d(c, colours, 1) for c in channels)

    def forward(self, z: Tensor, level: float | Level) -> Tensor:
        top, weight, fading = split(level)
        h = self.dense(pixel_norm(z)).unflatten(1, (-1, 4, 4))
        h = _normalised(self.conv(_normalised(h)))
        old = h
        for up, conv in zip(self.ups[:top], self.convs[:top], strict=True):
            old, h = h, _normalised(conv(_normalised(up(h))))
        image = self.rgb[top](h)
        return image if not fading else fade(double(self.rgb[top - 1](old)), image, weight)


def _normalised(x: Tensor) -> Tensor:
    return pixel_norm(activate(x))
