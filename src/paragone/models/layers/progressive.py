"""What ProGAN and StyleGAN share: when images grow, how a size fades in, a discriminator that grows, a loss of it.

Karras, Aila, Laine, Lehtinen 2018, https://arxiv.org/abs/1710.10196, sections 2 and 3, appendix A. A level counts
the doublings from 4 x 4; between l - 1 and l, size 4 2^l fades in over its predecessor.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu

from paragone.models.layers import functional
from paragone.models.layers.stylegan import Conv2d, Linear, minibatch_stddev


def level_at(share: float, levels: int, growing: float, first: int = 0) -> float:
    """The level after a share of the budget: stages of equal length hold a size or fade the next one in, in turn, from
    level `first` on, until after `growing` of the budget the last of `levels` doublings has faded in."""
    stages = 2 * (levels - first)
    if not stages:
        return levels
    stage, done = divmod(share / growing * stages, 2) if share < growing else (levels - first, 0.0)
    return first + stage + max(0.0, done - 1)


def check(growing: float) -> None:
    """Raises ValueError for stages that do not fit the budget."""
    if not 0 < growing <= 1:
        raise ValueError(f"growing is {growing}; the stages must fit the budget: choose a share in (0, 1]")


class Level(NamedTuple):
    """A level in parts."""

    top: int  # the size, or the one that is being faded in
    weight: float | Tensor  # of that size, in (0,1]
    fading: bool  # whether the weight is below 1


def split(level: float | Level) -> Level:
    """The parts of a level."""
    if isinstance(level, Level):
        return level
    top = math.ceil(level)
    weight = 1 - (top - level)
    return Level(top, weight, weight != 1)


def reached(progress: Any, levels: int, growing: float, first: int = 0) -> tuple[float | Tensor, Level]:
    """The level of a training's `Progress` (see `level_at`), whole and in parts."""
    whole = lambda now: level_at(now.share, levels, growing, first)  # noqa: E731
    top, _, fading = progress.choice(lambda now: split(whole(now))._replace(weight=0.0))
    weight = progress.number(lambda now: float(split(whole(now)).weight)) if fading else 1.0
    return progress.number(whole), Level(top, weight, fading)


def fade(old: Tensor, new: Tensor, weight: float | Tensor) -> Tensor:
    """The image or features of both sizes, blended; old (B,C,H,W) is that of the smaller size, brought to the same."""
    if isinstance(weight, Tensor):  # of float32, as both must be then
        return torch.lerp(old.float(), new.float(), weight).to(new.dtype)
    return torch.lerp(old, new, weight)


def double(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2.0)


def real_at(x: Tensor, level: float | Level, levels: int) -> Tensor:
    """Training images (B,C,H,W) at a level, as a generator would show them: averaged, and blended as it is."""
    top, weight, fading = split(level)
    x = avg_pool2d(x, 2 ** (levels - top)) if top < levels else x
    return x if not fading else fade(double(avg_pool2d(x, 2)), x, weight)


def full_size(x: Tensor, size: int) -> Tensor:
    """Images of any level at full size, by repeating pixels."""
    return x if x.shape[2] == size else interpolate(x, size=(size, size))


def critic_loss(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, penalty: float, drift: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """E[D(G(z))] - E[D(x)] + penalty E[(||grad D(x_hat)||_2 - 1)^2] + drift E[D(x)^2] (appendix A.1), 0-d, and what to
    log of it; real and fake (B,C,H,W)."""
    real_score, fake_score = critic(real).float(), critic(fake).float()
    distance = real_score.mean() - fake_score.mean()
    steepness = functional.gradient_penalty(critic, real, fake)
    loss = -distance + penalty * steepness + drift * real_score.square().mean()
    return loss, {"distance": distance.detach(), "penalty": steepness.detach()}


def activate(x: Tensor) -> Tensor:
    return leaky_relu(x, 0.2)


class Discriminator(nn.Module):
    """x (B,C,H,W) of a level -> (B,1) scores; `channels` from 4 x 4 up."""

    def __init__(self, colours: int, channels: list[int], group: int, fir: tuple[int, ...] = (1, 1)) -> None:
        super().__init__()
        self.group, gain, low = group, math.sqrt(2), channels[0]
        self.rgb = nn.ModuleList(Conv2d(colours, c, 1, gain=gain) for c in channels)
        self.convs = nn.ModuleList(Conv2d(b, b, 3, gain=gain) for b in channels[1:])
        self.downs = nn.ModuleList(Conv2d(b, a, 3, gain=gain, resample="down", fir=fir) for a, b in pairwise(channels))
        self.conv = Conv2d(low + 1, low, 3, gain=gain)
        self.dense, self.out = Linear(16 * low, low, gain=gain), Linear(low, 1)

    def forward(self, x: Tensor, level: float | Level) -> Tensor:
        top, weight, fading = split(level)
        h = activate(self.rgb[top](x))
        for i in range(top, 0, -1):
            h = activate(self.downs[i - 1](activate(self.convs[i - 1](h))))
            if i == top and fading:
                h = fade(activate(self.rgb[top - 1](avg_pool2d(x, 2))), h, weight)
        h = activate(self.conv(minibatch_stddev(h, self.group)))
        return self.out(activate(self.dense(h.flatten(1))))
