"""A causal transformer over short sequences of tokens, such as the codes of an image."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from paragone.models.layers.attention import attend
from paragone.models.layers.kept import Step, pick, stays, waits
from paragone.models.layers.repeated import repeated

Seen = tuple[Tensor, Tensor, Tensor | None]  # keys and values (B,heads,T,D), and which are seen (1,T): None for all


class Past(Protocol):
    """Each block's keys and values of the places so far."""

    state: list[Tensor]  # what stays where it is

    def extend(self, block: int, at: Tensor, k: Tensor, v: Tensor) -> Seen:
        """Those of one block with those (B,heads,1,D) of the place `at` (1,)."""


class Growing:
    """A past of as many as there are."""

    def __init__(self) -> None:
        self.state: list[Tensor] = []
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    def extend(self, block: int, at: Tensor, k: Tensor, v: Tensor) -> Seen:
        if block in self._kept:
            k, v = (torch.cat(pair, 2) for pair in zip(self._kept[block], (k, v), strict=True))
        self._kept[block] = k, v
        return k, v, None


class Lasting:
    """A past of all places from the start, those to come masked, for graphs: a place is a tensor, and nothing grows."""

    def __init__(self, length: int, device: torch.device) -> None:
        self.state: list[Tensor] = []  # keys and values of one block after the other
        self._order = torch.arange(length, device=device)

    def extend(self, block: int, at: Tensor, k: Tensor, v: Tensor) -> Seen:
        if len(self.state) == 2 * block:  # the first place: in the type that keys have
            self.state += [new.new_zeros(*new.shape[:2], len(self._order), new.shape[3]) for new in (k, v)]
        keys, values = self.state[2 * block : 2 * block + 2]
        return keys.index_copy_(2, at, k), values.index_copy_(2, at, v), (self._order <= at)[None]


class Block(nn.Module):
    """Pre-norm self-attention and a feed-forward network of 4 times the width, each with a residual connection."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.p = heads, dropout
        self.norm1, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm2, self.mlp = nn.LayerNorm(width), nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )  # fmt: skip
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, extend: Callable[[Tensor, Tensor], Seen] | None = None) -> Tensor:
        """x (B,T,width) -> the same. With `extend`, x is one place, and its keys and values are added to its past."""
        qkv = self.qkv(self.norm1(x)).unflatten(2, (3, self.heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B,heads,T,D)
        k, v, seen = (k, v, None) if extend is None else extend(k, v)
        if seen is None:
            y = attend(q, k, v, causal=extend is None, dropout=self.p if self.training else 0.0)
        else:
            y = attend_to(q, k, v, seen)
        x = x + self.dropout(self.out(y.transpose(1, 2).flatten(2)))
        return x + self.dropout(self.mlp(self.norm2(x)))


def attend_to(q: Tensor, k: Tensor, v: Tensor, seen: Tensor) -> Tensor:
    """As `attend`, of the places that are seen."""
    with torch.autocast(q.device.type, enabled=False):
        if q.device.type == "cpu":
            q, k, v = q.float(), k.float(), v.float()
        return scaled_dot_product_attention(q, k, v, attn_mask=seen)


class CausalTransformer(nn.Module):
    """p(s_1..s_L) = prod_j p(s_j | s_1..s_{j-1}) over sequences of `length` tokens out of `tokens` (as GPT-2 does).

    Raises ValueError if `heads` does not divide `width`.
    """

    def __init__(self, tokens: int, length: int, *, width: int, depth: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"heads is {heads}; it must divide the width {width}")
        self.tokens, self.length = tokens, length
        self.embedding = nn.Embedding(tokens + 1, width)  # the last stands before the first token
        self.position = nn.Parameter(torch.empty(length, width))
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, tokens)
        self._initialise(depth)

    def _initialise(self, depth: int) -> None:
        """GPT-2's: N(0, 0.02^2), what ends a residual branch divided by the root of their number, biases zero."""
        for name, p in self.named_parameters():
            if p.ndim == 2:
                last = name.endswith(("out.weight", "mlp.2.weight"))
                nn.init.normal_(p, std=0.02 / (2 * depth) ** 0.5 if last else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B,L) int64 -> logits (B,L,tokens) in float32; those at j see the tokens before j only."""
        start = torch.full_like(tokens[:, :1], self.tokens)
        x = self.dropout(self.embedding(torch.cat([start, tokens[:, :-1]], 1)) + self.position)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)).float()

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        """n sequences, (n,L) int64, one token after another, each from the kept keys and values of its past."""
        where = self.position.device
        past = Lasting(self.length, where) if stays() else Growing()
        step = repeated(Step(partial(self._next, past), past.state), self.length)
        drawn = [torch.full((n, 1), self.tokens, device=where)]
        for at in torch.arange(self.length, device=where).split(1):
            drawn.append(step(drawn[-1], at, waits(n, self.tokens, where)))
        return torch.cat(drawn[1:], 1)

    def _next(self, past: Past, token: Tensor, at: Tensor, waits: Tensor) -> Tensor:
        return pick(self.step(token, at, past), waits)

    def step(self, token: Tensor, at: Tensor, past: Past) -> Tensor:
        """Logits (n,tokens) of the token at the place `at` (1,), which comes after `token` (n,1)."""
        x = self.embedding(token) + self.position.index_select(0, at)
        for i, block in enumerate(self.blocks):
            x = block(x, partial(past.extend, i, at))
        return self.head(self.norm(x))[:, 0].float()
