"""VQ-VAE-2: vector quantisation at two levels.

Razavi, van den Oord, Vinyals 2019, "Generating Diverse High-Fidelity Images with VQ-VAE-2",
https://arxiv.org/abs/1906.00446. The bottom's features are quantised with what the top's codes already say.

    algorithm 1    e_top = Quantize(E_top(x)), e_bottom = Quantize(E_bottom(x, e_top)), x_hat = Decode(e_top, e_bottom)
    eq. 2          L = ||x - D(e)||^2 + beta ||sg[E(x)] - e||^2 of both levels, beta = 0.25; the codebooks follow
                   running means (section 2.1, decay 0.99)
    table 3        the defaults: 128 channels, residual blocks of 64, 2 at each stage, 512 codes of 64 dimensions

Sampling draws codes uniformly, so its samples are poor by design; `vq_prior_2` learns the priors.
With `quantize: false` features take the place of codes, as for VQ-VAE here: only the reconstructions mean something.
As in VQ-VAE here, `codes` and `encode` give indices: the top's in raster order, then the bottom's, which count from K.

Deviations:
- The squared error stands over the data's variance, and `restart` puts unused codes on features, as for VQ-VAE here.
- The sizes of the paper (1/4 and 1/8 of a side of 256) are those of any image: `levels` halvings, and one more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers.quantizer import Quantizer
from paragone.models.vq.vq_vae import usage


class VQVAE2(Model):
    """Two grids of codes: a small one at the top, and one of twice its side."""

    title = "VQ-VAE-2 (uniform prior)"
    paper = "Razavi et al., 2019"
    plan = Plan(kimg=32_000, batch=128)  # 250,000 steps
    capabilities = frozenset({"codes", "decode", "encode", "reconstruct"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = 128
        residual_width: int = 64
        blocks: int = 2  # residual blocks of each stage
        levels: int = 2  # halvings between the image and the bottom codes
        codes: int = 512  # K, at each level
        dim: int = 64  # D
        beta: float = 0.25
        data_variance: float = 0.253  # of pixels in [-1,1]
        decay: float = 0.99
        restart: float = 0.0  # uses a batch below which a code is restarted; 0: never
        quantize: bool = True  # false: a plain autoencoder of the same network, to tell what quantisation costs
        lr: float = 3e-4

        def __post_init__(self) -> None:
            if self.codes < 2:
                raise ValueError(f"codes is {self.codes}; it must be at least 2")
            if self.levels < 1:
                raise ValueError(f"levels is {self.levels}; it must be at least 1")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        c, h, w = spec.shape
        factor = 2 ** (cfg.levels + 1)
        if h % factor or w % factor:
            raise ValueError(
                f"VQ-VAE-2 takes images whose sides divide by {factor} (levels: {cfg.levels}), not {h} x {w}: set "
                "fewer levels, or another resolution"
            )
        self.cfg = cfg
        self.codebook_size = 2 * cfg.codes
        if not cfg.quantize:
            self.capabilities = self.capabilities - {"codes", "decode", "encode"}
        self.top_grid, self.bottom_grid = (h // factor, w // factor), (2 * h // factor, 2 * w // factor)
        self.encoder_bottom = _down(c, cfg, cfg.levels)
        self.encoder_top = _down(cfg.width, cfg, 1)
        self.to_top = nn.Conv2d(cfg.width, cfg.dim, 1)
        self.decoder_top = _up(cfg.dim, cfg.dim, cfg, 1)
        self.to_bottom = nn.Conv2d(cfg.width + cfg.dim, cfg.dim, 1)
        self.upsample = nn.ConvTranspose2d(cfg.dim, cfg.dim, 4, stride=2, padding=1)
        self.decoder = _up(2 * cfg.dim, c, cfg, cfg.levels)
        self.top, self.bottom = (Quantizer(cfg.codes, cfg.dim, learned=False) for _ in range(2))

    def optimizers(self) -> dict[str, Optimizer]:
        return {"vq_vae_2": Adam(self.parameters(), self.cfg.lr, fused=True)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x, cfg = batch["image"], self.cfg
        if not cfg.quantize:
            yield Update("vq_vae_2", mse_loss(self._image(*self._plain(x)), x) / cfg.data_variance)
            return
        z = self._features(x)
        reconstruction = mse_loss(self._image(z.top_straight, z.bottom_straight), x) / cfg.data_variance
        commitment = mse_loss(z.top, self.top.lookup(z.top_codes)) + mse_loss(
            z.bottom, self.bottom.lookup(z.bottom_codes)
        )
        logs = {f"{k}_top": v for k, v in usage(z.top_codes, cfg.codes).items()}
        logs |= {f"{k}_bottom": v for k, v in usage(z.bottom_codes, cfg.codes).items()}
        loss = reconstruction + cfg.beta * commitment  # eq. 2
        yield Update("vq_vae_2", loss, {"reconstruction": reconstruction, **logs})
        self.top.update(z.top, z.top_codes, cfg.decay, cfg.restart)
        self.bottom.update(z.bottom, z.bottom_codes, cfg.decay, cfg.restart)

    def _features(self, x: Tensor) -> "Features":
        """Both levels of images (B,C,H,W) (algorithm 1)."""
        h = self.encoder_bottom(x)
        top = self.to_top(self.encoder_top(h)).float()
        top_straight, _, top_codes = self.top(top)
        bottom = self.to_bottom(torch.cat([h, self.decoder_top(top_straight)], 1)).float()
        bottom_straight, _, bottom_codes = self.bottom(bottom)
        return Features(top, top_straight, top_codes, bottom, bottom_straight, bottom_codes)

    def _plain(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both levels' features (B,D,h,w) of images (B,C,H,W), not quantised."""
        h = self.encoder_bottom(x)
        top = self.to_top(self.encoder_top(h)).float()
        return top, self.to_bottom(torch.cat([h, self.decoder_top(top)], 1)).float()

    def _image(self, top: Tensor, bottom: Tensor) -> Tensor:
        """Codes (B,D,h,w) of both levels -> images (B,C,H,W), not clipped."""
        return self.decoder(torch.cat([self.upsample(top), bottom], 1)).float()

    def encode(self, x: Tensor) -> Tensor:
        """The codes of images x (B,C,H,W) in [-1,1]: (B,L) int64, the top's in 0..K-1, the bottom's in K..2K-1."""
        z = self._features(x)
        return torch.cat([z.top_codes.flatten(1), z.bottom_codes.flatten(1) + self.cfg.codes], 1)

    def split(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Codes (B,L) as `encode` gives them -> the top's grid and the bottom's, (B,h,w) each, in 0..K-1."""
        n = self.top_grid[0] * self.top_grid[1]
        top, bottom = codes[:, :n], codes[:, n:] - self.cfg.codes
        return top.unflatten(1, self.top_grid), bottom.unflatten(1, self.bottom_grid)

    def decode(self, codes: Tensor) -> Tensor:
        """The images that codes (B,L) stand for: (B,C,H,W) in [-1,1]."""
        top, bottom = self.split(codes)
        return self._image(self.top.lookup(top), self.bottom.lookup(bottom)).clamp(-1, 1)

    def reconstruct(self, x: Tensor) -> Tensor:
        """x (B,C,H,W) in [-1,1] through its codes and back."""
        if not self.cfg.quantize:
            return self._image(*self._plain(x)).clamp(-1, 1)
        return self.decode(self.encode(x))

    def codes(self, x: Tensor) -> Tensor:
        """The codes of images x, as `encode` gives them: what codebook use is measured from."""
        return self.encode(x)

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        device, grids = self.top.codebook.device, (self.top_grid, self.bottom_grid)
        if not self.cfg.quantize:
            noise = (torch.randn(n, self.cfg.dim, *grid, device=device) for grid in grids)
            return self._image(*noise).clamp(-1, 1)
        top, bottom = (torch.randint(self.cfg.codes, (n, h * w), device=device) for h, w in grids)
        return self.decode(torch.cat([top, bottom + self.cfg.codes], 1))


class Features(NamedTuple):
    """Of both levels: features (B,D,h,w), their codes with a straight-through gradient, and the codes' indices."""

    top: Tensor
    top_straight: Tensor
    top_codes: Tensor  # (B,h,w) int64
    bottom: Tensor
    bottom_straight: Tensor
    bottom_codes: Tensor


class ResBlock(nn.Module):
    """x + (ReLU, 3x3, ReLU, 1x1)(x)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, hidden, 3, padding=1), nn.ReLU(), nn.Conv2d(hidden, width, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


def _down(c: int, cfg: VQVAE2.Config, halvings: int) -> nn.Sequential:
    """(B,c,H,W) -> (B,width,H/2^halvings,W/2^halvings)."""
    layers: list[nn.Module] = []
    for i in range(halvings):
        layers += [nn.Conv2d(cfg.width if i else c, cfg.width, 4, stride=2, padding=1), nn.ReLU()]
    layers.append(nn.Conv2d(cfg.width, cfg.width, 3, padding=1))
    return nn.Sequential(*layers, *(ResBlock(cfg.width, cfg.residual_width) for _ in range(cfg.blocks)), nn.ReLU())


def _up(c_in: int, c_out: int, cfg: VQVAE2.Config, doublings: int) -> nn.Sequential:
    """(B,c_in,h,w) -> (B,c_out,h 2^doublings,w 2^doublings)."""
    layers: list[nn.Module] = [nn.Conv2d(c_in, cfg.width, 3, padding=1)]
    layers += [ResBlock(cfg.width, cfg.residual_width) for _ in range(cfg.blocks)]
    for i in reversed(range(doublings)):
        layers += [nn.ReLU(), nn.ConvTranspose2d(cfg.width, cfg.width if i else c_out, 4, stride=2, padding=1)]
    return nn.Sequential(*layers)
