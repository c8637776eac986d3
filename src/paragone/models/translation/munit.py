"""MUNIT: one source, many translations, by a code for its content and one for its style.

Huang, Liu, Belongie, Kautz 2018, "Multimodal unsupervised image-to-image translation",
https://arxiv.org/abs/1804.04732. Each collection i has an encoder of content c_i and of style s_i, and a decoder G_i.
A source is translated by decoding its content in the other collection with a style drawn from N(0, I), or with that of
a reference image. No pairs are used.

    eq. 1    L_x1 = E[||G_1(E_1^c(x_1), E_1^s(x_1)) - x_1||_1]
    eq. 2    L_c1 = E[||E_2^c(G_2(c_1, s_2)) - c_1||_1], s_2 ~ N(0, I)
    eq. 3    L_s2 = E[||E_2^s(G_2(c_1, s_2)) - s_2||_1]
    eq. 4    D_2 descends E[D_2(G_2(c_1, s_2))^2] + E[(D_2(x_2) - 1)^2] at each scale, G ascends: least squares
    eq. 5    L = L_GAN + lambda_x (L_x1 + L_x2) + lambda_c (L_c1 + L_c2) + lambda_s (L_s1 + L_s2)
    section 5.1    + lambda_cyc E[||G_1(E_2^c(G_2(c_1, s_2)), E_1^s(x_1)) - x_1||_1], and likewise for x_2

Of the two multimodal translators that are most in use, MUNIT is taken and not StarGAN v2
(https://arxiv.org/abs/1912.01865): it needs two collections and no more; StarGAN v2 is made for many domains, known by
labels, and its mapping network, style encoder and discriminator have a head for each.

Networks and settings are the authors' for unpaired photographs, https://github.com/NVlabs/MUNIT: four residual blocks,
instance normalisation in the content encoder, none in the style encoder, AdaIN in the decoder's blocks and layer
normalisation after; three discriminators, each at half the size of the one before; lambda_x = lambda_cyc = 10, 1 for
the others; Adam (0.5, 0.999) at 0.0001 with weight decay 0.0001, batches of 1, a million of them, the rate halved after
each tenth.

Deviations:
- The discriminators start from He et al.'s weights, as the rest does. The authors' N(0, 0.02) suits 64 channels; narrow
  discriminators hardly see an image through it, and the weight decay then keeps them silent.
- Images are not resized and cropped at random. No perceptual loss, which the authors use at 512 px alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers.norm import adain

STYLE_HALVINGS = 4  # layers of stride 2 in the style encoder
EPS = 1e-5  # of the normalisation of each feature map


class MUNIT(Model):
    """Two autoencoders of content and style, and discriminators of several scales for each."""

    title = "MUNIT"
    paper = "Huang et al., 2018"
    plan = Plan(kimg=1_000, batch=1, drops=tuple(i / 10 for i in range(1, 10)), drop=0.5)
    generator = "generators"
    needs = frozenset({"image", "source"})
    capabilities = frozenset({"translate", "translate_back", "stylise"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = 64  # channels at full size
        halvings: int = 2  # from an image to its content
        blocks: int = 4
        style_dim: int = 8
        hidden: int = 256  # of the network that turns a style into AdaIN's means and scales
        scales: int = 3  # discriminators a collection
        strided: int = 4  # layers of stride 2 in each
        image: float = 10.0  # lambda_x
        content: float = 1.0  # lambda_c
        style: float = 1.0  # lambda_s
        cycle: float = 10.0  # lambda_cyc; 0: without
        lr: float = 1e-4
        beta1: float = 0.5
        weight_decay: float = 1e-4

        def __post_init__(self) -> None:
            for name in ("halvings", "blocks", "style_dim", "scales", "strided"):
                if getattr(self, name) < 1:
                    raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg = cfg
        c, h, w = spec.shape
        if min(h, w) < 1 << STYLE_HALVINGS or h % (step := 1 << cfg.halvings) or w % step:
            raise ValueError(
                f"MUNIT takes images of {1 << STYLE_HALVINGS} pixels a side or more, of sides that its content halves "
                f"{cfg.halvings} times; these are {h} x {w}: set the data set's resolution to such a size"
            )
        if not min(h, w) >> (deepest := cfg.scales - 1 + cfg.strided):
            raise ValueError(
                f"MUNIT's smallest discriminator halves images {deepest} times, and these are {h} x {w}; set "
                "config.scales or config.strided to less"
            )
        self.A, self.B = (AutoEncoder(c, cfg) for _ in range(2))  # of the sources and of the images
        self.D_A, self.D_B = (Discriminators(c, cfg.width, cfg.strided, cfg.scales) for _ in range(2))
        self.apply(_kaiming)

    def optimizers(self) -> dict[str, Optimizer]:
        cfg, pairs = self.cfg, {"discriminators": (self.D_A, self.D_B), "generators": (self.A, self.B)}
        return {
            name: Adam([p for net in nets for p in net.parameters()], cfg.lr, (cfg.beta1, 0.999),
                       weight_decay=cfg.weight_decay, fused=True)
            for name, nets in pairs.items()
        }  # fmt: skip

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x, y, cfg = batch["source"], batch["image"], self.cfg  # (B,C,H,W)
        with torch.no_grad():
            fake_y = self.B.decode(self.A.content(x), self._styles(len(x)))
            fake_x = self.A.decode(self.B.content(y), self._styles(len(y)))
        loss = self.D_A.loss(x, fake_x) + self.D_B.loss(y, fake_y)
        yield Update("discriminators", loss, drawn=2 * len(x))
        s_x, s_y = self._styles(len(x)), self._styles(len(y))
        (c_x, own_x), (c_y, own_y) = self.A.encode(x), self.B.encode(y)
        fake_y, fake_x = self.B.decode(c_x, s_y), self.A.decode(c_y, s_x)
        (c_x2, s_y2), (c_y2, s_x2) = self.B.encode(fake_y), self.A.encode(fake_x)
        parts = {
            "game": self.D_A.game(fake_x) + self.D_B.game(fake_y),  # eq. 4
            "image": _l1(self.A.decode(c_x, own_x), x) + _l1(self.B.decode(c_y, own_y), y),  # eq. 1
            "content": _l1(c_x2, c_x) + _l1(c_y2, c_y),  # eq. 2
            "style": _l1(s_y2, s_y) + _l1(s_x2, s_x),  # eq. 3
        }
        if cfg.cycle:
            parts["cycle"] = _l1(self.A.decode(c_x2, own_x), x) + _l1(self.B.decode(c_y2, own_y), y)
        weights = {"game": 1.0, "image": cfg.image, "content": cfg.content, "style": cfg.style, "cycle": cfg.cycle}
        total = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        yield Update("generators", total, {k: v.detach() for k, v in parts.items()}, drawn=2 * len(x))

    def _styles(self, n: int) -> Tensor:
        return torch.randn(n, self.cfg.style_dim, device=next(self.A.parameters()).device)

    def translate(self, source: Tensor, cond: Tensor | None = None) -> Tensor:
        """G_2(E_1^c(x), s), s ~ N(0, I): (B,C,H,W) in [-1,1] -> the same."""
        return self.B.decode(self.A.content(source), self._styles(len(source)))

    def translate_back(self, x: Tensor, source: Tensor) -> Tensor:
        """G_1(E_2^c(x), E_1^s(source)): translations and their sources (B,C,H,W) in [-1,1] -> the same."""
        return self.A.decode(self.B.content(x), self.A.style(source))

    def stylise(self, source: Tensor, reference: Tensor) -> Tensor:
        """G_2(E_1^c(x), E_2^s(y)): sources and reference images (B,C,H,W) in [-1,1] -> the same."""
        return self.B.decode(self.A.content(source), self.B.style(reference))


def _l1(a: Tensor, b: Tensor) -> Tensor:
    return (a.float() - b.float()).abs().mean()


def _conv(a: int, b: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(a, b, kernel, stride, (kernel - 1) // 2, padding_mode="reflect")


class AutoEncoder(nn.Module):
    """Images (B,C,H,W) to content (B,c,h,w), c = 4 width at a quarter of the size unless `halvings` says otherwise, and
    style (B,style_dim), and back to [-1,1]."""

    def __init__(self, channels: int, cfg: MUNIT.Config) -> None:
        super().__init__()
        width, top = cfg.width, cfg.width << cfg.halvings
        widths = [width * 2**i for i in range(cfg.halvings + 1)]
        down: list[nn.Module] = [_conv(channels, width, 7), nn.InstanceNorm2d(width), nn.ReLU()]
        for a, b in pairwise(widths):
            down += [_conv(a, b, 4, 2), nn.InstanceNorm2d(b), nn.ReLU()]
        self.content = nn.Sequential(*down, *(Residual(top) for _ in range(cfg.blocks)))
        style: list[nn.Module] = [_conv(channels, width, 7), nn.ReLU()]
        for a, b in pairwise((width, 2 * width, *[4 * width] * (STYLE_HALVINGS - 1))):
            style += [_conv(a, b, 4, 2), nn.ReLU()]
        self.style = nn.Sequential(*style, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, cfg.style_dim))
        self.blocks = nn.ModuleList(Residual(top) for _ in range(cfg.blocks))
        self.mlp = nn.Sequential(
            nn.Linear(cfg.style_dim, cfg.hidden), nn.ReLU(), nn.Linear(cfg.hidden, cfg.hidden), nn.ReLU(),
            nn.Linear(cfg.hidden, cfg.blocks * 4 * top),
        )  # fmt: skip
        self.ups = nn.ModuleList(_conv(a, b, 5) for a, b in pairwise(widths[::-1]))
        self.norms = nn.ModuleList(nn.GroupNorm(1, c) for c in widths[-2::-1])
        self.last = _conv(width, channels, 7)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.content(x), self.style(x)

    def decode(self, content: Tensor, style: Tensor) -> Tensor:
        h = content
        for block, affine in zip(self.blocks, self.mlp(style).chunk(len(self.blocks), 1), strict=True):
            h = block(h, affine)
        for conv, norm in zip(self.ups, self.norms, strict=True):
            h = relu(norm(conv(interpolate(h, scale_factor=2.0))))
        return torch.tanh(self.last(h).float())


class Residual(nn.Module):
    """x (B,c,H,W) plus two 3 x 3 convolutions of it, normalised by instance, or by AdaIN with means and scales of both
    layers (B,4c)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = _conv(channels, channels, 3), _conv(channels, channels, 3)

    def forward(self, x: Tensor, affine: Tensor | None = None) -> Tensor:
        n, c = x.shape[:2]
        one, none = x.new_ones(n, c), x.new_zeros(n, c)
        shift1, scale1, shift2, scale2 = (none, one, none, one) if affine is None else affine.chunk(4, 1)
        h = relu(adain(self.conv1(x), scale1, shift1, EPS))
        return x + adain(self.conv2(h), scale2, shift2, EPS)


class Discriminators(nn.Module):
    """Scores of the patches of an image (B,C,H,W) at several scales, each half of the one before."""

    def __init__(self, channels: int, width: int, strided: int, scales: int) -> None:
        super().__init__()
        sizes = [channels, *(width * 2**i for i in range(strided))]
        self.nets = nn.ModuleList()
        for _ in range(scales):
            convs = [layer for a, b in pairwise(sizes) for layer in (_conv(a, b, 4, 2), nn.LeakyReLU(0.2))]
            self.nets.append(nn.Sequential(*convs, nn.Conv2d(sizes[-1], 1, 1)))

    def forward(self, x: Tensor) -> list[Tensor]:
        scores = []
        for i, net in enumerate(self.nets):
            x = avg_pool2d(x, 3, 2, 1, count_include_pad=False) if i else x
            scores.append(net(x).float())
        return scores

    def loss(self, real: Tensor, fake: Tensor) -> Tensor:
        pairs = zip(self(real), self(fake), strict=True)
        return torch.stack([(a - 1).square().mean() + b.square().mean() for a, b in pairs]).sum()

    def game(self, fake: Tensor) -> Tensor:
        return torch.stack([(score - 1).square().mean() for score in self(fake)]).sum()


def _kaiming(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.kaiming_normal_(module.weight)
        assert module.bias is not None
        nn.init.zeros_(module.bias)
