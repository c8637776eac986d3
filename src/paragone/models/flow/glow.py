"""Glow: a flow of activation normalisation, invertible 1 x 1 convolutions and affine couplings.

Kingma, Dhariwal 2018, "Glow: Generative Flow with Invertible 1x1 Convolutions", https://arxiv.org/abs/1807.03039.

    actnorm         y = s x + b, of each channel; at first, the first batch has mean 0 and variance 1 (table 1)
    convolution     y = W x at each place, 1 x 1, log-determinant h w log|det W| (table 1)
    coupling        y_a = s x_a + t, y_b = x_b, of the halves of the channels (table 1)
    eq. 10, 11      W = P L (U + diag(s)), log|det W| = sum log|s|: P fixed, L, U and s learned, from a random rotation
    figure 2        L levels, each a squeeze and K steps; each but the last hands half of its channels out
    section 5       three convolutions of 512 channels in a coupling, the last zero at first; Adam, learning rate 0.001
    section 6       samples of reduced temperature: z ~ N(0, T^2 I)

As in the authors' code (https://github.com/openai/glow): y_a = s (x_a + t), s = sigmoid(h + 2), actnorm in the
couplings' networks too, images scaled to [-0.5,0.5] without a logit, 3 x 3 convolutions that are told where the image
ends, and handed-out channels follow a normal distribution whose mean and scale come from those that go on, by a
convolution that is zero at first. `latents` are the standard normal draws behind them.

The density is exact. Of the 256 levels it gives a lower bound, as for RealNVP (Theis et al. 2016, section 3.1). With
fewer `bits` (the paper has 5 for faces and rooms) the flow sees the upper bits alone; bits per dimension of so few
levels are another quantity, and such a row has none.

Deviations:
- Defaults are CIFAR-10's in the paper (L = 3, K = 32), with its batch of 64; the budget of 1,800 epochs is that of the
  authors' code.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, logsigmoid, pad, pixel_shuffle, pixel_unshuffle
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import flow


class Glow(Model):
    """Steps of flow at several levels between images and standard normal noise."""

    title = "Glow"
    paper = "Kingma & Dhariwal, 2018"
    plan = Plan(kimg=90_000, batch=64)
    capabilities = frozenset({"decode", "latents", "log_likelihood_bound", "temperatures"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        levels: int = 3  # L
        steps: int = 32  # K, of each level
        width: int = 512  # channels in a coupling
        bits: int = 8  # of the images that the flow sees
        temperature: float = 1.0  # of samples
        lr: float = 0.001

        def __post_init__(self) -> None:
            for name in ("levels", "steps"):
                if getattr(self, name) < 1:
                    raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
            if not 1 <= self.bits <= 8:
                raise ValueError(f"bits is {self.bits}; it must lie between 1 and 8")
            if self.temperature <= 0:
                raise ValueError(f"temperature is {self.temperature}; it must be above 0")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        c, h, w = spec.shape
        if h % 2**cfg.levels or w % 2**cfg.levels:
            raise ValueError(
                f"{cfg.levels} levels halve images as often, so their sides divide by {2**cfg.levels}; these are "
                f"{h} x {w}: set fewer levels, or another resolution"
            )
        self.cfg, self.shape = cfg, spec.shape
        if cfg.bits < 8:  # a bound over fewer levels is another quantity
            self.capabilities = self.capabilities - {"log_likelihood_bound"}
        self.flow = nn.ModuleList(Level(c * 2**i, cfg, last=i == cfg.levels - 1) for i in range(cfg.levels))

    def optimizers(self) -> dict[str, Optimizer]:
        return {"flow": Adam(self.parameters(), self.cfg.lr, fused=True)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x = batch["image"]  # (B,C,H,W)
        yield Update("flow", -self._log_density(x).mean() / (x[0].numel() * math.log(2)))  # bits per dimension

    def log_likelihood_bound(self, x: Tensor) -> Tensor:
        """A one-sample estimate, without bias, of a lower bound of log P(x) over 2^bits levels, in nats, (B,).

        Raises ValueError for images that are not of 256 levels.
        """
        flow.check_levels(x)
        return self._log_density(x)

    def _log_density(self, x: Tensor) -> Tensor:
        """The bound over 2^bits levels, of images that are known to be of 256: those of a training set."""
        levels = 2**self.cfg.bits
        u = flow.dequantise(x)
        if self.cfg.bits < 8:  # the lower bits become noise
            u = ((u * levels).floor() + torch.rand_like(u)) / levels
        z, log_det = self.forward(u - 0.5)
        return flow.standard_normal_log_density(z) + log_det - x[0].numel() * math.log(levels)  # u is level / levels

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B,C,H,W) in [-0.5,0.5] -> z of the same shape, standard normal, and log|det dz/dx| (B,)."""
        shape, out, total = x.shape, [], x.new_zeros(len(x))
        for level in self.flow:
            x, z, log_det = level(x)
            out.append(z.flatten(1))
            total = total + log_det
        return torch.cat(out, 1).view(shape), total

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """The images of z ~ N(0, T^2 I)."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """z ~ N(0, T^2 I), T the temperature, of the images' shape (n,C,H,W)."""
        return self.cfg.temperature * torch.randn(n, *self.shape, device=next(self.parameters()).device)

    def temperatures(self) -> tuple[float, ...]:
        """Those of figure 8 that are told apart at sight."""
        return (0.25, 0.5, 0.7, 1.0)

    def decode(self, z: Tensor) -> Tensor:
        """The inverse of the flow: z (B,C,H,W) -> images in [-1,1] of 2^bits levels, the lowest of each bin."""
        c, h, w = self.shape
        shapes = [(c * 2 ** (i + 1), h // 2 ** (i + 1), w // 2 ** (i + 1)) for i in range(self.cfg.levels)]
        shapes[-1] = (2 * shapes[-1][0], *shapes[-1][1:])
        parts = z.flatten(1).split([math.prod(shape) for shape in shapes], 1)
        x = z.new_empty(len(z), 0, *shapes[-1][1:])
        for level, part, shape in zip(reversed(self.flow), reversed(parts), reversed(shapes), strict=True):
            x = level.inverse(x, part.unflatten(1, shape))  # type: ignore[operator]
        levels = 2**self.cfg.bits
        return flow.quantise(((x + 0.5) * levels).floor() / levels)


class Level(nn.Module):
    """A squeeze, K steps and a split: x (B,C,H,W) -> what goes on (B,2C,H/2,W/2), z of the rest, log-determinant.

    Of the last level z is all, and nothing goes on.
    """

    def __init__(self, channels: int, cfg: Glow.Config, *, last: bool) -> None:
        super().__init__()
        c = 4 * channels
        self.steps = flow.Chain(
            layer
            for _ in range(cfg.steps)
            for layer in (flow.ActNorm(c), Convolution1x1(c), AffineCoupling(c, cfg.width))
        )
        self.last = last
        self.prior = ZeroConv(1 if last else c // 2, 2 * c if last else c)  # mean and log scale of what is handed out

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, log_det = self.steps(pixel_unshuffle(x, 2).contiguous(memory_format=torch.channels_last))
        kept, out = (x[:, :0], x) if self.last else x.chunk(2, 1)
        mean, log_scale = self._prior(kept, out)
        z = (out - mean) * (-log_scale).exp()
        return kept, z, log_det - log_scale.flatten(1).sum(1)

    def inverse(self, kept: Tensor, z: Tensor) -> Tensor:
        mean, log_scale = self._prior(kept, z)
        x = self.steps.inverse(torch.cat([kept, mean + z * log_scale.exp()], 1))
        return pixel_shuffle(x, 2)

    def _prior(self, kept: Tensor, out: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log scale of what is handed out, given what goes on; of the last level, of each channel."""
        given = out.new_zeros(len(out), 1, *out.shape[2:]) if self.last else kept
        mean, log_scale = self.prior(given).float().chunk(2, 1)
        return mean, log_scale


class Convolution1x1(flow.Bijection):
    """y = W x at each place, W = P L (U + diag(s)) (eq. 10)."""

    P: Tensor
    sign: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        rotation = torch.linalg.qr(torch.randn(channels, channels)).Q
        permutation, lower, upper = torch.linalg.lu(rotation)
        s = upper.diagonal()
        self.register_buffer("P", permutation)
        self.register_buffer("sign", s.sign())
        self.lower, self.upper = nn.Parameter(lower.tril(-1)), nn.Parameter(upper.triu(1))
        self.log_s = nn.Parameter(s.abs().log())

    def weight(self) -> Tensor:
        """W, (C,C)."""
        upper = self.upper.triu(1) + torch.diag(self.sign * self.log_s.exp())
        return self.P @ (self.lower.tril(-1) + torch.eye(len(self.P), device=upper.device)) @ upper

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(x.device.type, enabled=False):
            y = conv2d(x, self.weight()[:, :, None, None])
        return y, (self.log_s.sum() * x.shape[2] * x.shape[3]).expand(len(x))  # eq. 11

    def inverse(self, y: Tensor) -> Tensor:
        with torch.autocast(y.device.type, enabled=False):
            return conv2d(y, self.weight().inverse()[:, :, None, None])


class AffineCoupling(flow.Bijection):
    """The second half of the channels, scaled and shifted by a network of the first."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        first, second = channels // 2, channels - channels // 2
        self.first = first
        self.net = nn.Sequential(
            EdgeConv(first, width, bias=False), Normalised(width), nn.ReLU(),
            nn.Conv2d(width, width, 1, bias=False), Normalised(width), nn.ReLU(), ZeroConv(width, 2 * second),
        )  # fmt: skip
        for weight in (self.net[0].weight, self.net[0].edge, self.net[3].weight):
            nn.init.normal_(weight, 0, 0.05)  # type: ignore[arg-type]

    def _scale_and_shift(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """log s and t."""
        t, h = self.net(kept).float().chunk(2, 1)
        return logsigmoid(h + 2), t

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        kept, changed = x.tensor_split([self.first], 1)
        log_s, t = self._scale_and_shift(kept)
        return torch.cat([kept, (changed + t) * log_s.exp()], 1), log_s.flatten(1).sum(1)

    def inverse(self, y: Tensor) -> Tensor:
        kept, changed = y.tensor_split([self.first], 1)
        log_s, t = self._scale_and_shift(kept)
        return torch.cat([kept, changed * (-log_s).exp() - t], 1)


class Normalised(nn.Module):
    """Actnorm inside a network, where its determinant does not count."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = flow.ActNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)[0]


class EdgeConv(nn.Conv2d):
    """A 3 x 3 convolution that sees where the image ends, as in the authors' code: it has a channel more, 1 around the
    image and 0 within. `edge` (c_out,1,3,3) are that channel's weights."""

    def __init__(self, c_in: int, c_out: int, *, bias: bool = True) -> None:
        super().__init__(c_in, c_out, 3, padding=1, bias=bias)
        self.edge = nn.Parameter(torch.empty(c_out, 1, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        around = pad(x.new_zeros(1, 1, *x.shape[2:]), (1, 1, 1, 1), value=1.0)
        return super().forward(x) + conv2d(around, self.edge)


class ZeroConv(nn.Module):
    """A 3 x 3 convolution that is zero at first, times exp(3 g) of each channel, as in the authors' code."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv = EdgeConv(c_in, c_out)
        for p in self.conv.parameters():
            nn.init.zeros_(p)
        self.g = nn.Parameter(torch.zeros(c_out, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) * (3 * self.g).exp()
