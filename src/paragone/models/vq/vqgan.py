"""VQGAN: a VQ-VAE whose reconstructions an adversary judges patch by patch.

Esser, Rombach, Ommer 2021, "Taming Transformers for High-Resolution Image Synthesis", https://arxiv.org/abs/2012.09841.

    eq. 4           L_VQ = L_rec + ||sg[E(x)] - z_q||^2 + beta ||sg[z_q] - E(x)||^2
    eq. 5, 6        L_GAN = log D(x) + log(1 - D(x_hat)) of patches; encoder, decoder and codebook minimise
                    L_VQ + lambda L_GAN, which D maximises
    eq. 7           lambda = |grad L_rec| / (|grad L_GAN| + delta), gradients of the decoder's last layer
    section 4       D starts late (`start`, a share of the budget): until then lambda is 0
    table 7         the defaults: residual blocks with group normalisation and Swish, attention in the middle, strided
                    convolutions down, nearest neighbour and a convolution up; 1024 codes of 256 dimensions

As in the authors' code (https://github.com/CompVis/taming-transformers): L_rec is |x - x_hat| plus the perceptual
distance, D is pix2pix's PatchGAN with a hinge loss, lambda is at most 1e4 and multiplied by 0.8, delta = 1e-4,
beta = 0.25, Adam with moments 0.5 and 0.9.

The perceptual distance is the mean squared difference of channel-wise unit features of the parent `features`
(x -> list of feature maps), the form of LPIPS with equal weights; without that parent there is none. It is the
pipeline's own classifier (`classifier`), EfficientNet-Lite0 (`lite0`), or, where the user gives the weights file,
LPIPS's backbone (`vgg16`).

Sampling draws codes uniformly, so its samples are poor by design; `vq_prior` with this as its parent `vq_vae` is the
paper's transformer prior, with a sliding window (`window`) where the grid of codes is large.
With `quantize: false` features take the place of codes, as for VQ-VAE here: only the reconstructions mean something.

Deviations:
- The codebook follows running means and unused codes restart, as for VQ-VAE here, with `ema`; the paper learns it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, l1_loss, mse_loss, normalize, silu
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import functional
from paragone.models.layers.attention import SelfAttention2d
from paragone.models.layers.norm import GroupNorm
from paragone.models.layers.quantizer import Quantizer
from paragone.models.vq.vq_vae import usage


class VQGAN(Model):
    """An autoencoder with a codebook and a patch discriminator."""

    title = "VQGAN (uniform prior)"
    paper = "Esser et al., 2021"
    plan = Plan(kimg=12_000, batch=12)  # about a million updates; the paper states none
    capabilities = frozenset({"codes", "decode", "encode", "reconstruct"})
    generator = "autoencoder"
    optional_parents = frozenset({"features"})
    feature_parents = frozenset({"features"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = 128  # channels next to the image
        multipliers: tuple[int, ...] = (1, 1, 2, 2, 4)  # of the width, one a level; each but the last halves the size
        blocks: int = 2  # residual blocks a level
        codes: int = 1024  # K
        dim: int = 256  # D
        beta: float = 0.25
        ema: bool = False  # the codebook by running means
        decay: float = 0.99
        restart: float = 0.0  # with ema: uses a batch below which a code is restarted; 0: never
        quantize: bool = True  # false: the same autoencoder without codes, to tell what quantisation costs
        d_width: int = 64  # channels of the discriminator next to the image
        d_layers: int = 3  # halvings of the discriminator
        start: float = 0.25  # share of the budget after which the adversary joins
        adversary_weight: float = 0.8
        perceptual_weight: float = 1.0
        lr: float = 5.4e-5  # 4.5e-6 an image of the batch

        def __post_init__(self) -> None:
            if self.codes < 2:
                raise ValueError(f"codes is {self.codes}; it must be at least 2")
            if not self.multipliers or self.d_layers < 1:
                raise ValueError(
                    f"multipliers is {self.multipliers} and d_layers {self.d_layers}; give at least one each"
                )
            if self.restart and not self.ema:
                raise ValueError(f"restart is {self.restart}, but codes are restarted with ema only: set ema to true")

    def __init__(self, cfg: Config, spec: Spec, *, features: nn.Module | None = None) -> None:
        super().__init__(**({} if features is None else {"features": features}))
        c, h, w = spec.shape
        factor = 2 ** (len(cfg.multipliers) - 1)
        if h % factor or w % factor:
            raise ValueError(
                f"VQGAN with {len(cfg.multipliers)} levels takes images whose sides divide by {factor}, not {h} x {w}: "
                "set fewer multipliers, or another resolution"
            )
        self.cfg, self.codebook_size = cfg, cfg.codes
        self.grid = (h // factor, w // factor)  # of codes
        if not cfg.quantize:
            self.capabilities = self.capabilities - {"codes", "decode", "encode"}
        self.encoder, self.decoder = _encoder(c, cfg), _decoder(c, cfg)
        self.quantizer = Quantizer(cfg.codes, cfg.dim, learned=not cfg.ema)
        self.D = _discriminator(c, cfg.d_width, cfg.d_layers)

    def optimizers(self) -> dict[str, Optimizer]:
        nets = (self.encoder, self.quantizer, self.decoder)
        autoencoder = [p for net in nets for p in net.parameters()]
        return {
            "autoencoder": Adam(autoencoder, self.cfg.lr, (0.5, 0.9), fused=True),
            "discriminator": Adam(self.D.parameters(), self.cfg.lr, (0.5, 0.9), fused=True),
        }

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x, cfg = batch["image"], self.cfg
        z = self.encoder(x).float()
        straight, codes, indices = self.quantizer(z) if cfg.quantize else (z, z, None)
        fake = self.decoder(straight).float()
        reconstruction = l1_loss(fake, x)
        if "features" in self.frozen:
            reconstruction = reconstruction + cfg.perceptual_weight * perceptual_distance(
                self.frozen["features"], x, fake
            )
        loss = reconstruction + cfg.beta * mse_loss(z, codes.detach())
        if cfg.quantize and not cfg.ema:
            loss = loss + mse_loss(codes, z.detach())
        logs = {"reconstruction": reconstruction, **({} if indices is None else usage(indices, cfg.codes))}
        started = progress.share >= cfg.start
        if started:
            adversary = -self.D(fake).float().mean()
            weight = self._adaptive_weight(reconstruction, adversary)
            loss = loss + cfg.adversary_weight * weight * adversary
            logs |= {"adversary": adversary, "lambda": weight}
        yield Update("autoencoder", loss, logs, drawn=len(x))
        if cfg.ema and indices is not None:
            self.quantizer.update(z, indices, cfg.decay, cfg.restart)
        if started:
            yield Update("discriminator", functional.hinge_discriminator_loss(self.D(x), self.D(fake.detach())))

    def _adaptive_weight(self, reconstruction: Tensor, adversary: Tensor) -> Tensor:
        """lambda of eq. 7, without a gradient."""
        last: Any = self.decoder[-1].weight
        a, b = (torch.autograd.grad(v, last, retain_graph=True)[0].norm() for v in (reconstruction, adversary))
        return (a / (b + 1e-4)).clamp(0, 1e4).detach()

    def encode(self, x: Tensor) -> Tensor:
        """The codes of images x (B,C,H,W) in [-1,1]: (B,h,w) int64 in 0..K-1."""
        return self.quantizer.indices(self.encoder(x))

    def decode(self, indices: Tensor) -> Tensor:
        """The images of codes (B,h,w): (B,C,H,W) in [-1,1]."""
        return self.decoder(self.quantizer.lookup(indices)).float().clamp(-1, 1)

    def reconstruct(self, x: Tensor) -> Tensor:
        """x (B,C,H,W) in [-1,1] through its codes and back."""
        if not self.cfg.quantize:
            return self.decoder(self.encoder(x).float()).float().clamp(-1, 1)
        return self.decode(self.encode(x))

    def codes(self, x: Tensor) -> Tensor:
        """The codes of images x, as `encode` gives them: what codebook use is measured from."""
        return self.encode(x)

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        if not self.cfg.quantize:
            noise = torch.randn(n, self.cfg.dim, *self.grid, device=self.quantizer.codebook.device)
            return self.decoder(noise).float().clamp(-1, 1)
        return self.decode(torch.randint(self.cfg.codes, (n, *self.grid), device=self.quantizer.codebook.device))


def perceptual_distance(features: Any, x: Tensor, y: Tensor) -> Tensor:
    """The mean over places, summed over layers, of the squared difference of unit features, 0-d (Zhang et al. 2018,
    https://arxiv.org/abs/1801.03924, eq. 1, all weights 1)."""
    total = x.new_zeros(())
    for a, b in zip(features(x), features(y), strict=True):
        total = total + (normalize(a.float(), dim=1) - normalize(b.float(), dim=1)).square().sum(1).mean()
    return total


class ResBlock(nn.Module):
    """Group normalisation, Swish and a 3 x 3 convolution, twice, added to x."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = GroupNorm(c_in), nn.Conv2d(c_in, c_out, 3, padding=1)
        self.norm2, self.conv2 = GroupNorm(c_out), nn.Conv2d(c_out, c_out, 3, padding=1)
        self.skip = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.skip(x) + self.conv2(silu(self.norm2(self.conv1(silu(self.norm1(x))))))


class Up(nn.Module):
    """Twice the size by nearest neighbour, then a 3 x 3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(interpolate(x, scale_factor=2.0, mode="nearest"))


def _middle(c: int) -> list[nn.Module]:
    return [ResBlock(c, c), SelfAttention2d(c), ResBlock(c, c)]


def _encoder(colours: int, cfg: VQGAN.Config) -> nn.Sequential:
    """Images (B,C,H,W) -> features (B,D,h,w)."""
    channels = [cfg.width * m for m in cfg.multipliers]
    layers: list[nn.Module] = [nn.Conv2d(colours, channels[0], 3, padding=1)]
    for i, c in enumerate(channels):
        layers += [ResBlock(channels[i - 1] if i and not b else c, c) for b in range(cfg.blocks)]
        layers += [nn.Conv2d(c, c, 3, stride=2, padding=1)] * (i < len(channels) - 1)
    c = channels[-1]
    return nn.Sequential(*layers, *_middle(c), GroupNorm(c), nn.SiLU(), nn.Conv2d(c, cfg.dim, 1))


def _decoder(colours: int, cfg: VQGAN.Config) -> nn.Sequential:
    """Codes (B,D,h,w) -> images (B,C,H,W), not clipped."""
    channels = [cfg.width * m for m in cfg.multipliers][::-1]
    layers: list[nn.Module] = [nn.Conv2d(cfg.dim, channels[0], 3, padding=1), *_middle(channels[0])]
    for i, c in enumerate(channels):
        layers += [ResBlock(channels[i - 1] if i and not b else c, c) for b in range(cfg.blocks)]
        layers += [Up(c)] * (i < len(channels) - 1)
    c = channels[-1]
    return nn.Sequential(*layers, GroupNorm(c), nn.SiLU(), nn.Conv2d(c, colours, 3, padding=1))


def _discriminator(colours: int, width: int, halvings: int) -> nn.Sequential:
    """pix2pix's PatchGAN (Isola et al. 2017): images (B,C,H,W) -> a logit a patch, (B,1,h,w)."""
    layers: list[nn.Module] = [nn.Conv2d(colours, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
    c = width
    for i in range(1, halvings + 1):
        out = width * min(2**i, 8)
        stride = 2 if i < halvings else 1
        layers += [nn.Conv2d(c, out, 4, stride, 1, bias=False), nn.BatchNorm2d(out), nn.LeakyReLU(0.2)]
        c = out
    return nn.Sequential(*layers, nn.Conv2d(c, 1, 4, padding=1))
