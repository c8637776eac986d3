"""BigGAN: class-conditional GANs at scale.

Brock, Donahue, Simonyan 2019, "Large scale GAN training for high fidelity natural image synthesis",
https://arxiv.org/abs/1809.11096: residual networks with spectral norm in both (see `paragone.models.layers.resnet`), a
hinge loss, a discriminator that projects on the class, and batch normalisation whose gains and biases come from a
shared embedding of the class and a chunk of z for each block.

    hinge        L_D = E[max(0, 1 - D(x,y))] + E[max(0, 1 + D(G(z,y),y))], L_G = -E[D(G(z,y),y)]
    projection   D(x,y) = w^T phi(x) + v_y^T phi(x) (Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637, eq. 4)
    eq. 3        R_beta(W) = beta ||W^T W * (1 - I)||_F^2, * elementwise: orthogonal regularisation of G, beta 1e-4
    truncation   at sampling z is drawn anew where its magnitude exceeds a threshold (section 3.1)

Settings are the paper's: Adam (0, 0.999), 5e-5 for G and 2e-4 for D, two updates of D per update of G, batches of
2,048, averaged weights of decay 0.9999 per update, orthogonal initialisation. One step draws one real batch and updates
D; every n_dis-th step then updates G. Up to 32 px: the networks of 4 `width` channels that the authors' code,
https://github.com/ajbrock/BigGAN-PyTorch, has for CIFAR.

Deviations:
- Self-attention stands at one size (`attention`, the paper: 64 for images of 128 px) or nowhere (0).
- Real and generated images pass D as one batch, so one power iteration serves both.
- Samples use the running statistics of batch normalisation, not statistics gathered anew for each threshold.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import erf, sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, one_hot, relu
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update, class_labels
from paragone.models.layers import functional
from paragone.models.layers.resnet import DownBlock
from paragone.models.layers.spectral import spectral_norm
from paragone.models.layers.stylegan import halvings


class BigGAN(Model):
    """A class-conditional residual GAN, any power of two from 16 px up."""

    title = "BigGAN"
    paper = "Brock et al., 2019"
    plan = Plan(kimg=600_000, batch=2048, ema_kimg=14_000)
    capabilities = frozenset({"decode", "latents", "truncations"})
    generator = "generator"
    needs = frozenset({"image", "label"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        z_dim: int = 120  # shared out among the first layer and the blocks
        embedding: int = 128  # of the class, shared by all layers
        width: int = 96  # ch
        attention: int = 64  # side of the feature maps that attend; 0: none
        n_dis: int = 2
        orthogonal: float = 1e-4  # beta
        truncation: float = 0.0  # threshold of |z| when sampling; 0: none
        lr_g: float = 5e-5
        lr_d: float = 2e-4
        beta1: float = 0.0
        beta2: float = 0.999

        def __post_init__(self) -> None:
            if self.n_dis < 1:
                raise ValueError(f"n_dis is {self.n_dis}; it must be at least 1")
            if self.truncation < 0:
                raise ValueError(f"truncation is {self.truncation}; it must be a positive threshold, or 0 for none")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        levels = halvings(spec.shape, self.title, 16)
        if not spec.classes:
            raise ValueError(f"{self.title} generates by class and the data set has no labels; choose one with labels")
        if cfg.z_dim < levels + 1:
            raise ValueError(f"z_dim is {cfg.z_dim}; {levels + 1} parts must share it, so it must be at least that")
        self.cfg, self.classes = cfg, spec.classes
        self.G = Generator(cfg, spec, levels)
        self.D = Discriminator(cfg, spec, levels)
        self.apply(_orthogonal)
        self.D.apply(spectral_norm)
        for name, part in self.G.named_children():
            if name != "embed":
                part.apply(spectral_norm)

    def optimizers(self) -> dict[str, Optimizer]:
        cfg = self.cfg
        betas = (cfg.beta1, cfg.beta2)
        return {
            "discriminator": Adam(self.D.parameters(), cfg.lr_d, betas, fused=True),
            "generator": Adam(self.G.parameters(), cfg.lr_g, betas, eps=1e-8, fused=True),
        }

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x, y = batch["image"], batch["label"]  # (B,C,H,W), (B,)
        n = len(x)
        with torch.no_grad():
            fake = self._generate(torch.randn(n, self.cfg.z_dim, device=x.device), y)
        real_score, fake_score = self.D(torch.cat([x, fake]), torch.cat([y, y])).chunk(2)
        yield Update("discriminator", functional.hinge_discriminator_loss(real_score, fake_score), drawn=n)
        if (progress.step + 1) % self.cfg.n_dis == 0:
            y = torch.randint(self.classes, (n,), device=x.device)
            fake = self._generate(torch.randn(n, self.cfg.z_dim, device=x.device), y)
            score = self.D(fake, y).float().mean()
            penalty = orthogonal_penalty(self.G)
            logs = {"score": score.detach(), "orthogonality": penalty.detach()}
            yield Update("generator", self.cfg.orthogonal * penalty - score, logs, drawn=n)

    def _generate(self, z: Tensor, y: Tensor) -> Tensor:
        return torch.tanh(self.G(z, y).float())

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """G(z,y) of the classes `cond` (n,), uniformly drawn ones if None; z truncated where the config says so."""
        z = self.latents(n)
        return self.decode(z, class_labels(cond, n, self.classes, z.device))

    def latents(self, n: int) -> Tensor:
        """z ~ N(0, I), (n,z_dim), within the threshold of truncation if there is one."""
        z = torch.randn(n, self.cfg.z_dim, device=next(self.G.parameters()).device)
        return truncate(z, self.cfg.truncation) if self.cfg.truncation else z

    def decode(self, z: Tensor, label: Tensor) -> Tensor:
        """G(z,y): (B,z_dim) and labels (B,) -> (B,C,H,W) in [-1,1]."""
        return self._generate(z, label)

    def truncations(self) -> tuple[float, ...]:
        """Thresholds of |z|, those of figure 2, and none."""
        return (0.04, 0.5, 1.0, 2.0, 0.0)


def truncate(z: Tensor, limit: float) -> Tensor:
    """z ~ N(0, 1) to the truncated normal within +-limit, place by place in the same order: what drawing anew until it
    is within would give, and one draw at all thresholds."""
    share = torch.erf(z.double() / sqrt(2)) * erf(limit / sqrt(2))  # 2 F(z) - 1, F of the truncated normal
    return (sqrt(2) * torch.erfinv(share)).clamp(-limit, limit).to(z.dtype)


def _channels(width: int, levels: int) -> list[int]:
    """Channels at 4 x 4 and after each doubling: 4 `width` up to 32 px, else 16 `width` halved from 16 px on."""
    if levels <= 3:
        return [4 * width] * (levels + 1)
    return [max(1, width * min(16, 128 // (4 * 2**i))) for i in range(levels + 1)]


class Generator(nn.Module):
    """z (B,z_dim), y (B,) -> (B,C,H,W) before the tanh."""

    def __init__(self, cfg: BigGAN.Config, spec: Spec, levels: int) -> None:
        super().__init__()
        channels, self.chunk, self.classes = _channels(cfg.width, levels), cfg.z_dim // (levels + 1), spec.classes
        self.embed = nn.Linear(spec.classes, cfg.embedding, bias=False)
        self.project = nn.Linear(cfg.z_dim - levels * self.chunk, 16 * channels[0])
        self.blocks = nn.ModuleList(UpBlock(a, b, cfg.embedding + self.chunk) for a, b in pairwise(channels))
        self.attention = nn.ModuleList(
            Attention(c) if cfg.attention == 8 * 2**i else nn.Identity() for i, c in enumerate(channels[1:])
        )
        self.norm, self.out = nn.BatchNorm2d(channels[-1]), nn.Conv2d(channels[-1], spec.shape[0], 3, padding=1)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        embedded = self.embed(one_hot(y, self.classes).float())  # (B,embedding)
        parts = [self.project.in_features] + [self.chunk] * len(self.blocks)
        first, *rest = z.split(parts, 1)
        h = self.project(first).unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2)  # (B,C,4,4), channels-last
        for block, attention, part in zip(self.blocks, self.attention, rest, strict=True):
            h = attention(block(h, torch.cat([embedded, part], 1)))
        return self.out(relu(self.norm(h)))


class UpBlock(nn.Module):
    """Conditional normalisation, ReLU, doubling, convolution, twice but for the doubling: (B,C,H,W) -> (B,C',2H,2W)."""

    def __init__(self, c_in: int, c_out: int, condition: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = ConditionalNorm(c_in, condition), ConditionalNorm(c_out, condition)
        self.conv1, self.conv2 = nn.Conv2d(c_in, c_out, 3, padding=1), nn.Conv2d(c_out, c_out, 3, padding=1)
        self.skip = nn.Conv2d(c_in, c_out, 1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = self.conv1(interpolate(relu(self.norm1(x, y)), scale_factor=2.0))
        return interpolate(self.skip(x), scale_factor=2.0) + self.conv2(relu(self.norm2(h, y)))


class ConditionalNorm(nn.Module):
    """Batch normalisation with gain 1 + A y and bias B y: x (B,C,H,W), y (B,condition) -> (B,C,H,W)."""

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain, self.bias = (nn.Linear(condition, channels, bias=False) for _ in range(2))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.norm(x) * (1 + self.gain(y))[:, :, None, None] + self.bias(y)[:, :, None, None]


class Discriminator(nn.Module):
    """x (B,C,H,W), y (B,) -> (B,) scores: w^T phi + v_y^T phi, phi the sum over places of the last features."""

    def __init__(self, cfg: BigGAN.Config, spec: Spec, levels: int) -> None:
        super().__init__()
        small = levels <= 3
        channels = [4 * cfg.width] * 4 if small else [*_channels(cfg.width, levels)[:0:-1], 16 * cfg.width]
        halving = 2 if small else len(channels) - 1
        self.classes, side = spec.classes, spec.shape[1]
        layers: list[nn.Module] = []
        for i, (a, b) in enumerate(pairwise([spec.shape[0], *channels])):
            layers.append(DownBlock(a, b, down=i < halving, first=i == 0, wide=True))
            side //= 2 if i < halving else 1
            if side == cfg.attention and i < halving:
                layers.append(Attention(b))
        self.blocks = nn.Sequential(*layers)
        self.out, self.embed = nn.Linear(channels[-1], 1), nn.Linear(spec.classes, channels[-1], bias=False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        phi = relu(self.blocks(x)).sum((2, 3))  # (B,C)
        return self.out(phi)[:, 0] + (self.embed(one_hot(y, self.classes).to(phi.dtype)) * phi).sum(1)


class Attention(nn.Module):
    """Self-attention over places with an eighth of the channels, half-size keys and values, and a gain that starts from
    0 (Zhang et al. 2018, SAGAN, https://arxiv.org/abs/1805.08318): (B,C,H,W) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner, half = max(1, channels // 8), max(1, channels // 2)
        self.query, self.key = (nn.Conv2d(channels, inner, 1, bias=False) for _ in range(2))
        self.value, self.out = nn.Conv2d(channels, half, 1, bias=False), nn.Conv2d(half, channels, 1, bias=False)
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        q = self.query(x).flatten(2)  # (B,c,T)
        k, v = (max_pool2d(layer(x), 2).flatten(2) for layer in (self.key, self.value))  # (B,c,T/4)
        weights = torch.softmax((q.transpose(1, 2) @ k).float(), 2)  # (B,T,T/4)
        y = (v @ weights.transpose(1, 2).to(v.dtype)).unflatten(2, x.shape[2:])
        return x + self.gain * self.out(y)


def orthogonal_penalty(net: nn.Module) -> Tensor:
    """sum over weights W (rows flattened) of ||W W^T * (1 - I)||_F^2, the class embedding's left out, 0-d (eq. 3)."""
    total = torch.zeros((), device=next(net.parameters()).device)
    for name, p in net.named_parameters():
        if p.ndim >= 2 and not name.startswith("embed"):
            w = p.float().flatten(1)
            gram = w @ w.T
            total = total + (gram - torch.diag(gram.diagonal())).square().sum()
    return total


def _orthogonal(module: nn.Module) -> None:
    """For `apply`: orthogonal weights."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.orthogonal_(module.weight)
