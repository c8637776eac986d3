"""VAE: auto-encoding variational Bayes.

Kingma and Welling 2013, https://arxiv.org/abs/1312.6114.

    eq. 4          z = mu + sigma * eps, eps ~ N(0, I): the reparameterisation
    eq. 10         L(x) = -KL(q(z|x) || p(z)) + log p(x|z), one z per training image (L = 1)
    appendix B     the KL divergence in closed form
    appendix C.1   p(x|z) Bernoulli: the paper's choice for MNIST, grey levels taken as probabilities
    appendix C.2   p(x|z) Gaussian, mean and variance from the decoder; the mean through a sigmoid, as for Frey Face
    section 5      one hidden layer of 500 tanh units, Adagrad, batches of 100, weights from N(0, 0.01), 10^8 images

Only a likelihood of the 256 grey levels bounds bits per dimension. `logistic` is the discretised logistic of PixelCNN++
(Salimans et al. 2017); `gaussian` is a density, trained and evaluated on uniformly dequantised images, whose average
log density times the bin is a lower bound of the levels' log probability (Theis et al. 2016, section 3.1). `bernoulli`
is neither (a score of grey levels, not a probability): with it a VAE has no `log_likelihood_bound`, but on a binarised
set, where it is the likelihood itself.
Samples and reconstructions show the mean of p(x|z), as the paper's figures do.

Deviations:
- No weight decay (the paper's prior p(theta) = N(0, I) weighs 1/N a data point).
- `network: conv` replaces both networks by DCGAN's (see `paragone.models.layers.dcgan`) of channels `width`, and
  `optimizer: adam` replaces Adagrad, where the budget is short or the images are large.
- `logistic` is not in the paper.
- For the settings of other papers: `layers` (whose weights start as PyTorch's do), `decoder` and `activation`; `std`
  gives a Gaussian likelihood one fixed deviation for all pixels.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Adagrad, Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import functional, mlp
from paragone.models.layers.dcgan import Discriminator, Generator


def _mlp_init(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
        nn.init.zeros_(module.bias)


class VAE(Model):
    """A variational autoencoder with a standard normal prior."""

    title = "VAE"
    paper = "Kingma & Welling, 2013"
    plan = Plan(kimg=100_000, batch=100)
    capabilities = frozenset(
        {"decode", "encode", "latents", "log_likelihood_bound", "log_weight", "posterior", "rate", "reconstruct"}
    )

    @dataclass(frozen=True, kw_only=True)
    class Config:
        likelihood: Literal["bernoulli", "gaussian", "logistic"] = "bernoulli"
        network: Literal["mlp", "conv"] = "mlp"
        z_dim: int = 20
        hidden: int = 500  # units of the hidden layer (mlp)
        layers: tuple[int, ...] = ()  # units of each of the encoder's hidden layers; empty: one layer of `hidden`
        decoder: tuple[int, ...] = ()  # of the decoder's; empty: the encoder's in reverse
        activation: Literal["tanh", "relu"] = "tanh"
        std: float = 0.0  # of every pixel under `gaussian`, for intensities in [0,1]; 0: given by the decoder
        width: int = 32  # channels next to the image (conv)
        optimizer: Literal["adagrad", "adam"] = "adagrad"
        lr: float = 0.01  # the paper picks from 0.01, 0.02 and 0.1

        def __post_init__(self) -> None:
            if min((*self.layers, *self.decoder, 1)) < 1:
                raise ValueError(f"layers is {[*self.layers, *self.decoder]}; each must have at least 1 unit")
            if self.std and self.likelihood != "gaussian":
                raise ValueError(f"std is {self.std} and likelihood {self.likelihood}; only gaussian has one")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        c, h, w = spec.shape
        self.cfg = cfg
        fixed = cfg.likelihood == "bernoulli" or cfg.std > 0
        out = (c if fixed else 2 * c, h, w)  # a mean, or a mean and a log scale, a pixel
        if cfg.network == "conv":
            self.encoder: nn.Module = Discriminator(spec.shape, cfg.width, out=2 * cfg.z_dim, kernel=4)
            self.decoder: nn.Module = Generator(cfg.z_dim, out, cfg.width, kernel=4)
        else:
            inward = cfg.layers or (cfg.hidden,)
            activation = {"tanh": nn.Tanh, "relu": nn.ReLU}[cfg.activation]
            self.encoder = mlp.encoder(spec.shape, inward, 2 * cfg.z_dim, activation)
            self.decoder = mlp.decoder(cfg.z_dim, cfg.decoder or inward[::-1], out, activation)
            if not cfg.layers:
                self.apply(_mlp_init)
        if cfg.likelihood == "bernoulli" and spec.levels != 2:  # of grey levels taken for probabilities: no likelihood
            self.capabilities = self.capabilities - {"log_likelihood_bound", "log_weight"}

    def optimizers(self) -> dict[str, Optimizer]:
        if self.cfg.optimizer == "adam":
            return {"vae": Adam(self.parameters(), self.cfg.lr, fused=True)}
        on_cpu = next(self.parameters()).device.type == "cpu"  # Adagrad has no fused kernel for CUDA, and raises
        return {"vae": Adagrad(self.parameters(), self.cfg.lr, fused=on_cpu)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x = batch["image"]  # (B,C,H,W)
        reconstruction, kl = self._terms(x)
        yield Update("vae", (kl - reconstruction).mean(), {"kl": kl.mean(), "log_likelihood": reconstruction.mean()})

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
        return self._likelihood(z)[0]

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

    def _likelihood(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The mean of p(x|z), (B,C,H,W) in [-1,1], and the Bernoulli's logits or the log scale of its noise."""
        h = self.decoder(z).float()
        if self.cfg.likelihood == "bernoulli":
            return torch.tanh(h / 2), h  # 2 sigmoid(h) - 1
        if self.cfg.std:
            return torch.tanh(h / 2), torch.full_like(h, math.log(2 * self.cfg.std))  # images are in [-1,1]
        h, log_scale = h.chunk(2, dim=1)
        return torch.tanh(h / 2), log_scale.clamp(min=-7)  # a seventh of a grey level: narrower adds nothing

    def _terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """log p(x|z) for one z ~ q(z|x), and KL(q(z|x) || p(z)), each (B,) in nats."""
        mu, logvar = self.posterior(x)
        z = mu + (logvar / 2).exp() * torch.randn_like(mu)  # eq. 4
        return self.conditional_log_likelihood(x, z), functional.gaussian_kl(mu, logvar)

    def conditional_log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) in nats, (B,); with `gaussian` the density of noisy levels times their bin."""
        mean, extra = self._likelihood(z)
        if self.cfg.likelihood == "bernoulli":
            return functional.bernoulli_log_likelihood((x + 1) / 2, extra)
        if self.cfg.likelihood == "logistic":
            return functional.discretized_logistic_log_likelihood(x, mean, extra)
        noisy = x + (2 * torch.rand_like(x) - 1) / 255  # uniform in the level's bin of width 2/255
        return functional.gaussian_log_likelihood(noisy, mean, extra) + x[0].numel() * math.log(2 / 255)

    def log_likelihood_bound(self, x: Tensor) -> Tensor:
        """A one-sample estimate, without bias, of a lower bound of log P(x) over the data's levels, in nats, (B,)."""
        reconstruction, kl = self._terms(x)
        return reconstruction - kl

    def log_weight(self, x: Tensor) -> Tensor:
        """log p(x|z) + log p(z) - log q(z|x) of one z ~ q(z|x), in nats, (B,) (Burda et al. 2016, eq. 7, 8)."""
        mu, logvar = self.posterior(x)
        z = mu + (logvar / 2).exp() * torch.randn_like(mu)
        prior = functional.gaussian_log_likelihood(z, torch.zeros_like(z), torch.zeros_like(z))
        return self.conditional_log_likelihood(x, z) + prior - functional.gaussian_log_likelihood(z, mu, logvar / 2)
