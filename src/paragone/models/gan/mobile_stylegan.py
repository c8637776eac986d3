"""MobileStyleGAN: a light student of a StyleGAN2 that predicts wavelets.

Belousov 2021, "MobileStyleGAN: a lightweight convolutional neural network for high-fidelity image synthesis",
https://arxiv.org/abs/2104.04767. The student takes the teacher's w and noise; its synthesis network stops at half of
the size and predicts the four Haar subbands of the image at every size. It doubles sizes by the inverse transform,
convolves depthwise and pointwise, and its demodulation does not depend on the style, so that it fuses into the weights.

    pyramid         f_k, k = 4, 8 ... N/2: subbands of the image of 2 k pixels; G(w) = IDWT(f_{N/2})
    L_pixel         sum_k (|a_k| + a_k^2 + |b_k| + b_k^2), a_k = IDWT(f_k) - x_{2k}, b_k = f_k - DWT(x_{2k}), each the
                    mean over elements; x_{2k} the teacher's image at that size
    student         L_G = L_pixel + 0.5 E[softplus(-D(T G(w)))]
    discriminator   L_D = E[softplus(D(T G(w)))] + E[softplus(-D(T x))]; 8 gamma E[||grad D(x)||^2] on every 16th step
    demodulation    w'' = w / sqrt(sum_{i,k} (p_i w)^2 + eps), p trained, in place of the style

Settings are those of the authors' code, https://github.com/bes-dev/MobileStyleGAN.pytorch: Adam at 0.0005, batches of
2, gamma 10, T as of DiffAug. Training images are not used but for their number.

Deviations:
- No perceptual loss, which needs VGG's weights.
- p is trained, from 1, as the paper has it (the authors' code: random and fixed).
- Styles start at 1, whatever w. Random styles raise the variance in each layer, and demodulation, which does not know
  them, leaves it there: below a trained teacher at 32 px L_pixel began at 744 in place of 12, and a thousand updates
  ended in noise.
- The plan is a million images (100 epochs of 10,000 batches), without averaging, as in the authors' code.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, leaky_relu
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.gan.stylegan2 import Discriminator, Latents, StyleGAN2, widths
from paragone.models.layers import diffaug, functional
from paragone.models.layers.stylegan import PSI, Linear, ModulatedConv2d, Noise, truncate
from paragone.models.layers.wavelet import haar, inverse_haar


class MobileStyleGAN(Model):
    """A StyleGAN2's mapping network and a lighter synthesis network that imitates its own."""

    title = "MobileStyleGAN"
    paper = "Belousov, 2021"
    plan = Plan(kimg=2_000, batch=2)
    capabilities = frozenset({"decode", "latents", "truncations"})
    generator = "student"
    parents = frozenset({"teacher"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        adversarial: float = 0.5  # weight of D's part in L_G; 0: no D
        gamma: float = 10.0  # weight of R1
        r1_every: int = 16
        stddev_group: int = 4
        truncation: float = 1.0  # psi, when sampling, towards the teacher's mean of w
        lr: float = 5e-4

        def __post_init__(self) -> None:
            if not 0 <= self.truncation <= 1:
                raise ValueError(f"truncation is {self.truncation}; it must lie in [0, 1]")
            if self.r1_every < 1:
                raise ValueError(f"r1_every is {self.r1_every}; it must be at least 1")

    def __init__(self, cfg: Config, spec: Spec, teacher: nn.Module) -> None:
        super().__init__(teacher=teacher)
        if not isinstance(teacher, StyleGAN2):
            raise ValueError(
                f"MobileStyleGAN learns from a StyleGAN2 and its teacher is a {type(teacher).__name__}; "
                "name a StyleGAN2 row as the parent `teacher`"
            )
        self.cfg = cfg
        channels = widths(spec.shape, teacher.cfg.width, teacher.cfg.max_width, self.title)
        if any(c % 4 for c in channels[:-1]):
            raise ValueError(f"the teacher has {channels} channels; wavelets need multiples of 4 below the full size")
        self.student = Student(spec.shape[0], teacher.cfg.w_dim, channels[:-1])
        self.D = Discriminator(spec.shape[0], channels[::-1], cfg.stddev_group)

    @property
    def teacher(self) -> StyleGAN2:
        teacher = self.frozen["teacher"]
        assert isinstance(teacher, StyleGAN2)
        return teacher

    def optimizers(self) -> dict[str, Optimizer]:
        nets: dict[str, nn.Module] = {"student": self.student}
        if self.cfg.adversarial:
            nets["discriminator"] = self.D
        return {name: Adam(net.parameters(), self.cfg.lr, fused=True) for name, net in nets.items()}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        cfg, n = self.cfg, len(batch["image"])
        w, noise, x = self._targets(n)
        pyramid = self.student(w, noise)
        pixel = pixel_loss(pyramid, x)
        loss, logs = pixel, {"pixel": pixel.detach()}
        if cfg.adversarial:
            score = self.D(diffaug.augment(inverse_haar(pyramid[-1]).float()))
            loss = loss + cfg.adversarial * functional.nonsaturating_generator_loss(score)
        yield Update("student", loss, logs, drawn=n)
        if not cfg.adversarial:
            return
        w, noise, x = self._targets(n)
        if progress.step % cfg.r1_every:
            with torch.no_grad():
                fake = inverse_haar(self.student(w, noise)[-1]).float()
            real_score, fake_score = self.D(diffaug.augment(x)), self.D(diffaug.augment(fake))
            loss = functional.logistic_discriminator_loss(real_score, fake_score)
            yield Update("discriminator", loss, drawn=n)
        else:
            r1 = functional.zero_centred_gradient_penalty(self.D, x)
            yield Update("discriminator", cfg.r1_every * cfg.gamma / 2 * r1)

    @torch.no_grad()
    def _targets(self, n: int) -> tuple[Tensor, Tensor, Tensor]:
        """w (n,w_dim), noise (n,P) and what the teacher makes of them (n,C,H,W)."""
        z, noise = self.teacher.latents(n)
        w = self.teacher.mapping(z)
        return w, noise, self.teacher.synthesis(w[:, None].expand(-1, self.teacher.synthesis.layers, -1), noise).float()

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """The student's image of w = f(z), z ~ N(0, I), noise ~ N(0, I), truncated by psi."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Latents:
        """The teacher's: z ~ N(0, I), (n,z_dim), and the noise of all layers, (n,P)."""
        return self.teacher.latents(n)

    def decode(self, z: Latents) -> Tensor:
        """Latents of B images -> (B,C,H,W), clipped to [-1,1]."""
        w = truncate(self.teacher.mapping(z[0]), self.teacher.w_mean, self.cfg.truncation)
        return inverse_haar(self.student(w, z[1])[-1]).float().clamp(-1, 1)

    def truncations(self) -> tuple[float, ...]:
        """psi, from the teacher's mean of w to none."""
        return PSI


def pixel_loss(pyramid: list[Tensor], x: Tensor) -> Tensor:
    """L_pixel, 0-d: the subbands (B,4C,k,k) of every size against the image x (B,C,H,W)."""
    total = x.new_zeros(())
    for bands in pyramid:
        image = inverse_haar(bands.float())
        target = interpolate(x, size=image.shape[2:], mode="bilinear", align_corners=True)
        for gap in (image - target, bands.float() - haar(target)):
            total = total + gap.abs().mean() + gap.square().mean()
    return total


class Student(nn.Module):
    """w (B,w_dim), noise (B,P) -> subbands (B,4C,k,k), k = 4, 8 ... half of the size; the noise is its first part."""

    def __init__(self, colours: int, w_dim: int, channels: list[int]) -> None:
        super().__init__()
        self.sizes = [16] + [(4 * 2**i) ** 2 for i in range(1, len(channels)) for _ in range(2)]
        self.const = nn.Parameter(torch.randn(1, channels[0], 4, 4))
        self.first = Styled(channels[0], channels[0], w_dim, depthwise=False)
        self.ups = nn.ModuleList(WaveletUp(a, w_dim) for a in channels[:-1])
        pairs = list(pairwise(channels))
        self.conv1 = nn.ModuleList(Styled(a // 4, b, w_dim) for a, b in pairs)
        self.conv2 = nn.ModuleList(Styled(b, b, w_dim) for _, b in pairs)
        self.bands = nn.ModuleList(Bands(c, 4 * colours, w_dim) for c in channels)

    def forward(self, w: Tensor, noise: Tensor) -> list[Tensor]:
        first, *rest = noise[:, : sum(self.sizes)].split(self.sizes, 1)
        h = self.first(self.const.expand(len(w), -1, -1, -1), w, first)
        pyramid = [self.bands[0](h, w)]
        layers = zip(self.ups, self.conv1, self.conv2, self.bands[1:], rest[::2], rest[1::2], strict=True)
        for up, conv1, conv2, bands, noise1, noise2 in layers:
            h = conv2(conv1(up(h, w), w, noise1), w, noise2)
            pyramid.append(bands(h, w))
        return pyramid


class Styled(nn.Module):
    """Scaling by the style, a convolution (depthwise and pointwise, or whole), fused demodulation, noise, leaky ReLU:
    (B,c_in,H,W), (B,w_dim), (B,H*W) -> (B,c_out,H,W)."""

    def __init__(self, c_in: int, c_out: int, w_dim: int, *, depthwise: bool = True) -> None:
        super().__init__()
        self.style, self.depthwise = _style(w_dim, c_in), depthwise
        if depthwise:
            self.spatial = nn.Parameter(torch.randn(c_in, 1, 3, 3))
        self.weight = nn.Parameter(torch.randn(c_out, c_in, *([1, 1] if depthwise else [3, 3])))
        self.p = nn.Parameter(torch.ones(c_in))
        self.noise, self.bias = Noise(), nn.Parameter(torch.zeros(c_out, 1, 1))

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        x = x * self.style(w)[:, :, None, None]
        weight = self.demodulated()
        if self.depthwise:
            x = conv2d(x, self.spatial, padding=1, groups=x.shape[1])
        x = conv2d(x, weight, padding=weight.shape[2] // 2)
        return leaky_relu(self.noise(x, noise) + self.bias, 0.2) * sqrt(2)

    def demodulated(self) -> Tensor:
        """The last convolution's weights, divided by the norm of each output channel's whole kernel scaled by p."""
        whole = self.weight * self.spatial.transpose(0, 1) if self.depthwise else self.weight  # (c_out,c_in,3,3)
        norm = ((whole * self.p.view(1, -1, 1, 1)).square().sum((1, 2, 3)) + 1e-8).rsqrt()
        return self.weight * norm.view(-1, 1, 1, 1)


class WaveletUp(nn.Module):
    """Scaling by the style, then channels read as subbands: (B,c,H,W), (B,w_dim) -> (B,c/4,2H,2W)."""

    def __init__(self, channels: int, w_dim: int) -> None:
        super().__init__()
        self.style = _style(w_dim, channels)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return inverse_haar(x * self.style(w)[:, :, None, None])


class Bands(nn.Module):
    """x (B,c,H,W), w (B,w_dim) -> subbands (B,4C,H,W), modulated but not demodulated."""

    def __init__(self, c_in: int, c_out: int, w_dim: int) -> None:
        super().__init__()
        self.style = _style(w_dim, c_in)
        self.conv = ModulatedConv2d(c_in, c_out, 1, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(c_out, 1, 1))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return self.conv(x, self.style(w)) + self.bias


def _style(w_dim: int, channels: int) -> Linear:
    """The affine map from w to styles, which are 1 at first."""
    layer = Linear(w_dim, channels, bias=1.0)
    nn.init.zeros_(layer.weight)
    return layer
