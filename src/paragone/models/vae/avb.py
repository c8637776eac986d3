"""AVB: adversarial variational Bayes, a VAE with a black-box posterior, whose KL divergence an adversary estimates.

Mescheder, Nowozin, Geiger 2017, "Adversarial Variational Bayes: Unifying Variational Autoencoders and Generative
Adversarial Networks", https://arxiv.org/abs/1701.04722. The posterior q(z|x) is that of z = z(x, eps), so it has no
density; the adversary T(x, z) tells its draws from the prior's, and at its best is log q(z|x) - log p(z).

    eq. 3.3         T maximises E_{p(x)} E_{q(z|x)} log sigmoid(T(x,z)) + E_{p(x)} E_{p(z)} log(1 - sigmoid(T(x,z)))
    eq. 3.7         encoder and decoder maximise E_{p(x)} E_eps(-T*(x,z(x,eps)) + log p(x|z(x,eps)))
    section 4       adaptive contrast: r(z|x) = N(mu(x), sigma(x)^2) of the posterior's moments takes the prior's place,
                    L = E[-KL(q(z|x) || r(z|x)) + E_q(-log r(z|x) + log p(x,z))], and with z~ = (z - mu)/sigma
                    KL(q(z|x) || r(z|x)) = KL(q~(z~|x) || N(0, I)), which is what T(x, z~) estimates
    supplement      z_k = a_0k(x) + sum_i v_ik(eps_i) a_ik(x), so that
                    mu_k = a_0k + sum_i E[v_ik] a_ik and sigma_k^2 = sum_i Var[v_ik] a_ik^2 are cheap

The ELBO from T (`elbo_estimate` in the logs, `log_likelihood_estimate` of test images) is not a bound that one may
trust: an adversary short of its best puts KL too low. `importance_bound` is a bound whatever the adversary: r has a
density, so by importance sampling (Burda et al. 2016, https://arxiv.org/abs/1509.00519, eq. 8)
log P(x) >= E log 1/K sum_k p(x,z_k)/r(z_k|x), z_k ~ r.

With the likelihood `logistic` (a discretised logistic of 256 levels, as for the VAE here) it gives bits per dimension;
with the paper's `bernoulli` grey levels are taken for probabilities, and there are none, but on a binarised set.

Deviations:
- The moments of r carry no gradient (L does not depend on r where T is at its best).
- Networks: the VAE's here (`network: conv` is DCGAN's pair) in place of the supplement's; the adversary has features of
  x, joined to z~, and two hidden layers.
- The learning rates and the budget are ours.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import elu
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import functional, mlp
from paragone.models.layers.dcgan import Discriminator, Generator

NOISE_DRAWS = 128  # of the noise, for its moments


class AVB(Model):
    """A variational autoencoder with an implicit posterior."""

    title = "AVB"
    paper = "Mescheder et al., 2017"
    plan = Plan(kimg=100_000, batch=64)
    generator = "vae"
    capabilities = frozenset(
        {"decode", "encode", "latents", "log_likelihood_bound", "log_likelihood_estimate", "log_weight", "reconstruct"}
    )

    @dataclass(frozen=True, kw_only=True)
    class Config:
        adaptive_contrast: bool = True
        likelihood: Literal["bernoulli", "logistic"] = "bernoulli"
        network: Literal["mlp", "conv"] = "mlp"
        z_dim: int = 32
        noises: int = 32  # m: noise vectors of a draw
        hidden: int = 512  # units of each hidden layer (mlp, and the adversary's)
        width: int = 32  # channels next to the image (conv)
        adversary_steps: int = 1
        importance_samples: int = 16  # K
        lr: float = 1e-4
        adversary_lr: float = 2e-4

        def __post_init__(self) -> None:
            for name in ("z_dim", "noises", "adversary_steps", "importance_samples"):
                if getattr(self, name) < 1:
                    raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        c, h, w = spec.shape
        self.cfg = cfg
        bases = (cfg.noises + 1) * cfg.z_dim
        out = (c if cfg.likelihood == "bernoulli" else 2 * c, h, w)
        if cfg.network == "conv":
            self.encoder: nn.Module = Discriminator(spec.shape, cfg.width, out=bases, kernel=4)
            self.decoder: nn.Module = Generator(cfg.z_dim, out, cfg.width, kernel=4)
            features: nn.Module = Discriminator(spec.shape, cfg.width, out=cfg.hidden, kernel=4, norm=False)
        else:
            self.encoder = mlp.encoder(spec.shape, [cfg.hidden] * 2, bases, nn.ReLU)
            self.decoder = mlp.decoder(cfg.z_dim, [cfg.hidden] * 2, out, nn.ReLU)
            features = mlp.encoder(spec.shape, [cfg.hidden], cfg.hidden, nn.ReLU)
        self.noise = Noise(cfg.noises, cfg.z_dim)
        self.T = Adversary(features, cfg.hidden, cfg.z_dim)
        if cfg.likelihood == "bernoulli" and spec.levels != 2:
            figures = {"log_likelihood_bound", "log_likelihood_estimate", "log_weight"}
            self.capabilities = self.capabilities - figures

    def optimizers(self) -> dict[str, Optimizer]:
        vae = [p for net in (self.encoder, self.noise, self.decoder) for p in net.parameters()]
        return {
            "vae": Adam(vae, self.cfg.lr, (0.5, 0.999), fused=True),
            "adversary": Adam(self.T.parameters(), self.cfg.adversary_lr, (0.5, 0.999), fused=True),
        }

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x = batch["image"]  # (B,C,H,W)
        kl, reconstruction = (term.mean() for term in self._terms(x))
        logs = {"kl_estimate": kl, "log_likelihood": reconstruction, "elbo_estimate": reconstruction - kl}
        yield Update("vae", kl - reconstruction, logs)
        for _ in range(self.cfg.adversary_steps):
            with torch.no_grad():
                z, mu, sigma = self._draw(x)
            q, r = self.T(x, (z - mu) / sigma), self.T(x, torch.randn_like(z))
            yield Update("adversary", functional.logistic_discriminator_loss(q, r))  # eq. 3.3

    def _terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """For one z ~ q(z|x) the adversary's estimate of KL(q(z|x) || p(z)), and log p(x|z), each (B,) in nats."""
        z, mu, sigma = self._draw(x)
        contrast = self.T(x, (z - mu) / sigma)  # log q(z|x) - log r(z|x), with r the prior where not adaptive
        cross = _log_normal(z, mu, sigma) - _log_normal(z, torch.zeros_like(z), torch.ones_like(z))  # log r - log p
        return contrast + cross, self._log_likelihood(x, z)

    def _draw(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """z ~ q(z|x), and the mean and deviation of r(z|x), which carry no gradient; each (B,z_dim)."""
        bases = self._bases(x)  # (B,m+1,z_dim)
        z = bases[:, 0] + (self.noise(len(x)) * bases[:, 1:]).sum(1)
        if not self.cfg.adaptive_contrast:
            return z, torch.zeros_like(z), torch.ones_like(z)
        mu, sigma = self._moments(bases.detach())
        return z, mu, sigma

    def _bases(self, x: Tensor) -> Tensor:
        """a(x), (B,m+1,z_dim)."""
        return self.encoder((x + 1) / 2).float().unflatten(1, (self.cfg.noises + 1, self.cfg.z_dim))

    @torch.no_grad()
    def _moments(self, bases: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and deviation of z given x (B,z_dim), from a(x), with those of v from draws of the noise."""
        variance, mean = torch.var_mean(self.noise(NOISE_DRAWS), 0)  # (m,z_dim) each
        mu = bases[:, 0] + (mean * bases[:, 1:]).sum(1)
        return mu, ((variance * bases[:, 1:].square()).sum(1) + 1e-6).sqrt()

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """The mean of p(x|z), z ~ N(0, I)."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """z ~ N(0, I), (n,z_dim)."""
        return torch.randn(n, self.cfg.z_dim, device=next(self.parameters()).device)

    def encode(self, x: Tensor) -> Tensor:
        """The mean of q(z|x): (B,C,H,W) in [-1,1] -> (B,z_dim)."""
        return self._moments(self._bases(x))[0]

    def decode(self, z: Tensor) -> Tensor:
        """The mean of p(x|z): (B,z_dim) -> (B,C,H,W) in [-1,1]."""
        return self._likelihood(z)[0]

    def reconstruct(self, x: Tensor) -> Tensor:
        """decode(encode(x)): (B,C,H,W) in [-1,1] -> the same."""
        return self.decode(self.encode(x))

    def log_likelihood_bound(self, x: Tensor) -> Tensor:
        """An estimate, without bias, of `importance_bound` over the data's levels, in nats, (B,)."""
        return self.importance_bound(x, self.cfg.importance_samples)

    def log_likelihood_estimate(self, x: Tensor) -> Tensor:
        """The ELBO by the adversary's divergence, in nats, (B,): too high where the adversary falls short."""
        kl, reconstruction = self._terms(x)
        return reconstruction - kl

    def log_weight(self, x: Tensor) -> Tensor:
        """log p(x,z) - log r(z|x) of one z ~ r, in nats, (B,)."""
        return self.importance_bound(x, 1)

    def importance_bound(self, x: Tensor, k: int) -> Tensor:
        """E log 1/K sum_k p(x,z_k)/r(z_k|x), z_k ~ r, a draw of it in nats, (B,): of log P(x) a lower bound."""
        mu, sigma = self._moments(self._bases(x))
        weights = []
        for _ in range(k):
            z = mu + sigma * torch.randn_like(mu)
            prior = _log_normal(z, torch.zeros_like(z), torch.ones_like(z))
            weights.append(self._log_likelihood(x, z) + prior - _log_normal(z, mu, sigma))
        return torch.logsumexp(torch.stack(weights), 0) - math.log(k)

    def _likelihood(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The mean of p(x|z), (B,C,H,W) in [-1,1], and the Bernoulli's logits or the logistic's log scale."""
        h = self.decoder(z).float()
        if self.cfg.likelihood == "bernoulli":
            return torch.tanh(h / 2), h  # 2 sigmoid(h) - 1
        h, log_scale = h.chunk(2, dim=1)
        return torch.tanh(h / 2), log_scale.clamp(min=-7)

    def _log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) in nats, (B,)."""
        mean, extra = self._likelihood(z)
        if self.cfg.likelihood == "bernoulli":
            return functional.bernoulli_log_likelihood((x + 1) / 2, extra)
        return functional.discretized_logistic_log_likelihood(x, mean, extra)


class Noise(nn.Module):
    """v_i(eps_i), i = 1..m: of each noise vector its own network with one hidden layer; draws (n,m,z_dim)."""

    def __init__(self, noises: int, z_dim: int, size: int = 16, hidden: int = 32) -> None:
        super().__init__()
        self.size = size
        self.first = nn.Parameter(torch.randn(noises, size, hidden) / size**0.5)
        self.bias = nn.Parameter(torch.zeros(noises, hidden))
        self.second = nn.Parameter(torch.randn(noises, hidden, z_dim) / hidden**0.5)

    def forward(self, n: int) -> Tensor:
        eps = torch.randn(n, len(self.first), self.size, device=self.first.device)
        h = elu(torch.einsum("nms,msh->nmh", eps, self.first) + self.bias)
        return torch.einsum("nmh,mhz->nmz", h, self.second).float()


class Adversary(nn.Module):
    """T(x, z): (B,C,H,W), (B,z_dim) -> (B,)."""

    def __init__(self, features: nn.Module, hidden: int, z_dim: int) -> None:
        super().__init__()
        self.features = features
        self.head = nn.Sequential(
            nn.Linear(hidden + z_dim, hidden), nn.ELU(), nn.Linear(hidden, hidden), nn.ELU(), nn.Linear(hidden, 1)
        )

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        return self.head(torch.cat([elu(self.features(x)), z], 1)).float().squeeze(1)


def _log_normal(z: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """log N(z; mean, std^2), (B,z_dim) -> (B,)."""
    return functional.gaussian_log_likelihood(z, mean, std.log())
