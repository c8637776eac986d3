"""WGAN-GP: Wasserstein GAN with a gradient penalty.

Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, algorithm 1 with its default hyper-parameters. Networks: those
of the authors' CIFAR-10 script, https://github.com/igul222/improved_wgan_training (gan_cifar.py): DCGAN's, with no
batch normalisation in the critic, since the penalty is on each image's own gradient (section 4).

    eq. 3    L_critic = E[D(G(z))] - E[D(x)] + lambda E[(||grad D(x_hat)||_2 - 1)^2],
             x_hat = eps x + (1 - eps) G(z), eps ~ U[0,1], the norm over all of C,H,W
             L_generator = -E[D(G(z))]

One step draws one real batch and updates the critic; every n_critic-th step then updates the generator. So a budget in
images counts the real images that the critic has seen: the paper's 200,000 generator updates of 5 batches of 64 are
64,000 kimg.

Deviations:
- The penalty is computed in float32 whatever the precision of the rest.
- `penalty_every: k` > 1 computes it on every k-th step, k times as strong (lazy regularisation, Karras et al. 2019,
  appendix B); the paper's is 1. Keep k and n_critic without a common divisor. By default it is added to the critic's
  loss on that step, so Adam's second moment swings between the two kinds of steps; `penalty_step: own` makes it a step
  of its own, with the critic's rate and betas corrected as StyleGAN2 does (the same appendix).
- `critic_norm: layer` has the layer normalisation that section 4 recommends in place of batch normalisation, where the
  authors' gan_64x64.py has it: after every convolution of the critic but the first.
- `generator_lr` gives the generator a rate of its own: it takes fewer steps than the critic (the paper has one rate).
- `kernel: 4` replaces the 5 x 5 kernels where they cost too much.
- Weights start from PyTorch's default distributions (the script: He's and Glorot's).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import functional
from paragone.models.layers.dcgan import Discriminator, Generator, Kernel
from paragone.models.layers.stylegan import lazy_adam


class WGANGP(Model):
    """A Wasserstein GAN whose critic is held near Lipschitz constant 1, 32 or 64 px (any power of two from 16 up)."""

    title = "WGAN-GP"
    paper = "Gulrajani et al., 2017"
    plan = Plan(kimg=64_000, batch=64)
    generator = "generator"
    capabilities = frozenset({"decode", "latents"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        z_dim: int = 128
        width: int = 128  # channels next to the image; they double as the size halves
        kernel: Kernel = 5
        norm: bool = True  # batch normalisation in the generator
        critic_norm: Literal["none", "layer"] = "none"  # normalisation in the critic
        penalty: float = 10.0  # lambda
        penalty_every: int = 1
        penalty_step: Literal["joint", "own"] = "joint"  # added to the critic's loss, or a step of its own
        n_critic: int = 5
        lr: float = 1e-4  # alpha
        generator_lr: float | None = None  # the generator's, where it is not alpha too
        beta1: float = 0.0
        beta2: float = 0.9

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg = cfg
        self.G = Generator(cfg.z_dim, spec.shape, cfg.width, kernel=cfg.kernel, norm=cfg.norm)
        norm: Literal["layer", False] = "layer" if cfg.critic_norm == "layer" else False
        self.D = Discriminator(spec.shape, cfg.width, kernel=cfg.kernel, norm=norm)

    def optimizers(self) -> dict[str, Optimizer]:
        cfg, betas = self.cfg, (self.cfg.beta1, self.cfg.beta2)
        if cfg.penalty_step == "own":
            critic = lazy_adam(self.D.parameters(), cfg.lr, betas, cfg.penalty_every)
        else:
            critic = Adam(self.D.parameters(), cfg.lr, betas, fused=True)
        rate = cfg.lr if cfg.generator_lr is None else cfg.generator_lr
        return {"critic": critic, "generator": Adam(self.G.parameters(), rate, betas, fused=True)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        cfg, x = self.cfg, batch["image"]  # (B,C,H,W)
        with torch.no_grad():
            fake = self.sample(len(x))
        distance = self.D(x).float().mean() - self.D(fake).float().mean()
        loss, logs = -distance, {"distance": distance.detach()}
        due = progress.step % cfg.penalty_every == 0
        if due and cfg.penalty_step == "joint":
            penalty = functional.gradient_penalty(self.D, x, fake)
            loss = loss + cfg.penalty * cfg.penalty_every * penalty
            logs["penalty"] = penalty.detach()
        yield Update("critic", loss, logs, drawn=len(x))
        if due and cfg.penalty_step == "own":
            penalty = functional.gradient_penalty(self.D, x, fake)
            yield Update("critic", cfg.penalty * cfg.penalty_every * penalty, {"penalty": penalty.detach()})
        if (progress.step + 1) % cfg.n_critic == 0:
            yield Update("generator", -self.D(self.sample(len(x))).float().mean(), drawn=len(x))

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """G(z), z ~ N(0, I)."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """z ~ N(0, I), (n,z_dim)."""
        return torch.randn(n, self.cfg.z_dim, device=next(self.G.parameters()).device)

    def decode(self, z: Tensor) -> Tensor:
        """G(z): (B,z_dim) -> (B,C,H,W) in [-1,1]."""
        return torch.tanh(self.G(z).float())
