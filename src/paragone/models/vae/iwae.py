"""IWAE: importance weighted autoencoder, a VAE trained on a tighter bound.

Burda, Grosse, Salakhutdinov 2016, https://arxiv.org/abs/1509.00519, with one stochastic layer.

    eq. 7          w_i = p(x,z_i) / q(z_i|x), z_i ~ q(z|x), drawn by the reparameterisation
    eq. 8          L_k(x) = E log 1/k sum_i w_i <= log p(x), which rises with k; L_1 is the VAE's bound
    eq. 13         its gradient, sum_i w_i / (sum_j w_j) grad log w_i, is that of log-sum-exp
    section 5      two hidden layers of 200 tanh units in each network, 50 latents, Bernoulli pixels; batches of 20,
                   Adam (0.9, 0.999) with epsilon 1e-4, rate 1e-3 x 10^{-i/7} for 3^i epochs, i = 0 to 7

Deviations:
- Whether images are binarised once or anew each time they are seen, as for the paper's main table, is the data set's
  (`mnist-binarised`, `mnist-dynamic`).
- Weights start as PyTorch's linear layers do.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import functional, mlp

EPOCHS = [3**i for i in range(8)]  # at each learning rate, 3,280 in all


class IWAE(Model):
    """A variational autoencoder whose bound takes k draws of the latent for each image."""

    title = "IWAE"
    paper = "Burda et al., 2016"
    plan = Plan(
        kimg=60 * sum(EPOCHS),
        batch=20,
        drops=tuple(sum(EPOCHS[:i]) / sum(EPOCHS) for i in range(1, 8)),
        drop=10 ** (-1 / 7),
    )
    capabilities = frozenset(
        {"decode", "encode", "latents", "log_likelihood_bound", "log_weight", "posterior", "rate", "reconstruct"}
    )

    @dataclass(frozen=True, kw_only=True)
    class Config:
        k: int = 5  # draws of the latent per image; 1: a VAE
        z_dim: int = 50
        layers: tuple[int, ...] = (200, 200)  # units of each of the encoder's hidden layers; the decoder's in reverse
        lr: float = 1e-3

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg = cfg
        self.encoder = mlp.encoder(spec.shape, cfg.layers, 2 * cfg.z_dim, nn.Tanh)
        self.decoder = mlp.decoder(cfg.z_dim, cfg.layers[::-1], spec.shape, nn.Tanh)
        if spec.levels != 2:  # of grey levels taken for probabilities: no likelihood
            self.capabilities = self.capabilities - {"log_likelihood_bound", "log_weight"}

    def optimizers(self) -> dict[str, Optimizer]:
        return {"vae": Adam(self.parameters(), self.cfg.lr, eps=1e-4, fused=True)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        weights = self._log_weights(batch["image"], self.cfg.k)  # (k,B)
        yield Update("vae", -_bound(weights).mean(), {"elbo": weights.mean()})

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

    def log_likelihood_bound(self, x: Tensor) -> Tensor:
        """An estimate, without bias, of the bound L_k that training raises, in nats, (B,)."""
        return _bound(self._log_weights(x, self.cfg.k))

    def log_weight(self, x: Tensor) -> Tensor:
        """log p(x|z) + log p(z) - log q(z|x) of one z ~ q(z|x), in nats, (B,)."""
        return self._log_weights(x, 1)[0]

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and log variance of q(z|x), each (B,z_dim)."""
        mean, logvar = self.encoder((x + 1) / 2).float().chunk(2, dim=1)
        return mean, logvar

    def _log_weights(self, x: Tensor, k: int) -> Tensor:
        """log w_i (eq. 7) of k draws for each image, (k,B)."""
        mu, logvar = self.posterior(x)
        eps = torch.randn(k, *mu.shape, device=mu.device)
        z = (mu + (logvar / 2).exp() * eps).flatten(0, 1)  # (k*B,z_dim)
        pixels = functional.bernoulli_log_likelihood(((x + 1) / 2).repeat(k, 1, 1, 1), self.decoder(z).float())
        prior = functional.gaussian_log_likelihood(z, torch.zeros_like(z), torch.zeros_like(z))
        posterior = functional.gaussian_log_likelihood(z, mu.repeat(k, 1), logvar.repeat(k, 1) / 2)
        return (pixels + prior - posterior).view(k, len(x))


def _bound(log_weights: Tensor) -> Tensor:
    """log 1/k sum_i w_i: (k,B) -> (B,)."""
    return torch.logsumexp(log_weights, 0) - math.log(len(log_weights))
