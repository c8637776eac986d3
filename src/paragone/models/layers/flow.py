"""Invertible layers, and how a flow takes images of 256 levels.

A layer x -> y has `forward(x) -> (y, log|det dy/dx|)` and `inverse(y) -> x`; determinants are (B,) in float32.
Dinh et al. 2017, "Density estimation using Real NVP", https://arxiv.org/abs/1605.08803, whose equations are cited.
"""

import math
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, pixel_shuffle, pixel_unshuffle


class Bijection(nn.Module):
    """An invertible layer."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError


class Chain(Bijection):
    """One layer after another (eq. 6, 7: determinants multiply, inverses run backwards)."""

    def __init__(self, layers: Iterable[Bijection]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        total = x.new_zeros(len(x), dtype=torch.float32)
        for layer in self.layers:
            x, log_det = layer(x)
            total = total + log_det
        return x, total

    def inverse(self, y: Tensor) -> Tensor:
        for layer in reversed(self.layers):
            y = layer.inverse(y)  # type: ignore[operator]
        return y


class Squeeze(Bijection):
    """Each 2 x 2 of places becomes one place of 4 times the channels: (B,C,H,W) -> (B,4C,H/2,W/2) (figure 3)."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return pixel_unshuffle(x, 2).contiguous(memory_format=torch.channels_last), x.new_zeros(
            len(x), dtype=torch.float32
        )

    def inverse(self, y: Tensor) -> Tensor:
        return pixel_shuffle(y, 2)


class Coupling(Bijection):
    """y = b x + (1 - b) (x exp(s(b x)) + t(b x)) for a mask b of zeros and ones (eq. 9).

    net: (B,C,...) -> (B,2C,...), s before its hyperbolic tangent, and t. s is the tangent times a learned scale of each
    channel (section 4.1).
    """

    mask: Tensor

    def __init__(self, mask: Tensor, net: nn.Module) -> None:
        super().__init__()
        self.register_buffer("mask", mask.float(), persistent=False)  # broadcasts against x without B
        self.net = net
        self.scale = nn.Parameter(torch.ones(len(mask), *[1] * (mask.ndim - 1)))

    def _parameters_of(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """s and t, zero where the mask is one."""
        s, t = self.net(kept).float().chunk(2, 1)
        return self.scale * torch.tanh(s) * (1 - self.mask), t * (1 - self.mask)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        s, t = self._parameters_of(x * self.mask)
        return x * s.exp() + t, s.flatten(1).sum(1)

    def inverse(self, y: Tensor) -> Tensor:
        s, t = self._parameters_of(y * self.mask)
        return (y - t) * (-s).exp()


class ActNorm(Bijection):
    """y = exp(log_s) (x + b) of each channel; set from the first batch in training, to mean 0 and variance 1.

    Kingma, Dhariwal 2018 (Glow), https://arxiv.org/abs/1807.03039, section 3.1. x: (B,C,H,W).
    """

    ready: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.b, self.log_s = (nn.Parameter(torch.zeros(channels, 1, 1)) for _ in range(2))
        self.register_buffer("ready", torch.tensor(False))
        self.known = False  # whether it is: to ask the buffer at every step, a program would wait for a GPU

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.float()
        if self.training and not self.known:
            if not self.ready:
                self._start(x)
            self.known = True
        log_det = self.log_s.sum() * x.shape[2] * x.shape[3]
        return (x + self.b) * self.log_s.exp(), log_det.expand(len(x))

    def inverse(self, y: Tensor) -> Tensor:
        return y * (-self.log_s).exp() - self.b

    @torch.no_grad()
    def _start(self, x: Tensor) -> None:
        moments = torch.stack([x.mean((0, 2, 3)), x.square().mean((0, 2, 3))])
        if dist.is_initialized():  # of the global batch, so that all processes start with the same
            dist.all_reduce(moments, dist.ReduceOp.SUM)
            moments /= dist.get_world_size()
        mean, square = moments[:, :, None, None]
        self.b.copy_(-mean)
        self.log_s.copy_(-((square - mean.square()).clamp(min=0).sqrt() + 1e-6).log())
        self.ready.fill_(True)


class MultiScale(Bijection):
    """Levels of which each but the last hands half of its channels on, and the others out (eq. 13 to 16).

    (B,C,H,W) -> the same shape: what the levels handed out, one after the other.
    levels: each (B,C_i,H_i,W_i) -> (B,C',H',W'), an even C', of which the next level takes the second half.
    """

    def __init__(self, levels: Iterable[Bijection]) -> None:
        super().__init__()
        self.levels = nn.ModuleList(levels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        shape, out = x.shape, []
        total = x.new_zeros(len(x), dtype=torch.float32)
        for i, level in enumerate(self.levels):
            x, log_det = level(x)
            total = total + log_det
            if i < len(self.levels) - 1:
                z, x = x.chunk(2, 1)
                out.append(z.flatten(1))
        return torch.cat([*out, x.flatten(1)], 1).view(shape), total

    def inverse(self, y: Tensor) -> Tensor:
        _, c, h, w = y.shape
        parts = []
        flat = y.flatten(1)
        for _ in self.levels[:-1]:
            c, h, w = 2 * c, h // 2, w // 2
            parts.append(flat[:, : c * h * w].unflatten(1, (c, h, w)))
            flat = flat[:, c * h * w :]
        x = self.levels[-1].inverse(flat.unflatten(1, self._last(c, h, w)))  # type: ignore[operator]
        for level, z in zip(reversed(self.levels[:-1]), reversed(parts), strict=True):
            x = level.inverse(torch.cat([z, x], 1))  # type: ignore[operator]
        return x

    def _last(self, c: int, h: int, w: int) -> tuple[int, int, int]:
        """The shape in which the last level leaves its images, of those it takes."""
        last = self.levels[-1]
        squeezes = isinstance(last, Chain) and any(isinstance(layer, Squeeze) for layer in last.layers)
        return (4 * c, h // 2, w // 2) if squeezes else (c, h, w)


def checkerboard(height: int, width: int, *, odd: bool = False) -> Tensor:
    """(1,H,W): 1 where the sum of row and column is odd (or even), else 0 (figure 3)."""
    places = torch.arange(height)[:, None] + torch.arange(width)
    return ((places % 2 == 1) ^ odd)[None].float()


def channel_mask(channels: int, *, second: bool = False) -> Tensor:
    """(C,1,1): 1 for the first half of the channels (or the second), else 0."""
    first = torch.arange(channels) < channels // 2
    return (first ^ second).float()[:, None, None]


def dequantise(x: Tensor) -> Tensor:
    """Images in [-1,1] of 256 levels -> the levels plus noise uniform in [0,1), over 256: in [0,1), the same shape."""
    whole = ((x.float() + 1) * 127.5).round()
    return (whole + torch.rand_like(whole)) / 256


def check_levels(x: Tensor) -> None:
    """Raises ValueError for pixels that are not one of the 256 levels, as after noise was added once already."""
    levels = (x.float() + 1) * 127.5
    if (levels - levels.round()).abs().max() > 0.01:
        raise ValueError(
            "pixels lie between the 256 levels of an 8-bit image: give images without noise, the flow adds its own"
        )


def quantise(u: Tensor) -> Tensor:
    """The inverse of `dequantise`: u, taken into [0,1), -> images in [-1,1] of 256 levels."""
    return (u * 256).floor().clamp(0, 255) / 127.5 - 1


class Logit(Bijection):
    """u in [0,1] -> logit(alpha + (1 - 2 alpha) u), which is unbounded (section 4.1)."""

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        p = self.alpha + (1 - 2 * self.alpha) * x
        y = torch.logit(p)
        log_det = math.log(1 - 2 * self.alpha) - logsigmoid(y) - logsigmoid(-y)
        return y, log_det.flatten(1).sum(1)

    def inverse(self, y: Tensor) -> Tensor:
        return (torch.sigmoid(y) - self.alpha) / (1 - 2 * self.alpha)


def standard_normal_log_density(z: Tensor) -> Tensor:
    """log N(z; 0, I), (B,...) -> (B,)."""
    return -0.5 * (z.float().square() + math.log(2 * math.pi)).flatten(1).sum(1)
