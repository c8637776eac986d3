"""The prior of a VQ-VAE: an autoregressive model of its codes, through which it samples.

Neural Discrete Representation Learning. Aaron van den Oord, Oriol Vinyals, Koray Kavukcuoglu, 2017,
https://arxiv.org/abs/1711.00937, section 3.3: once the VQ-VAE (the parent `vq_vae`) is trained, fit an autoregressive
distribution over its codes in raster order by maximum likelihood; draw codes from it, one after another, and decode
them.

    section 3.3    p(z) = prod_j p(z_j|z_1..z_{j-1})

Deviations: the autoregressive network is a causal transformer (layers/transformer.py) in place of the paper's gated
PixelCNN; the paper names no size, optimiser or budget for its prior, so these are ours, as are dropout and weight
decay. The log-likelihood of codes is not one of images (the decoder has no density on 8-bit images), so no bound is
given.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import AdamW, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers.transformer import CausalTransformer


class VQPrior(Model):
    title = "VQ-VAE + prior"
    paper = "van den Oord et al., 2017"
    plan = Plan(kimg=12_800, batch=128, warmup_kimg=128, decay="cosine", clip_norm=1.0)
    parents = frozenset({"vq_vae"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = 256
        depth: int = 8
        heads: int = 8
        dropout: float = 0.1
        lr: float = 3e-4
        weight_decay: float = 0.05

    def __init__(self, cfg: Config, spec: Spec, *, vq_vae: Any) -> None:
        super().__init__(vq_vae=vq_vae)
        self.cfg = cfg
        self.grid: tuple[int, int] = vq_vae.grid
        self.prior = CausalTransformer(
            vq_vae.cfg.codes, self.grid[0] * self.grid[1], width=cfg.width, depth=cfg.depth, heads=cfg.heads,
            dropout=cfg.dropout,
        )  # fmt: skip

    @property
    def vq_vae(self) -> Any:
        return self.frozen["vq_vae"]

    def optimizers(self) -> dict[str, Optimizer]:
        groups = [
            {"params": [p for p in self.prior.parameters() if p.ndim > 1], "weight_decay": self.cfg.weight_decay},
            {"params": [p for p in self.prior.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
        return {"prior": AdamW(groups, self.cfg.lr, betas=(0.9, 0.98), fused=True)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        codes = self._codes(batch["image"])
        yield Update("prior", cross_entropy(self.prior(codes).flatten(0, 1), codes.flatten()))  # nats a code

    @torch.no_grad()
    def _codes(self, x: Tensor) -> Tensor:
        """The parent's codes of images x (B,C,H,W) in raster order, (B,h w) int64."""
        return self.vq_vae.encode(x).flatten(1)

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        return self.vq_vae.decode(self.prior.sample(n).view(n, *self.grid))
