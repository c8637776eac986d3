"""A causal transformer over short sequences of tokens, such as the codes of an image."""

import torch
from torch import Tensor, nn

from paragone.models.layers.attention import attend

Cache = list[tuple[Tensor, Tensor] | None]  # each block's keys and values so far, (B,heads,T,D)


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

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """x (B,T,width) -> the same and all keys and values so far. With a `past`, x is the one position after it."""
        qkv = self.qkv(self.norm1(x)).unflatten(2, (3, self.heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B,heads,T,D)
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        y = attend(q, k, v, causal=past is None, dropout=self.p if self.training else 0.0)
        x = x + self.dropout(self.out(y.transpose(1, 2).flatten(2)))
        return x + self.dropout(self.mlp(self.norm2(x))), (k, v)


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
            x, _ = block(x)
        return self.head(self.norm(x)).float()

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        """n sequences, (n,L) int64, one token after another, each from the kept keys and values of its past."""
        token = torch.full((n, 1), self.tokens, device=self.position.device)
        drawn: list[Tensor] = []
        cache: Cache = [None] * len(self.blocks)
        for position in self.position:
            logits = self.step(token, position, cache)
            token = torch.multinomial(logits.softmax(1), 1)
            drawn.append(token)
        return torch.cat(drawn, 1)

    def step(self, token: Tensor, position: Tensor, cache: Cache) -> Tensor:
        """Logits (n,tokens) of the token after `token` (n,1), which stands before `position` (width,)."""
        x = self.embedding(token) + position
        for i, block in enumerate(self.blocks):
            x, cache[i] = block(x, cache[i])
        return self.head(self.norm(x))[:, 0].float()
