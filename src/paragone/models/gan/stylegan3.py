"""StyleGAN3: an alias-free generator, equivariant to translation (T) or to translation and rotation (R).

Karras, Aittala, Laine, Härkönen, Hellsten, Lehtinen, Aila 2021, "Alias-free generative adversarial networks",
https://arxiv.org/abs/2106.12423. Feature maps are band-limited signals: the input is made of sines, each layer's
cut-off is designed (see `paragone.models.layers.alias_free`), and a leaky ReLU acts on a finer grid between low-pass
filters.

    section 3.1    input sin(2 pi (f^T x + phi)), |f| within the first band; w turns and moves it
    section 3.2    cut-offs f_c[i] and stopbands f_t[i] in geometric series; rate s[i] = 2^ceil(log2 min(2 f_t[i], N));
                   half-width f_h[i] = max(f_t[i], s[i] / 2) - f_c[i]
    section 3.2    config R: 1 x 1 convolutions with twice the channels, radially symmetric filters
    losses         StyleGAN2's, R1 every 16 steps, no path lengths, no style mixing
    truncation     w' = w_bar + psi (w - w_bar)

Settings are those of the authors' code, https://github.com/NVlabs/stylegan3: 14 layers, two of them critically sampled,
a mapping network of two layers, Adam (0, 0.99) at 0.0025 for G and 0.002 for D, 25 million images in batches of 32.

Deviations:
- What D sees is not blurred at the start of training (the authors' config R), and nothing is augmented.
- Activations are not clamped at 256, which half precision needs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.gan.stylegan2 import Discriminator, check, widths
from paragone.models.layers import functional
from paragone.models.layers.alias_free import AliasFreeLayer, FourierInput, bands
from paragone.models.layers.stylegan import PSI, Mapping, lazy_adam, truncate


class StyleGAN3(Model):
    """A generator whose details move with what they are part of, any power of two from 16 px up."""

    title = "StyleGAN3"
    paper = "Karras et al., 2021"
    plan = Plan(kimg=25_000, batch=32, ema_kimg=10)
    capabilities = frozenset({"decode", "latents", "truncations", "moved"})
    generator = "generator"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        configuration: Literal["t", "r"] = "t"
        z_dim: int = 512
        w_dim: int = 512
        depth: int = 2  # layers of the mapping network
        layers: int = 14  # of the synthesis network, without ToRGB
        critical: int = 2  # of these, critically sampled
        margin: int = 10  # samples around the image, so that its borders are not seen
        width: int = 32_768  # channels times twice the cut-off,
        max_width: int = 512  # and never more than these; config R takes twice both
        gamma: float = 8.0  # weight of R1
        r1_every: int = 16
        w_decay: float = 0.998  # of the running mean of w
        truncation: float = 1.0  # psi, when sampling
        stddev_group: int = 4
        lr_g: float = 2.5e-3
        lr_d: float = 2e-3
        beta1: float = 0.0
        beta2: float = 0.99

        def __post_init__(self) -> None:
            check(self.truncation, self.w_decay, 0.0)
            if not 1 <= self.critical < self.layers:
                raise ValueError(
                    f"critical is {self.critical}; it must be 1 to {self.layers - 1}, fewer than all layers"
                )
            if self.margin < 0:
                raise ValueError(f"margin is {self.margin}; it must be at least 0")

    w_mean: Tensor

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg = cfg
        channels = widths(spec.shape, cfg.width, cfg.max_width, self.title)
        self.mapping = Mapping(cfg.z_dim, cfg.w_dim, cfg.depth)
        self.synthesis = Synthesis(cfg, spec)
        self.D = Discriminator(spec.shape[0], channels[::-1], cfg.stddev_group)
        self.register_buffer("w_mean", torch.zeros(cfg.w_dim))

    def optimizers(self) -> dict[str, Optimizer]:
        cfg, betas = self.cfg, (self.cfg.beta1, self.cfg.beta2)
        g = [*self.mapping.parameters(), *self.synthesis.parameters()]
        return {
            "generator": Adam(g, cfg.lr_g, betas, fused=True),
            "discriminator": lazy_adam(self.D.parameters(), cfg.lr_d, betas, cfg.r1_every),
        }

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        cfg, x = self.cfg, batch["image"]  # (B,C,H,W)
        fake = self._generate(len(x))
        yield Update("generator", functional.nonsaturating_generator_loss(self.D(fake)), drawn=len(x))
        with torch.no_grad():
            fake = self._generate(len(x))
        loss = functional.logistic_discriminator_loss(self.D(x), self.D(fake))
        yield Update("discriminator", loss, drawn=len(x))
        if progress.step % cfg.r1_every == 0:
            r1 = functional.zero_centred_gradient_penalty(self.D, x)
            yield Update("discriminator", cfg.r1_every * cfg.gamma / 2 * r1, {"r1": r1.detach()})

    def _generate(self, n: int) -> Tensor:
        w = self.mapping(self.latents(n))
        self.w_mean.lerp_(w.detach().float().mean(0), 1 - self.cfg.w_decay)
        return self.synthesis(w).float()

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """g(f(z)), z ~ N(0, I), truncated by psi."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """z ~ N(0, I), (n,z_dim)."""
        return torch.randn(n, self.cfg.z_dim, device=self.w_mean.device)

    def decode(self, z: Tensor) -> Tensor:
        """g(f(z)): (B,z_dim) -> (B,C,H,W), clipped to [-1,1]."""
        return self.synthesis(truncate(self.mapping(z), self.w_mean, self.cfg.truncation)).float().clamp(-1, 1)

    def moved(self, z: Tensor, matrix: Tensor) -> Tensor:
        """decode(z), its Fourier features moved by matrices (B,3,3)."""
        back = torch.linalg.inv(matrix)  # where each place comes from
        back[:, :2, 2] /= 2  # in sides
        own, self.synthesis.input.transform = self.synthesis.input.transform, back
        try:
            return self.decode(z)
        finally:
            self.synthesis.input.transform = own

    def truncations(self) -> tuple[float, ...]:
        """psi, from the mean of w to none."""
        return PSI


class Synthesis(nn.Module):
    """w (B,w_dim) -> images (B,C,H,W), unbounded."""

    def __init__(self, cfg: StyleGAN3.Config, spec: Spec) -> None:
        super().__init__()
        turning = cfg.configuration == "r"
        factor, kernel = (2, 1) if turning else (1, 3)
        designed = bands(
            spec.shape[1], cfg.layers, cfg.critical, factor * cfg.width, factor * cfg.max_width, cfg.margin
        )
        designed[-1] = designed[-1]._replace(channels=spec.shape[0])
        self.input = FourierInput(cfg.w_dim, designed[0])
        self.layers = nn.ModuleList(
            AliasFreeLayer(
                cfg.w_dim, designed[max(0, i - 1)], band, kernel, rgb=i == cfg.layers,
                radial=turning and i < cfg.layers - cfg.critical,
            )
            for i, band in enumerate(designed)
        )  # fmt: skip

    def forward(self, w: Tensor) -> Tensor:
        x = self.input(w)
        for layer in self.layers:
            x = layer(x, w)
        return 0.25 * x
