"""StyleSpace: a finished StyleGAN2, seen as a function of its channels' styles.

Wu, Lischinski, Shechtman 2021, "StyleSpace analysis: disentangled controls for StyleGAN image generation",
https://arxiv.org/abs/2011.12799. A layer's style s = A w + b scales the input channels of its convolution, one number a
channel. The space S of all these numbers is more disentangled than that of z or w: single channels change one attribute
of the image. Nothing is trained. Which channels those are is found by the study `channels`, from a few images that have
the attribute (section 4); the row stands for the space, its samples are its parent's.

    section 2     s = (A_1 w + b_1, ..., A_L w + b_L), of all convolutions and of those to colours
    section 4.2   s' = s + alpha sigma_u e_u, one channel u moved by alpha of its standard deviations

Deviations:
- A latent is s and the noise of all layers; the way between two of them is straight, in the noise too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.gan.stylegan2 import StyleGAN2
from paragone.models.gan.stylegan2_ada import StyleGAN2ADA
from paragone.models.layers.stylegan import PSI, truncate

Latents = tuple[Tensor, Tensor]  # s (n,S), and the noise of all layers (n,P)


class StyleSpace(Model):
    """A StyleGAN2 whose latents are its styles."""

    title = "StyleSpace"
    paper = "Wu et al., 2021"
    plan = Plan(kimg=0)
    parents = frozenset({"stylegan2"})
    capabilities = frozenset({"decode", "latents", "truncations"})
    latent_prior = "uniform"  # straight lines: s does not lie on a shell about 0

    @dataclass(frozen=True, kw_only=True)
    class Config:
        truncation: float = 1.0  # psi, towards the parent's mean of w

        def __post_init__(self) -> None:
            if not 0 <= self.truncation <= 1:
                raise ValueError(f"truncation is {self.truncation}; it must lie in [0, 1]")

    def __init__(self, cfg: Config, spec: Spec, stylegan2: nn.Module) -> None:
        super().__init__(stylegan2=stylegan2)
        if not isinstance(stylegan2, StyleGAN2 | StyleGAN2ADA):
            raise ValueError(
                f"StyleSpace is a StyleGAN2's and its parent is a {type(stylegan2).__name__}; "
                "name a StyleGAN2 row as the parent `stylegan2`"
            )
        self.cfg = cfg
        layers: Any = (*stylegan2.synthesis.convs, *stylegan2.synthesis.rgb)
        self.sizes = [len(layer.style.bias) for layer in layers]  # channels of each convolution

    @property
    def stylegan2(self) -> StyleGAN2 | StyleGAN2ADA:
        parent = self.frozen["stylegan2"]
        assert isinstance(parent, StyleGAN2 | StyleGAN2ADA)
        return parent

    def optimizers(self) -> dict[str, Optimizer]:
        return {}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        yield from ()

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """The parent's images."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Latents:
        """The styles s (n,S) of draws of the parent's z, and the noise of all layers, (n,P)."""
        parent = self.stylegan2
        z, noise = parent.latents(n)
        w = truncate(parent.mapping(z), parent.w_mean, self.cfg.truncation)
        return torch.cat(parent.synthesis.styles(w[:, None].expand(-1, parent.synthesis.layers, -1)), 1), noise

    def decode(self, z: Latents) -> Tensor:
        """Latents of B images -> (B,C,H,W) in [-1,1]."""
        return self.stylegan2.synthesis.draw(z[0].split(self.sizes, 1), z[1]).float().clamp(-1, 1)

    def truncations(self) -> tuple[float, ...]:
        """psi, from the parent's mean of w to none."""
        return PSI
