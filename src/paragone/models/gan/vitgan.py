"""ViTGAN: a generator and a discriminator made of transformers, or its generator with StyleGAN2's discriminator.

Lee, Chang, Jiang, Zhang, Tu, Liu 2021, "ViTGAN: training GANs with vision transformers",
https://arxiv.org/abs/2107.04589.

    L2 attention   softmax(-||X W_q - X W_k||^2 / sqrt(d_h)) X W_v, W_q = W_k, for each head: D alone (section 3.2)
    spectral       W -> sigma(W_init) W / sigma(W): D's weights keep the spectral norm that they started with
    patches        D's patches overlap: (P + 2 o)^2 pixels each, every P pixels
    SLN            gamma(w) * (h - mu) / sigma + beta(w): G's layer normalisation, driven by w = MLP(z) (section 3.3)
    pixels         x^p = f(E_fou, y^p): of each patch p, a two-layer network with sines maps the Fourier features of a
                   place in it and the token y^p to colours
    losses         L_D = E[softplus(D(T G(z)))] + E[softplus(-D(T x))] + lambda (E[(D(x) - D(T x))^2] + E[(D(G(z)) -
                   D(T G(z)))^2]), L_G = E[softplus(-D(T G(z)))]; T as of DiffAug, lambda that of balanced consistency

Settings are the paper's for CIFAR-10: 4 blocks of 384 dimensions and 6 heads, patches of 4 px that overlap by 2, Adam
(0, 0.99) at 0.002, batches of 128, averaged weights; no gradient penalty. As in the authors' code,
https://github.com/mlpc-ucsd/ViTGAN: learning rates of linear layers are equalised, G's positions are sines of learned
waves over the grid of patches, of full size from the start, and T changes an image in each way with probability 0.8 and
cuts it out with 0.3. lambda is 10 in the paper, 1 in that code.

`discriminator: stylegan2` is the paper's other pair, its best and the only one in that code: to L_D it adds
gamma / 2 E[||grad D(T x)||^2], gamma 0.1, in every step. D has the channels of that code at 32 px.

Deviations:
- D's queries start at d_h^(-1/4) of an equalised layer's size. Distances grow as d_h and are divided by its root, and
  spectral norms are kept: at full size each token would look at itself alone.
- T is `paragone.models.layers.diffaug`, without flips; images are taken to be square, with a side that P divides.
- StyleGAN2's discriminator sees real and generated images in batches of their own, so that it can compare the images
  of each; that code mixes them. Its gradient term is taken at the augmented images, in a step of its own.
- `generator_lr` gives the generator a rate of its own; the paper has one rate.
- The plan is 400 epochs of CIFAR-10, which the paper does not state.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import pi, sqrt
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm, softplus, unfold
from torch.nn.utils import parametrize
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.gan import stylegan2
from paragone.models.layers import diffaug, functional
from paragone.models.layers.attention import attend
from paragone.models.layers.spectral import SpectralNorm
from paragone.models.layers.stylegan import Linear

AUGMENTED = 0.8, 0.3  # how often an image is changed in each way, and cut out


class ViTGAN(Model):
    """Two transformers on patches, any size that the patch divides."""

    title = "ViTGAN"
    paper = "Lee et al., 2021"
    plan = Plan(kimg=20_000, batch=128, ema_kimg=10)
    capabilities = frozenset({"decode", "latents"})
    generator = "generator"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        z_dim: int = 384
        width: int = 384  # of a token
        depth: int = 4  # blocks in either network
        heads: int = 6
        mlp: int = 4  # hidden units of a block, in widths
        patch: int = 4  # P
        overlap: int = 2  # o
        fourier: int = 16  # frequencies of places within a patch
        augment: bool = True  # T; without it, no consistency either
        consistency: float = 10.0  # lambda
        discriminator: Literal["vit", "stylegan2"] = "vit"
        d_width: int = 4_096  # of StyleGAN2's discriminator: channels times side,
        d_max_width: int = 512  # and never more than these
        stddev_group: int = 4
        gamma: float = 0.1  # weight of its R1
        r1_every: int = 1
        lr: float = 2e-3
        generator_lr: float | None = None  # the generator's, where it is not lr too
        beta1: float = 0.0
        beta2: float = 0.99

        def __post_init__(self) -> None:
            if self.width % self.heads:
                raise ValueError(f"heads is {self.heads}; it must divide the width, which is {self.width}")
            for name in ("r1_every", "stddev_group"):
                if getattr(self, name) < 1:
                    raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        _, h, w = spec.shape
        if h != w or h % cfg.patch:
            raise ValueError(
                f"ViTGAN takes square images cut into patches of {cfg.patch} px; these are {h} x {w}: "
                "set the data set's resolution to a multiple of it, or `patch` to a divisor"
            )
        self.cfg = cfg
        self.G = Generator(cfg, spec)
        self.D: Discriminator | stylegan2.Discriminator
        if cfg.discriminator == "stylegan2":
            channels = stylegan2.widths(spec.shape, cfg.d_width, cfg.d_max_width, self.title)
            self.D = stylegan2.Discriminator(spec.shape[0], channels[::-1], cfg.stddev_group)
        else:
            self.D = Discriminator(cfg, spec).apply(keep_spectral_norm)

    def optimizers(self) -> dict[str, Optimizer]:
        cfg, betas = self.cfg, (self.cfg.beta1, self.cfg.beta2)
        rate = cfg.lr if cfg.generator_lr is None else cfg.generator_lr
        return {
            "discriminator": Adam(self.D.parameters(), cfg.lr, betas, fused=True),
            "generator": Adam(self.G.parameters(), rate, betas, fused=True),
        }

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        cfg, x = self.cfg, batch["image"]  # (B,C,H,W)
        with torch.no_grad():
            fake = self.G(self.latents(len(x))).float()
        yield Update("discriminator", *self._game(x, fake), drawn=len(x))
        if cfg.discriminator == "stylegan2" and progress.step % cfg.r1_every == 0:
            r1 = functional.zero_centred_gradient_penalty(self.D, self._seen(x))
            yield Update("discriminator", cfg.r1_every * cfg.gamma / 2 * r1, {"r1": r1.detach()})
        fake = self.G(self.latents(len(x))).float()
        yield Update("generator", functional.nonsaturating_generator_loss(self.D(self._seen(fake))), drawn=len(x))

    def _game(self, x: Tensor, fake: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        both = torch.cat([x, fake])
        consistent = self.cfg.augment and self.cfg.consistency > 0
        seen = torch.cat([self._seen(both), both]) if consistent else self._seen(both)
        score, *plain = self._judge(seen, len(x)).split(len(both))
        real_score, fake_score = score.chunk(2)
        loss = softplus(-real_score).mean() + softplus(fake_score).mean()
        if not consistent:
            return loss, {}
        gap = 2 * (plain[0] - score).square().mean()  # the mean over x plus that over G(z)
        return loss + self.cfg.consistency * gap, {"consistency": gap.detach()}

    def _judge(self, images: Tensor, n: int) -> Tensor:
        """Scores of several batches of n images: with ViT all at once, so that one power iteration serves all; with
        StyleGAN2 one by one, since its score depends on how much the images of a batch differ."""
        if self.cfg.discriminator == "vit":
            return self.D(images).float()
        return torch.cat([self.D(batch).float() for batch in images.split(n)])

    def _seen(self, x: Tensor) -> Tensor:
        return diffaug.augment(x, *AUGMENTED) if self.cfg.augment else x

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """G(z), z ~ N(0, I)."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """z ~ N(0, I), (n,z_dim)."""
        return torch.randn(n, self.cfg.z_dim, device=self.G.positions.weight.device)

    def decode(self, z: Tensor) -> Tensor:
        """G(z): (B,z_dim) -> (B,C,H,W) in [-1,1]."""
        return self.G(z).float()


class Generator(nn.Module):
    """z (B,z_dim) -> (B,C,H,W) in [-1,1]."""

    coordinates: Tensor
    places: Tensor

    def __init__(self, cfg: ViTGAN.Config, spec: Spec) -> None:
        super().__init__()
        self.colours, self.patch, self.side = spec.shape[0], cfg.patch, spec.shape[1] // cfg.patch
        d = cfg.width
        self.mapping = nn.Sequential(Linear(cfg.z_dim, d), nn.GELU(), Linear(d, d))
        places = torch.linspace(-1, 1, self.side)
        self.register_buffer("places", torch.cartesian_prod(places, places), persistent=False)  # (T,2)
        self.positions = nn.Linear(2, d)
        nn.init.uniform_(self.positions.weight, -1.5 * sqrt(2), 1.5 * sqrt(2))  # full waves: small ones drown in w
        self.blocks = nn.ModuleList(GeneratorBlock(d, cfg.heads, cfg.mlp) for _ in range(cfg.depth))
        self.norm = SelfModulatedNorm(d, d)
        ticks = (torch.arange(cfg.patch) + 0.5) / cfg.patch * 2 - 1
        self.register_buffer("coordinates", torch.cartesian_prod(ticks, ticks), persistent=False)  # (P P,2)
        self.frequencies = nn.Linear(2, cfg.fourier)
        self.place, self.token = Linear(cfg.fourier, d), Linear(d, d)
        self.out = Linear(d, spec.shape[0])

    def forward(self, z: Tensor) -> Tensor:
        w = self.mapping(z)
        h = torch.sin(self.positions(self.places).float()).expand(len(z), -1, -1)  # (B,T,d)
        for block in self.blocks:
            h = block(h, w)
        y = self.norm(h, w)
        features = torch.sin(pi * self.frequencies(self.coordinates))  # E_fou, (P P,fourier)
        hidden = torch.sin(self.place(features) + self.token(y)[:, :, None])  # (B,T,P P,d)
        x = torch.tanh(self.out(hidden).float())  # (B,T,P P,C)
        x = x.view(len(z), self.side, self.side, self.patch, self.patch, self.colours)
        return x.permute(0, 5, 1, 3, 2, 4).reshape(len(z), self.colours, *[self.side * self.patch] * 2)


class GeneratorBlock(nn.Module):
    """h (B,T,d), w (B,d) -> (B,T,d): attention by dot products and an MLP, each after a self-modulated norm."""

    def __init__(self, width: int, heads: int, mlp: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = SelfModulatedNorm(width, width), SelfModulatedNorm(width, width)
        self.qkv, self.out = Linear(width, 3 * width), Linear(width, width)
        self.up, self.down = Linear(width, mlp * width), Linear(mlp * width, width)

    def forward(self, h: Tensor, w: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm1(h, w)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        h = h + self.out(attend(q, k, v).transpose(1, 2).flatten(2))
        return h + self.down(gelu(self.up(self.norm2(h, w))))


class SelfModulatedNorm(nn.Module):
    """SLN: h (B,T,d) normalised over d, times gamma(w), plus beta(w); gamma starts near 1."""

    def __init__(self, width: int, w_dim: int) -> None:
        super().__init__()
        self.gamma, self.beta = Linear(w_dim, width, bias=1.0), Linear(w_dim, width)

    def forward(self, h: Tensor, w: Tensor) -> Tensor:
        return self.gamma(w)[:, None] * layer_norm(h.float(), h.shape[-1:]) + self.beta(w)[:, None]


class Discriminator(nn.Module):
    """x (B,C,H,W) -> (B,1) logits, read from a token of its own."""

    def __init__(self, cfg: ViTGAN.Config, spec: Spec) -> None:
        super().__init__()
        self.patch, self.overlap, d = cfg.patch, cfg.overlap, cfg.width
        pixels = spec.shape[0] * (cfg.patch + 2 * cfg.overlap) ** 2
        self.embed = Linear(pixels, d)
        self.score = nn.Parameter(0.02 * torch.randn(1, 1, d))
        self.positions = nn.Parameter(0.02 * torch.randn((spec.shape[1] // cfg.patch) ** 2 + 1, d))
        self.blocks = nn.Sequential(*(DiscriminatorBlock(d, cfg.heads, cfg.mlp) for _ in range(cfg.depth)))
        self.norm = nn.LayerNorm(d)
        self.hidden, self.out = Linear(d, d), Linear(d, 1)

    def forward(self, x: Tensor) -> Tensor:
        patches = unfold(x, self.patch + 2 * self.overlap, padding=self.overlap, stride=self.patch)
        h = self.embed(patches.transpose(1, 2))  # (B,T,d)
        h = torch.cat([self.score.expand(len(x), -1, -1).to(h.dtype), h], 1) + self.positions
        return self.out(torch.tanh(self.hidden(self.norm(self.blocks(h))[:, 0])))


class DiscriminatorBlock(nn.Module):
    """Attention by distances and an MLP, each after a layer norm: (B,T,d) -> the same."""

    def __init__(self, width: int, heads: int, mlp: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qk = Linear(width, width, gain=(width // heads) ** -0.25)
        self.v, self.out = Linear(width, width), Linear(width, width)
        self.up, self.down = Linear(width, mlp * width), Linear(mlp * width, width)

    def forward(self, h: Tensor) -> Tensor:
        x = self.norm1(h)
        q, v = (layer(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for layer in (self.qk, self.v))
        h = h + self.out(l2_attention(q, v).transpose(1, 2).flatten(2))
        return h + self.down(gelu(self.up(self.norm2(h))))


def l2_attention(q: Tensor, v: Tensor) -> Tensor:
    """softmax_j(-||q_i - q_j||^2 / sqrt(d_h)) v_j: (B,heads,T,d_h) twice -> the same. ||q_i||^2 is the same for all j,
    and drops out of the softmax."""
    q, v = q.float(), v.float()
    logits = 2 * q @ q.transpose(2, 3) - q.square().sum(3)[:, :, None]
    return torch.softmax(logits / sqrt(q.shape[3]), 3) @ v


class KeptSpectralNorm(nn.Module):
    """W -> sigma(W_init) W / sigma(W)."""

    scale: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.normalise = SpectralNorm(len(weight))
        self.register_buffer("scale", torch.linalg.matrix_norm(weight.detach(), 2))

    def forward(self, weight: Tensor) -> Tensor:
        return self.normalise(weight) * self.scale


def keep_spectral_norm(module: nn.Module) -> None:
    """For `apply`: linear layers keep the spectral norm that they have now."""
    if isinstance(module, Linear):
        parametrize.register_parametrization(module, "weight", KeptSpectralNorm(module.weight))
