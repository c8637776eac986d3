"""The residual generator and discriminator of SNGAN, which later GANs share.

Miyato et al. 2018, https://arxiv.org/abs/1802.05957, appendix B.4: tables 4 (32 px) and 6 (128 px), and what the
authors' code, https://github.com/pfnet-research/sngan_projection, adds to them: learned 1 x 1 shortcuts, Glorot's
uniform weights (gain sqrt(2) inside of a block). Sizes up to 32 px keep one width; larger ones double the channels from
`width` / 4 next to the image up to 4 `width`, as the 128 px networks do.

A 1 x 1 convolution commutes with nearest-neighbour upsampling and with average pooling, so shortcuts are computed at
the smaller of the two sizes: the same values for a quarter of the work.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu


def _halvings(shape: tuple[int, int, int]) -> int:
    """How often the side halves down to 4. Raises ValueError if the image is no square of a power of two from 16 up."""
    _, h, w = shape
    if h != w or h < 16 or h & (h - 1):
        raise ValueError(
            f"images of {h} x {w} pixels do not fit a residual network that halves them down to 4 x 4; "
            "set the data set's resolution to a power of two from 16 up"
        )
    return h.bit_length() - 3


def _channels(width: int, halvings: int) -> list[int]:
    """Channels at 4 x 4 and after each doubling of the size, from the top of the generator down to the image."""
    if halvings <= 3:
        return [width] * (halvings + 1)
    return [4 * width // 2 ** max(0, i - halvings + 4) for i in range(halvings + 1)]


def _conv(c_in: int, c_out: int, kernel: int, gain: float = 1.0) -> nn.Conv2d:
    conv = nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2)
    nn.init.xavier_uniform_(conv.weight, gain)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


def _linear(c_in: int, c_out: int) -> nn.Linear:
    linear = nn.Linear(c_in, c_out)
    nn.init.xavier_uniform_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


class UpBlock(nn.Module):
    """Batch normalisation, ReLU, doubling and convolution, twice but for the doubling: (B,C,H,W) -> (B,C',2H,2W)."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(c_in), _conv(c_in, c_out, 3, 2**0.5)
        self.norm2, self.conv2 = nn.BatchNorm2d(c_out), _conv(c_out, c_out, 3, 2**0.5)
        self.skip = _conv(c_in, c_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(interpolate(relu(self.norm1(x)), scale_factor=2))
        return interpolate(self.skip(x), scale_factor=2) + self.conv2(relu(self.norm2(h)))


class DownBlock(nn.Module):
    """ReLU and convolution, twice, then average pooling if `down`: (B,C,H,W) -> (B,C',H/2,W/2) or (B,C',H,W).

    first: the block next to the image, which has no ReLU before its first convolution. wide: as many channels between
    the convolutions as after them, not as before them.
    """

    def __init__(self, c_in: int, c_out: int, *, down: bool, first: bool = False, wide: bool = False) -> None:
        super().__init__()
        self.down, self.first = down, first
        hidden = c_out if first or wide else c_in
        self.conv1, self.conv2 = _conv(c_in, hidden, 3, 2**0.5), _conv(hidden, c_out, 3, 2**0.5)
        self.skip = _conv(c_in, c_out, 1) if down or c_in != c_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(relu(self.conv1(x if self.first else relu(x))))
        if self.down:
            x, h = avg_pool2d(x, 2), avg_pool2d(h, 2)
        return h + self.skip(x)  # in this order: of one channel the shortcut has another layout


class Generator(nn.Module):
    """z (B,z_dim) -> (B,C,H,W) before the output's squashing function; `width` channels at 32 px.

    Raises ValueError if H and W are not one power of two from 16 up.
    """

    def __init__(self, z_dim: int, shape: tuple[int, int, int], width: int) -> None:
        super().__init__()
        channels = _channels(width, _halvings(shape))
        self.project = _linear(z_dim, channels[0] * 16)
        self.blocks = nn.Sequential(*(UpBlock(a, b) for a, b in pairwise(channels)))
        self.norm, self.out = nn.BatchNorm2d(channels[-1]), _conv(channels[-1], shape[0], 3)

    def forward(self, z: Tensor) -> Tensor:
        h = self.project(z).unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2)  # (B,C,4,4), channels-last as the rest
        return self.out(relu(self.norm(self.blocks(h))))


class Discriminator(nn.Module):
    """x (B,C,H,W) -> (B,1) logits, by the sum over places of the last features; `width` channels up to 32 px.

    Up to 32 px two of the four blocks halve the size; for larger images all but the last do, down to 4 x 4.
    Raises ValueError if H and W are not one power of two from 16 up.
    """

    def __init__(self, shape: tuple[int, int, int], width: int) -> None:
        super().__init__()
        halvings = _halvings(shape)
        channels = [width] * 4 if halvings <= 3 else _channels(2 * width, halvings)[::-1]
        halving = 2 if halvings <= 3 else halvings
        self.blocks = nn.Sequential(
            *(
                DownBlock(a, b, down=i < halving, first=i == 0)
                for i, (a, b) in enumerate(pairwise([shape[0], *channels]))
            )
        )
        self.out = _linear(channels[-1], 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.sum(relu(self.blocks(x)), (2, 3)))
