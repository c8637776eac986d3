"""Alias-free layers of StyleGAN3: Fourier features, low-pass filters, non-linearities between resampling.

Karras, Aittala, Laine, Härkönen, Hellsten, Lehtinen, Aila 2021, https://arxiv.org/abs/2106.12423, sections 2 and 3,
appendices C and F. Frequencies are in cycles per image, sampling rates in samples per image.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, conv2d, conv_transpose2d, leaky_relu, linear, pad

from paragone.models.layers.stylegan import Linear

LRELU_UPSAMPLING = 2  # how much finer the grid is on which the non-linearity acts
TAPS = 6  # of a filter, for each sample of its coarser grid


class Band(NamedTuple):
    """The signal between two layers."""

    cutoff: float  # highest frequency that passes
    half_width: float  # of the transition band
    rate: int  # samples per image
    size: int  # samples, with the margin
    channels: int


def bands(resolution: int, layers: int, critical: int, width: int, max_width: int, margin: int) -> list[Band]:
    """Of the layers' outputs, then ToRGB's, from cutoff 2 and stopband 2^2.1 up in a geometric series; the last
    `critical` and ToRGB have the image's own cutoff, half of its resolution (section 3.2, appendix F.1). `margin`
    samples around the image keep its borders from being seen; the last two outputs do without."""
    made = []
    for i in range(layers + 1):
        e = min(i / (layers - critical), 1.0)
        cutoff = 2 * (resolution / 4) ** e
        stopband = 2**2.1 * (resolution / 2 * 2**0.3 / 2**2.1) ** e
        rate = 2 ** math.ceil(math.log2(min(2 * stopband, resolution)) - 1e-9)
        size = resolution if i >= layers - 1 else rate + 2 * margin
        channels = max(1, round(min(width / 2 / cutoff, max_width)))
        made.append(Band(cutoff, max(stopband, rate / 2) - cutoff, rate, size, channels))
    return made


def lowpass(taps: int, cutoff: float, width: float, rate: float, *, radial: bool = False) -> Tensor:
    """A windowed ideal low-pass filter with Kaiser's window, summing to 1: (taps,), or radially symmetric (taps,taps);
    `width` is that of the transition band (appendix C)."""
    attenuation = 2.285 * (taps - 1) * math.pi * width / (rate / 2) + 7.95
    beta = 0.0
    if attenuation > 50:
        beta = 0.1102 * (attenuation - 8.7)
    elif attenuation > 21:
        beta = 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    window = torch.kaiser_window(taps, periodic=False, beta=beta, dtype=torch.float64)
    t = (torch.arange(taps, dtype=torch.float64) - (taps - 1) / 2) / rate
    if radial:
        r = torch.hypot(t[:, None], t[None])  # never 0: there is an even number of taps
        f = torch.special.bessel_j1(2 * math.pi * cutoff * r) / (math.pi * r) * torch.outer(window, window)
    else:
        f = torch.sinc(2 * cutoff * t) * window
    return (f / f.sum()).float()


class FourierInput(nn.Module):
    """w (B,w_dim) -> (B,C,size,size): sines of random directions within the band, moved and turned as w says.

    `transform` (3,3) moves the whole image on top of that, in units of its side.
    """

    frequencies: Tensor
    phases: Tensor
    transform: Tensor

    def __init__(self, w_dim: int, band: Band) -> None:
        super().__init__()
        self.band, channels = band, band.channels
        f = torch.randn(channels, 2)
        radius = f.norm(dim=1, keepdim=True)
        self.register_buffer("frequencies", f / (radius * (radius.square() / 4).exp()) * band.cutoff)
        self.register_buffer("phases", torch.rand(channels) - 0.5)
        self.register_buffer("transform", torch.eye(3))
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.affine = Linear(w_dim, 4)
        self.affine.weight.data.zero_()
        self.affine.bias.data.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))  # no rotation, no translation

    def forward(self, w: Tensor) -> Tensor:
        t = self.affine(w.float())
        c, s, x, y = (t / t[:, :2].norm(dim=1, keepdim=True)).unbind(1)
        zero, one = torch.zeros_like(c), torch.ones_like(c)
        rotation = torch.stack([c, -s, zero, s, c, zero, zero, zero, one], 1).view(-1, 3, 3)
        shift = torch.stack([one, zero, -x, zero, one, -y, zero, zero, one], 1).view(-1, 3, 3)
        matrix = rotation @ shift @ self.transform
        phases = self.phases + (self.frequencies @ matrix[:, :2, 2:])[:, :, 0]  # (B,C)
        frequencies = self.frequencies @ matrix[:, :2, :2]  # (B,C,2)
        cutoff, rate, size = self.band.cutoff, self.band.rate, self.band.size
        above = (frequencies.norm(dim=2) - cutoff) / (rate / 2 - cutoff)
        amplitude = (1 - above).clamp(0, 1)  # what a transformation moves out of the band fades
        theta = torch.eye(2, 3, device=w.device) * (0.5 * size / rate)
        grid = affine_grid(theta[None], [1, 1, size, size], align_corners=False)[0]  # (size,size,2)
        angle = torch.einsum("hwd,bcd->bhwc", grid, frequencies) + phases[:, None, None]
        features = torch.sin(2 * math.pi * angle) * amplitude[:, None, None]
        return linear(features, self.weight / math.sqrt(len(self.weight))).permute(0, 3, 1, 2)


class AliasFreeLayer(nn.Module):
    """x (B,c_in,H,W), w (B,w_dim) -> (B,c_out,H',W'): a modulated convolution, and a leaky ReLU on a finer grid between
    two low-pass filters, from one band to the next. rgb: 1 x 1, no non-linearity, no demodulation."""

    magnitude: Tensor
    filter_up: Tensor
    filter_down: Tensor

    def __init__(
        self, w_dim: int, before: Band, after: Band, kernel: int, *, rgb: bool = False, radial: bool = False
    ) -> None:
        super().__init__()
        self.rgb, kernel = rgb, 1 if rgb else kernel
        self.affine = Linear(w_dim, before.channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(after.channels, before.channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(after.channels, 1, 1))
        self.register_buffer("magnitude", torch.ones(()))  # running mean of the input's square
        rate = max(before.rate, after.rate) * (1 if rgb else LRELU_UPSAMPLING)
        self.up, self.down = rate // before.rate, rate // after.rate
        taps_up, taps_down = (1 if rgb or factor == 1 else TAPS * factor for factor in (self.up, self.down))
        one = torch.ones(1)
        up = one if taps_up == 1 else lowpass(taps_up, before.cutoff, 2 * before.half_width, rate)
        down = one if taps_down == 1 else lowpass(taps_down, after.cutoff, 2 * after.half_width, rate, radial=radial)
        self.register_buffer("filter_up", up, persistent=False)
        self.register_buffer("filter_down", down, persistent=False)
        total = (after.size - 1) * self.down + 1 - (before.size + kernel - 1) * self.up + taps_up + taps_down - 2
        low = (total + self.up) // 2
        self.padding = (low, total - low)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        if self.training:
            self.magnitude.lerp_(x.detach().float().square().mean(), 1e-3)
        x = self._convolve(x * self.magnitude.rsqrt(), self.affine(w)) + self.bias
        with _single_on_cpu(x) as x:
            x = upsample(x, self.filter_up, self.up, self.padding)
            if not self.rgb:
                x = leaky_relu(x, 0.2) * math.sqrt(2)
            return downsample(x, self.filter_down, self.down)

    def _convolve(self, x: Tensor, s: Tensor) -> Tensor:
        kernel = self.weight.shape[2]
        if self.rgb:
            s = s / math.sqrt(self.weight[0].numel())
            return conv2d(x * s[:, :, None, None], self.weight)
        weight = self.weight * self.weight.square().mean((1, 2, 3), keepdim=True).rsqrt()
        s = s.float() * s.float().square().mean().rsqrt()
        norm = (linear(s.square(), weight.float().square().sum((2, 3))) + 1e-8).rsqrt()
        return conv2d(x * s[:, :, None, None], weight, padding=kernel - 1) * norm[:, :, None, None]


@contextmanager
def _single_on_cpu(x: Tensor) -> Iterator[Tensor]:
    """x in float32, and no autocast inside, on a CPU: there filters per channel take several times as long in bfloat16,
    and three digits of their taps are lost."""
    if x.device.type != "cpu":
        yield x
        return
    with torch.autocast("cpu", enabled=False):
        yield x.float()


def upsample(x: Tensor, f: Tensor, factor: int, padding: tuple[int, int]) -> Tensor:
    """Zeros between the samples of x (B,C,H,W), padding (or cropping, where negative), then the filter f (taps,) along
    both axes: (B,C,H',W'), H' = H factor + padding - taps + 1."""
    n, c, taps = x.shape[2], x.shape[1], len(f)
    start, length = taps - 1 - padding[0], n * factor + sum(padding) - taps + 1
    margin = (-start, start + length - ((n - 1) * factor + taps))
    f = f * factor
    x = conv_transpose2d(x, f.view(1, 1, -1, 1).expand(c, 1, -1, 1), stride=(factor, 1), groups=c)
    x = conv_transpose2d(pad(x, (0, 0, *margin)), f.view(1, 1, 1, -1).expand(c, 1, 1, -1), stride=(1, factor), groups=c)
    return pad(x, margin)


def downsample(x: Tensor, f: Tensor, factor: int) -> Tensor:
    """The filter f, (taps,) along both axes or (taps,taps), then every factor-th sample: (B,C,H,W) -> (B,C,H',W')."""
    c = x.shape[1]
    if f.ndim == 2:
        return conv2d(x, f.expand(c, 1, -1, -1), stride=factor, groups=c)
    x = conv2d(x, f.view(1, 1, -1, 1).expand(c, 1, -1, 1), stride=(factor, 1), groups=c)
    return conv2d(x, f.view(1, 1, 1, -1).expand(c, 1, 1, -1), stride=(1, factor), groups=c)
