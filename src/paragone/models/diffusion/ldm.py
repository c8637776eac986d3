"""LDM: a diffusion model in the latent space of a finished autoencoder. Robin Rombach, Andreas Blattmann et al., 2022.

"High-Resolution Image Synthesis with Latent Diffusion Models", https://arxiv.org/abs/2112.10752. The parent
`autoencoder` (a KL autoencoder, or a VQ-VAE, whose quantisation is then part of the decoder) turns images into a small
grid of latents; a U-Net denoises them, given the class by cross-attention; the decoder makes the image.

    eq. 2          E[||eps - eps_theta(z_t, t, y)||^2], z_t = sqrt(alpha_bar_t) z_0 + sqrt(1 - alpha_bar_t) eps
    section 3.3    the label's embedding is a token; softmax(Q K^T / sqrt(d)) V with Q of the features, K and V of it
    appendix G     z_0 = E(x) / sigma, sigma the standard deviation of the latents of the first batch
    guidance       D = D(z, none) + s (D(z, y) - D(z, none)): Ho and Salimans 2022, https://arxiv.org/abs/2207.12598,
                   the label left out with probability `drop` in training
    sampling       DDIM in `steps` steps; `solver: dpm-solver` is DPM-Solver++(2M); a row of
                   `strided` draws by DDPM's own Gaussians, of the posterior's variance as in the authors' code

Deviations:
- The schedule is DDPM's (linear or cosine), the paper's is linear in sqrt(beta); the network is DDPM's U-Net, attending
  to the label where it attends to itself; a KL autoencoder's latents are the posterior's means, not draws from it.
- `labels: false` trains without labels. `network: dit` adds the label's embedding to the time's (`layers.dit`).
- The defaults are those of the class-conditional LDM-4 of table 13, with DDPM's U-Net.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import AdamW, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update, class_labels
from paragone.models.diffusion.ddim import times
from paragone.models.layers import karras
from paragone.models.layers.backbone import Backbone
from paragone.models.layers.diffusion import Diffusion, at, diffusion


class LDM(Model):
    """A diffusion model of an autoencoder's latents, of a class if asked for."""

    title = "LDM"
    paper = "Rombach et al., 2022"
    plan = Plan(kimg=213_600, batch=1200, ema_kimg=8_300)  # 178,000 steps; EMA 0.9999 per step
    parents = frozenset({"autoencoder"})

    @dataclass(frozen=True, kw_only=True)
    class Config(Backbone):
        width: int = 192
        multipliers: tuple[int, ...] = (1, 2, 3, 5)
        attention: tuple[int, ...] = (32, 16, 8)
        dropout: float = 0.0
        timesteps: int = 1000  # T
        schedule: Literal["linear", "cosine"] = "linear"
        parameterization: Literal["eps", "v"] = "eps"  # what the network predicts
        labels: bool = True
        context: int = 512  # width of a label's embedding
        drop: float = 0.1  # of the labels in training
        guidance: float = 1.5  # s; 1: none
        steps: int = 50
        solver: Literal["ddim", "dpm-solver"] = "ddim"
        lr: float = 1e-4

        def __post_init__(self) -> None:
            if not self.labels and self.guidance != 1:
                raise ValueError(
                    f"guidance is {self.guidance}, but labels is false: set guidance to 1 or labels to true"
                )
            if not 1 <= self.steps <= self.timesteps:
                raise ValueError(f"LDM's steps is {self.steps}; it must be 1 to its {self.timesteps} timesteps")
            if not 0 <= self.drop < 1:
                raise ValueError(f"drop is {self.drop}; it must be 0 or more, and below 1")

    scale: Tensor  # 0-d: one over the standard deviation of the latents
    levels: Tensor  # (steps+1,) float64, falling to 0: noise over signal at the steps that sampling visits

    def __init__(self, cfg: Config, spec: Spec, *, autoencoder: Any) -> None:
        super().__init__(autoencoder=autoencoder)
        self.cfg, self.classes = cfg, spec.classes
        if not hasattr(autoencoder, "grid"):
            raise ValueError(
                f"LDM's autoencoder is {autoencoder.title}, which has no grid of latents; name another one"
            )
        self.latent_shape: tuple[int, ...] = (autoencoder.cfg.dim, *autoencoder.grid)
        self.process = diffusion(cfg.schedule, cfg.timesteps, cfg.parameterization)
        self.embedding = None
        if cfg.labels:
            if spec.classes < 2:
                raise ValueError("LDM needs labels and the data set has none; set labels to false and guidance to 1")
            self.needs = self.needs | {"label"}
            self.embedding = nn.Embedding(spec.classes + 1, cfg.context)  # the last: no label
        dim = self.latent_shape[0]
        self.net = cfg.build(dim, dim, self.latent_shape[1:], context=cfg.context if cfg.labels else 0)
        self.register_buffer("scale", torch.ones(()))
        sigma = (1 / self.process.exact - 1).sqrt()[times(cfg.steps, cfg.timesteps, "linear")]
        self.register_buffer("levels", torch.cat([sigma.flip(0), sigma.new_zeros(1)]))

    @property
    def sigma_range(self) -> tuple[float, float]:
        """The lowest and the highest level of noise over signal."""
        return self.process.sigma_range

    def optimizers(self) -> dict[str, Optimizer]:
        trained = [p for p in self.parameters() if p.requires_grad]
        return {"net": AdamW(trained, self.cfg.lr, weight_decay=0.01, fused=True)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        z = self._encode(batch["image"])
        if progress.step == 0:
            self.scale.copy_(1 / _standard_deviation(z))
        z, process = z * self.scale, self.process
        t = torch.randint(self.cfg.timesteps, (len(z),), device=z.device)
        eps, label = torch.randn_like(z), None
        if self.embedding is not None:
            dropped = torch.rand(len(z), device=z.device) < self.cfg.drop
            label = torch.where(dropped, self.classes, batch["label"])
        pred = self._network(process.diffuse(z, t, eps), process.times[t], label)
        yield Update("net", mse_loss(pred, process.target(z, t, eps)))  # eq. 2

    def _network(self, z: Tensor, time: Tensor, label: Tensor | None) -> Tensor:
        context = None if self.embedding is None else self.embedding(label)[:, None]  # (B,1,context)
        return self.net(z, time, context).float()

    @torch.no_grad()
    def _encode(self, x: Tensor) -> Tensor:
        """Latents (B,dim,h,w) of images (B,C,H,W); of a VQ-VAE the features before quantisation."""
        first: Any = self.frozen["autoencoder"]
        return (first.encoder(x) if "codes" in first.capabilities else first.encode(x)).float()

    def images(self, z: Tensor) -> Tensor:
        """Images (B,C,H,W) in [-1,1] of scaled latents (B,dim,h,w), as they are diffused."""
        first: Any = self.frozen["autoencoder"]
        z = z / self.scale
        return first.decode(first.quantizer.indices(z) if "codes" in first.capabilities else z)

    def denoise(self, z: Tensor, sigma: Tensor, label: Tensor | None = None) -> Tensor:
        """The latents that z (B,dim,h,w) = z_0 + sigma eps, sigma (B,), is taken to come from, guided to the labels."""
        if label is None:
            return self._denoise(z, sigma, None)
        given = self._denoise(z, sigma, label)
        if self.cfg.guidance == 1:
            return given
        none = self._denoise(z, sigma, torch.full_like(label, self.classes))
        return none + self.cfg.guidance * (given - none)

    def _denoise(self, z: Tensor, sigma: Tensor, label: Tensor | None) -> Tensor:
        return self.process.denoise(lambda z_t, time: self._network(z_t, time, label), z, sigma)

    def reverse(self, z_t: Tensor, t: Tensor, process: Diffusion, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean (B,dim,h,w) and log variance (B,1,1,1) of p(z_{t-1} | z_t), guided to the labels; t (B,) counts the
        steps of `process`."""
        sigma = at(process.noise, t) / at(process.signal, t)
        z_0 = self.denoise(z_t / at(process.signal, t), sigma.flatten(), label)
        return process.posterior_mean(z_0, z_t, t), at(process.posterior_logvar, t)

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """Images (n,C,H,W) in [-1,1]; cond: labels (n,), drawn uniformly if None."""
        z = float(self.levels[0]) * torch.randn(n, *self.latent_shape, device=self.scale.device)
        label = None if self.embedding is None else class_labels(cond, n, self.classes, self.scale.device)
        order = 1 if self.cfg.solver == "ddim" else 2
        z = karras.multistep(lambda z, sigma: self.denoise(z, sigma, label), z, self.levels, order)
        return self.images(z)


def _standard_deviation(z: Tensor) -> Tensor:
    """Of all entries of the global batch."""
    moments = torch.stack([z.mean(), z.square().mean()])
    if dist.is_initialized():
        dist.all_reduce(moments)
        moments /= dist.get_world_size()
    return (moments[1] - moments[0] ** 2).sqrt()
