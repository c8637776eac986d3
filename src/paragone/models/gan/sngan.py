"""SNGAN: spectral normalisation for generative adversarial networks.

Miyato, Kataoka, Koyama, Yoshida 2018, https://arxiv.org/abs/1802.05957.

    eq. 8, alg. 1   W_SN = W / sigma(W) in every layer of the discriminator, sigma by one power iteration an evaluation
    eq. 16          L_D = E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))], the hinge loss
    eq. 17          L_G = -E[D(G(z))]

Networks, init and hyper-parameters: the residual ones of appendix B.4 (see `layers.resnet`) with the authors'
settings for CIFAR-10: 50,000 generator updates, one after each 5 of the discriminator, the learning rate falling to 0.
The vector of a layer's power iteration is a buffer: averaging, resuming and files carry it.

One step draws one real batch and updates the discriminator; every n_dis-th step then updates the generator. So a budget
in images counts the real images that the discriminator has seen: 50,000 x 5 batches of 64 are 16,000 kimg.

Deviations:
- The generator's update takes as many images as the discriminator's (the authors' code: twice as many), and comes after
  its n_dis updates, not before.
- Real and generated images pass the discriminator as one batch, so one power iteration serves both (algorithm 1).
- `generator_lr` gives the generator a rate of its own: it takes fewer steps than the discriminator (the paper has one).
- 64 px: the 128 px networks of table 6 less one level.
- `network: conv` is DCGAN's pair (see `paragone.models.layers.dcgan`, 4 x 4 kernels, no batch normalisation in the
  discriminator) of a quarter of `width` next to the image, where the residual networks cost too much. The paper's
  own plain networks (table 3) are trained with other settings too, among them Adam with (0.5, 0.999).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import dcgan, functional, resnet
from paragone.models.layers.spectral import spectral_norm


class SNGAN(Model):
    """A GAN whose discriminator has spectral norm 1 in every layer, 32 or 64 px (any power of two from 16 up)."""

    title = "SNGAN"
    paper = "Miyato et al., 2018"
    plan = Plan(kimg=16_000, batch=64, decay="linear")
    generator = "generator"
    capabilities = frozenset({"decode", "latents"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        network: Literal["resnet", "conv"] = "resnet"
        z_dim: int = 128
        width: int = 256  # channels of the residual generator at 32 px, twice the discriminator's
        n_dis: int = 5
        lr: float = 2e-4  # alpha
        generator_lr: float | None = None  # the generator's, where it is not alpha too
        beta1: float = 0.0
        beta2: float = 0.9

        def __post_init__(self) -> None:
            if self.width < 4 or self.width % 4:
                raise ValueError(f"width is {self.width}; it must be a positive multiple of 4")
            if self.n_dis < 1:
                raise ValueError(f"n_dis is {self.n_dis}; it must be at least 1")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg = cfg
        if cfg.network == "resnet":
            self.G: nn.Module = resnet.Generator(cfg.z_dim, spec.shape, cfg.width)
            self.D: nn.Module = resnet.Discriminator(spec.shape, cfg.width // 2)
        else:
            self.G = dcgan.Generator(cfg.z_dim, spec.shape, cfg.width // 4, kernel=4)
            self.D = dcgan.Discriminator(spec.shape, cfg.width // 4, kernel=4, norm=False)
        self.D.apply(spectral_norm)

    def optimizers(self) -> dict[str, Optimizer]:
        cfg, betas = self.cfg, (self.cfg.beta1, self.cfg.beta2)
        rate = cfg.lr if cfg.generator_lr is None else cfg.generator_lr
        nets = {"discriminator": (self.D, cfg.lr), "generator": (self.G, rate)}
        return {name: Adam(net.parameters(), lr, betas, fused=True) for name, (net, lr) in nets.items()}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x = batch["image"]  # (B,C,H,W)
        with torch.no_grad():
            fake = self.sample(len(x))
        real_score, fake_score = self.D(torch.cat([x, fake])).chunk(2)
        yield Update(
            "discriminator", functional.hinge_discriminator_loss(real_score, fake_score), drawn=len(x)
        )  # eq. 16
        if (progress.step + 1) % self.cfg.n_dis == 0:
            yield Update("generator", -self.D(self.sample(len(x))).float().mean(), drawn=len(x))  # eq. 17

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """G(z), z ~ N(0, I)."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """z ~ N(0, I), (n,z_dim)."""
        return torch.randn(n, self.cfg.z_dim, device=next(self.G.parameters()).device)

    def decode(self, z: Tensor) -> Tensor:
        """G(z): (B,z_dim) -> (B,C,H,W) in [-1,1]."""
        return torch.tanh(self.G(z).float())
