"""StyleGAN2: weight demodulation, path length regularisation, skip and residual networks.

Karras, Laine, Aittala, Hellsten, Lehtinen, Aila 2020, "Analyzing and improving the image quality of StyleGAN",
https://arxiv.org/abs/1912.04958, configuration F. A mapping network turns z into w; affine layers turn w into the
styles s of each convolution, which also adds noise per pixel; the RGB images of all sizes are summed.

    eq. 1, 3       v = s_i w, w'' = v / sqrt(sum_{i,k} v^2 + eps), i the input channel, k the place
    eq. 4          L_path = E[(||J^T y||_2 - a)^2], J = dg(w)/dw, y ~ N(0, I), a a running mean
    section 2.1    L_G = E[softplus(-D(g(w)))]
                   L_D = E[softplus(D(g(w)))] + E[softplus(-D(x))] + gamma/2 E[||grad D(x)||^2]
    appendix B     the gradient term every k = 16 steps and L_path every k = 4, k times as strong, in steps of their
                   own; Adam's c = k / (k + 1), lambda' = c lambda, beta' = beta^c
    truncation     w' = w_bar + psi (w - w_bar), w_bar a running mean (StyleGAN, appendix B)

Settings are those of the authors' code, https://github.com/NVlabs/stylegan2: 25 million images in batches of 32,
averaged weights with a half-life of 10 kimg, half a batch for L_path, mixed styles for 90 % of the images. A latent is
z and the noise of all layers, so that walks and edits can hold the noise still.

Deviations:
- `generator_lr` gives the generator a rate of its own; the paper has one rate.
- Where styles are mixed is drawn for each image, not once per batch.
- Images are clipped to [-1,1] when they are sampled; in training, as in the authors' code, they are not.
- Random horizontal flips are left to the data set.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu
from torch.optim import Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import ada, functional
from paragone.models.layers.stylegan import (
    PSI,
    Conv2d,
    Filter,
    Linear,
    Mapping,
    ModulatedConv2d,
    Noise,
    PathLength,
    Resample,
    halvings,
    lazy_adam,
    minibatch_stddev,
    mix_styles,
    swap_styles,
    truncate,
)

Latents = tuple[Tensor, Tensor]  # z (n,z_dim), and the noise of all layers (n,P)


class StyleGAN2(Model):
    """A generator driven by styles, any power of two from 8 px up."""

    title = "StyleGAN2"
    paper = "Karras et al., 2020"
    plan = Plan(kimg=25_000, batch=32, ema_kimg=10)
    generator = "generator"
    capabilities = frozenset({"decode", "latents", "truncations", "mixed", "moved"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        z_dim: int = 512
        w_dim: int = 512
        depth: int = 8  # layers of the mapping network
        width: int = 32_768  # channels times side: 32 channels at 1024 px,
        max_width: int = 512  # and never more than these
        mixing: float = 0.9  # share of images whose styles are mixed
        gamma: float = 10.0  # weight of R1
        r1_every: int = 16
        path_weight: float = 2.0
        path_every: int = 4
        path_decay: float = 0.99  # of the running mean of path lengths
        w_decay: float = 0.995  # of the running mean of w
        truncation: float = 1.0  # psi, when sampling
        stddev_group: int = 4
        lr: float = 2e-3
        generator_lr: float | None = None  # the generator's, where it is not lr too
        beta1: float = 0.0
        beta2: float = 0.99

        def __post_init__(self) -> None:
            check(self.truncation, self.w_decay, self.mixing)
            for name in ("r1_every", "path_every", "stddev_group", "depth"):
                if getattr(self, name) < 1:
                    raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")

    w_mean: Tensor

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg = cfg
        channels = widths(spec.shape, cfg.width, cfg.max_width, self.title)
        self.mapping = Mapping(cfg.z_dim, cfg.w_dim, cfg.depth)
        self.synthesis = Synthesis(spec.shape[0], cfg.w_dim, channels)
        self.D = Discriminator(spec.shape[0], channels[::-1], cfg.stddev_group)
        self.path = PathLength(cfg.path_decay)
        self.register_buffer("w_mean", torch.zeros(cfg.w_dim))

    def optimizers(self) -> dict[str, Optimizer]:
        cfg, betas = self.cfg, (self.cfg.beta1, self.cfg.beta2)
        g = [*self.mapping.parameters(), *self.synthesis.parameters()]
        rate = cfg.lr if cfg.generator_lr is None else cfg.generator_lr
        interval = cfg.path_every if cfg.path_weight else None
        return {
            "generator": lazy_adam(g, rate, betas, interval),
            "discriminator": lazy_adam(self.D.parameters(), cfg.lr, betas, cfg.r1_every),
        }

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        cfg, x = self.cfg, batch["image"]  # (B,C,H,W)
        fake = self._generate(self._styles(len(x)))
        yield Update("generator", functional.nonsaturating_generator_loss(self.D(fake)), drawn=len(x))
        if cfg.path_weight and progress.step % cfg.path_every == 0:
            w = self._styles(max(1, len(x) // 2))
            penalty = self.path(self._generate, w.float())  # eq. 4
            logs = {"path_length": self.path.mean.clone()}
            yield Update("generator", cfg.path_weight * cfg.path_every * penalty, logs, drawn=len(w))
        with torch.no_grad():
            fake = self._generate(self._styles(len(x)))
        loss = functional.logistic_discriminator_loss(self.D(x), self.D(fake))
        yield Update("discriminator", loss, drawn=len(x))
        if progress.step % cfg.r1_every == 0:
            r1 = functional.zero_centred_gradient_penalty(self.D, x)
            yield Update("discriminator", cfg.r1_every * cfg.gamma / 2 * r1, {"r1": r1.detach()})

    def _styles(self, n: int) -> Tensor:
        """Styles of a training batch, some of them mixed, (n,layers,w_dim); they move the running mean of w."""
        z = torch.randn(2 * n, self.cfg.z_dim, device=self.w_mean.device)
        w1, w2 = self.mapping(z).chunk(2)
        self.w_mean.lerp_(w1.detach().float().mean(0), 1 - self.cfg.w_decay)
        return mix_styles(w1, w2, self.synthesis.layers, self.cfg.mixing)

    def _generate(self, w: Tensor) -> Tensor:
        return self.synthesis(w, self._noise(len(w))).float()

    def _noise(self, n: int) -> Tensor:
        return torch.randn(n, self.synthesis.noises, device=self.w_mean.device)

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """g(f(z)), z ~ N(0, I), noise ~ N(0, I), truncated by psi."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Latents:
        """z ~ N(0, I), (n,z_dim), and the noise of all layers, (n,P)."""
        return torch.randn(n, self.cfg.z_dim, device=self.w_mean.device), self._noise(n)

    def decode(self, z: Latents) -> Tensor:
        """Latents of B images -> (B,C,H,W) in [-1,1]."""
        w = truncate(self.mapping(z[0]), self.w_mean, self.cfg.truncation)
        return self.synthesis(w[:, None].expand(-1, self.synthesis.layers, -1), z[1]).float().clamp(-1, 1)

    def mixed(self, z: Latents, other: Latents, first: float, last: float) -> Tensor:
        """decode(z) with the styles of `other` in the layers from the share `first` to `last`."""
        w, w2 = (truncate(self.mapping(of[0]), self.w_mean, self.cfg.truncation) for of in (z, other))
        return self.synthesis(swap_styles(w, w2, self.synthesis.layers, first, last), z[1]).float().clamp(-1, 1)

    def moved(self, z: Latents, matrix: Tensor) -> Tensor:
        """decode(z) without noise, the learned constant moved by matrices (B,3,3)."""
        return self.synthesis.moved(truncate(self.mapping(z[0]), self.w_mean, self.cfg.truncation), matrix)

    def truncations(self) -> tuple[float, ...]:
        """psi, from the mean of w to none."""
        return PSI


class Synthesis(nn.Module):
    """Styles w (B,layers,w_dim) and noise (B,noises) -> images (B,C,H,W), unbounded; `channels` from 4 x 4 up."""

    def __init__(self, colours: int, w_dim: int, channels: list[int]) -> None:
        super().__init__()
        self.layers, sides = 2 * len(channels), [4 * 2**i for i in range(len(channels))]
        self.sizes = [16] + [s * s for s in sides[1:] for _ in range(2)]  # pixels of each convolution's noise
        self.noises = sum(self.sizes)
        self.const = nn.Parameter(torch.randn(1, channels[0], 4, 4))
        convs = [StyledConv(channels[0], channels[0], w_dim)]
        for a, b in pairwise(channels):
            convs += [StyledConv(a, b, w_dim, "up"), StyledConv(b, b, w_dim)]
        self.convs = nn.ModuleList(convs)
        self.rgb = nn.ModuleList(ToRGB(c, colours, w_dim) for c in channels)
        self.filter = Filter()

    def forward(self, w: Tensor, noise: Tensor) -> Tensor:
        return self.draw(self.styles(w), noise)

    def styles(self, w: Tensor) -> list[Tensor]:
        """What scales the input channels of each convolution, (B,c_in) each: those of `convs`, then those of `rgb`."""
        convs = [cast(StyledConv, conv).style(w[:, i]) for i, conv in enumerate(self.convs)]
        return convs + [cast(ToRGB, rgb).style(w[:, 2 * i + 1]) for i, rgb in enumerate(self.rgb)]

    def draw(self, styles: Sequence[Tensor], noise: Tensor, const: Tensor | None = None) -> Tensor:
        """The images (B,C,H,W) of given styles; const (B,c,4,4): in place of the learned one."""
        image, noises = None, noise.split(self.sizes, 1)
        x = self.const.expand(len(noise), -1, -1, -1) if const is None else const
        convs, colours = styles[: len(self.convs)], styles[len(self.convs) :]
        for i, (conv, s, eps) in enumerate(zip(self.convs, convs, noises, strict=True)):
            x = conv(x, s, eps)
            if i % 2 == 0:  # the last convolution of its size
                rgb = self.rgb[i // 2](x, colours[i // 2])  # (B,C,H,W)
                image = rgb if image is None else self.filter.up(image) + rgb
        assert image is not None
        return image

    def moved(self, w: Tensor, matrix: Tensor) -> Tensor:
        """The images of w (B,w_dim), clipped to [-1,1], without noise and with the constant moved by (B,3,3)."""
        const = ada.warp(self.const.expand(len(w), -1, -1, -1), matrix)
        styles = self.styles(w[:, None].expand(-1, self.layers, -1))
        return self.draw(styles, w.new_zeros(len(w), self.noises), const).float().clamp(-1, 1)


class StyledConv(nn.Module):
    """x (B,c_in,H,W), its style (B,c_in), noise (B,pixels) -> (B,c_out,H,W), twice the size with resample="up"."""

    def __init__(self, c_in: int, c_out: int, w_dim: int, resample: Resample | None = None) -> None:
        super().__init__()
        self.style = Linear(w_dim, c_in, bias=1.0)
        self.conv = ModulatedConv2d(c_in, c_out, 3, resample=resample)
        self.noise = Noise()
        self.bias = nn.Parameter(torch.zeros(c_out, 1, 1))

    def forward(self, x: Tensor, s: Tensor, noise: Tensor) -> Tensor:
        return _activate(self.noise(self.conv(x, s), noise) + self.bias)


class ToRGB(nn.Module):
    """x (B,c,H,W), its style (B,c) -> colours (B,C,H,W), modulated but not demodulated."""

    def __init__(self, c_in: int, colours: int, w_dim: int) -> None:
        super().__init__()
        self.style = Linear(w_dim, c_in, bias=1.0)
        self.conv = ModulatedConv2d(c_in, colours, 1, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(colours, 1, 1))

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        return self.conv(x, s) + self.bias


class Discriminator(nn.Module):
    """x (B,C,H,W) -> (B,1) logits, by residual blocks down to 4 x 4; `channels` from full size down."""

    def __init__(self, colours: int, channels: list[int], group: int) -> None:
        super().__init__()
        self.group, top = group, channels[-1]
        self.rgb = Conv2d(colours, channels[0], 1)
        self.blocks = nn.Sequential(*(ResidualBlock(a, b) for a, b in pairwise(channels)))
        self.conv = Conv2d(top + 1, top, 3)
        self.dense, self.out = Linear(16 * top, top), Linear(top, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.blocks(_activate(self.rgb(x)))
        h = _activate(self.conv(minibatch_stddev(h, self.group)))
        return self.out(_activate(self.dense(h.flatten(1))))


class ResidualBlock(nn.Module):
    """(B,c_in,H,W) -> (B,c_out,H/2,W/2) of the same variance."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = Conv2d(c_in, c_in, 3), Conv2d(c_in, c_out, 3, resample="down")
        self.skip = Conv2d(c_in, c_out, 1, bias=False, resample="down")

    def forward(self, x: Tensor) -> Tensor:
        return (self.skip(x) + _activate(self.conv2(_activate(self.conv1(x))))) / sqrt(2)


def _activate(x: Tensor) -> Tensor:
    """Leaky ReLU times sqrt(2), which keeps the variance."""
    return leaky_relu(x, 0.2) * sqrt(2)


def widths(shape: tuple[int, int, int], width: int, most: int, title: str) -> list[int]:
    """Channels at 4 x 4, 8 x 8, ... up to the image's size: width / side, at least 1 and at most `most`."""
    return [max(1, min(most, width // (4 * 2**i))) for i in range(halvings(shape, title, 8) + 1)]


def check(truncation: float, w_decay: float, mixing: float) -> None:
    """Raises ValueError for settings of styles out of their range."""
    for name, value in (("truncation", truncation), ("w_decay", w_decay), ("mixing", mixing)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is {value}; it must lie in [0, 1]")
    if truncation < 1 and w_decay == 1:
        raise ValueError(
            f"truncation is {truncation} and w_decay is 1, so the mean of w that it pulls towards never moves from 0; "
            "set w_decay below 1, or truncation to 1"
        )
