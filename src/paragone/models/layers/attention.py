"""Softmax attention, over the positions of a feature map or of a sequence."""

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from paragone.models.layers.norm import GroupNorm


def attend(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False, dropout: float = 0.0) -> Tensor:
    """softmax(q k^T / sqrt(D)) v with the softmax in float32; q, k, v and the result are (B,heads,T,D).

    A GPU's fused kernels keep the softmax in float32 whatever the inputs; on a CPU the inputs are widened.
    """
    with torch.autocast(q.device.type, enabled=False):
        if q.device.type == "cpu":
            q, k, v = q.float(), k.float(), v.float()
        return scaled_dot_product_attention(q, k, v, is_causal=causal, dropout_p=dropout)


class SelfAttention2d(nn.Module):
    """Self-attention over the positions of a feature map, with a residual connection (Ho et al., 2020, appendix B).

    (B,C,H,W) -> (B,C,H,W).
    """

    def __init__(self, channels: int, heads: int = 1) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"heads is {heads}; it must divide the {channels} channels that attend")
        self.heads = heads
        self.norm = GroupNorm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        qkv = self.qkv(self.norm(x)).flatten(2).transpose(1, 2)  # (B,T,3C); a view of channels-last memory
        q, k, v = qkv.unflatten(2, (3, self.heads, c // self.heads)).permute(2, 0, 3, 1, 4)
        y = attend(q, k, v).transpose(1, 2).reshape(b, h, w, c).permute(0, 3, 1, 2)
        return x + self.out(y)


class CrossAttention2d(nn.Module):
    """Attention of the positions of a feature map to tokens, with a residual connection (Rombach et al., 2022,
    https://arxiv.org/abs/2112.10752, section 3.3).

    x (B,C,H,W), context (B,L,width) -> (B,C,H,W).
    """

    def __init__(self, channels: int, width: int, heads: int = 1) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"heads is {heads}; it must divide the {channels} channels that attend")
        self.heads = heads
        self.norm = GroupNorm(channels)
        self.q, self.kv = nn.Conv2d(channels, channels, 1), nn.Linear(width, 2 * channels)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        b, c, h, w = x.shape
        q = self.q(self.norm(x)).flatten(2).transpose(1, 2)  # (B,T,C)
        q = q.unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B,heads,T,D)
        k, v = self.kv(context).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each (B,heads,L,D)
        y = attend(q, k, v).transpose(1, 2).reshape(b, h, w, c).permute(0, 3, 1, 2)
        return x + self.out(y)
