"""The priors of a VQ-VAE-2: one of the top's codes, and one of the bottom's given the top's.

Razavi, van den Oord, Vinyals 2019, https://arxiv.org/abs/1906.00446, section 3.2: once the VQ-VAE-2 (the parent
`vq_vae_2`) is trained, fit both by maximum likelihood; draw the top's codes, then the bottom's, and decode.

    algorithm 3    e_top ~ p(e_top), e_bottom ~ p(e_bottom | e_top), x = Decode(e_top, e_bottom)
    section 3.3    rejection by a classifier: of the samples drawn, those are kept that it is surest of

The bottom's prior sees the top's codes through a stack of residual blocks and a strided transposed convolution, at each
of its places (table 4: a conditioning stack). Both draw from cached activations.

With `keep` below 1, 1 / keep times as many images are drawn, and that share is kept to which the parent `classifier`
(the pipeline's own: `parents: {classifier: classifier}`) gives the highest probability of a class: quality for
diversity. Figures in the space of that classifier then flatter the row; tables say so.

Deviations:
- Gated PixelCNNs (`paragone.models.layers.gated_pixel_cnn`) in place of PixelSNAIL: the bottom's has no attention in
  the paper either (table 4), the top's has.
- Nothing is conditioned on classes. So the class of a sample is the one that the classifier gives the highest
  probability, not the one that was asked for, and classes are kept in other proportions than they are drawn in.
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
    optional_parents = frozenset({"classifier"})
    feature_parents = frozenset({"classifier"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = 512
        layers: int = 20
        kernel: int = 5
        conditioning_blocks: int = 20  # of the stack between the top's codes and the bottom's prior
        keep: float = 1.0  # share of the drawn images that the classifier lets pass; 1: all
        lr: float = 3e-4

        def __post_init__(self) -> None:
            if not 0 < self.keep <= 1:
                raise ValueError(f"keep is {self.keep}; it must be above 0 and at most 1")

    def __init__(self, cfg: Config, spec: Spec, *, vq_vae_2: Any, classifier: nn.Module | None = None) -> None:
        if "codes" not in vq_vae_2.capabilities or not hasattr(vq_vae_2, "top_grid"):
            raise ValueError(
                f"the parent vq_vae_2 is a {vq_vae_2.title}, which has no two levels of codes; "
                "give a row of the model vq_vae_2 whose quantize is true"
            )
        if cfg.keep < 1 and (classifier is None or not getattr(classifier, "tells_classes", True)):
            raise ValueError(
                f"keep is {cfg.keep}, and no parent tells the data's classes apart: set `parents: {{classifier: "
                "classifier}` beside vq_vae_2, or keep to 1"
            )
        super().__init__(vq_vae_2=vq_vae_2, **({} if classifier is None else {"classifier": classifier}))
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
        """n images of codes drawn from both priors; with `keep`, the surest of as many more."""
        pool = max(n, round(n / self.cfg.keep))
        images = torch.cat([self._draw(min(n, pool - start)) for start in range(0, pool, n)])
        if pool == n:
            return images
        surest: Tensor = self.frozen["classifier"].logits(images).double().log_softmax(1).amax(1)  # type: ignore[operator]
        return images[surest.topk(n).indices.sort().values]  # in the order in which they were drawn

    def _draw(self, n: int) -> Tensor:
        top = self.top.sample(n, self.top_grid)
        bottom = self.bottom.sample(n, self.bottom_grid, self._given(top))
        return self.vq_vae_2.decode(torch.cat([top.flatten(1), bottom.flatten(1) + self.codes_per_level], 1))
