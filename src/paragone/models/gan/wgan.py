"""WGAN: Wasserstein GAN with weight clipping.

Arjovsky, Chintala, Bottou 2017, https://arxiv.org/abs/1701.07875, algorithm 1 with its default hyper-parameters. The
critic f_w approximates the Wasserstein-1 distance of eq. 3 up to a factor, its weights kept in a box [-c, c]:

    L_critic = E[f_w(G(z))] - E[f_w(x)],   w <- clip(w, -c, c) after each of its updates
    L_generator = -E[f_w(G(z))]

Networks: DCGAN's (section 4.1) with the initialisation and the batch normalisation of the authors' code,
https://github.com/martinarjovsky/WassersteinGAN: in the generator and in the critic, which sees real and generated
images as batches apart; clipping takes every parameter of the critic, gains and shifts of its normalisation included.
Samples are drawn with the running statistics.

One step draws one real batch and updates the critic; every n_critic-th step then updates the generator. So a budget in
images counts the real images that the critic has seen: the plan is the authors' 25 epochs of LSUN's 3 million bedrooms.

Deviations:
- n_critic is constant, as in algorithm 1 (the authors' code takes 100 for the first 25 updates of the generator and for
  every 500th).
- `generator_lr` gives the generator a rate of its own: it takes fewer steps than the critic (the paper has one rate).
- The authors' kernels are 4 x 4 and so is the default here; `norm: false` leaves the critic's normalisation out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer, RMSprop

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers.dcgan import Discriminator, Generator, Kernel, init_weights


class WGAN(Model):
    """A Wasserstein GAN whose critic's weights stay in a box, 32 or 64 px (any power of two from 16 up)."""

    title = "WGAN"
    paper = "Arjovsky et al., 2017"
    plan = Plan(kimg=75_000, batch=64)
    generator = "generator"
    capabilities = frozenset({"decode", "latents"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        z_dim: int = 100
        width: int = 64  # channels next to the image; they double as the size halves
        kernel: Kernel = 4
        norm: bool = True  # batch normalisation in the critic
        n_critic: int = 5
        clip: float = 0.01  # c
        lr: float = 5e-5  # alpha
        generator_lr: float | None = None  # the generator's, where it is not alpha too

        def __post_init__(self) -> None:
            if self.clip <= 0:
                raise ValueError(f"clip is {self.clip}; it must be above 0, the half-width of the critic's box")
            if self.n_critic < 1:
                raise ValueError(f"n_critic is {self.n_critic}; it must be at least 1")

    def __init__(self, cfg: Config, spec: Spec) -> None:
        super().__init__()
        self.cfg = cfg
        self.G = Generator(cfg.z_dim, spec.shape, cfg.width, kernel=cfg.kernel)
        self.D = Discriminator(spec.shape, cfg.width, kernel=cfg.kernel, norm=cfg.norm)
        self.apply(init_weights)

    def optimizers(self) -> dict[str, Optimizer]:
        cfg = self.cfg
        rate = cfg.lr if cfg.generator_lr is None else cfg.generator_lr
        nets = {"critic": (self.D, cfg.lr), "generator": (self.G, rate)}
        return {name: RMSprop(net.parameters(), lr, foreach=True) for name, (net, lr) in nets.items()}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        cfg, x = self.cfg, batch["image"]  # (B,C,H,W)
        with torch.no_grad():
            fake = self.sample(len(x))
        distance = self.D(x).float().mean() - self.D(fake).float().mean()
        yield Update("critic", -distance, {"distance": distance.detach()}, drawn=len(x))
        self._clip()
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

    @torch.no_grad()
    def _clip(self) -> None:
        weights: list[Tensor] = list(self.D.parameters())
        torch._foreach_clamp_min_(weights, -self.cfg.clip)
        torch._foreach_clamp_max_(weights, self.cfg.clip)
