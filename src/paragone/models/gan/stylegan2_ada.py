"""StyleGAN2-ADA: adaptive discriminator augmentation, for small training sets.

Karras, Aittala, Hellsten, Laine, Lehtinen, Aila 2020, "Training generative adversarial networks with limited data",
https://arxiv.org/abs/2006.06676: StyleGAN2, whose discriminator sees real and generated images through augmentations
that do not leak into what is generated (see `paragone.models.layers.ada`), at a strength that follows its overfitting.

    section 2.2   L_D = E[softplus(D(T g(w)))] + E[softplus(-D(T x))] + gamma/2 E[||grad D(T x)||^2], L_G likewise;
                  T transforms each image by each of its steps with probability p
    eq. 1         r_t = E[sign(D_train)], of augmented training images
    appendix B    blit, geometry and colour are the paper's choice; `augment` adds by name the rest: filter (four bands
                  of frequency amplified), noise and cutout
    section 3     every 4 steps p grows or shrinks by a fixed amount as r_t exceeds the target 0.6 or not, at least 0

Settings are those of the paper's 256 x 256 sets, https://github.com/NVlabs/stylegan2-ada: batches of 64, gamma 1, Adam
at 0.0025, half of StyleGAN2's channels; p could rise from 0 to 1 in 500 kimg, a 50th of the budget. p and what r_t is
made of are buffers.

Deviations:
- Geometry is resampled bilinearly, without the paper's wavelet filter at twice the size; p is kept at most 1.
- The gradient term is taken at the augmented images, not through the augmentation.
- In a training of several processes each adapts p on its own images.
- Those of StyleGAN2.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.gan.stylegan2 import Discriminator, Latents, Synthesis, check, widths
from paragone.models.layers import ada, functional
from paragone.models.layers.stylegan import PSI, Mapping, PathLength, lazy_adam, mix_styles, swap_styles, truncate


class StyleGAN2ADA(Model):
    """StyleGAN2 with augmentations that adapt to overfitting, any power of two from 8 px up."""

    title = "StyleGAN2-ADA"
    paper = "Karras et al., 2020"
    plan = Plan(kimg=25_000, batch=64, ema_kimg=20)
    capabilities = frozenset({"decode", "latents", "truncations", "mixed", "moved"})
    generator = "generator"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        z_dim: int = 512
        w_dim: int = 512
        depth: int = 8
        width: int = 16_384  # channels times side
        max_width: int = 512
        mixing: float = 0.9
        gamma: float = 1.0
        r1_every: int = 16
        path_weight: float = 2.0
        path_every: int = 4
        path_decay: float = 0.99
        w_decay: float = 0.995
        truncation: float = 1.0
        stddev_group: int = 8
        augment: tuple[str, ...] = ("blit", "geometry", "colour")
        target: float = 0.6  # of r_t
        ramp: float = 0.02  # share of the budget in which p could rise from 0 to 1
        adapt_every: int = 4  # steps
        p: float = 0.0  # that training starts from
        lr: float = 2.5e-3
        generator_lr: float | None = None  # the generator's, where it is not lr too
        beta1: float = 0.0
        beta2: float = 0.99

        def __post_init__(self) -> None:
            check(self.truncation, self.w_decay, self.mixing)
            ada.check(self.augment)
            for name in ("target", "p"):
                if not 0 <= getattr(self, name) <= 1:
                    raise ValueError(f"{name} is {getattr(self, name)}; it must lie in [0, 1]")
            for name in ("ramp", "adapt_every", "r1_every", "path_every", "stddev_group", "depth"):
                if getattr(self, name) <= 0:
                    raise ValueError(f"{name} is {getattr(self, name)}; it must be positive")

    w_mean: Tensor
    p: Tensor
    signs: Tensor

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        if spec.shape[0] not in (1, 3):
            raise ValueError(
                f"{self.title} changes the colours of grey or RGB images; these have {spec.shape[0]} channels"
            )
        self.cfg = cfg
        channels = widths(spec.shape, cfg.width, cfg.max_width, self.title)
        self.mapping = Mapping(cfg.z_dim, cfg.w_dim, cfg.depth)
        self.synthesis = Synthesis(spec.shape[0], cfg.w_dim, channels)
        self.D = Discriminator(spec.shape[0], channels[::-1], cfg.stddev_group)
        self.path = PathLength(cfg.path_decay)
        self.register_buffer("w_mean", torch.zeros(cfg.w_dim))
        self.register_buffer("p", torch.tensor(float(cfg.p)))
        self.register_buffer("signs", torch.zeros(2))  # sum and count of sign(D_train) since p was adapted

    def optimizers(self) -> dict[str, Optimizer]:
        cfg, betas = self.cfg, (self.cfg.beta1, self.cfg.beta2)
        g = [*self.mapping.parameters(), *self.synthesis.parameters()]
        rate = cfg.lr if cfg.generator_lr is None else cfg.generator_lr
        interval = cfg.path_every if cfg.path_weight else None
        return {
            "generator": lazy_adam(g, rate, betas, interval),
            "discriminator": lazy_adam(self.D.parameters(), cfg.lr, betas, cfg.r1_every),
        }

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        cfg, n = self.cfg, len(batch["image"])
        fake = self._augment(self._generate(self._styles(n)))
        yield Update("generator", functional.nonsaturating_generator_loss(self.D(fake)), drawn=n)
        if cfg.path_weight and progress.step % cfg.path_every == 0:
            w = self._styles(max(1, n // 2))
            penalty = self.path(self._generate, w.float())
            yield Update("generator", cfg.path_weight * cfg.path_every * penalty, drawn=len(w))
        with torch.no_grad():
            fake = self._augment(self._generate(self._styles(n)))
            x = self._augment(batch["image"])  # (B,C,H,W)
        real_score = self.D(x)
        loss = functional.logistic_discriminator_loss(real_score, self.D(fake))
        self._adapt(real_score.detach(), progress)
        yield Update("discriminator", loss, {"p": self.p.clone()}, drawn=n)
        if progress.step % cfg.r1_every == 0:
            r1 = functional.zero_centred_gradient_penalty(self.D, x)
            yield Update("discriminator", cfg.r1_every * cfg.gamma / 2 * r1, {"r1": r1.detach()})

    def _adapt(self, real_score: Tensor, progress: Progress) -> None:
        """Count signs, and after every `adapt_every` steps move p (section 3)."""
        cfg = self.cfg
        self.signs += torch.stack([real_score.float().sign().sum(), self.signs.new_full((), len(real_score))])
        if progress.step == 0 or progress.step % cfg.adapt_every or not progress.total_kimg:
            return
        images = progress.number(lambda now: cfg.adapt_every * now.kimg / now.step)  # kimg, of all processes
        above = (self.signs[0] / self.signs[1] - cfg.target).sign()
        self.p.add_(above * images / (cfg.ramp * progress.total_kimg)).clamp_(0, 1)
        self.signs.zero_()

    def _augment(self, x: Tensor) -> Tensor:
        return ada.augment(x, self.p, self.cfg.augment)

    def _styles(self, n: int) -> Tensor:
        """Styles of a training batch, some of them mixed, (n,layers,w_dim); they move the running mean of w."""
        w1, w2 = self.mapping(torch.randn(2 * n, self.cfg.z_dim, device=self.p.device)).chunk(2)
        self.w_mean.lerp_(w1.detach().float().mean(0), 1 - self.cfg.w_decay)
        return mix_styles(w1, w2, self.synthesis.layers, self.cfg.mixing)

    def _generate(self, w: Tensor) -> Tensor:
        return self.synthesis(w, self._noise(len(w))).float()

    def _noise(self, n: int) -> Tensor:
        return torch.randn(n, self.synthesis.noises, device=self.p.device)

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """g(f(z)), z ~ N(0, I), noise ~ N(0, I), truncated by psi; never augmented."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Latents:
        """z ~ N(0, I), (n,z_dim), and the noise of all layers, (n,P)."""
        return torch.randn(n, self.cfg.z_dim, device=self.p.device), self._noise(n)

    def decode(self, z: Latents) -> Tensor:
        """Latents of B images -> (B,C,H,W) in [-1,1]."""
        w = truncate(self.mapping(z[0]), self.w_mean, self.cfg.truncation)
        return self.synthesis(w[:, None].expand(-1, self.synthesis.layers, -1), z[1]).float().clamp(-1, 1)

    def mixed(self, z: Latents, other: Latents, first: float, last: float) -> Tensor:
        """decode(z) with the styles of `other` in the layers from the share `first` to `last`."""
        w, w2 = (truncate(self.mapping(of[0]), self.w_mean, self.cfg.truncation) for of in (z, other))
        return self.synthesis(swap_styles(w, w2, self.synthesis.layers, first, last), z[1]).float().clamp(-1, 1)

    def moved(self, z: Latents, matrix: Tensor) -> Tensor:
        """decode(z) without noise, the learned constant moved by matrices (B,3,3)."""
        return self.synthesis.moved(truncate(self.mapping(z[0]), self.w_mean, self.cfg.truncation), matrix)

    def truncations(self) -> tuple[float, ...]:
        """psi, from the mean of w to none."""
        return PSI
