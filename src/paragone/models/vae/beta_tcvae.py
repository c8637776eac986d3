"""beta-TCVAE: a weight on the total correlation alone, where beta-VAE weighs the whole KL divergence.

Chen, Li, Grosse, Duvenaud 2018, "Isolating Sources of Disentanglement in Variational Autoencoders",
https://arxiv.org/abs/1802.04942.

    eq. 2           E_{p(n)}[KL(q(z|n) || p(z))] = MI + TC + sum_j KL_j
    MI              index-code mutual information: KL(q(z,n) || q(z) p(n))
    TC              total correlation: KL(q(z) || prod_j q(z_j))
    sum_j KL_j      dimension-wise KL: sum_j KL(q(z_j) || p(z_j))
    eq. 4           L = E[log p(n|z)] - alpha MI - beta TC - gamma sum_j KL_j, alpha = gamma = 1
    appendix C.2    minibatch-stratified sampling: in a batch of M + 1 images out of N, z drawn from n*,
                    q(z) ~ 1/N q(z|n*) + 1/M sum_{m=1}^{M-1} q(z|n_m) + (N - M)/(N M) q(z|n_M)
                    without bias; q(z_j) likewise

The logs hold the three terms in nats: `mutual_information`, `total_correlation`, `dimension_kl`. Their estimates depend
on the batch: the logarithm of an unbiased estimate is biased, and the more so, the smaller the batch.

Networks, Bernoulli likelihood and latents as in beta-VAE on dSprites; Adam at 0.001, batches of 2048, 50 epochs, as in
the authors' code (https://github.com/rtqichen/beta-tcvae). There the last term's weight goes to two entries of the last
row of the batch and to none of the first; here each image has one.

Deviations:
- The paper sweeps beta; 6 is one of the values that Locatello et al. (2019) sweep.
- `network: conv` is DCGAN's pair (see `layers.dcgan`, 4 x 4 kernels) of channels `width`, as for the other VAEs here.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import functional, mlp
from paragone.models.layers.dcgan import Discriminator, Generator


class BetaTCVAE(Model):
    """A variational autoencoder whose total correlation weighs beta."""

    title = "beta-TCVAE"
    paper = "Chen et al., 2018"
    plan = Plan(kimg=36_864, batch=2048)
    capabilities = frozenset({"decode", "encode", "latents", "posterior", "rate", "reconstruct"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        alpha: float = 1.0  # weight of the mutual information
        beta: float = 6.0  # of the total correlation
        gamma: float = 1.0  # of the dimension-wise KL
        dataset_size: int = 737_280  # N: images in the training set (dSprites)
        network: Literal["mlp", "conv"] = "mlp"
        z_dim: int = 10
        hidden: int = 1200  # units of each hidden layer (mlp)
        width: int = 32  # channels next to the image (conv)
        lr: float = 0.001

        def __post_init__(self) -> None:
            for name in ("alpha", "beta", "gamma"):
                if getattr(self, name) < 0:
                    raise ValueError(f"{name} is {getattr(self, name)}; it must not be negative")
            for name in ("z_dim", "dataset_size"):
                if getattr(self, name) < 1:
                    raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")

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
        return {"vae": Adam(self.parameters(), self.cfg.lr, fused=True)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x, cfg = batch["image"], self.cfg  # (B,C,H,W)
        mu, logvar = self.posterior(x)
        z = mu + (logvar / 2).exp() * torch.randn_like(mu)
        reconstruction = functional.bernoulli_log_likelihood((x + 1) / 2, self.decoder(z)).mean()
        mi, tc, kl = (term.mean() for term in decompose(z, mu, logvar, cfg.dataset_size))
        loss = cfg.alpha * mi + cfg.beta * tc + cfg.gamma * kl - reconstruction  # eq. 4
        logs = {"mutual_information": mi, "total_correlation": tc, "dimension_kl": kl}
        yield Update("vae", loss, {**logs, "log_likelihood": reconstruction})

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


class Decomposition(NamedTuple):
    """The KL divergence of eq. 2 in three, a one-sample estimate of each for each image, (B,) in nats."""

    mutual_information: Tensor
    total_correlation: Tensor
    dimension_kl: Tensor


def decompose(z: Tensor, mean: Tensor, logvar: Tensor, dataset_size: int) -> Decomposition:
    """Eq. 2 by minibatch-stratified sampling, of z (B,D) drawn from N(mean, exp(logvar)), each (B,D).

    The three terms of an image add up to log q(z|n) - log p(z). Raises ValueError for a batch of fewer than 2 images,
    or of more than `dataset_size`.
    """
    pairs = _log_normal(z[:, None], mean, logvar)  # (B,B,D): log q(z_i|n_j) of each latent
    log_weights = stratified_weights(len(z), dataset_size, z.device).log()
    log_q = torch.logsumexp(log_weights + pairs.sum(2), 1)  # log q(z)
    log_marginals = torch.logsumexp(log_weights[..., None] + pairs, 1).sum(1)  # log prod_j q(z_j)
    log_q_n = _log_normal(z, mean, logvar).sum(1)  # log q(z|n)
    log_p = _log_normal(z, torch.zeros_like(z), torch.zeros_like(z)).sum(1)
    return Decomposition(log_q_n - log_q, log_q - log_marginals, log_marginals - log_p)


def stratified_weights(batch: int, dataset_size: int, device: torch.device | None = None) -> Tensor:
    """(B,B): how much q(z_i|n_j) counts in the estimate of q(z_i); each row adds up to 1 (appendix C.2)."""
    m = batch - 1
    if not 1 <= m < dataset_size:
        raise ValueError(
            f"a batch of {batch} images out of dataset_size {dataset_size} cannot be stratified: set dataset_size to "
            "the number of training images, and plan.batch from 2 up to it"
        )
    weights = torch.full((batch, batch), 1 / m, device=device)
    row = torch.arange(batch, device=device)
    weights[row, row] = 1 / dataset_size
    weights[row, (row + 1) % batch] = (dataset_size - m) / (dataset_size * m)
    return weights


def _log_normal(z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    """log N(z; mean, exp(logvar)) of each latent."""
    return -0.5 * ((z - mean).square() * (-logvar).exp() + logvar + math.log(2 * math.pi))
