"""The prior of a VQ-VAE: an autoregressive model of its codes, through which it samples.

Neural Discrete Representation Learning. Aaron van den Oord, Oriol Vinyals, Koray Kavukcuoglu, 2017,
https://arxiv.org/abs/1711.00937, section 3.3: once the VQ-VAE (the parent `vq_vae`) is trained, fit an autoregressive
distribution over its codes in raster order by maximum likelihood; draw codes from it, one after another, and decode
them.

    section 3.3    p(z) = prod_j p(z_j|z_1..z_{j-1})

With a VQGAN as the parent this is the transformer of Esser et al. 2021 (https://arxiv.org/abs/2012.09841, section 3.2).
Where its grid of codes is larger than a transformer can attend to, `window` is the paper's sliding window: it is
trained on patches of codes cut out at random, and a code is drawn given those before it in the patch around it, which
is moved inwards at the edges.

Deviations: the autoregressive network is a causal transformer (layers/transformer.py) in place of the paper's gated
PixelCNN; the paper names no size, optimiser or budget for its prior, so these are ours, as are dropout and weight
decay. The log-likelihood of codes is not one of images (the decoder has no density on 8-bit images), so no bound is
given.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import AdamW, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers.kept import Step, pick, waits
from paragone.models.layers.repeated import repeated
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
        window: int = 0  # side of the patch of codes that attends; 0: the whole grid does
        lr: float = 3e-4
        weight_decay: float = 0.05

        def __post_init__(self) -> None:
            if self.window == 1 or self.window < 0:
                raise ValueError(f"window is {self.window}; it must be at least 2, or 0 for the whole grid")

    def __init__(self, cfg: Config, spec: Spec, *, vq_vae: Any) -> None:
        if "codes" not in vq_vae.capabilities or not hasattr(vq_vae, "grid"):
            raise ValueError(
                f"the parent vq_vae is a {vq_vae.title} without one grid of codes; give a row of the model vq_vae or "
                "vqgan whose quantize is true"
            )
        super().__init__(vq_vae=vq_vae)
        self.cfg = cfg
        self.grid: tuple[int, int] = vq_vae.grid
        h, w = (min(cfg.window, side) if cfg.window else side for side in self.grid)
        self.patch = (h, w)  # of codes that attend
        self.prior = CausalTransformer(
            vq_vae.cfg.codes, h * w, width=cfg.width, depth=cfg.depth, heads=cfg.heads,
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
        codes = self._cut(self._codes(batch["image"]))
        yield Update("prior", cross_entropy(self.prior(codes).flatten(0, 1), codes.flatten()))  # nats a code

    @torch.no_grad()
    def _codes(self, x: Tensor) -> Tensor:
        """The parent's codes of images x (B,C,H,W) in raster order, (B,h w) int64."""
        return self.vq_vae.encode(x).flatten(1)

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        codes = self._slide(n) if self.patch != self.grid else self.prior.sample(n)
        return self.vq_vae.decode(codes.view(n, *self.grid))

    def _cut(self, codes: Tensor) -> Tensor:
        """Of each grid of codes (B,h w) a patch at random, (B,L); all of it where the window covers the grid."""
        if self.patch == self.grid:
            return codes
        (h, w), n = self.patch, len(codes)
        patches = codes.unflatten(1, self.grid).unfold(1, h, 1).unfold(2, w, 1)  # (B,rows,columns,h,w)
        row, column = (torch.randint(side, (n,), device=codes.device) for side in patches.shape[1:3])
        return patches[torch.arange(n, device=codes.device), row, column].flatten(1)

    def _slide(self, n: int) -> Tensor:
        """n grids of codes (n,h,w), each code given those before it in the patch around it."""
        where = self.prior.position.device
        patches, within = self._patches(where)
        codes = torch.zeros(n, len(patches), dtype=torch.int64, device=where)
        step = repeated(Step(partial(self._next, codes, patches, within), [codes]), len(patches))
        for place in torch.arange(len(patches), device=where).split(1):
            step(place, waits(n, self.prior.tokens, where))
        return codes.view(n, *self.grid)

    def _next(self, codes: Tensor, patches: Tensor, within: Tensor, place: Tensor, waits: Tensor) -> tuple[()]:
        """Draw the codes (n,) at a place (1,) of the grids (n,h w)."""
        patch = codes.index_select(1, patches.index_select(0, place).squeeze(0))
        logits = self.prior(patch).index_select(1, within.index_select(0, place))  # what comes later is not seen
        codes.index_copy_(1, place, pick(logits.squeeze(1), waits))
        return ()

    def _patches(self, where: torch.device) -> tuple[Tensor, Tensor]:
        """Of each place of the grid: the places of the patch around it, (h w,L), and which of them it is, (h w,)."""
        (height, width), (h, w) = self.grid, self.patch
        i, j = torch.arange(height, device=where), torch.arange(width, device=where)
        top, left = self._starts(i, 0), self._starts(j, 1)
        rows = top[:, None] + torch.arange(h, device=where)  # (height,h)
        columns = left[:, None] + torch.arange(w, device=where)  # (width,w)
        places = rows[:, None, :, None] * width + columns[None, :, None]  # (height,width,h,w)
        return places.reshape(height * width, h * w), ((i - top)[:, None] * w + j - left).flatten()

    def _starts(self, at: Tensor, axis: int) -> Tensor:
        """Where the patches of rows (or columns) begin: that row in the middle, but for the edges."""
        side, patch = self.grid[axis], self.patch[axis]
        return (at - patch // 2).clamp(0, side - patch)
