"""DCGAN: deep convolutional generative adversarial networks.

Radford, Metz, Chintala 2015, https://arxiv.org/abs/1511.06434: the architecture rules of section 3 (see
`paragone.models.layers.dcgan`), the hyper-parameters of section 4, the non-saturating loss of Goodfellow et al. 2014.

    Goodfellow, eq. 1        D maximises E[log D(x)] + E[log(1 - D(G(z)))]
    Goodfellow, section 3    G maximises E[log D(G(z))], z uniform in [-1,1]

Batch normalisation policy: the discriminator sees a batch of real images and a batch of generated ones apart, each
normalised by its own statistics; samples are drawn with the running statistics.

Deviations:
- At 64 px the networks are the paper's; other sizes have one stage per factor of 2 (32 px: three instead of four).
- `kernel: 4` replaces the 5 x 5 kernels where they cost too much; it also divides by the stride, so every output
  pixel is reached by as many weights.
- Discriminator and generator are both updated on every batch, the generator on the same noise (the authors' code
  alternates batches and adds a weight decay of 1e-5 that the paper does not mention).
- The plan is the paper's five epochs of LSUN's 3 million bedrooms (figure 3).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer, RMSprop

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import functional
from paragone.models.layers.dcgan import Discriminator, Generator, Kernel, init_weights


class DCGAN(Model):
    """A convolutional GAN with batch normalisation, 32 or 64 px (any power of two from 16 up)."""

    title = "DCGAN"
    paper = "Radford et al., 2015"
    plan = Plan(kimg=15_000, batch=128)
    generator = "generator"
    capabilities = frozenset({"decode", "latents"})
    latent_prior = "uniform"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        z_dim: int = 100
        width: int = 128  # channels next to the image; they double as the size halves
        kernel: Kernel = 5
        lr: float = 2e-4
        optimizer: Literal["adam", "rmsprop", "sgd"] = "adam"  # the others for comparison: the paper's choice is Adam
        beta1: float = 0.5  # sgd: its momentum
        beta2: float = 0.999  # rmsprop: its smoothing

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg = cfg
        self.G = Generator(cfg.z_dim, spec.shape, cfg.width, kernel=cfg.kernel)
        self.D = Discriminator(spec.shape, cfg.width, kernel=cfg.kernel)
        self.apply(init_weights)

    def optimizers(self) -> dict[str, Optimizer]:
        return {"discriminator": _optimizer(self.D, self.cfg), "generator": _optimizer(self.G, self.cfg)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x = batch["image"]  # (B,C,H,W)
        fake = self.sample(len(x))
        loss = functional.logistic_discriminator_loss(self.D(x), self.D(fake.detach()))
        yield Update("discriminator", loss, drawn=len(x))
        yield Update("generator", functional.nonsaturating_generator_loss(self.D(fake)))

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """G(z), z uniform in [-1,1]."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """z uniform in [-1,1], (n,z_dim)."""
        return 2 * torch.rand(n, self.cfg.z_dim, device=next(self.G.parameters()).device) - 1

    def decode(self, z: Tensor) -> Tensor:
        """G(z): (B,z_dim) -> (B,C,H,W) in [-1,1]."""
        return torch.tanh(self.G(z).float())


def _optimizer(net: nn.Module, cfg: DCGAN.Config) -> Optimizer:
    if cfg.optimizer == "rmsprop":
        return RMSprop(net.parameters(), cfg.lr, alpha=cfg.beta2)
    if cfg.optimizer == "sgd":
        return SGD(net.parameters(), cfg.lr, momentum=cfg.beta1)
    return Adam(net.parameters(), cfg.lr, (cfg.beta1, cfg.beta2), fused=True)
