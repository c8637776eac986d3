"""The priors of a VQ-VAE-2: one of the top's codes, and one of the bottom's given the top's.

Razavi, van den Oord, Vinyals 2019, https://arxiv.org/abs/1906.00446, section 3.2: once the VQ-VAE-2 (the parent
`vq_vae_2`) is trained, fit both by maximum likelihood; draw the top's codes, then the bottom's, and decode.

    algorithm 3    e_top ~ p(e_top), e_bottom ~ p(e_bottom | e_top), x = Decode(e_top, e_bottom)

The bottom's prior sees the top's codes through a stack of residual blocks and a strided transposed convolution, at each
of its places (table 4: a conditioning stack). Both draw from cached activations.

Deviations:
- Gated PixelCNNs (`paragone.models.layers.gated_pixel_cnn`) in place of PixelSNAIL: the bottom's has no attention in
  the paper either (table 4), the top's has. Nothing is conditioned on classes, and no classifier rejects samples.
- Adam; the plan is the bottom's in the paper (754,000 steps of 512 images).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers.gated_pixel_cnn import GatedPixelCNN
from paragone.models.vq.vq_vae_2 import ResBlock


class VQPrior2(Model):
    """Two autoregressive models of codes."""

    title = "VQ-VAE-2 + priors"
    paper = "Razavi et al., 2019"
    plan = Plan(kimg=386_048, batch=512)
    generator = "bottom"
    parents = frozenset({"vq_vae_2"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = 512
        layers: int = 20
        kernel: int = 5
        conditioning_blocks: int = 20  # of the stack between the top's codes and the bottom's prior
        lr: float = 3e-4

    def __init__(self, cfg: Config, spec: Spec, *, vq_vae_2: Any) -> None:
        if "codes" not in vq_vae_2.capabilities or not hasattr(vq_vae_2, "top_grid"):
            raise ValueError(
                f"the parent vq_vae_2 is a {vq_vae_2.title}, which has no two levels of codes; "
                "give a row of the model vq_vae_2 whose quantize is true"
            )
        super().__init__(vq_vae_2=vq_vae_2)
        codes: int = vq_vae_2.cfg.codes
        self.cfg, self.codes_per_level = cfg, codes
        self.top_grid: tuple[int, int] = vq_vae_2.top_grid
        self.bottom_grid: tuple[int, int] = vq_vae_2.bottom_grid
        sizes = {"width": cfg.width, "layers": cfg.layers, "kernel": cfg.kernel, "embedding": cfg.width}
        self.top = GatedPixelCNN(1, codes, **sizes)
        self.bottom = GatedPixelCNN(1, codes, **sizes, condition=cfg.width)
        self.embedding = nn.Embedding(codes, cfg.width)
        self.stack = nn.Sequential(
            nn.Conv2d(cfg.width, cfg.width, 3, padding=1),
            *(ResBlock(cfg.width, cfg.width) for _ in range(cfg.conditioning_blocks)),
            nn.ReLU(), nn.ConvTranspose2d(cfg.width, cfg.width, 4, stride=2, padding=1),
        )  # fmt: skip

    @property
    def vq_vae_2(self) -> Any:
        return self.frozen["vq_vae_2"]

    def optimizers(self) -> dict[str, Optimizer]:
        bottom = [p for net in (self.bottom, self.embedding, self.stack) for p in net.parameters()]
        return {
            "top": Adam(self.top.parameters(), self.cfg.lr, fused=True),
            "bottom": Adam(bottom, self.cfg.lr, fused=True),
        }

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        top, bottom = self._codes(batch["image"])  # (B,1,h,w) each
        yield Update("top", cross_entropy(self.top(top).transpose(1, 2), top))  # nats a code
        logits = self.bottom(bottom, self._given(top))
        yield Update("bottom", cross_entropy(logits.transpose(1, 2), bottom))

    @torch.no_grad()
    def _codes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The parent's codes of images x (B,C,H,W): (B,1,h,w) int64 each."""
        top, bottom = self.vq_vae_2.split(self.vq_vae_2.encode(x))
        return top[:, None], bottom[:, None]

    def _given(self, top: Tensor) -> Tensor:
        """What the bottom's prior sees of the top's codes (B,1,h,w): (B,width,2h,2w)."""
        return self.stack(self.embedding(top.squeeze(1)).movedim(-1, 1))

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """n images of codes drawn from both priors."""
        top = self.top.sample(n, self.top_grid)
        bottom = self.bottom.sample(n, self.bottom_grid, self._given(top))
        return self.vq_vae_2.decode(torch.cat([top.flatten(1), bottom.flatten(1) + self.codes_per_level], 1))
