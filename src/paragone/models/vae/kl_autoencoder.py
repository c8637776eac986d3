"""KL autoencoder: the first stage of a latent diffusion model, a grid of nearly noiseless continuous latents.

Rombach, Blattmann, Lorenz, Esser, Ommer 2022, "High-Resolution Image Synthesis with Latent Diffusion Models",
https://arxiv.org/abs/2112.10752, section 3.1 and appendix G. An encoder and a decoder of residual blocks, trained on
reconstruction, an adversary on patches, and a very small KL that keeps the latents near N(0, I).

    eq. 25       L = |x - x~| + beta KL(q(z|x) || N(0, I)) + lambda L_adv, x~ = D(z), z ~ q(z|x)
    eq. 25       L_adv = -D_psi(x~) for the autoencoder, the hinge loss on x and x~ for the discriminator
    VQGAN, eq. 7 lambda = w ||grad L_rec|| / (||grad L_adv|| + 1e-4) at the decoder's last layer

The discriminator is that of Pix2Pix (Isola et al. 2017): three 4 x 4 convolutions and a score for each patch. As in the
authors' code (https://github.com/CompVis/latent-diffusion) it starts late, here after the share `adversary_start` of
the budget, and the KL is a sum over latents per image, beta = 1e-6, beside a sum over pixels of |x - x~|.

Its samples decode N(0, I) and are poor by design: beta is too small for the latents to follow it. `ldm` learns them.

Deviations:
- No perceptual loss (LPIPS needs a network trained on labelled photographs), and no learned scale of |x - x~|.
- `patch` works on patches instead of pixels, `adversary: 0` drops the adversary; both make it faster.
- The defaults are f = 4 and 3 channels; the paper's plans differ by data set, this one is ours.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pixel_shuffle, pixel_unshuffle, silu
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import functional
from paragone.models.layers.attention import SelfAttention2d
from paragone.models.layers.norm import GroupNorm
from paragone.models.layers.unet import Upsample


class KLAutoencoder(Model):
    """An autoencoder with a grid of continuous latents."""

    title = "KL autoencoder"
    paper = "Rombach et al., 2022"
    plan = Plan(kimg=10_000, batch=16)
    generator = "autoencoder"
    capabilities = frozenset({"decode", "encode", "reconstruct"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = 128  # channels of the first level
        multipliers: tuple[int, ...] = (1, 2, 4)  # of the width, one per level; each level halves the size
        blocks: int = 2  # residual blocks per level
        patch: int = 1  # side of the patches that stand for pixels
        dim: int = 3  # channels of the latents
        beta: float = 1e-6  # weight of the KL
        adversary: float = 0.5  # w; 0: none
        adversary_start: float = 0.5  # share of the budget before it plays
        adversary_width: int = 64
        lr: float = 4.5e-6 * 16  # the authors': 4.5e-6 per image of the batch

        def __post_init__(self) -> None:
            if self.adversary_start > 1:
                raise ValueError(f"adversary_start is {self.adversary_start}; it must be at most 1")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg = cfg
        c, h, w = spec.shape
        factor = cfg.patch * 2 ** (len(cfg.multipliers) - 1)
        if h % factor or w % factor:
            raise ValueError(f"KL autoencoder takes images whose sides divide by {factor}, not {h} x {w}")
        self.grid = (h // factor, w // factor)  # of latents
        self.encoder, self.decoder = Encoder(c, cfg), Decoder(c, cfg)
        self.discriminator = PatchDiscriminator(c, cfg.adversary_width) if cfg.adversary else None

    def optimizers(self) -> dict[str, Optimizer]:
        own = [*self.encoder.parameters(), *self.decoder.parameters()]
        found: dict[str, Optimizer] = {"autoencoder": Adam(own, self.cfg.lr, (0.5, 0.9), fused=True)}
        if self.discriminator is not None:
            found["discriminator"] = Adam(self.discriminator.parameters(), self.cfg.lr, (0.5, 0.9), fused=True)
        return found

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x = batch["image"]
        mean, logvar = self._posterior(x)
        fake = self.decoder(mean + (logvar / 2).exp() * torch.randn_like(mean)).float()
        reconstruction = (x - fake).abs().flatten(1).sum(1).mean()
        kl = functional.gaussian_kl(mean, logvar).mean()
        loss, logs = reconstruction + self.cfg.beta * kl, {"reconstruction": reconstruction, "kl": kl}
        plays = self.discriminator is not None and progress.share >= self.cfg.adversary_start
        if plays:
            adversarial = -self._score(fake).mean()
            loss = loss + self._weight(reconstruction, adversarial) * adversarial
        yield Update("autoencoder", loss, logs, drawn=len(x))
        if plays:
            loss = functional.hinge_discriminator_loss(self._score(x), self._score(fake.detach()))
            yield Update("discriminator", loss)

    def _score(self, x: Tensor) -> Tensor:
        assert self.discriminator is not None
        return self.discriminator(x).float()

    def _weight(self, reconstruction: Tensor, adversarial: Tensor) -> Tensor:
        """lambda: the two losses' gradients at the last layer made alike, times w."""
        last = self.decoder.head.weight
        (a,) = torch.autograd.grad(reconstruction, last, retain_graph=True)
        (b,) = torch.autograd.grad(adversarial, last, retain_graph=True)
        return self.cfg.adversary * (a.norm() / (b.norm() + 1e-4)).clamp(max=1e4).detach()

    def _posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and log variance of q(z|x), each (B,dim,h,w)."""
        mean, logvar = self.encoder(x).float().chunk(2, 1)
        return mean, logvar.clamp(-30, 20)

    def encode(self, x: Tensor) -> Tensor:
        """The mean of q(z|x): (B,C,H,W) in [-1,1] -> (B,dim,h,w)."""
        return self._posterior(x)[0]

    def decode(self, z: Tensor) -> Tensor:
        """Latents (B,dim,h,w) -> images (B,C,H,W) in [-1,1]."""
        return self.decoder(z).float().clamp(-1, 1)

    def reconstruct(self, x: Tensor) -> Tensor:
        """decode(encode(x)): (B,C,H,W) in [-1,1] -> the same."""
        return self.decode(self.encode(x))

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """The images of N(0, I)."""
        return self.decode(torch.randn(n, self.cfg.dim, *self.grid, device=next(self.parameters()).device))


class ResBlock(nn.Module):
    """x (B,C_in,H,W) -> (B,C_out,H,W): normalise, SiLU, convolve, twice, and the input added."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = GroupNorm(c_in), nn.Conv2d(c_in, c_out, 3, padding=1)
        self.norm2, self.conv2 = GroupNorm(c_out), nn.Conv2d(c_out, c_out, 3, padding=1)
        self.skip = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(silu(self.norm2(self.conv1(silu(self.norm1(x))))))
        return self.skip(x) + h


def _middle(c: int) -> list[nn.Module]:
    return [ResBlock(c, c), SelfAttention2d(c), ResBlock(c, c)]


class Encoder(nn.Module):
    """Images (B,C,H,W) -> mean and log variance (B,2 dim,h,w)."""

    def __init__(self, c: int, cfg: KLAutoencoder.Config) -> None:
        super().__init__()
        self.patch, channels = cfg.patch, cfg.width
        layers: list[nn.Module] = [nn.Conv2d(c * cfg.patch**2, channels, 3, padding=1)]
        for i, multiplier in enumerate(cfg.multipliers):
            if i:
                layers.append(nn.Conv2d(channels, channels, 3, stride=2, padding=1))
            for _ in range(cfg.blocks):
                layers.append(ResBlock(channels, cfg.width * multiplier))
                channels = cfg.width * multiplier
        head = nn.Conv2d(channels, 2 * cfg.dim, 3, padding=1)
        self.layers = nn.Sequential(*layers, *_middle(channels), GroupNorm(channels), nn.SiLU(), head)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(pixel_unshuffle(x, self.patch).contiguous(memory_format=torch.channels_last))


class Decoder(nn.Module):
    """Latents (B,dim,h,w) -> images (B,C,H,W), not clipped."""

    def __init__(self, c: int, cfg: KLAutoencoder.Config) -> None:
        super().__init__()
        self.patch, channels = cfg.patch, cfg.width * cfg.multipliers[-1]
        layers: list[nn.Module] = [nn.Conv2d(cfg.dim, channels, 3, padding=1), *_middle(channels)]
        for i, multiplier in enumerate(cfg.multipliers[::-1]):
            if i:
                layers.append(Upsample(channels))
            for _ in range(cfg.blocks):
                layers.append(ResBlock(channels, cfg.width * multiplier))
                channels = cfg.width * multiplier
        self.layers = nn.Sequential(*layers, GroupNorm(channels), nn.SiLU())
        self.head = nn.Conv2d(channels, c * cfg.patch**2, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        return pixel_shuffle(self.head(self.layers(z.contiguous(memory_format=torch.channels_last))), self.patch)


class PatchDiscriminator(nn.Module):
    """Images (B,C,H,W) -> logits (B,1,h,w), one for each patch; batch normalisation but for the first and the last."""

    def __init__(self, c: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(c, width, 4, stride=2, padding=1)
        self.second, self.norm2 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1), nn.BatchNorm2d(2 * width)
        self.third, self.norm3 = nn.Conv2d(2 * width, 4 * width, 4, padding=1), nn.BatchNorm2d(4 * width)
        self.out = nn.Conv2d(4 * width, 1, 4, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = leaky_relu(self.first(x), 0.2)
        h = leaky_relu(self.norm2(self.second(h)), 0.2)
        return self.out(leaky_relu(self.norm3(self.third(h)), 0.2))
