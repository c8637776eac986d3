"""AAE: adversarial autoencoder, whose adversary makes the codes of all images together follow the prior.

Makhzani et al. 2015, https://arxiv.org/abs/1511.05644, section 2 with a deterministic encoder. Each step has the
paper's two phases, on one batch:

    reconstruction   encoder and decoder minimise 1/2 ||x - decode(encode(x))||^2
    regularisation   the discriminator tells z ~ p(z) = N(0, prior_std^2 I) from encode(x), eq. 1; then the encoder, as
                     the generator, learns to be taken for p(z), by the non-saturating loss of Goodfellow et al. 2014
    appendix A.1     for MNIST: two layers of 1000 ReLU units in each network, weights from N(0, 0.01), 8 latents, a
                     prior of standard deviation 5, a sigmoid at the output, batches of 100
    appendix A.2     half the Euclidean error; gradient descent with momentum 0.9 and a learning rate of 0.01 for the
                     reconstruction, 0.1 and 0.1 for the adversaries; 5000 epochs of 60,000 images

The encoder belongs to two optimisers, one a phase, since the phases differ in rate and momentum.

Deviations:
- Learning rates fall as a cosine (the paper: by 10 after 50 and after 1000 epochs).
- No labels: neither in the adversary (section 2.3) nor for semi-supervised classification (section 5); and none of the
  input dropout and batch normalisation that the paper uses for the latter.
- `network: conv` is DCGAN's pair (see `paragone.layers.dcgan`, 4 x 4 kernels) of channels `width` as encoder and
  decoder, and `optimizer: adam` replaces gradient descent (its first moment decays by the momentum), where the budget
  is short or the images are large.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from paragone import functional
from paragone.layers import mlp
from paragone.layers.dcgan import Discriminator, Generator
from paragone.models.base import Batch, Model, Plan, Spec, Update


def _init(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
        nn.init.zeros_(module.bias)


class AAE(Model):
    """An autoencoder whose codes an adversary compares with a normal prior."""

    title = "AAE"
    paper = "Makhzani et al., 2015"
    plan = Plan(kimg=300_000, batch=100, decay="cosine")

    @dataclass(frozen=True, kw_only=True)
    class Config:
        network: Literal["mlp", "conv"] = "mlp"
        z_dim: int = 8
        prior_std: float = 5.0
        hidden: int = 1000  # units of each hidden layer
        width: int = 32  # channels next to the image (conv)
        optimizer: Literal["sgd", "adam"] = "sgd"
        lr: float = 0.01
        momentum: float = 0.9
        adversary_lr: float = 0.1  # of the discriminator and of the encoder as generator
        adversary_momentum: float = 0.1

        def __post_init__(self) -> None:
            if self.z_dim < 1:
                raise ValueError(f"z_dim is {self.z_dim}; it must be at least 1")
            if self.prior_std <= 0:
                raise ValueError(f"prior_std is {self.prior_std}; it must be above 0")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg = cfg
        hidden = [cfg.hidden] * 2
        if cfg.network == "conv":
            self.encoder: nn.Module = Discriminator(spec.shape, cfg.width, out=cfg.z_dim, kernel=4)
            self.decoder: nn.Module = Generator(cfg.z_dim, spec.shape, cfg.width, kernel=4)
        else:
            self.encoder = mlp.encoder(spec.shape, hidden, cfg.z_dim, nn.ReLU).apply(_init)
            self.decoder = mlp.decoder(cfg.z_dim, hidden, spec.shape, nn.ReLU).apply(_init)
        self.D = mlp.encoder([cfg.z_dim], hidden, 1, nn.ReLU)
        if cfg.optimizer == "sgd":
            self.D.apply(_init)

    def optimizers(self) -> dict[str, Optimizer]:
        cfg = self.cfg
        phases = {
            "autoencoder": ([*self.encoder.parameters(), *self.decoder.parameters()], cfg.lr, cfg.momentum),
            "discriminator": (list(self.D.parameters()), cfg.adversary_lr, cfg.adversary_momentum),
            "generator": (list(self.encoder.parameters()), cfg.adversary_lr, cfg.adversary_momentum),
        }
        if cfg.optimizer == "adam":
            return {name: Adam(p, lr, (momentum, 0.999), fused=True) for name, (p, lr, momentum) in phases.items()}
        return {name: SGD(p, lr, momentum, fused=True) for name, (p, lr, momentum) in phases.items()}

    def losses(self, batch: Batch, step: int) -> Iterator[Update]:
        x = batch["image"]  # (B,C,H,W)
        error = (self.reconstruct(x) - x) / 2  # of intensities in [0,1]
        yield Update("autoencoder", error.square().flatten(1).sum(1).mean() / 2)
        z, prior = self.encode(x), self.latents(len(x))  # (B,z)
        loss = functional.logistic_discriminator_loss(self.D(prior), self.D(z.detach()))
        yield Update("discriminator", loss, {"code_std": z.detach().std()})
        yield Update("generator", functional.nonsaturating_generator_loss(self.D(z)))

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """decode(z), z ~ N(0, prior_std^2 I)."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """z ~ N(0, prior_std^2 I), (n,z_dim)."""
        return self.cfg.prior_std * torch.randn(n, self.cfg.z_dim, device=next(self.parameters()).device)

    def encode(self, x: Tensor) -> Tensor:
        """The code: (B,C,H,W) in [-1,1] -> (B,z_dim)."""
        return self.encoder((x + 1) / 2).float()

    def decode(self, z: Tensor) -> Tensor:
        """(B,z_dim) -> (B,C,H,W) in [-1,1]."""
        return torch.tanh(self.decoder(z).float() / 2)  # 2 sigmoid(h) - 1

    def reconstruct(self, x: Tensor) -> Tensor:
        """decode(encode(x)): (B,C,H,W) in [-1,1] -> the same."""
        return self.decode(self.encode(x))
