"""NVAE: a deep hierarchical VAE.

Vahdat, Kautz 2020, "NVAE: A Deep Hierarchical Variational Autoencoder", https://arxiv.org/abs/2007.03898.

    eq. 1           L(x) = E_q[log p(x|z)] - KL(q(z_1|x) || p(z_1)) - sum_l E[KL(q(z_l|x,z_{<l}) || p(z_l|z_{<l}))]
    section 3.2     p(z_l^i|z_{<l}) = N(mu_i, sigma_i), q(z_l^i|z_{<l},x) = N(mu_i + d_i, sigma_i r_i)
    eq. 2           KL = 1/2 (d_i^2 / sigma_i^2 + r_i^2 - log r_i^2 - 1), d and r the paper's Delta mu and Delta sigma
    eq. 3           L_SR = lambda sum_i s_i, s_i the largest singular value of convolution i, by power iteration
    figures 2, 3    groups at several scales, top down; cells: batch norm, 1 x 1 expansion, depthwise 5 x 5, 1 x 1,
                    squeeze and excitation (decoder); two 3 x 3 convolutions and the same (encoder); Swish throughout
    appendix A      KL weighs beta, which rises from 1e-4 to 1 over the first 30 % of training; meanwhile group l weighs
                    in addition gamma_l, proportional to its size times E_x[KL_l], with a mean of 1 over groups

p(x|z) is a discretised mixture of logistics (PixelCNN++), or with `likelihood: bernoulli` the paper's for MNIST: on a
binarised set it is the likelihood itself, of grey levels taken for probabilities none. Adamax at 0.01 with cosine decay
and weight decay 3e-4, as in the authors' code (https://github.com/NVlabs/NVAE), which also bounds means and log
deviations by 5 tanh(./5), starts from a learned tensor and multiplies the cells' branches by 0.1.

Samples are draws of p(x|z), as in the authors' code; with `output: mean` its means, as the other VAEs here show: pixels
drawn independently look noisy until the mixture is narrow. `latents` are the standard normal draws behind all groups'
latents, as one pixel with a channel each: what each group makes of its own depends on those above.

Deviations:
- No normalising flows in the posterior (section 3.4, optional), no weight normalisation, no penalty on batch
  normalisation's gains.
- The defaults are CIFAR-10's but for the flows; `scales` gives the groups at each scale from the top, `halvings` lie
  between the image and the lowest of them, and each scale has its channels doubled, as in the paper.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import elu, interpolate, normalize, silu
from torch.optim import Adamax, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import functional, logistic_mixture


class NVAE(Model):
    """A VAE with groups of latents at several scales."""

    title = "NVAE"
    paper = "Vahdat & Kautz, 2020"
    plan = Plan(kimg=20_000, batch=256, decay="cosine")  # 400 epochs of CIFAR-10
    capabilities = frozenset({"decode", "latents", "log_likelihood_bound", "log_weight", "reconstruct"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        scales: tuple[int, ...] = (30,)  # groups at each scale, from the smallest grid
        halvings: int = 1  # between the image and the largest grid of latents
        z_dim: int = 20  # latents at each place of a group
        width: int = 128  # channels next to the image
        cells: int = 2  # residual cells of a group
        expansion: int = 6  # of the depthwise cells
        likelihood: Literal["mixture", "bernoulli"] = "mixture"  # p(x|z)
        components: int = 10  # logistics of the mixture
        output: Literal["draw", "mean"] = "draw"  # what a sample shows of p(x|z)
        spectral: float = 0.1  # lambda
        warm_up: float = 0.3  # share of the budget in which beta rises
        lr: float = 0.01
        weight_decay: float = 3e-4

        def __post_init__(self) -> None:
            if not self.scales or min(self.scales) < 1:
                raise ValueError(f"scales is {self.scales}; give the number of groups at each scale, at least 1")
            for name in ("z_dim", "components", "cells"):
                if getattr(self, name) < 1:
                    raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")

    sizes: Tensor  # (groups,): positions of each group's latents

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        colours, h, w = spec.shape
        depth = cfg.halvings + len(cfg.scales) - 1
        if h % 2**depth or w % 2**depth:
            raise ValueError(
                f"{cfg.halvings} halvings and {len(cfg.scales)} scales need sides that divide by {2**depth}; these are "
                f"{h} x {w}: set fewer scales, or another resolution"
            )
        self.cfg, self.colours = cfg, colours
        if cfg.likelihood == "bernoulli" and spec.levels != 2:
            self.capabilities = self.capabilities - {"log_likelihood_bound", "log_weight"}
        channels = [cfg.width * 2**i for i in range(depth + 1)]
        self.stem = Conv(colours, channels[0], 3)
        self.encoder = nn.ModuleList(
            nn.Sequential(
                *([Conv(channels[i - 1], channels[i], 3, stride=2)] if i else []),
                *(EncoderCell(channels[i]) for _ in range(cfg.cells)),
            )
            for i in range(depth + 1)
        )
        self.start = nn.Parameter(torch.randn(channels[-1], h // 2**depth, w // 2**depth))
        self.groups, self.ups = nn.ModuleList(), nn.ModuleList()
        self.grids: list[tuple[int, int]] = []  # of latents, one a group
        for s, count in enumerate(cfg.scales):
            i = depth - s
            self.grids += [(h // 2**i, w // 2**i)] * count
            self.groups.extend(Group(channels[i], cfg, first=s == g == 0) for g in range(count))
        for i in reversed(range(depth)):
            self.ups.append(Up(channels[i + 1], channels[i], cfg))
        mixture = cfg.likelihood == "mixture"
        self.head = Conv(channels[0], logistic_mixture.channels(colours, cfg.components) if mixture else colours, 3)
        self.register_buffer("sizes", torch.tensor([float(h * w) for h, w in self.grids]), persistent=False)

    def optimizers(self) -> dict[str, Optimizer]:
        return {"vae": Adamax(self.parameters(), self.cfg.lr, weight_decay=self.cfg.weight_decay, foreach=True)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        x = batch["image"]  # (B,C,H,W)
        params, kls = self._run(len(x), x=x)
        kl, reconstruction = kls.sum(1).mean(), self._log_likelihood(x, params).mean()
        beta = progress.number(lambda now: self.beta(now.share))
        weighed = (self.balance(kls, progress.share) * kls.mean(0)).sum()
        spectral = torch.stack([m.largest_singular_value() for m in self.modules() if isinstance(m, Conv)]).sum()
        loss = beta * weighed - reconstruction + self.cfg.spectral * spectral
        logs = {f"kl_{i}": v for i, v in enumerate(kls.mean(0))}
        logs |= {"kl": kl, "log_likelihood": reconstruction, "spectral": spectral}
        yield Update("vae", loss, logs)

    def beta(self, share: float) -> float:
        """The weight of KL, 1e-4 to 1 over the warm-up."""
        return 1.0 if self.cfg.warm_up == 0 else min(1.0, max(1e-4, share / self.cfg.warm_up))

    def balance(self, kls: Tensor, share: float) -> Tensor:
        """gamma (groups,) of divergences (B,groups), which carry no gradient; ones after the warm-up."""
        if share >= self.cfg.warm_up:
            return torch.ones_like(kls[0])
        gamma = self.sizes / self.sizes.min() * (kls.detach().abs().mean(0) + 0.01)
        return gamma / gamma.mean()

    def log_likelihood_bound(self, x: Tensor) -> Tensor:
        """A one-sample estimate, without bias, of a lower bound of log P(x) over the data's levels, in nats, (B,)."""
        params, kls = self._run(len(x), x=x)
        return self._log_likelihood(x, params) - kls.sum(1)

    def log_weight(self, x: Tensor) -> Tensor:
        """log p(x|z) + log p(z) - log q(z|x) of one z ~ q(z|x) through all groups, in nats, (B,)."""
        params, log_ratios = self._run(len(x), x=x, drawn=True)
        return self._log_likelihood(x, params) - log_ratios.sum(1)

    def _log_likelihood(self, x: Tensor, params: Tensor) -> Tensor:
        """log p(x|z) in nats, (B,)."""
        if self.cfg.likelihood == "bernoulli":
            return functional.bernoulli_log_likelihood((x + 1) / 2, params)
        return logistic_mixture.log_likelihood(x, params)

    def _mean(self, params: Tensor) -> Tensor:
        """The mean of p(x|z), (B,C,H,W) in [-1,1]."""
        return (
            torch.tanh(params / 2)
            if self.cfg.likelihood == "bernoulli"
            else logistic_mixture.mean(params, self.colours)
        )

    def _show(self, params: Tensor) -> Tensor:
        """A draw of p(x|z), or its mean."""
        if self.cfg.output == "mean":
            return self._mean(params)
        if self.cfg.likelihood == "bernoulli":
            return 2 * torch.bernoulli(params.sigmoid()) - 1
        return logistic_mixture.sample(params, self.colours)

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """Draws of p(x|z), or its means, z from the prior."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """N(0, I) for each latent of each group, (n,D,1,1)."""
        return torch.randn(n, sum(self._sizes()), 1, 1, device=self.start.device)

    def decode(self, z: Tensor) -> Tensor:
        """A draw of p(x|z), or its mean, z (B,D,1,1) as `latents` gives it: (B,C,H,W) in [-1,1]."""
        noise = [
            part.unflatten(1, (self.cfg.z_dim, *grid))
            for part, grid in zip(z.flatten(1).split(self._sizes(), 1), self.grids, strict=True)
        ]
        return self._show(self._run(len(z), noise=noise)[0])

    def reconstruct(self, x: Tensor) -> Tensor:
        """The mean of p(x|z) at the posteriors' means: (B,C,H,W) in [-1,1] -> the same."""
        noise = [x.new_zeros(len(x), self.cfg.z_dim, *grid) for grid in self.grids]
        return self._mean(self._run(len(x), x=x, noise=noise)[0])

    def _sizes(self) -> list[int]:
        return [self.cfg.z_dim * h * w for h, w in self.grids]

    def _run(
        self, n: int, *, x: Tensor | None = None, noise: list[Tensor] | None = None, drawn: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Top down with the posterior of x, or with the prior where x is None, and the noise (B,z_dim,h,w) of each
        group, drawn where it is None: the parameters of p(x|z), and of each group KL, or with `drawn` log q - log p of
        its draw, (B,groups).
        """
        features = [] if x is None else self._features(x)
        h, kls, k = self.start.expand(n, -1, -1, -1).contiguous(memory_format=torch.channels_last), [], 0
        for i, up in enumerate([None, *self.ups]):
            h = h if up is None else up(h)
            for _ in range(self.cfg.scales[i] if i < len(self.cfg.scales) else 0):
                eps = None if noise is None else noise[k]
                h, kl = self.groups[k](h, features[-1 - i] if features else None, eps, drawn=drawn)
                kls.append(kl)
                k += 1
        return self.head(elu(h)).float(), torch.stack(kls, 1)

    def _features(self, x: Tensor) -> list[Tensor]:
        """The encoder's features from the image's size down."""
        h, features = self.stem(x), []
        for stage in self.encoder:
            h = stage(h)
            features.append(h)
        return features


class Group(nn.Module):
    """One group: h (B,C,h,w) and the encoder's features of its size -> h with what the group says, and KL (B,), or
    with `drawn` the logarithm of posterior over prior at its draw."""

    def __init__(self, channels: int, cfg: NVAE.Config, *, first: bool) -> None:
        super().__init__()
        self.first = first  # p(z_1) = N(0, I)
        self.prior = nn.Identity() if first else Conv(channels, 2 * cfg.z_dim, 1)
        self.encoder_cell, self.join = EncoderCell(channels), Conv(channels, channels, 1)
        self.posterior = Conv(channels, 2 * cfg.z_dim, 3)
        self.combine = Conv(channels + cfg.z_dim, channels, 1)
        self.cells = nn.Sequential(*(DecoderCell(channels, cfg.expansion) for _ in range(cfg.cells)))

    def forward(
        self, h: Tensor, features: Tensor | None, eps: Tensor | None, *, drawn: bool = False
    ) -> tuple[Tensor, Tensor]:
        mu, log_sigma = self._prior(h)
        shift, log_ratio = torch.zeros_like(mu), torch.zeros_like(mu)
        if features is not None:
            q = self.posterior(elu(self.encoder_cell(features) + self.join(h))).float()
            shift, log_ratio = _bounded(q).chunk(2, 1)
        noise = torch.randn_like(mu) if eps is None else eps
        if drawn:
            kl = residual_log_ratio(noise, shift, log_ratio, log_sigma).flatten(1).sum(1)
        else:
            kl = residual_kl(shift, log_ratio, log_sigma).flatten(1).sum(1)
        z = mu + shift + (log_sigma + log_ratio).exp() * noise
        z = z.contiguous(memory_format=torch.channels_last)
        return self.cells(self.combine(torch.cat([h, z], 1))), kl

    def _prior(self, h: Tensor) -> tuple[Tensor, Tensor]:
        if self.first:
            zeros = h.new_zeros(len(h), self.posterior.out_channels // 2, *h.shape[2:])
            return zeros, zeros
        mu, log_sigma = _bounded(self.prior(elu(h)).float()).chunk(2, 1)
        return mu, log_sigma


def residual_kl(shift: Tensor, log_ratio: Tensor, log_sigma: Tensor) -> Tensor:
    """KL(N(mu + shift, (sigma ratio)^2) || N(mu, sigma^2)) of each latent in nats (eq. 2)."""
    return 0.5 * ((shift * (-log_sigma).exp()).square() + (2 * log_ratio).exp() - 2 * log_ratio - 1)


def residual_log_ratio(noise: Tensor, shift: Tensor, log_ratio: Tensor, log_sigma: Tensor) -> Tensor:
    """log q(z) - log p(z) of each latent at z = mu + shift + sigma ratio noise, q and p those of `residual_kl`."""
    over_prior = shift * (-log_sigma).exp() + log_ratio.exp() * noise  # (z - mu) / sigma
    return 0.5 * (over_prior.square() - noise.square()) - log_ratio


def _bounded(x: Tensor) -> Tensor:
    return 5 * torch.tanh(x / 5)


class Conv(nn.Conv2d):
    """A convolution that keeps its size but for the stride, with the vector of a power iteration."""

    u: Tensor

    def __init__(self, c_in: int, c_out: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(c_in, c_out, kernel, stride, kernel // 2, groups=groups)
        self.register_buffer("u", normalize(torch.randn(c_out), dim=0))

    def largest_singular_value(self) -> Tensor:
        """Of the weight as a matrix (out,in k k), by one step of power iteration; it moves in training mode alone."""
        with torch.autocast(self.weight.device.type, enabled=False):
            matrix = self.weight.flatten(1)
            with torch.no_grad():
                v = normalize(matrix.T @ self.u, dim=0)
                u = normalize(matrix @ v, dim=0)
                if self.training:
                    self.u.copy_(u)
            return u @ (matrix @ v)


class SqueezeExcite(nn.Module):
    """x times a weight of each channel, from the means of all."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(4, channels // 16)
        self.net = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.net(x.mean((2, 3)))[:, :, None, None]


class EncoderCell(nn.Module):
    """Figure 3b: batch norm, Swish, 3 x 3, twice, then squeeze and excitation; added to x."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(channels, momentum=0.05), Conv(channels, channels, 3)
        self.norm2, self.conv2 = nn.BatchNorm2d(channels, momentum=0.05), Conv(channels, channels, 3)
        self.excite = SqueezeExcite(channels)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(silu(self.norm2(self.conv1(silu(self.norm1(x))))))
        return x + 0.1 * self.excite(h)


class DecoderCell(nn.Module):
    """Figure 3a: 1 x 1 expansion, depthwise 5 x 5, 1 x 1, then squeeze and excitation; added to x."""

    def __init__(self, channels: int, expansion: int) -> None:
        super().__init__()
        inner = channels * expansion
        norms = [nn.BatchNorm2d(c, momentum=0.05) for c in (channels, inner, inner, channels)]
        self.branch = nn.Sequential(
            norms[0], Conv(channels, inner, 1), norms[1], nn.SiLU(), Conv(inner, inner, 5, groups=inner), norms[2],
            nn.SiLU(), Conv(inner, channels, 1), norms[3], SqueezeExcite(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.1 * self.branch(x)


class Up(nn.Module):
    """Twice the size by nearest neighbour and a 1 x 1 convolution, then a decoder cell."""

    def __init__(self, c_in: int, c_out: int, cfg: NVAE.Config) -> None:
        super().__init__()
        self.conv, self.cell = Conv(c_in, c_out, 1), DecoderCell(c_out, cfg.expansion)

    def forward(self, x: Tensor) -> Tensor:
        return self.cell(interpolate(self.conv(x), scale_factor=2.0, mode="nearest"))
