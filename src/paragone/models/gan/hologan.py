"""HoloGAN: a generator that turns a volume of features before it draws them.

Nguyen-Phuoc, Li, Theis, Richardt, Yang 2019, "HoloGAN: unsupervised learning of 3D representations from natural
images", https://arxiv.org/abs/1904.01326. From a learned constant, 3-D convolutions make a volume of features, z gives
each layer its style, the volume is turned by a random pose and resampled, and a projection unit folds its depth into
channels, from which 2-D convolutions draw the image. Poses are never shown to the discriminator.

    section 3.2   AdaIN(x_i, z) = y_{s,i} (x_i - mu(x_i)) / sigma(x_i) + y_{b,i}, y = ReLU(A z + b)
    section 3.2   projection: (C, D, H, W) to (C D, H, W), then a 1 x 1 convolution and a leaky ReLU
    section 3.4   L_identity = E[||z - F(G(z,theta))||^2], F shares all but its last layers with D
    section 3.4   L_style^l = -E[log D_l(G(z,theta))], D_l sees the mean and the variance of each map of layer l
    section 3.4   L_G = -E[log D(G(z,theta))] + lambda_i L_identity + lambda_s sum_l L_style^l
    section 3.4   L_D = -E[log D(x)] - E[log(1 - D(G(z,theta)))], the same for each D_l, + lambda_i L_identity

Networks and settings are those of the authors' code, https://github.com/thunguyenphuoc/HoloGAN: z uniform in [-1,1],
a discriminator of 5 x 5 convolutions with spectral and instance normalisation, Adam (0.5, 0.999) at 0.0001, batches of
32, two updates of the generator for each of the discriminator, 50 epochs of CelebA, over the second half of which the
rate falls to 0. A latent is z and the pose, scaled to [-1,1], so that walks turn as well.

Deviations:
- Networks go with the image's size from 32 px up, as those for 128 px do: two 3-D convolutions after the turn, style
  discriminators (the authors' code for 64 px has neither).
- The generator descends the style losses, as in the paper (in the authors' code only the discriminator does), and D_l
  is linear in mean and variance together.
- Weights start from the authors' N(0, 0.02) times the root of 64 / width, those of the styles times the root of
  128 / z_dim, so that narrow networks start with features as strong as theirs.
- The last convolution is 3 x 3. No scale and no translation in a pose.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample, leaky_relu, relu
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import functional
from paragone.models.layers.norm import adain
from paragone.models.layers.spectral import spectral_norm
from paragone.models.layers.stylegan import halvings

Range = tuple[float, float]


class HoloGAN(Model):
    """A GAN with a pose, any power of two from 32 px up."""

    title = "HoloGAN"
    paper = "Nguyen-Phuoc et al., 2019"
    plan = Plan(kimg=10_130, batch=32, decay="constant-linear")
    generator = "generator"
    capabilities = frozenset({"decode", "latents", "traversals"})
    latent_prior = "uniform"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        z_dim: int = 128
        width: int = 64
        volume: int = 16  # side of the volume that is turned
        azimuth: Range = (-50.0, 50.0)  # degrees; the authors' for CelebA
        elevation: Range = (-20.0, 20.0)
        identity: float = 1.0  # lambda_i
        style: float = 1.0  # lambda_s; 0: no style discriminators
        generator_updates: int = 2  # for each of the discriminator
        lr: float = 1e-4
        beta1: float = 0.5
        beta2: float = 0.999

        def __post_init__(self) -> None:
            for name in ("azimuth", "elevation"):
                low, high = getattr(self, name)
                if low > high:
                    raise ValueError(f"{name} is from {low} to {high} degrees; give the lower end first")
            if self.volume < 8 or self.volume & (self.volume - 1):
                raise ValueError(f"volume is {self.volume}; its side must be a power of two from 8 up")
            if self.generator_updates < 1:
                raise ValueError(f"generator_updates is {self.generator_updates}; it must be at least 1")

    ends: Tensor  # (2,2) radians: least and greatest azimuth, and elevation

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg = cfg
        halvings(spec.shape, self.title, 32)
        if cfg.volume > spec.shape[1]:
            raise ValueError(
                f"volume is {cfg.volume}, wider than the images of {spec.shape[1]} px; set config.volume to less"
            )
        ends = torch.tensor([cfg.azimuth, cfg.elevation]) * (math.pi / 180)
        self.register_buffer("ends", ends, persistent=False)
        self.G = Generator(cfg.z_dim, spec.shape, cfg.width, cfg.volume)
        self.D = Discriminator(cfg.z_dim, spec.shape, cfg.width)
        _initialise(self, cfg)

    def optimizers(self) -> dict[str, Optimizer]:
        nets, betas = {"discriminator": self.D, "generator": self.G}, (self.cfg.beta1, self.cfg.beta2)
        return {name: Adam(net.parameters(), self.cfg.lr, betas, fused=True) for name, net in nets.items()}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x, cfg = batch["image"], self.cfg  # (B,C,H,W)
        latents = self.latents(len(x))
        with torch.no_grad():
            fake = self.decode(latents)
        scores, codes, styles = self.D(torch.cat([x, fake]))
        identity = self._identity(codes.chunk(2)[1], latents)
        loss = functional.logistic_discriminator_loss(*scores.chunk(2)) + cfg.identity * identity
        if cfg.style:
            games = [functional.logistic_discriminator_loss(*score.chunk(2)) for score in styles]
            loss = loss + cfg.style * torch.stack(games).sum()
        yield Update("discriminator", loss, {"identity": identity.detach()}, drawn=len(x))
        for _ in range(cfg.generator_updates):
            scores, codes, styles = self.D(self.decode(latents))
            loss = functional.nonsaturating_generator_loss(scores) + cfg.identity * self._identity(codes, latents)
            if cfg.style:
                games = [functional.nonsaturating_generator_loss(score) for score in styles]
                loss = loss + cfg.style * torch.stack(games).sum()
            yield Update("generator", loss, drawn=len(x))

    def _identity(self, codes: Tensor, latents: Tensor) -> Tensor:
        return (codes.float() - latents[:, : self.cfg.z_dim]).square().mean()

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """G(z,theta), z uniform in [-1,1], theta in the ranges of azimuth and elevation."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """z and the scaled azimuth and elevation, uniform in [-1,1], (n,z_dim + 2)."""
        return 2 * torch.rand(n, self.cfg.z_dim + 2, device=self.G.const.device) - 1

    def decode(self, z: Tensor) -> Tensor:
        """G(z,theta): (B,z_dim + 2) -> (B,C,H,W) in [-1,1]."""
        z, pose = z.split([self.cfg.z_dim, 2], 1)
        azimuth, elevation = torch.lerp(self.ends[:, 0], self.ends[:, 1], (pose + 1) / 2).unbind(1)
        return torch.tanh(self.G(z, rotation(azimuth, elevation)).float())

    def traversals(self, z: Tensor, steps: int) -> Tensor:
        """Of z (z_dim + 2,), the turns about either axis from end to end: azimuth, elevation; (2,steps,z_dim + 2)."""
        rows = z.expand(2, steps, -1).clone()
        for i in range(2):
            rows[i, :, self.cfg.z_dim + i] = torch.linspace(-1, 1, steps, device=z.device)
        return rows


def rotation(azimuth: Tensor, elevation: Tensor) -> Tensor:
    """From a volume's frame to the camera's: a turn about the vertical axis, then one about the image's horizontal one.

    Radians (B,) each -> (B,3,3), coordinates in the order right, down, away from the camera.
    """
    zero, one = torch.zeros_like(azimuth), torch.ones_like(azimuth)
    sin, cos = azimuth.sin(), azimuth.cos()
    about_y = torch.stack([cos, zero, -sin, zero, one, zero, sin, zero, cos], 1).view(-1, 3, 3)
    sin, cos = elevation.sin(), elevation.cos()
    about_x = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], 1).view(-1, 3, 3)
    return about_x @ about_y


def turn(volume: Tensor, matrix: Tensor) -> Tensor:
    """A volume (B,C,D,H,W) turned about its middle by (B,3,3), resampled trilinearly; empty outside. In float32."""
    with torch.autocast(volume.device.type, enabled=False):
        back = matrix.float().transpose(1, 2)  # where each place of the turned volume comes from
        theta = torch.cat([back, back.new_zeros(len(back), 3, 1)], 2)
        grid = affine_grid(theta, list(volume.shape), align_corners=False)
        return grid_sample(volume.float(), grid, align_corners=False)


class Style(nn.Module):
    """z (B,z_dim) sets mean and scale of each map of x (B,c,...): AdaIN."""

    def __init__(self, z_dim: int, channels: int) -> None:
        super().__init__()
        self.affine = nn.Linear(z_dim, 2 * channels)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        scale, shift = relu(self.affine(z)).chunk(2, 1)
        return adain(x, scale, shift)


class Generator(nn.Module):
    """z (B,z_dim) and turns (B,3,3) -> images (B,C,H,W) before the tanh; `volume` is the side of what is turned."""

    def __init__(self, z_dim: int, shape: tuple[int, int, int], width: int, volume: int) -> None:
        super().__init__()
        ups3, ups2 = volume.bit_length() - 3, (shape[1] // volume).bit_length() - 1
        solid = [8 * width, *(2 * width * 2**i for i in reversed(range(ups3)))]  # at 4, 8, ... volume
        flat = [8 * width, *(4 * width if i == 0 else max(1, 2 * width >> i) for i in range(ups2))]
        self.const = nn.Parameter(0.02 * torch.randn(1, solid[0], 4, 4, 4))
        self.ups3 = nn.ModuleList(nn.ConvTranspose3d(a, b, 3, 2, 1, output_padding=1) for a, b in pairwise(solid))
        self.turned = nn.ModuleList(nn.Conv3d(a, width, 3, padding=1) for a in (solid[-1], width))
        self.project = nn.Conv2d(width * volume, flat[0], 1)
        self.ups2 = nn.ModuleList(nn.ConvTranspose2d(a, b, 4, 2, 1) for a, b in pairwise(flat))
        self.styles3 = nn.ModuleList(Style(z_dim, c) for c in solid)
        self.styles2 = nn.ModuleList(Style(z_dim, c) for c in flat[1:])
        self.last = nn.Conv2d(flat[-1], shape[0], 3, padding=1)

    def forward(self, z: Tensor, matrix: Tensor) -> Tensor:
        h = leaky_relu(self.styles3[0](self.const.expand(len(z), -1, -1, -1, -1), z), 0.2)
        for up, style in zip(self.ups3, self.styles3[1:], strict=True):
            h = leaky_relu(style(up(h), z), 0.2)
        h = turn(h, matrix)
        for conv in self.turned:
            h = leaky_relu(conv(h), 0.2)
        h = leaky_relu(self.project(h.flatten(1, 2)), 0.2)  # (B,C D,H,W) -> (B,8 width,H,W)
        for up, style in zip(self.ups2, self.styles2, strict=True):
            h = leaky_relu(style(up(h), z), 0.2)
        return self.last(h)


class Discriminator(nn.Module):
    """x (B,C,H,W) -> logits (B,1), z as F reads it (B,z_dim) in [-1,1], and a logit (B,1) for each layer's style."""

    def __init__(self, z_dim: int, shape: tuple[int, int, int], width: int) -> None:
        super().__init__()
        channels = [width * 2**i for i in range(shape[1].bit_length() - 3)]  # at H/2, ... 4
        self.first = nn.Conv2d(shape[0], width, 5, 2, 2)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 5, 2, 2) for a, b in pairwise(channels))
        self.convs.apply(spectral_norm)
        self.norms = nn.ModuleList(nn.InstanceNorm2d(c, affine=True) for c in channels[1:])
        self.styles = nn.ModuleList(nn.Linear(2 * c, 1) for c in channels[1:])
        self.out = nn.Linear(16 * channels[-1], 1)
        self.code = nn.Sequential(nn.Linear(16 * channels[-1], 128), nn.LeakyReLU(0.2), nn.Linear(128, z_dim))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        h, styles = leaky_relu(self.first(x), 0.2), []
        for conv, norm, style in zip(self.convs, self.norms, self.styles, strict=True):
            h = conv(h)
            styles.append(style(torch.cat([stat.flatten(1) for stat in torch.var_mean(h.float(), (2, 3))], 1)))
            h = leaky_relu(norm(h), 0.2)
        flat = h.flatten(1)
        return self.out(flat), torch.tanh(self.code(flat).float()), styles


def _initialise(model: nn.Module, cfg: HoloGAN.Config) -> None:
    """Biases 0, and weights from the authors' N(0, 0.02), which suits 64 channels and latents of 128: fewer of either
    get weights as much larger as keep the features as strong. With 8 channels the volume's would come to the flat
    layers at a standard deviation of 0.0001, the root of what AdaIN adds to their variance."""
    wide, affine = 0.02 * math.sqrt(64 / cfg.width), 0.02 * math.sqrt(128 / cfg.z_dim)
    styles = {id(module.affine) for module in model.modules() if isinstance(module, Style)}
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d):
            nn.init.normal_(module.weight, 0, affine if id(module) in styles else wide)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
