"""GAN: generative adversarial networks.

Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661. Networks and hyper-parameters are those of the authors' MNIST
experiment, https://github.com/goodfeli/adversarial (mnist.yaml).

    eq. 1        min_G max_D  E[log D(x)] + E[log(1 - D(G(z)))]
    section 3    in practice G maximises E[log D(G(z))] ("non-saturating")

Deviations:
- Momentum and learning rate stay where they start (the authors raise momentum from 0.5 to 0.7 over 250 epochs and
  divide the learning rate by 1.000004 an update).
- The authors start the generator's output bias at the mean training image; here it is the mean of the first batch, an
  update of its own at step 0. (Started from grey, it saturates at once: no digit in 7,800 updates.)
- Discriminator and generator are both updated on every batch (k = 1), the generator on the same noise.
- The discriminator's loss is the sum of eq. 1's two terms (the authors' code: their mean).
- The paper stops early by validation; the plan is a fixed 200 epochs of MNIST's 50,000 training images.
- For the settings of other papers: `layers` gives the generator any tanh layers in place of two ReLU layers, with
  Glorot's initial weights; `optimizer: adam` and `generator_lr`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import SGD, Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import functional, mlp
from paragone.models.layers.maxout import Maxout


def _init(module: nn.Module, irange: float) -> None:
    """Weights uniform in [-irange, irange], biases 0."""
    if isinstance(module, nn.Linear):
        nn.init.uniform_(module.weight, -irange, irange)
        nn.init.zeros_(module.bias)


def _glorot(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


class GAN(Model):
    """The original GAN: a ReLU generator and a maxout discriminator with dropout, both fully connected."""

    title = "GAN"
    paper = "Goodfellow et al., 2014"
    plan = Plan(kimg=10_000, batch=100)
    generator = "generator"
    capabilities = frozenset({"decode", "latents"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        loss: Literal["non-saturating", "minimax"] = "non-saturating"
        z_dim: int = 100
        hidden: int = 1200  # units of the generator's two hidden layers
        layers: tuple[int, ...] = ()  # units of each of its hidden layers, with tanh; empty: two of `hidden`, with ReLU
        units: int = 240  # maxout units of the discriminator's two hidden layers
        pieces: int = 5  # linear pieces of a maxout unit
        irange: float = 0.05  # the generator's weights start within it; narrower layers need more
        dropout_input: float = 0.2
        dropout: float = 0.5
        optimizer: Literal["sgd", "adam"] = "sgd"
        lr: float = 0.1
        generator_lr: float | None = None  # none: `lr`
        momentum: float = 0.5  # the decay of Adam's first moment

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg, self.shape, pixels = cfg, spec.shape, prod(spec.shape)
        activation = nn.Tanh if cfg.layers else nn.ReLU
        _, *layers = mlp.encoder([cfg.z_dim], cfg.layers or [cfg.hidden] * 2, pixels, activation)  # but for its Flatten
        self.G = nn.Sequential(*layers)
        self.D = nn.Sequential(
            *(nn.Flatten(), nn.Dropout(cfg.dropout_input), Maxout(pixels, cfg.units, cfg.pieces)),
            *(nn.Dropout(cfg.dropout), Maxout(cfg.units, cfg.units, cfg.pieces)),
            *(nn.Dropout(cfg.dropout), nn.Linear(cfg.units, 1)),
        )
        self.mean = nn.Parameter(torch.full((pixels,), 0.5))  # the mean image, which the generator's output starts from
        self.G.apply(_glorot if cfg.layers else partial(_init, irange=cfg.irange))
        self.D.apply(partial(_init, irange=0.005))

    def optimizers(self) -> dict[str, Optimizer]:
        cfg = self.cfg
        start = SGD([self.mean], self.mean.numel() / 2)  # one step of this length ends at the minimum
        nets = {"discriminator": (self.D, cfg.lr), "generator": (self.G, cfg.generator_lr or cfg.lr)}
        return {"start": start, **{k: self._optimizer(net, lr) for k, (net, lr) in nets.items()}}

    def _optimizer(self, net: nn.Module, lr: float) -> Optimizer:
        if self.cfg.optimizer == "adam":
            return Adam(net.parameters(), lr, (self.cfg.momentum, 0.999), fused=True)
        return SGD(net.parameters(), lr, self.cfg.momentum, fused=True)

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x = batch["image"]  # (B,C,H,W)
        if progress.step == 0:
            yield Update("start", mse_loss(self.mean, ((x + 1) / 2).mean(0).flatten()))
        fake = self.sample(len(x))
        loss = functional.logistic_discriminator_loss(self._logits(x), self._logits(fake.detach()))
        yield Update("discriminator", loss, drawn=len(x))
        logits = self._logits(fake)
        if self.cfg.loss == "minimax":
            yield Update("generator", functional.minimax_generator_loss(logits))
        else:
            yield Update("generator", functional.nonsaturating_generator_loss(logits))

    def _logits(self, x: Tensor) -> Tensor:
        return self.D((x + 1) / 2)  # the paper's images are in [0,1]: dropout leaves black as it is

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """G(z), z ~ N(0, I)."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """z ~ N(0, I), (n,z_dim)."""
        return torch.randn(n, self.cfg.z_dim, device=self.mean.device)

    def decode(self, z: Tensor) -> Tensor:
        """G(z): (B,z_dim) -> (B,C,H,W) in [-1,1]."""
        h = self.G(z).float() + self.mean.logit(eps=0.01)
        return torch.tanh(h / 2).view(len(z), *self.shape)  # 2 sigmoid(h) - 1: the paper's sigmoid, to [-1,1]
