"""The diffusion U-Net of Ho et al. (2020), https://arxiv.org/abs/2006.11239, appendix B.

As in the authors' code: GroupNorm and SiLU before each convolution, the time embedding added between the two
convolutions of a residual block, self-attention at chosen resolutions and in the middle, strided convolutions down,
nearest-neighbour and a convolution up, Xavier-uniform weights, and zeros for what ends a residual branch.

For speed, the per-block projections of the time embedding are one matrix product for the whole network, and the
networks run channels-last; neither changes what is computed.
"""

import math
from collections.abc import Collection, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle, silu

from paragone.models.layers.attention import CrossAttention2d, SelfAttention2d
from paragone.models.layers.norm import GroupNorm


def timestep_embedding(t: Tensor, width: int) -> Tensor:
    """Sinusoids of the times t (B,), sines then cosines, of periods 2 pi to 20000 pi: (B,width)."""
    half = width // 2
    frequencies = torch.exp(-math.log(10_000) / (half - 1) * torch.arange(half, device=t.device))
    angles = t.float()[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], 1)


class ResBlock(nn.Module):
    """Two convolutions with the time embedding added between them, then attention if asked for.

    x (B,C_in,H,W), e (B,C_out) -> (B,C_out,H,W). With e (B,2 C_out) the second normalisation's output is scaled by 1 +
    the first half of e and shifted by the second instead. context: width of the tokens (B,L,context) to which a block
    that attends attends too; 0: none.
    """

    def __init__(self, c_in: int, c_out: int, dropout: float, attention: bool, heads: int, context: int = 0) -> None:
        super().__init__()
        self.norm1, self.conv1 = GroupNorm(c_in), nn.Conv2d(c_in, c_out, 3, padding=1)
        self.norm2, self.conv2 = GroupNorm(c_out), nn.Conv2d(c_out, c_out, 3, padding=1)
        self.dropout = nn.Dropout(dropout)
        self.skip = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else nn.Identity()
        self.attention = SelfAttention2d(c_out, heads) if attention else nn.Identity()
        self.cross = CrossAttention2d(c_out, context, heads) if attention and context else None

    def forward(self, x: Tensor, e: Tensor, context: Tensor | None = None) -> Tensor:
        h, e = self.conv1(silu(self.norm1(x))), e[:, :, None, None]
        if e.shape[1] == h.shape[1]:
            h = self.norm2(h + e)
        else:
            scale, shift = e.chunk(2, 1)
            h = self.norm2(h) * (1 + scale) + shift
        h = self.conv2(self.dropout(silu(h)))
        h = self.attention(self.skip(x) + h)
        return h if self.cross is None else self.cross(h, context)


class Upsample(nn.Module):
    """Twice the size by nearest neighbour, then a 3x3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(interpolate(x, scale_factor=2.0, mode="nearest"))


class UNet(nn.Module):
    """x (B,C_in,S,S), t (B,), context (B,L,context) if any -> (B,C_out,S,S).

    width: channels of the first level; multipliers: of the width, one a level, each level half the size of the last;
    blocks: residual blocks a level; attention: the sizes of feature maps that attend; patch: side of the patches that
    the network works on instead of pixels (space to depth; 1 is the paper's network); scale_shift: the time embedding
    scales and shifts the normalised features instead of being added before (Nichol and Dhariwal 2021,
    https://arxiv.org/abs/2102.09672, section 3.4); context: width of the tokens that the blocks with attention
    attend to besides (Rombach et al. 2022, https://arxiv.org/abs/2112.10752, section 3.3); 0: none.
    Raises ValueError if the size cannot be halved as often as the levels ask.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        size: int,
        *,
        width: int = 128,
        multipliers: Sequence[int] = (1, 2, 2, 2),
        blocks: int = 2,
        attention: Collection[int] = (16,),
        heads: int = 1,
        dropout: float = 0.1,
        patch: int = 1,
        scale_shift: bool = False,
        context: int = 0,
    ) -> None:
        super().__init__()
        factor = patch * 2 ** (len(multipliers) - 1)
        if size % factor:
            levels = f"patch {patch} and {len(multipliers)} levels"
            raise ValueError(f"images of {size} pixels do not suit {levels}: the side must be a multiple of {factor}")
        if width % 4:
            raise ValueError(f"width is {width}; it must be a multiple of 4")
        self.width, self.patch = width, patch
        self.time = nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, 4 * width), nn.SiLU())
        self.stem = nn.Conv2d(c_in * patch**2, width, 3, padding=1)
        channels = [width * m for m in multipliers]
        attends = [size // patch // 2**i in attention for i in range(len(channels))]
        skips = [width]
        self.down, self.downsample = nn.ModuleList(), nn.ModuleList()
        for i, (c, a) in enumerate(zip(channels, attends, strict=True)):
            sources = [skips[-1], *[c] * (blocks - 1)]
            self.down.append(nn.ModuleList(ResBlock(s, c, dropout, a, heads, context) for s in sources))
            skips += [c] * blocks
            if i < len(channels) - 1:
                self.downsample.append(nn.Conv2d(c, c, 3, stride=2, padding=1))
                skips.append(c)
        self.crossing = tuple(skips)  # channels of the feature maps that cross over
        c = channels[-1]
        self.middle = nn.ModuleList(ResBlock(c, c, dropout, a, heads, context) for a in (True, False))
        self.up, self.upsample = nn.ModuleList(), nn.ModuleList()
        for i, (out, a) in enumerate(zip(channels[::-1], attends[::-1], strict=True)):
            if i:
                self.upsample.append(Upsample(c))
            sources = [s + skips.pop() for s in [c, *[out] * blocks]]
            self.up.append(nn.ModuleList(ResBlock(s, out, dropout, a, heads, context) for s in sources))
            c = out
        self.norm, self.head = GroupNorm(c), nn.Conv2d(c, c_out * patch**2, 3, padding=1)
        self.splits = [b.conv1.out_channels * (1 + scale_shift) for b in self._blocks()]
        self.project = nn.Linear(4 * width, sum(self.splits))  # the time embedding for every block, in their order
        self._initialise()

    def _blocks(self) -> Iterator[ResBlock]:
        """The residual blocks in the order in which they run."""
        for group in (*self.down, self.middle, *self.up):
            yield from group

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                module.bias.detach().zero_()  # type: ignore[union-attr]
        for c, rows in zip(self.splits, self.project.weight.split(self.splits), strict=True):
            nn.init.uniform_(rows.detach(), -(bound := math.sqrt(6 / (c + 4 * self.width))), bound)  # a block's own fan
        for module in self.modules():
            if isinstance(module, SelfAttention2d | CrossAttention2d):
                nn.init.zeros_(module.out.weight)
            elif isinstance(module, ResBlock):
                nn.init.zeros_(module.conv2.weight)
        nn.init.zeros_(self.head.weight)

    def forward(
        self, x: Tensor, t: Tensor, context: Tensor | None = None, control: Sequence[Tensor] | None = None
    ) -> Tensor:
        """control: what is added to each feature map that crosses over, and, last, to the middle's output."""
        e = self.embed(t)
        h, skips = self.contract(x, e, context)
        if control is not None:
            h = h + control[-1]
            skips = [skip + c for skip, c in zip(skips, control[:-1], strict=True)]
        return self.expand(h, skips, e, context)

    def embed(self, t: Tensor) -> Iterator[Tensor]:
        """The embedding of the times t (B,) for each block, in the order in which they run."""
        return iter(self.project(self.time(timestep_embedding(t, self.width))).split(self.splits, 1))

    def contract(
        self, x: Tensor, e: Iterator[Tensor], context: Tensor | None = None, hint: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """The way down and the middle: the middle's output and the feature maps that cross over to the way up.

        hint: what is added after the first layer, (B,width,S/patch,S/patch)."""
        x = pixel_unshuffle(x, self.patch).contiguous(memory_format=torch.channels_last)
        h = self.stem(x).contiguous(
            memory_format=torch.channels_last
        )  # of one channel's two layouts it takes the other
        h = h if hint is None else h + hint
        skips = [h]
        for i, blocks in enumerate(self.down):
            if i:
                h = self.downsample[i - 1](h)
                skips.append(h)
            for block in blocks:  # type: ignore[attr-defined]
                h = block(h, next(e), context)
                skips.append(h)
        for block in self.middle:
            h = block(h, next(e), context)
        return h, skips

    def expand(self, h: Tensor, skips: list[Tensor], e: Iterator[Tensor], context: Tensor | None = None) -> Tensor:
        """The way up, from the middle's output h; it takes the feature maps off the list `skips`."""
        for i, blocks in enumerate(self.up):
            if i:
                h = self.upsample[i - 1](h)
            for block in blocks:  # type: ignore[attr-defined]
                h = block(torch.cat([h, skips.pop()], 1), next(e), context)
        return pixel_shuffle(self.head(silu(self.norm(h))), self.patch)
