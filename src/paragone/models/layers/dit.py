"""DiT: a diffusion transformer over the patches of an image, with adaptive layer norms.

Peebles and Xie 2023, "Scalable Diffusion Models with Transformers", https://arxiv.org/abs/2212.09748: the block
"adaLN-Zero" of section 3.2, whose residual branches start at zero, patches as tokens with fixed sinusoidal positions
of two dimensions, MLPs of 4 times the width, and a linear layer back to patches that starts at zero.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, pixel_shuffle, unfold

from paragone.models.layers.attention import attend
from paragone.models.layers.unet import timestep_embedding


class DiT(nn.Module):
    """x (B,C_in,S,S), t (B,), context (B,L,context) if any -> (B,C_out,S,S).

    patch: side of a patch, one token each; overlap: pixels around a patch that its token sees besides (0: the paper's
    network); depth: blocks; context: width of the tokens whose mean is added to the embedding of the time (a class
    label is one token).
    Raises ValueError if the patches do not tile the image, or for a width that heads or positions cannot share.
    """

    def __init__(
        self, c_in: int, c_out: int, size: int, *, patch: int, width: int, depth: int, heads: int,
        dropout: float = 0.0, context: int = 0, overlap: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        if size % patch:
            raise ValueError(f"images of {size} pixels do not suit patch {patch}: the side must be a multiple of it")
        if width % heads or width % 8:
            raise ValueError(f"width is {width}; it must be a multiple of 8 and of the heads ({heads})")
        self.width, self.patch, self.overlap = width, patch, overlap
        self.stem = nn.Linear(c_in * (patch + 2 * overlap) ** 2, width)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.context = nn.Linear(context, width) if context else None
        self.register_buffer("position", positions(size // patch, width), persistent=False)
        self.blocks = nn.ModuleList(DiTBlock(width, heads, dropout) for _ in range(depth))
        self.modulation, self.head = nn.Linear(width, 2 * width), nn.Linear(width, c_out * patch**2)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                module.bias.detach().zero_()
        if self.overlap:  # what a token sees besides its patch is unheard at first, so that training begins as without
            window = self.stem.weight.detach().view(self.width, -1, *[self.patch + 2 * self.overlap] * 2)
            inner = slice(self.overlap, self.overlap + self.patch)
            patch = nn.init.xavier_uniform_(torch.empty_like(window[:, :, inner, inner]).flatten(1))
            window.zero_()
            window[:, :, inner, inner] = patch.view_as(window[:, :, inner, inner])
        # the authors' 0.02 suits their widths, 384 to 1,152; in narrower networks it leaves the time all but unheard
        std = 0.02 if self.width >= 384 else (2 / self.width) ** 0.5
        for module in self.time.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=std)
        for module in self.modules():
            if isinstance(module, DiTBlock):
                nn.init.zeros_(module.modulation.weight)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.head.weight)

    def forward(self, x: Tensor, t: Tensor, context: Tensor | None = None) -> Tensor:
        c = self.time(timestep_embedding(t, self.width))  # (B,width)
        if self.context is not None and context is not None:
            c = c + self.context(context.mean(1))
        c = nn.functional.silu(c)
        patches = unfold(x, self.patch + 2 * self.overlap, padding=self.overlap, stride=self.patch)
        h = self.stem(patches.transpose(1, 2)) + self.position  # (B,T,width)
        for block in self.blocks:
            h = block(h, c)
        shift, scale = self.modulation(c)[:, None].chunk(2, 2)
        h = self.head(modulate(h, shift, scale)).transpose(1, 2).unflatten(2, [x.shape[2] // self.patch] * 2)
        return pixel_shuffle(h, self.patch)


class DiTBlock(nn.Module):
    """Self-attention, then an MLP, each modulated by and gated by c (section 3.2, "adaLN-Zero").

    x (B,T,width), c (B,width) -> (B,T,width).
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width))
        self.modulation = nn.Linear(width, 6 * width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(c)[:, None].chunk(6, 2)
        qkv = self.qkv(modulate(x, shift1, scale1)).unflatten(2, (3, self.heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B,heads,T,D)
        x = x + gate1 * self.dropout(self.out(attend(q, k, v).transpose(1, 2).flatten(2)))
        return x + gate2 * self.dropout(self.mlp(modulate(x, shift2, scale2)))


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """LayerNorm without weights of its own, scaled and shifted: x (B,T,width), the others (B,1,width)."""
    return layer_norm(x.float(), x.shape[-1:], eps=1e-6) * (1 + scale) + shift


def positions(side: int, width: int) -> Tensor:
    """Sinusoids of the rows in one half of the channels and of the columns in the other: (side^2,width)."""
    half = timestep_embedding(torch.arange(side), width // 2)  # (side,width/2)
    rows, columns = half[:, None].expand(-1, side, -1), half[None].expand(side, -1, -1)
    return torch.cat([rows, columns], 2).flatten(0, 1)
