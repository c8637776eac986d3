"""The gated PixelCNN over a grid of symbols, of pixels or of codes.

Van den Oord et al. 2016, "Conditional Image Generation with PixelCNN Decoders", https://arxiv.org/abs/1606.05328.

Symbols are drawn row by row, and at each place one group (colour) after another. The vertical stack sees the rows
above; the horizontal stack sees it and the row so far. Neither has a blind spot (section 2.2). Feature maps of the
horizontal stack belong to groups, of which those of group g know the symbols of the groups before g (mask A), and in
later layers the feature maps up to g (mask B).
"""

from functools import partial
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from paragone.models.layers.kept import Step, pick, waits
from paragone.models.layers.repeated import repeated


class MaskedConv2d(nn.Conv2d):
    """A convolution of height 1 over the places up to this one, of which the last tap is masked by groups."""

    mask: Tensor

    def __init__(self, c_in: int, c_out: int, taps: int, source: Tensor, target: Tensor, *, strict: bool) -> None:
        """source, target: the group of each channel; strict: mask A, else B."""
        super().__init__(c_in, c_out, (1, taps))
        seen = target[:, None] > source if strict else target[:, None] >= source  # (c_out,c_in)
        mask = torch.ones_like(self.weight)
        mask[..., -1] = seen[..., None].float()
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return conv2d(x, self.weight * self.mask, self.bias)

    def matrix(self) -> Tensor:
        """The masked weights as (c_in taps,c_out), by which to multiply windows (B,c_in taps)."""
        return (self.weight * self.mask).flatten(1).T.contiguous()


class GatedLayer(nn.Module):
    """Figure 2: vertical and horizontal features (B,C,H,W) each -> (B,width,H,W) each."""

    def __init__(self, source: Tensor, target: Tensor, kernel: int, condition: int, *, first: bool) -> None:
        """source, target: the group of each channel, in and out; condition: channels of what is conditioned on."""
        super().__init__()
        self.first, self.reach = first, kernel // 2
        c_in, width, gated = len(source), len(target), target.repeat(2)
        self.vertical = nn.Conv2d(c_in, 2 * width, (self.reach + (not first), kernel))
        self.link = nn.Conv2d(2 * width, 2 * width, 1)
        self.horizontal = MaskedConv2d(c_in, 2 * width, self.reach + 1, source, gated, strict=first)
        self.out = MaskedConv2d(width, width, 1, target, target, strict=False)
        self.condition = nn.Conv2d(condition, 4 * width, 1, bias=False) if condition else None  # V of eq. 4
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """Start with weights by which a signal keeps its size, tanh times sigmoid being about half of it (the paper
        names none). With torch's own the vertical stack, which has no residual connections, loses in nine layers all
        but a millionth of what images differ by: nothing from the rows far above arrives.
        """
        for conv, gain in ((self.vertical, 2.0), (self.horizontal, 2.0), (self.link, 1.0)):
            seen = conv.mask if isinstance(conv, MaskedConv2d) else torch.ones_like(conv.weight)
            conv.weight.normal_().mul_(gain * (len(seen) / seen.sum()).sqrt())
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]

    def forward(self, v: Tensor, h: Tensor, given: Tensor | None) -> tuple[Tensor, Tensor]:
        to_v, to_h = self.conditions(given)
        p, height = self.reach, v.shape[2]
        a = self.vertical(pad(v, (p, p, p, 0)))[:, :, :height]  # the first layer's are the rows above, without this one
        b = self.horizontal(pad(h, (p, 0))) + self.link(a) + to_h
        o = self.out(gate(b))
        return gate(a + to_v), o if self.first else h + o

    def conditions(self, given: Tensor | None) -> tuple[Tensor, Tensor]:
        """What the condition (B,c,H,W) adds to the two stacks' gates, (B,2 width,H,W) each; zeros without one."""
        if self.condition is None:
            zero = self.link.weight.new_zeros(1, 1, 1, 1)
            return zero, zero
        to_v, to_h = self.condition(given).chunk(2, 1)
        return to_v, to_h


def gate(x: Tensor) -> Tensor:
    """tanh of the first half of the channels times sigmoid of the second (eq. 2)."""
    f, g = x.chunk(2, 1)
    return torch.tanh(f) * torch.sigmoid(g)


class GatedPixelCNN(nn.Module):
    """p(s) = prod_i p(s_i | s_1..s_{i-1}, condition) over grids of symbols out of `levels` (eq. 1, 4).

    groups: symbols at each place, drawn one after another; embedding: dimensions of a learned vector of each symbol, in
    place of its level in [-1,1] (0); condition: channels of what is conditioned on, (B,c,1,1) or (B,c,H,W).
    Raises ValueError for a kernel that is even or below 3, and for a width that the groups do not divide.
    """

    def __init__(
        self, groups: int, levels: int, *, width: int, layers: int, kernel: int, embedding: int = 0, condition: int = 0
    ) -> None:
        super().__init__()
        if kernel < 3 or kernel % 2 == 0:
            raise ValueError(f"kernel is {kernel}; it must be odd, and at least 3")
        if width % groups:
            raise ValueError(f"width is {width}; it must be a multiple of the {groups} colours")
        if layers < 1:
            raise ValueError(f"layers is {layers}; it must be at least 1")
        self.groups, self.levels = groups, levels
        self.embedding = nn.Embedding(levels, embedding) if embedding else None
        source = torch.arange(groups).repeat_interleave(max(1, embedding))
        maps = torch.arange(groups).repeat_interleave(width // groups)
        self.layers = nn.ModuleList(
            GatedLayer(maps if i else source, maps, kernel, condition, first=i == 0) for i in range(layers)
        )
        self.head = nn.Sequential(
            nn.ReLU(), MaskedConv2d(width, width, 1, maps, maps, strict=False),
            nn.ReLU(), MaskedConv2d(width, groups * levels, 1, maps, torch.arange(groups).repeat_interleave(levels),
                                    strict=False),
        )  # fmt: skip

    def embed(self, symbols: Tensor) -> Tensor:
        """Symbols (B,groups,...) int64 -> what the network sees of them, (B,groups max(1,embedding),...)."""
        if self.embedding is None:
            return symbols.float() * (2 / (self.levels - 1)) - 1
        return self.embedding(symbols).movedim(-1, 2).flatten(1, 2)

    def forward(self, symbols: Tensor, given: Tensor | None = None) -> Tensor:
        """Symbols (B,groups,H,W) int64 -> logits (B,groups,levels,H,W) in float32."""
        return self.logits(self.embed(symbols), given)

    def logits(self, x: Tensor, given: Tensor | None = None) -> Tensor:
        """The same, of symbols that are embedded: x (B,groups max(1,embedding),H,W)."""
        v = h = x
        for layer in self.layers:
            v, h = layer(v, h, given)
        return self.head(h).float().unflatten(1, (self.groups, self.levels))

    @torch.no_grad()
    def sample(self, n: int, size: tuple[int, int], given: Tensor | None = None) -> Tensor:
        """n grids of symbols, (n,groups,H,W) int64, from cached activations: all in all, the work of one pass.

        At the start of a row the vertical stack runs along the row; at each place, for each group, the horizontal stack
        runs for that place alone.
        """
        (height, width), where = size, next(self.parameters()).device
        rows = _Rows(self, n, width, given)
        places = _Places(self, n, rows.links)
        row = repeated(Step(partial(_begin, rows, places), [*rows.state, *places.state]), height)
        turns = [
            repeated(Step(partial(places.draw, g), places.state), height * width) for g in range(self.groups)
        ]  # fmt: skip
        order = torch.arange(max(size), device=where).split(1)
        symbols = torch.zeros(n, self.groups, *size, dtype=torch.int64, device=where)
        undrawn, above = torch.zeros_like(symbols[:, :, 0, 0]), rows.nothing
        for i in range(height):
            row(above, order[i])
            for j in range(width):
                place = undrawn
                for turn in turns:
                    place = turn(place, order[j], waits(n, self.levels, where))
                symbols[:, :, i, j] = place
            above = self.embed(symbols[:, :, i])
        return symbols


def _begin(rows: "_Rows", places: "_Places", above: Tensor, i: Tensor) -> tuple[()]:
    """The vertical stack at row i (1,), below the row `above` (n,C,W); nothing is known of the row itself."""
    rows.next(above, i)
    places.clear()
    return ()


class _Weights(NamedTuple):
    """The masked weights of the horizontal stack as matrices (in,out) with their biases (out,)."""

    layers: list[tuple[Tensor, Tensor, Tensor, Tensor]]  # of the window, and of the 1 x 1 convolution after the gate
    reaches: list[tuple[int, int]]  # channels and earlier places of each layer's window
    head: tuple[Tensor, Tensor]
    last: list[tuple[Tensor, Tensor]]  # of each group

    @classmethod
    def of(cls, net: GatedPixelCNN) -> Self:
        gated: list[GatedLayer] = list(net.layers)  # type: ignore[arg-type]
        layers = [(k.horizontal.matrix(), k.horizontal.bias, k.out.matrix(), k.out.bias) for k in gated]
        first, last = (m for m in net.head if isinstance(m, MaskedConv2d))
        groups = zip(last.matrix().chunk(net.groups, 1), last.bias.chunk(net.groups), strict=True)  # type: ignore[union-attr]
        reaches = [(k.horizontal.in_channels, k.reach) for k in gated]
        return cls(layers, reaches, (first.matrix(), first.bias), [(m.contiguous(), b) for m, b in groups])  # type: ignore[arg-type]


class _Rows:
    """The vertical stack, one row after another; of each layer's input the last rows are kept."""

    def __init__(self, net: GatedPixelCNN, n: int, width: int, given: Tensor | None) -> None:
        self.layers: list[GatedLayer] = list(net.layers)  # type: ignore[arg-type]
        self.conditions = [layer.conditions(given) for layer in self.layers]
        weight = self.layers[0].link.weight
        self.windows = [
            weight.new_zeros(n, k.vertical.in_channels, k.vertical.kernel_size[0], width + 2 * k.reach)
            for k in self.layers
        ]  # (n,C,rows,W + padding), of which the first layer's do not reach the row itself
        self.nothing = weight.new_zeros(n, self.layers[0].vertical.in_channels, width)  # above the first row
        self.links = self.conditions[0][1].new_zeros(len(self.layers), n, len(weight), width)
        self.state = [*self.windows, self.links]

    def next(self, above: Tensor, i: Tensor) -> None:
        """Leave in `links` what row i of the vertical stack and the condition give the horizontal one: of each layer
        (n,2 width,W)."""
        _shift(self.windows[0], 2)
        v = above[:, :, None]
        for k, (layer, window) in enumerate(zip(self.layers, self.windows, strict=True)):
            window[:, :, -1:, layer.reach : -layer.reach] = v
            a = layer.vertical(window)  # (n,2 width,1,W)
            to_v, to_h = (c if c.shape[2] == 1 else c.index_select(2, i) for c in self.conditions[k])
            self.links[k] = (layer.link(a) + to_h).squeeze(2)
            v = gate(a + to_v)
            if k:
                _shift(window, 2)


class _Places:
    """The horizontal stack along one row, one place after another; of each layer's input the last places are kept."""

    def __init__(self, net: GatedPixelCNN, n: int, links: Tensor) -> None:
        self.net, self.weights, self.links = net, _Weights.of(net), links
        gated: list[GatedLayer] = list(net.layers)  # type: ignore[arg-type]
        weight = gated[0].link.weight
        (channels, reach), *others = self.weights.reaches
        first = weight.new_zeros(n, channels, reach + 1)
        later = weight.new_zeros(len(others), n, len(weight) // 2, reach + 1)
        self.state = [first, later]
        windows = [first, *later]
        self.flat, self.last = [w.flatten(1) for w in windows], [w[:, :, -1] for w in windows]  # views of them

    def clear(self) -> None:
        for windows in self.state:
            windows.zero_()

    def draw(self, group: int, place: Tensor, j: Tensor, waits: Tensor) -> Tensor:
        """Draw the symbol of a group at place j (1,), of whose symbols (n,groups) those before it are known."""
        drawn = pick(self.logits(j, self.net.embed(place), group), waits)
        place = torch.cat([place[:, :group], drawn, place[:, group + 1 :]], 1)
        if group == self.net.groups - 1:
            self.keep(self.net.embed(place))
        return place

    def logits(self, j: Tensor, x: Tensor, group: int) -> Tensor:
        """Logits (n,levels) of a group at place j, from x (n,C): what is known of the place."""
        h, links = x, self.links.index_select(3, j).squeeze(3)
        for k, (matrix, bias, out, out_bias) in enumerate(self.weights.layers):
            self.last[k].copy_(h)
            b = torch.addmm(bias, self.flat[k], matrix) + links[k]
            o = torch.addmm(out_bias, gate(b), out)
            h = h + o if k else o
        matrix, bias = self.weights.head
        h = torch.relu(torch.addmm(bias, torch.relu(h), matrix))
        matrix, bias = self.weights.last[group]
        return torch.addmm(bias, h, matrix).float()

    def keep(self, x: Tensor) -> None:
        """x (n,C): the whole place. No feature knows its last group, so those of the last pass are final."""
        self.last[0].copy_(x)
        for windows in self.state:
            _shift(windows, -1)


def _shift(window: Tensor, dim: int) -> None:
    """Move all by one towards the front, and leave the last as it is."""
    kept = window.shape[dim] - 1
    window.narrow(dim, 0, kept).copy_(window.narrow(dim, 1, kept).clone())
