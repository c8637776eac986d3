"""Layers that ProGAN and the StyleGANs share, in plain PyTorch.

- Equalised learning rate: Karras et al. 2018 (ProGAN), https://arxiv.org/abs/1710.10196, section 4.1
- Minibatch standard deviation and pixel norm: the same, sections 3 and 4.2
- Modulated convolutions: Karras et al. 2020 (StyleGAN2), https://arxiv.org/abs/1912.04958, section 2.2
- Path length regularisation and Adam's settings for lazy regularisation: the same, section 3.2 and appendix B
"""

import math
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, linear, pad
from torch.optim import Adam, Optimizer

Resample = Literal["up", "down"]
PSI = (0.0, 0.25, 0.5, 0.75, 1.0)  # truncations that are shown, from the mean of w to none


def halvings(shape: tuple[int, int, int], title: str, smallest: int = 4) -> int:
    """How often the side of an image (C,H,W) halves down to 4.

    Raises ValueError if the image is not a square whose side is a power of two from `smallest` up.
    """
    _, h, w = shape
    if h != w or h < smallest or h & (h - 1):
        raise ValueError(
            f"{title} takes square images whose side is a power of two from {smallest} up; these are {h} x {w}: "
            "set the data set's resolution accordingly"
        )
    return h.bit_length() - 3


class Linear(nn.Module):
    """A linear layer at an equalised learning rate: (B,n_in) -> (B,n_out).

    Weights are stored as N(0, 1) and scaled by gain / sqrt(n_in) whenever they are used. lr_multiplier below 1 slows
    the layer's learning by as much, at the same function.
    """

    def __init__(
        self, n_in: int, n_out: int, *, gain: float = 1.0, bias: float = 0.0, lr_multiplier: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((n_out,), bias / lr_multiplier))
        self.scale, self.lr_multiplier = gain * lr_multiplier / math.sqrt(n_in), lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight * self.scale, self.bias * self.lr_multiplier)


class Conv2d(nn.Module):
    """A convolution at an equalised learning rate, with filtered doubling or halving of the size if `resample`.

    (B,c_in,H,W) -> (B,c_out,H,W), twice or half the size; the kernel is odd, and borders are padded with zeros.
    """

    def __init__(
        self, c_in: int, c_out: int, kernel: int, *, gain: float = 1.0, bias: bool = True,
        resample: Resample | None = None, fir: tuple[int, ...] = (1, 3, 3, 1),
    ) -> None:  # fmt: skip
        super().__init__()
        self.weight = nn.Parameter(torch.randn(c_out, c_in, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(c_out)) if bias else None
        self.scale = gain / math.sqrt(c_in * kernel * kernel)
        self.conv = Resampling(kernel, resample, fir)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x, self.weight * self.scale)
        return x if self.bias is None else x + self.bias.view(-1, 1, 1)


class ModulatedConv2d(nn.Module):
    """A convolution whose input channels are scaled by styles and whose output channels are normalised (eq. 1, 3).

    x (B,c_in,H,W), s (B,c_in) -> (B,c_out,H,W), twice the size with resample="up". Scaling the input by s and the
    output by the demodulation's factor equals a convolution with each image's own weights, at the cost of one.
    """

    def __init__(
        self, c_in: int, c_out: int, kernel: int, *, demodulate: bool = True, resample: Resample | None = None
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(c_out, c_in, kernel, kernel))
        self.scale, self.demodulate = 1 / math.sqrt(c_in * kernel * kernel), demodulate
        self.conv = Resampling(kernel, resample)

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        weight = self.weight * self.scale
        y = self.conv(x * s[:, :, None, None], weight)
        if not self.demodulate:
            return y
        square = weight.float().square().sum((2, 3))  # (c_out,c_in)
        norm = (linear(s.float().square(), square) + 1e-8).rsqrt()  # (B,c_out), eq. 3
        return y * norm[:, :, None, None]


class Resampling(nn.Module):
    """The convolution of x (B,C,H,W) with given weights (C',C,k,k), followed by doubling or preceded by halving.

    The filter goes where it keeps the strided convolution from aliasing: after a transposed one, before a strided one.
    """

    def __init__(self, kernel: int, resample: Resample | None, fir: tuple[int, ...] = (1, 3, 3, 1)) -> None:
        super().__init__()
        self.kernel, self.resample = kernel, resample
        self.filter = Filter(fir)

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        k = self.kernel
        if self.resample == "up":
            y = conv_transpose2d(x, weight.transpose(0, 1).flip(2, 3), stride=2)  # (B,C',2H+k-2,2W+k-2)
            return self.filter(y, extra=2 - k, gain=4.0)
        if self.resample == "down":
            return conv2d(self.filter(x, extra=k - 2), weight, stride=2)
        return conv2d(x, weight, padding=k // 2)


class Filter(nn.Module):
    """A separable low-pass filter, normalised to a sum of 1: (B,C,H,W) -> (B,C,H+extra,W+extra), zero-padded."""

    kernel: Tensor

    def __init__(self, taps: tuple[int, ...] = (1, 3, 3, 1)) -> None:
        super().__init__()
        f = torch.tensor(taps, dtype=torch.float32)
        self.register_buffer("kernel", torch.outer(f, f) / f.sum().square(), persistent=False)

    def forward(self, x: Tensor, extra: int = 0, gain: float = 1.0) -> Tensor:
        reach = len(self.kernel) - 1
        right, left = (reach + extra) // 2, reach + extra - (reach + extra) // 2
        kernel = self.kernel * gain

        def there(x: Tensor) -> Tensor:
            return conv2d(pad(x, [left, right] * 2), _per_channel(kernel, x), groups=x.shape[1])

        def back(y: Tensor) -> Tensor:
            y = pad(y, [reach - left, reach - right] * 2)
            return conv2d(y, _per_channel(kernel.flip(0, 1), y), groups=y.shape[1])

        return _LinearMap.apply(x, there, back)

    def up(self, x: Tensor) -> Tensor:
        """Twice the size: zeros between pixels, then the filter; its length is 2 + an even number."""
        return _LinearMap.apply(x, self._doubled, lambda y: 4 * self._halved(y))

    def down(self, x: Tensor) -> Tensor:
        """Half the size: the filter at every second pixel; its length is even."""
        return _LinearMap.apply(x, self._halved, lambda y: self._doubled(y) / 4)

    def _doubled(self, x: Tensor) -> Tensor:
        weight, padding = _per_channel(4 * self.kernel, x), len(self.kernel) // 2 - 1
        return conv_transpose2d(x, weight, stride=2, padding=padding, groups=x.shape[1])

    def _halved(self, x: Tensor) -> Tensor:
        weight, padding = _per_channel(self.kernel, x), len(self.kernel) // 2 - 1
        return conv2d(x, weight, stride=2, padding=padding, groups=x.shape[1])


class _LinearMap(torch.autograd.Function):
    """there(x), a linear map of images whose adjoint is `back`: the gradient of either is the other.

    Without it, the gradient of a gradient penalty takes that of the kernel too, in a loop over channels, and drops it.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, there: Callable[[Tensor], Tensor], back: Callable[[Tensor], Tensor]) -> Tensor:
        ctx.there, ctx.back = there, back
        return there(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return _LinearMap.apply(grad, ctx.back, ctx.there), None, None


def _per_channel(kernel: Tensor, x: Tensor) -> Tensor:
    return kernel.to(x.dtype).expand(x.shape[1], 1, -1, -1)


class Noise(nn.Module):
    """Adds noise (B,1,H,W) or (B,H*W) at a learned strength, which starts from 0, to x (B,C,H,W)."""

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(channels, 1, 1))  # of all channels, or one per channel

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        return x + self.strength * noise.view(-1, 1, *x.shape[2:])


class Mapping(nn.Module):
    """z (B,z_dim) -> w (B,w_dim): pixel norm, then `depth` layers at a hundredth of the learning rate.

    In float32, under autocast too, as in the authors' code: a running mean of w is kept.
    """

    def __init__(self, z_dim: int, w_dim: int, depth: int, lr_multiplier: float = 0.01) -> None:
        super().__init__()
        dims = [z_dim] + [w_dim] * depth
        self.layers = nn.ModuleList(
            Linear(a, b, gain=math.sqrt(2), lr_multiplier=lr_multiplier) for a, b in pairwise(dims)
        )

    def forward(self, z: Tensor) -> Tensor:
        with torch.autocast(z.device.type, enabled=False):
            h = pixel_norm(z.float())
            for layer in self.layers:
                h = leaky_relu(layer(h), 0.2)
            return h


def pixel_norm(x: Tensor) -> Tensor:
    """x / sqrt(mean of x^2 over the channels), (B,C,...) -> the same."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


def minibatch_stddev(x: Tensor, group: int) -> Tensor:
    """Appends a channel that says how much images differ: (B,C,H,W) -> (B,C+1,H,W).

    Its value is the standard deviation over groups of at most `group` images that share no order, one for each feature
    and pixel, averaged over all of these. Each group holds every (B/group)-th image; the size divides B.
    """
    b, c, h, w = x.shape
    size = math.gcd(b, group)
    y = x.float().view(size, -1, c, h, w)
    var = (y - y.mean(0)).square().mean(0)  # in two passes: torch.var takes many times as long on a CPU
    std = (var + 1e-8).sqrt().mean((1, 2, 3))  # (B/size,)
    return torch.cat([x, std.repeat(size).view(b, 1, 1, 1).expand(-1, 1, h, w).to(x.dtype)], 1)


def mix_styles(w1: Tensor, w2: Tensor, layers: int, share: float) -> Tensor:
    """The style of each layer, (B,layers,w_dim), from w1 and w2 (B,w_dim): for a share of the images, w2's from a
    random layer on (StyleGAN, section 3.1)."""
    cut = torch.randint(1, max(layers, 2), (len(w1),), device=w1.device)
    cut = torch.where(torch.rand(len(w1), device=w1.device) < share, cut, layers)
    first = torch.arange(layers, device=w1.device) < cut[:, None]  # (B,layers)
    return torch.where(first[:, :, None], w1[:, None], w2[:, None])


def swap_styles(w1: Tensor, w2: Tensor, layers: int, first: float, last: float) -> Tensor:
    """The style of each layer, (B,layers,w_dim): w2's in the layers from the share `first` of all to `last`, w1's in
    the others; w1 and w2 (B,w_dim)."""
    i = torch.arange(layers, device=w1.device)
    inside = (i >= round(first * layers)) & (i < round(last * layers))
    return torch.where(inside[:, None], w2[:, None], w1[:, None])


def truncate(w: Tensor, mean: Tensor, psi: float) -> Tensor:
    """w pulled towards its mean: mean + psi (w - mean) (StyleGAN, appendix B)."""
    return w if psi == 1 else torch.lerp(mean, w.float(), psi)


class PathLength(nn.Module):
    """E[(||J_w^T y||_2 - a)^2], J = dG/dw, y ~ N(0, I) per pixel, a the running mean of the lengths (StyleGAN2, eq. 4).

    The length is over w's dimensions, its square a mean over layers; y is divided by the square root of the pixels.
    """

    mean: Tensor

    def __init__(self, decay: float = 0.99) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))  # a
        self.decay = decay

    def lengths(self, synthesis: Callable[[Tensor], Tensor], w: Tensor) -> Tensor:
        """||J_w^T y||_2 for styles w (B,layers,w_dim) of each layer: (B,). Computed without autocast."""
        w = w if w.requires_grad else w.requires_grad_()
        with torch.autocast(w.device.type, enabled=False):
            x = synthesis(w)  # (B,C,H,W)
            y = torch.randn_like(x) / math.sqrt(x.shape[2] * x.shape[3])
            (grad,) = torch.autograd.grad((x * y).sum(), w, create_graph=True)
            return grad.square().sum(2).mean(1).sqrt()

    def forward(self, synthesis: Callable[[Tensor], Tensor], w: Tensor) -> Tensor:
        """The penalty, 0-d; it moves the running mean."""
        lengths = self.lengths(synthesis, w)
        self.mean.lerp_(lengths.detach().mean().to(self.mean.dtype), 1 - self.decay)
        return (lengths - self.mean).square().mean()


def lazy_adam(params: Iterable[nn.Parameter], lr: float, betas: tuple[float, float], interval: int | None) -> Optimizer:
    """Adam for a loss and a regulariser that takes a step of its own every `interval` steps: c = k / (k + 1) scales the
    rate and is the exponent of the betas, so that k + 1 steps act as k (StyleGAN2, appendix B). None: there is no
    regulariser, and Adam is as it is."""
    c = 1.0 if interval is None else interval / (interval + 1)
    return Adam(params, lr * c, (betas[0] ** c, betas[1] ** c), eps=1e-8, fused=True)
