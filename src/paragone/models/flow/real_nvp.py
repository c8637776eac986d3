"""RealNVP: a flow of affine couplings.

Dinh, Sohl-Dickstein, Bengio 2017, "Density estimation using Real NVP", https://arxiv.org/abs/1605.08803.

    eq. 3           log p(x) = log p_Z(f(x)) + log|det df(x)/dx|, p_Z = N(0, I)
    eq. 9           y = b x + (1 - b) (x exp(s(b x)) + t(b x)), the mask b a checkerboard or half of the channels
    eq. 13 to 16    each scale: three couplings with checkerboards, a squeeze, three with channel masks; half of the
                    channels go on to the next scale, down to 4 x 4; the last has four with checkerboards
    section 4.1     the flow sees logit(alpha + (1 - 2 alpha) x/256), alpha = 0.05 (the 2 is from the authors' code), x
                    with uniform noise; s and t from residual networks with weight normalisation: 4 blocks of 32 feature
                    maps at 32 px, doubled at each scale; s is a hyperbolic tangent times a learned scale; Adam, batches
                    of 64, L2 on the weight scales of 5e-5

The density is exact. Of the 256 levels it gives a lower bound: log P(x) >= E log p(x + u) by Jensen's inequality (Theis
et al. 2016, section 3.1), so `log_likelihood_bound` is what bits per dimension come from.

Deviations:
- Glow's activation normalisation after each coupling takes the place of the paper's batch normalisation (section 3.7),
  so that a density never depends on the other images of a batch; the networks have none. Their last layers start at
  zero (Kingma and Dhariwal 2018), so the flow starts as a normalisation of each channel.
- `temperature` is Glow's (Kingma and Dhariwal 2018, section 6); the paper samples at 1.
- The paper states no budget and no learning rate: 400,000 updates and Adam's default 0.001 are ours.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import flow


class RealNVP(Model):
    """Couplings at several scales between images and standard normal noise."""

    title = "RealNVP"
    paper = "Dinh et al., 2017"
    plan = Plan(kimg=25_600, batch=64)
    capabilities = frozenset({"decode", "latents", "log_likelihood_bound", "temperatures"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        scales: int = 4  # 32 px: the last at 4 x 4
        width: int = 32  # feature maps at the first scale; they double at each
        blocks: int = 4  # residual blocks of each network
        alpha: float = 0.05
        temperature: float = 1.0  # of samples
        lr: float = 0.001
        weight_decay: float = 5e-5  # L2, of weight scales

        def __post_init__(self) -> None:
            if self.scales < 1:
                raise ValueError(f"scales is {self.scales}; it must be at least 1")
            if not 0 < self.alpha < 0.5:
                raise ValueError(f"alpha is {self.alpha}; it must lie between 0 and 0.5")
            if self.temperature <= 0:
                raise ValueError(f"temperature is {self.temperature}; it must be above 0")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        c, h, w = spec.shape
        factor = 2 ** (cfg.scales - 1)
        if h % factor or w % factor:
            raise ValueError(
                f"{cfg.scales} scales halve images {cfg.scales - 1} times, so their sides divide by {factor}; these "
                f"are {h} x {w}: set fewer scales, or another resolution"
            )
        self.cfg, self.shape = cfg, spec.shape
        levels: list[flow.Bijection] = []
        for i in range(cfg.scales - 1):
            levels.append(_scale(c, h, w, cfg.width * 2**i, cfg.blocks))
            c, h, w = 2 * c, h // 2, w // 2
        last = cfg.width * 2 ** (cfg.scales - 1)
        levels.append(flow.Chain(_checkerboards(4, c, h, w, last, cfg.blocks)))
        self.flow = flow.Chain([flow.Logit(cfg.alpha), flow.MultiScale(levels)])

    def optimizers(self) -> dict[str, Optimizer]:
        scales = [p for name, p in self.named_parameters() if name.endswith(("original0", "scale"))]  # of weight_norm
        others = [p for name, p in self.named_parameters() if not name.endswith(("original0", "scale"))]
        groups: list[dict[str, Any]] = [{"params": scales, "weight_decay": self.cfg.weight_decay}, {"params": others}]
        return {"flow": Adam(groups, self.cfg.lr, fused=True)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x = batch["image"]  # (B,C,H,W)
        bits = -self._log_density(x).mean() / (x[0].numel() * math.log(2))
        yield Update("flow", bits)  # bits per dimension

    def log_likelihood_bound(self, x: Tensor) -> Tensor:
        """A one-sample estimate, without bias, of a lower bound of log P(x) over 256 levels, in nats, (B,).

        Raises ValueError for images that are not of 256 levels.
        """
        flow.check_levels(x)
        return self._log_density(x)

    def _log_density(self, x: Tensor) -> Tensor:
        """The bound of images that are known to be of 256 levels: those of a training set."""
        z, log_det = self.flow(flow.dequantise(x))
        return flow.standard_normal_log_density(z) + log_det - x[0].numel() * math.log(256)  # dequantise divides by 256

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """The images of z ~ N(0, T^2 I)."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """z ~ N(0, T^2 I), T the temperature, of the images' shape (n,C,H,W)."""
        return self.cfg.temperature * torch.randn(n, *self.shape, device=next(self.parameters()).device)

    def temperatures(self) -> tuple[float, ...]:
        """Some that are told apart at sight."""
        return (0.25, 0.5, 0.7, 1.0)

    def decode(self, z: Tensor) -> Tensor:
        """The inverse of the flow: z (B,C,H,W) -> images in [-1,1] of 256 levels."""
        return flow.quantise(self.flow.inverse(z))


def _scale(c: int, h: int, w: int, width: int, blocks: int) -> flow.Chain:
    """One scale but the last: (B,C,H,W) -> (B,4C,H/2,W/2)."""
    return flow.Chain([*_checkerboards(3, c, h, w, width, blocks), flow.Squeeze(), *_halves(4 * c, 2 * width, blocks)])


def _checkerboards(n: int, c: int, h: int, w: int, width: int, blocks: int) -> list[flow.Bijection]:
    masks = [flow.checkerboard(h, w, odd=i % 2 == 1).expand(c, -1, -1) for i in range(n)]
    return _normalised(masks, c, width, blocks)


def _halves(c: int, width: int, blocks: int) -> list[flow.Bijection]:
    masks = [flow.channel_mask(c, second=i % 2 == 1) for i in range(3)]
    return _normalised(masks, c, width, blocks)


def _normalised(masks: list[Tensor], c: int, width: int, blocks: int) -> list[flow.Bijection]:
    """A coupling for each mask, and after each an activation normalisation."""
    return [layer for mask in masks for layer in (flow.Coupling(mask, ResNet(c, width, blocks)), flow.ActNorm(c))]


class ResNet(nn.Module):
    """(B,C,H,W) -> (B,2C,H,W), zero at first."""

    def __init__(self, channels: int, width: int, blocks: int) -> None:
        super().__init__()
        self.stem = weight_norm(nn.Conv2d(channels, width, 3, padding=1))
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.ReLU(), weight_norm(nn.Conv2d(width, width, 3, padding=1)),
                nn.ReLU(), weight_norm(nn.Conv2d(width, width, 3, padding=1)),
            )
            for _ in range(blocks)
        )  # fmt: skip
        self.head = nn.Conv2d(width, 2 * channels, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        h = self.stem(x).contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            h = h + block(h)
        return self.head(torch.relu(h))
