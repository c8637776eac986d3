"""VAE-GAN: a variational autoencoder whose reconstructions are judged in the features of a GAN's discriminator.

Larsen, Sonderby, Larochelle, Winther 2016, "Autoencoding beyond pixels using a learned similarity metric",
https://arxiv.org/abs/1512.09300. The decoder is the generator. One batch, one update of each network (algorithm 1),
x~ = Dec(z) with z ~ q(z|x), x_p = Dec(z_p) with z_p ~ N(0, I):

    L_prior   KL(q(z|x) || N(0, I))
    L_llike   -E log N(Dis_l(x); Dis_l(x~), I): half the squared distance in the l-th layer of the discriminator
    L_GAN     log Dis(x) + log(1 - Dis(x~)) + log(1 - Dis(x_p)), eq. 8
    encoder        descends L_prior + L_llike
    decoder        descends gamma L_llike - L_GAN
    discriminator  descends -L_GAN: the similarity is what it learns of the game, not of L_llike

Networks: table 1 of the paper, for 64 px: 5 x 5 kernels, batch normalisation, ReLU; three halvings at any size. RMSprop
at 0.0003, batches of 64. As in the authors' code (https://github.com/andersbll/autoencoding_beyond_pixels), l is the
last convolution of the discriminator, before its normalisation, and x~ and x_p weigh half each in L_GAN.

What makes it learn at a small budget is said in `docs/tuning.md`, at the profile `classic`.

Deviations:
- The plan is that of the authors' code (250 epochs of 250 batches); it also stops an update where one player is too far
  ahead and decays the learning rate, which the paper does not mention.
- The discriminator sees real and generated images as batches apart, each normalised by its own statistics.
- `loss: non-saturating` replaces the decoder's log(1 - Dis) (Goodfellow et al. 2014, section 3); `optimizer: adam`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer, RMSprop

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import functional


class VAEGAN(Model):
    """An encoder, a decoder that is a generator, and a discriminator that is a measure of likeness."""

    title = "VAE-GAN"
    paper = "Larsen et al., 2016"
    plan = Plan(kimg=4_000, batch=64)
    generator = "decoder"
    capabilities = frozenset({"decode", "encode", "latents", "posterior", "rate", "reconstruct"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        z_dim: int = 128
        width: int = 32  # channels of the discriminator at full size; the others are multiples of it
        layer: Literal[1, 2, 3] = 3  # l: which of the discriminator's strided convolutions
        gamma: float = 1e-6  # weight of L_llike against L_GAN in the decoder
        loss: Literal["minimax", "non-saturating"] = "minimax"
        optimizer: Literal["rmsprop", "adam"] = "rmsprop"
        lr: float = 3e-4
        beta1: float = 0.5  # adam

        def __post_init__(self) -> None:
            if self.z_dim < 1:
                raise ValueError(f"z_dim is {self.z_dim}; it must be at least 1")
            if self.gamma < 0:
                raise ValueError(f"gamma is {self.gamma}; it must not be negative")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        _, h, w = spec.shape
        if h % 8 or w % 8:
            raise ValueError(
                f"VAE-GAN halves images three times, so their sides divide by 8; these are {h} x {w}: "
                "set the data set's resolution to a multiple of 8"
            )
        self.cfg = cfg
        self.encoder = _encoder(cfg.z_dim, spec.shape, cfg.width)
        self.decoder = _decoder(cfg.z_dim, spec.shape, cfg.width)
        self.D = Discriminator(spec.shape, cfg.width, cfg.layer)

    def optimizers(self) -> dict[str, Optimizer]:
        nets, cfg = {"encoder": self.encoder, "decoder": self.decoder, "discriminator": self.D}, self.cfg
        if cfg.optimizer == "adam":
            return {k: Adam(net.parameters(), cfg.lr, (cfg.beta1, 0.999), fused=True) for k, net in nets.items()}
        return {k: RMSprop(net.parameters(), cfg.lr, foreach=True) for k, net in nets.items()}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x, cfg = batch["image"], self.cfg  # (B,C,H,W)
        with torch.no_grad():
            like = self.D.features(x).float()  # Dis_l(x)
        mu, logvar = self.posterior(x)
        z = mu + (logvar / 2).exp() * torch.randn_like(mu)
        kl = functional.gaussian_kl(mu, logvar).mean()
        error = _half_squared(self.D.features(self.decode(z)), like)
        yield Update("encoder", kl + error, {"kl": kl, "feature_error": error})
        fake = self.decode(torch.cat([z.detach(), self.latents(len(x))]))  # (2B,C,H,W): x~ and x_p
        features = self.D.features(fake)
        logits = self.D.judge(features)
        game = (
            functional.minimax_generator_loss(logits)
            if cfg.loss == "minimax"
            else functional.nonsaturating_generator_loss(logits)
        )
        yield Update("decoder", cfg.gamma * _half_squared(features[: len(x)], like) + game, drawn=len(fake))
        yield Update("discriminator", functional.logistic_discriminator_loss(self.D(x), self.D(fake.detach())))  # eq. 8

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """Dec(z), z ~ N(0, I)."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """z ~ N(0, I), (n,z_dim)."""
        return torch.randn(n, self.cfg.z_dim, device=next(self.parameters()).device)

    def decode(self, z: Tensor) -> Tensor:
        """Dec(z): (B,z_dim) -> (B,C,H,W) in [-1,1]."""
        return torch.tanh(self.decoder(z).float())

    def encode(self, x: Tensor) -> Tensor:
        """The mean of q(z|x): (B,C,H,W) in [-1,1] -> (B,z_dim)."""
        return self.posterior(x)[0]

    def reconstruct(self, x: Tensor) -> Tensor:
        """decode(encode(x)): (B,C,H,W) in [-1,1] -> the same."""
        return self.decode(self.encode(x))

    def rate(self, x: Tensor) -> Tensor:
        """KL(q(z_j|x) || p(z_j)) of each latent j in nats: (B,C,H,W) in [-1,1] -> (B,z_dim)."""
        return functional.gaussian_kl_terms(*self.posterior(x))

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and log variance of q(z|x), each (B,z_dim)."""
        mean, logvar = self.encoder(x).float().chunk(2, dim=1)
        return mean, logvar


class Discriminator(nn.Module):
    """x (B,C,H,W) -> (B,1) logits, by way of the features of layer l."""

    def __init__(self, shape: tuple[int, int, int], width: int, layer: int) -> None:
        super().__init__()
        c, h, w = shape
        down = [_down(width, 4 * width), _down(4 * width, 8 * width), _down(8 * width, 8 * width)]
        layers = [nn.Conv2d(c, width, 5, padding=2), nn.ReLU(), *(m for block in down for m in block)]
        split = 3 * layer  # past the convolution, before its normalisation
        self.features = nn.Sequential(*layers[:split])
        self.judge = nn.Sequential(
            *layers[split:], *_dense(8 * width * (h // 8) * (w // 8), 16 * width), nn.Linear(16 * width, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.judge(self.features(x))


def _half_squared(a: Tensor, b: Tensor) -> Tensor:
    """-log N(b; a, I) but for its constant, summed over features, the mean over images."""
    return (a.float() - b).square().flatten(1).sum(1).mean() / 2


def _down(c_in: int, c_out: int) -> list[nn.Module]:
    return [nn.Conv2d(c_in, c_out, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()]


def _up(c_in: int, c_out: int) -> list[nn.Module]:
    conv = nn.ConvTranspose2d(c_in, c_out, 5, stride=2, padding=2, output_padding=1, bias=False)
    return [conv, nn.BatchNorm2d(c_out), nn.ReLU()]


def _dense(n_in: int, n_out: int) -> list[nn.Module]:
    return [nn.Flatten(), nn.Linear(n_in, n_out, bias=False), nn.BatchNorm1d(n_out), nn.ReLU()]


def _encoder(z_dim: int, shape: tuple[int, int, int], width: int) -> nn.Sequential:
    """(B,C,H,W) -> (B,2 z_dim)."""
    c, h, w = shape
    convs = [*_down(c, 2 * width), *_down(2 * width, 4 * width), *_down(4 * width, 8 * width)]
    return nn.Sequential(*convs, *_dense(8 * width * (h // 8) * (w // 8), 64 * width), nn.Linear(64 * width, 2 * z_dim))


def _decoder(z_dim: int, shape: tuple[int, int, int], width: int) -> nn.Sequential:
    """(B,z_dim) -> (B,C,H,W) before tanh."""
    c, h, w = shape
    top = (8 * width, h // 8, w // 8)
    convs = [*_up(8 * width, 8 * width), *_up(8 * width, 4 * width), *_up(4 * width, width)]
    return nn.Sequential(
        *_dense(z_dim, top[0] * top[1] * top[2]), nn.Unflatten(1, top), *convs, nn.Conv2d(width, c, 5, padding=2)
    )
