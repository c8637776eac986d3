"""Gated PixelCNN: images pixel by pixel, each given all before it.

Van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves, Kavukcuoglu 2016, "Conditional Image Generation with PixelCNN
Decoders", https://arxiv.org/abs/1606.05328. The network is in `paragone.models.layers.gated_pixel_cnn`.

    eq. 1           p(x) = prod_i p(x_i | x_1..x_{i-1}), row by row, red before green before blue
    eq. 2           y = tanh(W_f * x) sigmoid(W_g * x)
    eq. 4           y = tanh(W_f * x + V_f^T h) sigmoid(W_g * x + V_g^T h), h the class (one-hot), with `conditional`
    section 2.2     a vertical and a horizontal stack of convolutions, without a blind spot
    section 3.2     ImageNet 32 x 32, the defaults here: 20 layers of 384 feature maps, 5 x 5 kernels, 200,000 updates
                    of 128 images

Each pixel is one of 256 levels by a softmax, so the likelihood is exact, and training minimises bits per dimension.

Sampling keeps the activations of the pixels drawn (Ramachandran et al. 2017, https://arxiv.org/abs/1704.06001): all
in all the work of one pass over the image, where the plain loop makes one pass a pixel.

Deviations: Adam; the paper names neither optimiser nor learning rate.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update, class_labels
from paragone.models.layers.gated_pixel_cnn import GatedPixelCNN


class PixelCNN(Model):
    """An autoregressive model of 8-bit pixels."""

    title = "PixelCNN"
    paper = "van den Oord et al., 2016"
    plan = Plan(kimg=25_600, batch=128)
    capabilities = frozenset({"log_likelihood"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        conditional: bool = False  # on the class
        layers: int = 20
        width: int = 384  # feature maps; with three colours, a third for each
        kernel: int = 5
        lr: float = 3e-4

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        if cfg.conditional:
            if not spec.classes:
                raise ValueError("conditional is true and the data set has no labels; choose a data set with labels")
            self.needs = self.needs | {"label"}
        self.cfg, self.shape, self.classes = cfg, spec.shape, spec.classes
        self.net = GatedPixelCNN(
            spec.shape[0], 256, width=cfg.width, layers=cfg.layers, kernel=cfg.kernel,
            condition=spec.classes if cfg.conditional else 0,
        )  # fmt: skip

    def optimizers(self) -> dict[str, Optimizer]:
        return {"pixel_cnn": Adam(self.parameters(), self.cfg.lr, fused=True)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        levels, given = _levels(batch["image"]), self._given(batch.get("label"))
        nats = cross_entropy(self.net(levels, given).transpose(1, 2), levels)
        yield Update("pixel_cnn", nats / math.log(2))  # bits per dimension

    def log_likelihood(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        """log P(x), given the labels cond (B,) where conditional, in nats, (B,)."""
        levels = _levels(x)
        logits = self.net(levels, self._given(cond))
        return -cross_entropy(logits.transpose(1, 2), levels, reduction="none").flatten(1).sum(1)

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """n images, pixel by pixel."""
        _, h, w = self.shape
        labels = class_labels(cond, n, self.classes, next(self.parameters()).device) if self.cfg.conditional else None
        return self.net.sample(n, (h, w), self._given(labels)).float() / 127.5 - 1

    def _given(self, labels: Tensor | None) -> Tensor | None:
        """What the network is conditioned on: the classes (B,K,1,1), or nothing."""
        if not self.cfg.conditional or labels is None:
            return None
        return one_hot(labels, self.classes).float()[:, :, None, None]


def _levels(x: Tensor) -> Tensor:
    """Images in [-1,1] -> their levels 0 to 255, int64."""
    return ((x.float() + 1) * 127.5).round().long()
