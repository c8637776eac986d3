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

With `labels` the codes know of classes, and samples are drawn by class:

    adversary        section 2.3: p(z) is a mixture with one component per class in the first two latents (figure 4: on
                     a circle); the discriminator gets the component of a draw, the class of an image's code.
                     `encode` and `decode` speak of the latent within its component, N(0, prior_std^2 I) in every class
    decoder          section 4, supervised: the decoder is told the class, so the code holds the style alone
    both             as `decoder`, and the adversary is told the class of an image's code and of a draw: it holds the
                     codes of each class to the prior, not their mixture alone, in which a code may still tell its class

With `categories` it clusters (section 6): the encoder also predicts one of them by a softmax, which a second adversary
compares with uniform one-hot draws; the decoder gets the category beside the latent, which is left to hold the style.

Deviations:
- `both` is not in the paper, whose section 4 leaves the adversary without labels.
- The paper gives figure 4's mixture no numbers. Here component k of K is at 2 prior_std from the centre, at the
  angle 2 pi k / K, with half of prior_std along the radius and a sixth of the distance to its neighbour across.
- Learning rates fall as a cosine (the paper: by 10 after 50 and after 1000 epochs).
- No semi-supervised classification (section 5): with `labels` every image's label is known. None of the input dropout
  and batch normalisation that the paper uses for clustering.
- `network: conv` is DCGAN's pair (see `paragone.models.layers.dcgan`, 4 x 4 kernels) of channels `width` as encoder and
  decoder, and `optimizer: adam` replaces gradient descent (its first moment decays by the momentum), where the budget
  is short or the images are large.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.optim import SGD, Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update, class_labels
from paragone.models.layers import functional, mlp
from paragone.models.layers.dcgan import Discriminator, Generator


def _init(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
        nn.init.zeros_(module.bias)


class AAE(Model):
    """An autoencoder whose codes an adversary compares with a normal prior."""

    title = "AAE"
    paper = "Makhzani et al., 2015"
    plan = Plan(kimg=300_000, batch=100, decay="cosine")
    generator = "autoencoder"
    capabilities = frozenset({"cluster", "decode", "encode", "latents", "reconstruct"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        labels: Literal["none", "adversary", "decoder", "both"] = "none"
        network: Literal["mlp", "conv"] = "mlp"
        categories: int = 0  # that it finds without labels
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
            if self.categories and (self.labels != "none" or self.categories < 2):
                raise ValueError(
                    f"categories is {self.categories} and labels {self.labels}; give 2 or more, and labels: none"
                )
            if self.labels == "adversary" and self.z_dim < 2:
                raise ValueError(
                    f"z_dim is {self.z_dim}; labels in the adversary need at least 2, a plane of components"
                )

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg, self.classes = cfg, spec.classes
        if cfg.labels != "none":
            if spec.classes < 2:
                raise ValueError(
                    f"labels is {cfg.labels}, but this data set has {spec.classes} classes: choose one with labels"
                )
            self.needs = frozenset({"image", "label"})
        classes = {name: spec.classes * (cfg.labels in (name, "both")) for name in ("adversary", "decoder")}
        hidden, codes = [cfg.hidden] * 2, cfg.z_dim + cfg.categories
        if cfg.network == "conv":
            self.encoder: nn.Module = Discriminator(spec.shape, cfg.width, out=codes, kernel=4)
            self.decoder: nn.Module = Generator(codes + classes["decoder"], spec.shape, cfg.width, kernel=4)
        else:
            self.encoder = mlp.encoder(spec.shape, hidden, codes, nn.ReLU).apply(_init)
            self.decoder = mlp.decoder(codes + classes["decoder"], hidden, spec.shape, nn.ReLU).apply(_init)
        self.D = mlp.encoder([cfg.z_dim + classes["adversary"]], hidden, 1, nn.ReLU)
        self.D_categories = mlp.encoder([cfg.categories], hidden, 1, nn.ReLU) if cfg.categories else nn.Sequential()
        if not cfg.categories:
            self.capabilities = self.capabilities - {"cluster"}
        if cfg.optimizer == "sgd":
            self.D.apply(_init)
            self.D_categories.apply(_init)

    def optimizers(self) -> dict[str, Optimizer]:
        cfg = self.cfg
        phases = {
            "autoencoder": ([*self.encoder.parameters(), *self.decoder.parameters()], cfg.lr, cfg.momentum),
            "discriminator": (
                [*self.D.parameters(), *self.D_categories.parameters()],
                cfg.adversary_lr,
                cfg.adversary_momentum,
            ),
            "generator": (list(self.encoder.parameters()), cfg.adversary_lr, cfg.adversary_momentum),
        }
        if cfg.optimizer == "adam":
            return {name: Adam(p, lr, (momentum, 0.999), fused=True) for name, (p, lr, momentum) in phases.items()}
        return {name: SGD(p, lr, momentum, fused=True) for name, (p, lr, momentum) in phases.items()}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x, y = batch["image"], batch.get("label")  # (B,C,H,W), (B,)
        error = (self._image(self._code(x), y) - x) / 2  # of intensities in [0,1]
        yield Update("autoencoder", error.square().flatten(1).sum(1).mean() / 2)
        code, prior = self._code(x), self._placed(self.latents(len(x)), y)  # (B,z)
        judged = zip(self._judged(prior, y), self._judged(code.detach(), y), strict=True)
        loss = torch.stack([functional.logistic_discriminator_loss(real, fake) for real, fake in judged]).sum()
        yield Update("discriminator", loss, {"code_std": code[:, : self.cfg.z_dim].detach().std()})
        judged_code = self._judged(code, y)
        yield Update("generator", torch.stack([functional.nonsaturating_generator_loss(c) for c in judged_code]).sum())

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """decode(z), z ~ N(0, prior_std^2 I)."""
        if self.cfg.labels == "none":
            return self.decode(self.latents(n))
        y = class_labels(cond, n, self.classes, next(self.parameters()).device)
        return self.decode(self.latents(n), y)

    def latents(self, n: int) -> Tensor:
        """z ~ N(0, prior_std^2 I), (n,z_dim); with categories, each beside a one-hot one, (n,z_dim + categories)."""
        device, categories = next(self.parameters()).device, self.cfg.categories
        z = self.cfg.prior_std * torch.randn(n, self.cfg.z_dim, device=device)
        if not categories:
            return z
        return torch.cat([z, one_hot(torch.randint(categories, (n,), device=device), categories)], dim=1)

    def cluster(self, x: Tensor) -> Tensor:
        """The category of images (B,C,H,W): (B,)."""
        return self._code(x)[:, self.cfg.z_dim :].argmax(1)

    def encode(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        """The latent: (B,C,H,W) in [-1,1] -> (B,z_dim)."""
        return self._placed(self._code(x), cond, back=True)

    def decode(self, z: Tensor, cond: Tensor | None = None) -> Tensor:
        """(B,z_dim) -> (B,C,H,W) in [-1,1]."""
        return self._image(self._placed(z, cond), cond)

    def reconstruct(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        """decode(encode(x)): (B,C,H,W) in [-1,1] -> the same."""
        return self._image(self._code(x), cond)

    def _code(self, x: Tensor) -> Tensor:
        code = self.encoder((x + 1) / 2).float()
        z, categories = code.split([self.cfg.z_dim, self.cfg.categories], dim=1)
        return torch.cat([z, categories.softmax(1)], dim=1) if self.cfg.categories else code

    def _image(self, code: Tensor, y: Tensor | None) -> Tensor:
        code_and_label = self._with_label(code, y) if self.cfg.labels in ("decoder", "both") else code
        return torch.tanh(self.decoder(code_and_label).float() / 2)  # 2 sigmoid(h) - 1

    def _judged(self, code: Tensor, y: Tensor | None) -> list[Tensor]:
        """The logits (B,1) of the discriminator, and of that of the categories where there are any."""
        if self.cfg.categories:
            z, categories = code.split([self.cfg.z_dim, self.cfg.categories], dim=1)
            return [self.D(z), self.D_categories(categories)]
        return [self.D(self._with_label(code, y) if self.cfg.labels in ("adversary", "both") else code)]

    def _with_label(self, code: Tensor, y: Tensor | None) -> Tensor:
        assert y is not None
        return torch.cat([code, one_hot(y, self.classes)], dim=1)

    def _placed(self, z: Tensor, y: Tensor | None, *, back: bool = False) -> Tensor:
        """Latents (B,z_dim) as codes in their classes' components (labels: adversary); the other way with `back`."""
        if self.cfg.labels != "adversary":
            return z
        assert y is not None
        angle = 2 * math.pi * y / self.classes
        axis = torch.arange(z.shape[1], device=z.device)
        across = 2 / 3 * math.sin(math.pi / self.classes)
        scale = torch.where(axis == 0, 0.5, torch.where(axis == 1, across, 1.0))
        shift = torch.where(axis == 0, 2 * self.cfg.prior_std, 0.0)
        return (_turned(z, -angle) - shift) / scale if back else _turned(shift + scale * z, angle)


def _turned(z: Tensor, angle: Tensor) -> Tensor:
    """The first two coordinates of z (B,z_dim) turned by an angle (B,)."""
    cos, sin, a, b = angle.cos(), angle.sin(), z[:, 0], z[:, 1]
    return torch.cat([torch.stack([cos * a - sin * b, sin * a + cos * b], dim=1), z[:, 2:]], dim=1)
