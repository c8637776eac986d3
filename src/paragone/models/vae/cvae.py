"""CVAE: a variational autoencoder of images given their class.

Sohn, Lee, Yan 2015, "Learning Structured Output Representation using Deep Conditional Generative Models", NeurIPS,
https://papers.nips.cc/paper/5775. Here the condition (the paper's x) is the label y, and what is modelled (its y) the
image x:

    eq. 5   L(x, y) = -KL(q(z|x,y) || p(z|y)) + log p(x|y,z), one z ~ q(z|x,y) a training image, reparameterised
    p(z|y)  the conditional prior: a normal distribution whose mean and variance follow from the label
            (`prior: conditional`); the paper relaxes it to p(z) = N(0, I) where z shall not depend on the condition
            (section 4.1; `prior: standard`)

The latents that `encode` gives and `decode` takes are standardised by the prior, (z - mu(y)) / sigma(y), so they are
N(0, I) for every class, and the same latent in two classes is comparable.

Grey levels are taken as Bernoulli probabilities, as in the VAE, so there is no bits per dimension; samples and
reconstructions show the mean of p(x|y,z).

Deviations:
- The paper predicts parts of images from other parts and segments photographs; with a label for a condition its hybrid
  with a Gaussian stochastic network (eq. 7), which lets the prior predict the output, would teach a class's mean image.
- Its networks are made for those tasks. The defaults are the VAE's here with two hidden layers: 500 ReLU units each,
  20 latents, Adam; the label enters encoder and decoder as one of K, the prior as a row of a table.
- `network: conv` is DCGAN's pair (see `layers.dcgan`, 4 x 4 kernels) of channels `width`; its encoder reads
  the label as one more plane of the image, learned for each class.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update, class_labels
from paragone.models.layers import functional, mlp
from paragone.models.layers.dcgan import Discriminator, Generator


class CVAE(Model):
    """A variational autoencoder whose prior, encoder and decoder know the class."""

    title = "CVAE"
    paper = "Sohn et al., 2015"
    plan = Plan(kimg=12_000, batch=100)
    capabilities = frozenset({"decode", "encode", "latents", "posterior", "rate", "reconstruct"})
    needs = frozenset({"image", "label"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        prior: Literal["conditional", "standard"] = "conditional"
        network: Literal["mlp", "conv"] = "mlp"
        z_dim: int = 20
        hidden: int = 500  # units of each hidden layer (mlp)
        width: int = 32  # channels next to the image (conv)
        lr: float = 1e-3

        def __post_init__(self) -> None:
            if self.z_dim < 1:
                raise ValueError(f"z_dim is {self.z_dim}; it must be at least 1")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        if spec.classes < 2:
            raise ValueError(f"CVAE needs labels; this data set has {spec.classes} classes: choose one with labels")
        self.cfg, self.classes = cfg, spec.classes
        c, h, w = spec.shape
        if cfg.network == "conv":
            self.plane = nn.Embedding(spec.classes, h * w)
            self.encoder: nn.Module = Discriminator((c + 1, h, w), cfg.width, out=2 * cfg.z_dim, kernel=4)
            self.decoder: nn.Module = Generator(cfg.z_dim + spec.classes, spec.shape, cfg.width, kernel=4)
        else:
            self.encoder = mlp.encoder([c * h * w + spec.classes], [cfg.hidden] * 2, 2 * cfg.z_dim, nn.ReLU)
            self.decoder = mlp.decoder(cfg.z_dim + spec.classes, [cfg.hidden] * 2, spec.shape, nn.ReLU)
        if cfg.prior == "conditional":
            self.prior = nn.Embedding(spec.classes, 2 * cfg.z_dim)  # mean and log variance of p(z|y)
            nn.init.zeros_(self.prior.weight)

    def optimizers(self) -> dict[str, Optimizer]:
        return {"cvae": Adam(self.parameters(), self.cfg.lr, fused=True)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x, y = batch["image"], batch["label"]  # (B,C,H,W), (B,)
        mu, logvar = self.posterior(x, y)
        eps = mu + (logvar / 2).exp() * torch.randn_like(mu)  # (z - mu(y)) / sigma(y)
        reconstruction = functional.bernoulli_log_likelihood((x + 1) / 2, self._logits(eps, y)).mean()
        kl = functional.gaussian_kl(mu, logvar).mean()
        yield Update("cvae", kl - reconstruction, {"kl": kl, "log_likelihood": reconstruction})  # eq. 5

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """The mean of p(x|y,z), z ~ p(z|y)."""
        y = class_labels(cond, n, self.classes, next(self.parameters()).device)
        return self.decode(self.latents(n), y)

    def latents(self, n: int) -> Tensor:
        """z standardised by its prior: N(0, I), (n,z_dim)."""
        return torch.randn(n, self.cfg.z_dim, device=next(self.parameters()).device)

    def encode(self, x: Tensor, cond: Tensor) -> Tensor:
        """The mean of q(z|x,y), standardised: images (B,C,H,W) in [-1,1] and labels (B,) -> (B,z_dim)."""
        return self.posterior(x, cond)[0]

    def decode(self, z: Tensor, cond: Tensor) -> Tensor:
        """The mean of p(x|y,z): standardised (B,z_dim) and labels (B,) -> (B,C,H,W) in [-1,1]."""
        return torch.tanh(self._logits(z, cond) / 2)  # 2 sigmoid(h) - 1

    def reconstruct(self, x: Tensor, cond: Tensor) -> Tensor:
        """decode(encode(x)) in the image's own class: (B,C,H,W) in [-1,1] -> the same."""
        return self.decode(self.encode(x, cond), cond)

    def rate(self, x: Tensor, cond: Tensor) -> Tensor:
        """KL(q(z_j|x,y) || p(z_j|y)) of each latent j in nats: (B,C,H,W) in [-1,1], (B,) -> (B,z_dim)."""
        return functional.gaussian_kl_terms(*self.posterior(x, cond))

    def posterior(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and log variance of q(z|x,y), standardised by the prior, each (B,z_dim).

        KL(N(a, A) || N(b, B)) = KL(N((a - b) / sqrt(B), A / B) || N(0, 1)).
        """
        if self.cfg.network == "conv":
            given = torch.cat([(x + 1) / 2, self.plane(y).view(-1, 1, *x.shape[2:])], dim=1)
        else:
            given = torch.cat([(x + 1).flatten(1) / 2, one_hot(y, self.classes)], dim=1)
        mean, logvar = self.encoder(given).float().chunk(2, dim=1)
        prior_mean, prior_logvar = self._prior(y)
        return (mean - prior_mean) * (-prior_logvar / 2).exp(), logvar - prior_logvar

    def _prior(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and log variance of p(z|y), each (B,z_dim) or, for N(0, I), zeros that broadcast."""
        if self.cfg.prior == "standard":
            return torch.zeros(1, device=y.device), torch.zeros(1, device=y.device)
        mean, logvar = self.prior(y).float().chunk(2, dim=1)
        return mean, logvar

    def _logits(self, eps: Tensor, y: Tensor) -> Tensor:
        """Bernoulli logits (B,C,H,W) of the standardised latents' images."""
        prior_mean, prior_logvar = self._prior(y)
        z = prior_mean + (prior_logvar / 2).exp() * eps
        return self.decoder(torch.cat([z, one_hot(y, self.classes)], dim=1)).float()
