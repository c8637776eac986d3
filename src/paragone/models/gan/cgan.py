"""CGAN: conditional generative adversarial nets.

Mirza, Osindero 2014, https://arxiv.org/abs/1411.1784: the class is an input of both networks.

    eq. 2    min_G max_D  E[log D(x|y)] + E[log(1 - D(G(z|y)))]

Networks and hyper-parameters are those of section 4.1 (MNIST): z is uniform; z (or x) and the one-hot label have a
hidden layer each and then a common one, in the generator of ReLUs, in the discriminator of maxout units.

Deviations:
- z lies in [-1,1], not in the unit hypercube: the same family of functions, but from [0,1] the convolutional generator
  learned to ignore z (one image per class on packaged MNIST).
- The generator's loss is the non-saturating one of Goodfellow et al. 2014; it is updated on the same noise and labels
  as the discriminator. Generated images take the labels of the real batch.
- Momentum and learning rate stay where they start (the paper raises the one from 0.5 to 0.7 and divides the other by
  1.00004 an update). The paper stops early by validation; the plan is 200 epochs of MNIST's 50,000 training images.
- The generator's output starts from the mean image, an update of its own at step 0, as in `gan.py`.
- `network: conv` has DCGAN's networks (see `layers.dcgan`, 4 x 4 kernels): the generator takes the one-hot
  label beside z, the discriminator one constant channel per class.

The paper's networks need the paper's budget. With half of their units and batches of 25, after 8,000 updates on
packaged MNIST (2 % of the plan's images), 0 and 6 look round and 1, 4, 7 and 9 are strokes: label accuracy 22 %, where
the convolutional networks reach 98 % in half the updates. Dropout leaves speckle in the training's generated images,
which the discriminator sees at once (its loss 0.4, the generator's 6.9).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, one_hot, relu
from torch.optim import SGD, Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update, class_labels
from paragone.models.layers import dcgan, functional
from paragone.models.layers.maxout import Maxout


def _init(irange: float, *layers: nn.Linear) -> None:
    """Weights uniform in [-irange, irange], biases 0, as in `gan.py`."""
    for layer in layers:
        nn.init.uniform_(layer.weight, -irange, irange)
        nn.init.zeros_(layer.bias)


class Generator(nn.Module):
    """z (B,z_dim) and y (B,K) one-hot -> (B,pixels) before the tanh."""

    def __init__(self, cfg: "CGAN.Config", classes: int, pixels: int) -> None:
        super().__init__()
        hidden = cfg.hidden
        self.z, self.y = nn.Linear(cfg.z_dim, hidden[0]), nn.Linear(classes, hidden[1])
        self.joint, self.out = nn.Linear(hidden[0] + hidden[1], hidden[2]), nn.Linear(hidden[2], pixels)
        self.dropout = nn.Dropout(cfg.dropout)
        _init(cfg.irange, self.z, self.y, self.joint, self.out)
        self.mean = nn.Parameter(torch.full((pixels,), 0.5))  # the mean image in [0,1], which the output starts from

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        h = self.dropout(relu(torch.cat([self.z(z), self.y(y)], 1)))
        h = self.out(self.dropout(relu(self.joint(h)))).float() + self.mean.logit(eps=0.01)
        return h / 2  # tanh(h / 2) = 2 sigmoid(h) - 1: the paper's sigmoid, from [0,1] to [-1,1]


class Discriminator(nn.Module):
    """x (B,C,H,W) and y (B,K) one-hot -> (B,1) logits."""

    def __init__(self, cfg: "CGAN.Config", classes: int, pixels: int) -> None:
        super().__init__()
        units = cfg.units
        self.x, self.y = Maxout(pixels, units[0], 5), Maxout(classes, units[1], 5)
        self.joint, self.out = Maxout(units[0] + units[1], units[2], 4), nn.Linear(units[2], 1)
        self.dropout = nn.Dropout(cfg.dropout)
        _init(0.005, self.x, self.joint, self.out)  # y keeps torch's wider start

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        x = (x.flatten(1) + 1) / 2  # the paper's images are in [0,1]
        h = self.dropout(torch.cat([self.x(x), self.y(y)], 1))
        return self.out(self.dropout(self.joint(h)))


class ConvGenerator(nn.Module):
    """z (B,z_dim) and y (B,K) one-hot -> (B,C,H,W) before the tanh."""

    def __init__(self, z_dim: int, classes: int, shape: tuple[int, int, int], width: int) -> None:
        super().__init__()
        self.net = dcgan.Generator(z_dim + classes, shape, width, kernel=4)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.net(torch.cat([z, y], 1))


class ConvDiscriminator(nn.Module):
    """x (B,C,H,W) and y (B,K) one-hot -> (B,1) logits."""

    def __init__(self, shape: tuple[int, int, int], classes: int, width: int) -> None:
        super().__init__()
        self.net = dcgan.Discriminator((shape[0] + classes, *shape[1:]), width, kernel=4)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.net(torch.cat([x, y[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1))


class CGAN(Model):
    """A GAN of images and their classes."""

    title = "CGAN"
    paper = "Mirza & Osindero, 2014"
    plan = Plan(kimg=10_000, batch=100)
    generator = "generator"
    capabilities = frozenset({"decode", "latents"})
    needs = frozenset({"image", "label"})
    latent_prior = "uniform"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        network: Literal["mlp", "conv"] = "mlp"
        z_dim: int = 100
        hidden: tuple[int, int, int] = (200, 1000, 1200)  # generator: for z, for y, for both
        units: tuple[int, int, int] = (240, 50, 240)  # discriminator: for x, for y, for both
        dropout: float = 0.5
        irange: float = 0.05  # mlp: the generator's weights start within it; narrower layers need more
        width: int = 64  # conv: channels next to the image
        optimizer: Literal["sgd", "adam"] = "sgd"
        lr: float = 0.1
        momentum: float = 0.5  # Adam's first, whose second is 0.999

        def __post_init__(self) -> None:
            for name in ("z_dim", "width"):
                if getattr(self, name) < 1:
                    raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
            for name in ("hidden", "units"):
                if min(getattr(self, name)) < 1:
                    raise ValueError(f"{name} is {getattr(self, name)}; each must be at least 1")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg, self.shape, self.classes, pixels = cfg, spec.shape, spec.classes, prod(spec.shape)
        if cfg.network == "mlp":
            self.G: nn.Module = Generator(cfg, spec.classes, pixels)
            self.D: nn.Module = Discriminator(cfg, spec.classes, pixels)
        else:
            self.G = ConvGenerator(cfg.z_dim, spec.classes, spec.shape, cfg.width)
            self.D = ConvDiscriminator(spec.shape, spec.classes, cfg.width)
            self.apply(dcgan.init_weights)

    def optimizers(self) -> dict[str, Optimizer]:
        cfg, nets = self.cfg, {"discriminator": self.D, "generator": self.G}
        made: dict[str, Optimizer] = {}
        if isinstance(self.G, Generator):
            made["start"] = SGD([self.G.mean], self.G.mean.numel() / 2)  # one step of this length ends at the minimum
        for name, net in nets.items():
            weights = [p for key, p in net.named_parameters() if key != "mean"]
            if cfg.optimizer == "sgd":
                made[name] = SGD(weights, cfg.lr, cfg.momentum, fused=True)
            else:
                made[name] = Adam(weights, cfg.lr, (cfg.momentum, 0.999), fused=True)
        return made

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x, label = batch["image"], batch["label"]  # (B,C,H,W), (B,)
        if progress.step == 0 and isinstance(self.G, Generator):
            yield Update("start", mse_loss(self.G.mean, ((x + 1) / 2).mean(0).flatten()))
        y = one_hot(label, self.classes).float()  # (B,K)
        fake = self.decode(self.latents(len(x)), label)
        loss = functional.logistic_discriminator_loss(self.D(x, y), self.D(fake.detach(), y))
        yield Update("discriminator", loss, drawn=len(x))
        yield Update("generator", functional.nonsaturating_generator_loss(self.D(fake, y)))

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """G(z|y), z uniform in [-1,1], of the classes `cond` (n,), uniformly drawn ones if None."""
        z = self.latents(n)
        return self.decode(z, class_labels(cond, n, self.classes, z.device))

    def latents(self, n: int) -> Tensor:
        """z uniform in [-1,1], (n,z_dim)."""
        return 2 * torch.rand(n, self.cfg.z_dim, device=next(self.G.parameters()).device) - 1

    def decode(self, z: Tensor, label: Tensor) -> Tensor:
        """G(z|y): (B,z_dim) and labels (B,) -> (B,C,H,W) in [-1,1]."""
        y = one_hot(label, self.classes).float()
        return torch.tanh(self.G(z, y).float()).view(len(z), *self.shape)
