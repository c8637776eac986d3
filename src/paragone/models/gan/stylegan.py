"""StyleGAN: a style-based generator.

Karras, Laine, Aila 2019, "A style-based generator architecture for generative adversarial networks",
https://arxiv.org/abs/1812.04948, configuration F on ProGAN's growing networks. A mapping network turns z into w; from a
learned constant, each layer convolves, adds noise, normalises each feature map and gives it a mean and a scale from w.

    eq. 1         AdaIN(x_i, y) = y_{s,i} (x_i - mu(x_i)) / sigma(x_i) + y_{b,i}
    section 2     mapping f: 8 layers at 0.01 of the learning rate; noise per pixel, scaled by a factor per channel
    section 3.1   style mixing: w_1 up to a random layer, w_2 from there on
    appendix B    truncation w' = w_bar + psi (w - w_bar), w_bar the mean of w, a running mean here
    appendix C    L_G = E[softplus(-D(g(w)))]
                  L_D = E[softplus(D(g(w)))] + E[softplus(-D(x))] + gamma/2 E[||grad D(x)||^2]: FFHQ's loss
                  with loss: wgan-gp, ProGAN's: CelebA-HQ's loss

Settings are those of the authors' code, https://github.com/NVlabs/stylegan: growth from 8 x 8 on, gamma 10, Adam
(0, 0.99) at 0.001, weights averaged with a half-life of 10 kimg, 25 million images. Their repeated pixels and [1,2,1]
filter are one filter, [1,3,3,1]. A latent is z and the noise of all layers, so that walks and edits can hold the noise
still.

Deviations:
- `generator_lr` gives the generator a rate of its own; the paper has one rate.
- Stages last equal shares of the budget, up to `growing` of it; batch and learning rate are the same in all of them,
  and Adam's moments are kept (the authors: smaller batches and higher rates for larger images, moments reset).
- Where styles are mixed is drawn for each image, not once per batch.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.gan import stylegan2
from paragone.models.layers import functional, progressive
from paragone.models.layers.norm import adain
from paragone.models.layers.progressive import Discriminator, Level, activate, double, fade, split
from paragone.models.layers.stylegan import (
    PSI,
    Conv2d,
    Linear,
    Mapping,
    Noise,
    Resample,
    mix_styles,
    swap_styles,
    truncate,
)

FIRST = 1  # the level that training starts with: 8 x 8


class StyleGAN(Model):
    """A growing generator driven by styles, any power of two from 8 px up."""

    title = "StyleGAN"
    paper = "Karras et al., 2019"
    plan = Plan(kimg=25_000, batch=32, ema_kimg=10)
    generator = "generator"
    capabilities = frozenset({"decode", "latents", "truncations", "mixed"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        z_dim: int = 512
        w_dim: int = 512
        depth: int = 8  # layers of the mapping network
        width: int = 16_384  # channels times side: 16 channels at 1024 px,
        max_width: int = 512  # and never more than these
        growing: float = 0.4  # share of the budget after which the last size has faded in
        mixing: float = 0.9  # share of images whose styles are mixed
        loss: Literal["r1", "wgan-gp"] = "r1"  # FFHQ's, or CelebA-HQ's
        gamma: float = 10.0  # weight of R1
        penalty: float = 10.0  # of wgan-gp, lambda
        drift: float = 1e-3  # of wgan-gp, epsilon_drift
        w_decay: float = 0.995  # of the running mean of w
        truncation: float = 1.0  # psi, when sampling
        stddev_group: int = 4
        lr: float = 1e-3
        generator_lr: float | None = None  # the generator's, where it is not lr too
        beta1: float = 0.0
        beta2: float = 0.99

        def __post_init__(self) -> None:
            progressive.check(self.growing)
            stylegan2.check(self.truncation, self.w_decay, self.mixing)

    level: Tensor
    w_mean: Tensor

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        channels = stylegan2.widths(spec.shape, cfg.width, cfg.max_width, self.title)
        self.cfg, self.size, self.levels = cfg, spec.shape[1], len(channels) - 1
        self.mapping = Mapping(cfg.z_dim, cfg.w_dim, cfg.depth)
        self.synthesis = Synthesis(spec.shape[0], cfg.w_dim, channels)
        self.D = Discriminator(spec.shape[0], channels, cfg.stddev_group, fir=(1, 3, 3, 1))
        self.register_buffer("level", torch.tensor(FIRST, dtype=torch.float64))
        self.register_buffer("w_mean", torch.zeros(cfg.w_dim))

    def optimizers(self) -> dict[str, Optimizer]:
        cfg, betas = self.cfg, (self.cfg.beta1, self.cfg.beta2)
        g = [*self.mapping.parameters(), *self.synthesis.parameters()]
        rate = cfg.lr if cfg.generator_lr is None else cfg.generator_lr
        return {
            "discriminator": Adam(self.D.parameters(), cfg.lr, betas, fused=True),
            "generator": Adam(g, rate, betas, fused=True),
        }

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        cfg, n = self.cfg, len(batch["image"])
        whole, level = progressive.reached(progress, self.levels, cfg.growing, FIRST)
        self.level.fill_(whole)
        x = progressive.real_at(batch["image"], level, self.levels)  # (B,C,h,w)
        with torch.no_grad():
            fake = self._generate(n, level)
        loss, logs = self._discriminator_loss(lambda image: self.D(image, level), x, fake)
        yield Update("discriminator", loss, logs | {"level": self.level.clone()}, n)
        score = self.D(self._generate(n, level), level).float()
        wgan = cfg.loss == "wgan-gp"
        yield Update("generator", -score.mean() if wgan else functional.nonsaturating_generator_loss(score), drawn=n)

    def _discriminator_loss(
        self, D: Callable[[Tensor], Tensor], x: Tensor, fake: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        cfg = self.cfg
        if cfg.loss == "wgan-gp":
            return progressive.critic_loss(D, x, fake, cfg.penalty, cfg.drift)
        real_score, gradients = functional.scores_and_gradients(D, x)
        loss, r1 = functional.logistic_discriminator_loss(real_score, D(fake)), gradients.mean()
        return loss + cfg.gamma / 2 * r1, {"r1": r1.detach()}

    def _generate(self, n: int, level: float | Level) -> Tensor:
        """Images of a training batch, some of mixed styles; they move the running mean of w."""
        w1, w2 = self.mapping(torch.randn(2 * n, self.cfg.z_dim, device=self.w_mean.device)).chunk(2)
        self.w_mean.lerp_(w1.detach().float().mean(0), 1 - self.cfg.w_decay)
        w = mix_styles(w1, w2, 2 * (split(level).top + 1), self.cfg.mixing)  # (B,layers,w_dim)
        return self.synthesis(w, self._noise(n), level).float()

    def _noise(self, n: int) -> Tensor:
        return torch.randn(n, sum(self.synthesis.sizes), device=self.w_mean.device)

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """g(f(z)), z ~ N(0, I), noise ~ N(0, I), truncated by psi, at the level reached."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> stylegan2.Latents:
        """z ~ N(0, I), (n,z_dim), and the noise of all layers, (n,P)."""
        return torch.randn(n, self.cfg.z_dim, device=self.w_mean.device), self._noise(n)

    def decode(self, z: stylegan2.Latents) -> Tensor:
        """Latents of B images -> (B,C,H,W), clipped to [-1,1]."""
        w = truncate(self.mapping(z[0]), self.w_mean, self.cfg.truncation)
        w = w[:, None].expand(-1, 2 * (self.levels + 1), -1)
        return self._images(w, z[1])

    def mixed(self, z: stylegan2.Latents, other: stylegan2.Latents, first: float, last: float) -> Tensor:
        """decode(z) with the styles of `other` in the layers from the share `first` to `last` (section 3.1)."""
        w, w2 = (truncate(self.mapping(of[0]), self.w_mean, self.cfg.truncation) for of in (z, other))
        return self._images(swap_styles(w, w2, 2 * (self.levels + 1), first, last), z[1])

    def truncations(self) -> tuple[float, ...]:
        """psi, from the mean of w to none."""
        return PSI

    def _images(self, w: Tensor, noise: Tensor) -> Tensor:
        images = self.synthesis(w, noise, float(self.level)).float()
        return progressive.full_size(images.clamp(-1, 1), self.size)


class Synthesis(nn.Module):
    """Styles w (B,layers,w_dim) and noise (B,pixels) -> images (B,C,h,w) of a level, unbounded."""

    def __init__(self, colours: int, w_dim: int, channels: list[int]) -> None:
        super().__init__()
        low = channels[0]
        self.sizes = [(4 * 2**i) ** 2 for i in range(len(channels)) for _ in range(2)]  # pixels of each layer's noise
        self.const = nn.Parameter(torch.ones(1, low, 4, 4))
        layers = [Layer(None, low, w_dim), Layer(low, low, w_dim)]
        for a, b in pairwise(channels):
            layers += [Layer(a, b, w_dim, "up"), Layer(b, b, w_dim)]
        self.layers = nn.ModuleList(layers)
        self.rgb = nn.ModuleList(Conv2d(c, colours, 1) for c in channels)

    def forward(self, w: Tensor, noise: Tensor, level: float | Level) -> Tensor:
        top, weight, fading = split(level)
        h = old = self.const.expand(len(w), -1, -1, -1)
        for i, eps in enumerate(noise.split(self.sizes, 1)[: 2 * (top + 1)]):
            old = h if i == 2 * top else old  # what the last size starts from
            h = self.layers[i](h, w[:, i], eps)
        image = self.rgb[top](h)
        return image if not fading else fade(double(self.rgb[top - 1](old)), image, weight)


class Layer(nn.Module):
    """Convolution (but for the first layer), noise, leaky ReLU and AdaIN: (B,c_in,H,W) -> (B,c_out,H,W) or doubled."""

    def __init__(self, c_in: int | None, c_out: int, w_dim: int, resample: Resample | None = None) -> None:
        super().__init__()
        self.conv = None if c_in is None else Conv2d(c_in, c_out, 3, gain=sqrt(2), bias=False, resample=resample)
        self.noise, self.bias = Noise(c_out), nn.Parameter(torch.zeros(c_out, 1, 1))
        self.style = Linear(w_dim, 2 * c_out)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        x = x if self.conv is None else self.conv(x)
        scale, shift = self.style(w).chunk(2, 1)  # (B,c_out) each; y_s starts from 1
        return adain(activate(self.noise(x, noise) + self.bias), 1 + scale, shift)
