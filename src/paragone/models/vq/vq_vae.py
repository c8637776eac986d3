"""VQ-VAE: Neural Discrete Representation Learning. Aaron van den Oord, Oriol Vinyals, Koray Kavukcuoglu, 2017.

https://arxiv.org/abs/1711.00937. An autoencoder whose latent is a grid of codes out of a learned codebook.

    eq. 1, 2    z_q(x) = e_k, k = argmin_j ||z_e(x) - e_j||_2
    eq. 3       L = -log p(x|z_q(x)) + ||sg[z_e(x)] - e||^2 + beta ||z_e(x) - sg[e]||^2, sg[] without a gradient

Implemented: nearest-code quantisation (eq. 1, 2) with the straight-through gradient (section 3.2), the loss (eq. 3:
reconstruction, codebook, beta = 0.25 times commitment), the codebook by exponential moving averages (appendix A.1,
`ema: true`), and the network of section 4.1: strided 4x4 convolutions, two residual blocks (ReLU, 3x3, ReLU, 1x1),
all of 256 channels, and its mirror image.

Sampling draws codes uniformly, which is the prior the paper assumes while this stage trains (section 3.2): its
samples are poor by design. `vq_prior` learns the prior.

The paper leaves open, and the authors' released example (Sonnet) sets: the reconstruction term is the squared error
over the data's variance (`data_variance`; CIFAR-10's is 0.253 in [-1,1]), the codebook has 64 dimensions (a 1x1
convolution leads to it, a 3x3 from it), the decay of the averages is 0.99. Deviations: with `restart` above 0 a code
that the averages say is used less often than that in a batch is put on a feature of the batch (off by default;
without it, a short training uses few codes). With `quantize: false` there are no codes and no prior: samples decode
standard normal features, and only the reconstructions mean something.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers.quantizer import Quantizer, counts


class VQVAE(Model):
    title = "VQ-VAE (uniform prior)"
    paper = "van den Oord et al., 2017"
    plan = Plan(kimg=32_000, batch=128)  # 250,000 steps

    capabilities = frozenset({"codes", "decode", "encode", "reconstruct"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = 256  # channels
        levels: int = 2  # halvings between the image and its codes
        blocks: int = 2  # residual blocks each way
        codes: int = 512  # K
        dim: int = 64  # D
        beta: float = 0.25  # weight of the commitment term
        data_variance: float = 0.253  # of pixels in [-1,1]
        ema: bool = False  # appendix A.1 in place of the codebook term
        decay: float = 0.99  # gamma of appendix A.1, a step
        restart: float = 0.0  # with ema: uses a batch below which a code is restarted; 0: never
        quantize: bool = True  # false: a plain autoencoder of the same network, to tell what quantisation costs
        lr: float = 2e-4

        def __post_init__(self) -> None:
            if self.codes < 2:
                raise ValueError(f"codes is {self.codes}; it must be at least 2")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        c, h, w = spec.shape
        if h % 2**cfg.levels or w % 2**cfg.levels:
            factor = 2**cfg.levels
            raise ValueError(
                f"VQ-VAE takes images whose sides divide by {factor} (levels: {cfg.levels}), not {h} x {w}: set fewer "
                "levels, or another resolution"
            )
        if cfg.restart and not cfg.ema:
            raise ValueError(f"restart is {cfg.restart}, but codes are restarted with ema only: set ema to true")
        self.cfg = cfg
        self.codebook_size = cfg.codes
        if not cfg.quantize:
            self.capabilities = self.capabilities - {"codes", "decode", "encode"}
        self.grid = (h // 2**cfg.levels, w // 2**cfg.levels)  # of codes
        self.encoder = _encoder(c, cfg)
        self.quantizer = Quantizer(cfg.codes, cfg.dim, learned=not cfg.ema)
        self.decoder = _decoder(c, cfg)

    def optimizers(self) -> dict[str, Optimizer]:
        return {"vq_vae": Adam(self.parameters(), self.cfg.lr, fused=True)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x = batch["image"]
        z = self.encoder(x).float()
        if not self.cfg.quantize:
            yield Update("vq_vae", mse_loss(self.decoder(z).float(), x) / self.cfg.data_variance)
            return
        straight, codes, indices = self.quantizer(z)
        reconstruction = mse_loss(self.decoder(straight).float(), x) / self.cfg.data_variance
        loss = reconstruction + self.cfg.beta * mse_loss(z, codes.detach())  # eq. 3, first and third term
        if not self.cfg.ema:
            loss = loss + mse_loss(codes, z.detach())  # second term
        yield Update("vq_vae", loss, {"reconstruction": reconstruction, **usage(indices, self.cfg.codes)})
        if self.cfg.ema:
            self.quantizer.update(z, indices, self.cfg.decay, self.cfg.restart)

    def encode(self, x: Tensor) -> Tensor:
        """The codes of images x (B,C,H,W) in [-1,1]: (B,h,w) int64 in 0..K-1."""
        return self.quantizer.indices(self.encoder(x))

    def decode(self, indices: Tensor) -> Tensor:
        """The images of codes (B,h,w): (B,C,H,W) in [-1,1]."""
        return self.decoder(self.quantizer.lookup(indices)).float().clamp(-1, 1)

    def reconstruct(self, x: Tensor) -> Tensor:
        """x (B,C,H,W) in [-1,1] through its codes and back."""
        if not self.cfg.quantize:
            return self.decoder(self.encoder(x)).float().clamp(-1, 1)
        return self.decode(self.encode(x))

    def codes(self, x: Tensor) -> Tensor:
        """The codes of images x, as `encode` gives them: what codebook use is measured from."""
        return self.encode(x)

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        device = self.quantizer.codebook.device
        if not self.cfg.quantize:
            return self.decoder(torch.randn(n, self.cfg.dim, *self.grid, device=device)).float().clamp(-1, 1)
        return self.decode(torch.randint(self.cfg.codes, (n, *self.grid), device=device))


class ResBlock(nn.Module):
    """x + (ReLU, 3x3, ReLU, 1x1)(x), section 4.1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 1)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


def _encoder(c: int, cfg: VQVAE.Config) -> nn.Sequential:
    """Images (B,C,H,W) -> features (B,D,h,w)."""
    layers: list[nn.Module] = []
    for i in range(cfg.levels):
        layers += [nn.ReLU()] * bool(i)
        layers += [nn.Conv2d(cfg.width if i else c, cfg.width, 4, stride=2, padding=1)]
    layers += [ResBlock(cfg.width) for _ in range(cfg.blocks)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Conv2d(cfg.width, cfg.dim, 1))


def _decoder(c: int, cfg: VQVAE.Config) -> nn.Sequential:
    """Codes (B,D,h,w) -> images (B,C,H,W), not clipped."""
    layers: list[nn.Module] = [nn.Conv2d(cfg.dim, cfg.width, 3, padding=1)]
    layers += [ResBlock(cfg.width) for _ in range(cfg.blocks)]
    for i in reversed(range(cfg.levels)):
        layers += [nn.ReLU(), nn.ConvTranspose2d(cfg.width, cfg.width if i else c, 4, stride=2, padding=1)]
    return nn.Sequential(*layers)


def usage(indices: Tensor, codes: int) -> dict[str, Tensor]:
    """Of a batch's codes: their perplexity (the number of equally frequent codes of that entropy), the share used."""
    p = counts(indices, codes) / indices.numel()
    return {"perplexity": torch.special.entr(p).sum().exp(), "used": (p > 0).float().mean()}
