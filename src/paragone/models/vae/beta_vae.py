"""beta-VAE: a weight on the KL divergence, for independent latents at the price of reconstruction.

Higgins et al. 2017, "beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework", ICLR,
https://openreview.net/forum?id=Sy2fzU9gl.

    eq. 4     F(x) = E_{q(z|x)}[log p(x|z)] - beta KL(q(z|x) || p(z)), p(z) = N(0, I), one z per training image
    table 1   2D Shapes, the defaults here: two layers of 1200 ReLU units in the encoder, three of 1200 tanh units in
              the decoder, 10 latents, Bernoulli likelihood, Adagrad with a learning rate of 0.01; beta = 4 (figure 7)

beta = 1 is the VAE. Grey levels are taken as probabilities, as in the VAE, so there is no bits per dimension; samples
and reconstructions show the mean of p(x|z).

Deviations:
- `network: conv` is DCGAN's pair (see `layers.dcgan`, 4 x 4 kernels) of channels `width`, the one of the VAE
  here, so that the two rows differ in beta alone; the paper's convolutions (table 1) have no batch normalisation.
- No Gaussian likelihood, which the paper takes for CelebA alone.
- The paper states neither batch nor budget: the VAE's are used instead.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Adagrad, Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import functional, mlp
from paragone.models.layers.dcgan import Discriminator, Generator


class BetaVAE(Model):
    """A variational autoencoder whose KL divergence weighs beta."""

    title = "beta-VAE"
    paper = "Higgins et al., 2017"
    plan = Plan(kimg=100_000, batch=100)
    capabilities = frozenset({"decode", "encode", "latents", "posterior", "rate", "reconstruct"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        beta: float = 4.0
        network: Literal["mlp", "conv"] = "mlp"
        z_dim: int = 10
        hidden: int = 1200  # units of each hidden layer (mlp)
        width: int = 32  # channels next to the image (conv)
        optimizer: Literal["adagrad", "adam"] = "adagrad"
        lr: float = 0.01

        def __post_init__(self) -> None:
            if self.beta < 0:
                raise ValueError(f"beta is {self.beta}; it must not be negative")
            if self.z_dim < 1:
                raise ValueError(f"z_dim is {self.z_dim}; it must be at least 1")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg = cfg
        if cfg.network == "conv":
            self.encoder: nn.Module = Discriminator(spec.shape, cfg.width, out=2 * cfg.z_dim, kernel=4)
            self.decoder: nn.Module = Generator(cfg.z_dim, spec.shape, cfg.width, kernel=4)
        else:
            self.encoder = mlp.encoder(spec.shape, [cfg.hidden] * 2, 2 * cfg.z_dim, nn.ReLU)
            self.decoder = mlp.decoder(cfg.z_dim, [cfg.hidden] * 3, spec.shape, nn.Tanh)

    def optimizers(self) -> dict[str, Optimizer]:
        if self.cfg.optimizer == "adam":
            return {"vae": Adam(self.parameters(), self.cfg.lr, fused=True)}
        on_cpu = next(self.parameters()).device.type == "cpu"  # Adagrad has no fused kernel for CUDA, and raises
        return {"vae": Adagrad(self.parameters(), self.cfg.lr, fused=on_cpu)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x = batch["image"]  # (B,C,H,W)
        mu, logvar = self.posterior(x)
        z = mu + (logvar / 2).exp() * torch.randn_like(mu)
        reconstruction = functional.bernoulli_log_likelihood((x + 1) / 2, self.decoder(z)).mean()
        kl = functional.gaussian_kl(mu, logvar).mean()
        yield Update("vae", self.cfg.beta * kl - reconstruction, {"kl": kl, "log_likelihood": reconstruction})  # eq. 4

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """The mean of p(x|z), z ~ N(0, I)."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """z ~ N(0, I), (n,z_dim)."""
        return torch.randn(n, self.cfg.z_dim, device=next(self.parameters()).device)

    def encode(self, x: Tensor) -> Tensor:
        """The mean of q(z|x): (B,C,H,W) in [-1,1] -> (B,z_dim)."""
        return self.posterior(x)[0]

    def decode(self, z: Tensor) -> Tensor:
        """The mean of p(x|z): (B,z_dim) -> (B,C,H,W) in [-1,1]."""
        return torch.tanh(self.decoder(z).float() / 2)  # 2 sigmoid(h) - 1

    def reconstruct(self, x: Tensor) -> Tensor:
        """decode(encode(x)): (B,C,H,W) in [-1,1] -> the same."""
        return self.decode(self.encode(x))

    def rate(self, x: Tensor) -> Tensor:
        """KL(q(z_j|x) || p(z_j)) of each latent j in nats: (B,C,H,W) in [-1,1] -> (B,z_dim)."""
        return functional.gaussian_kl_terms(*self.posterior(x))

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and log variance of q(z|x), each (B,z_dim)."""
        mean, logvar = self.encoder((x + 1) / 2).float().chunk(2, dim=1)
        return mean, logvar
