"""A learned prior for a VAE: a flow over its latents, through which it samples.

Huang, Touati, Dinh, Drozdzal, Havaei, Charlin, Courville 2017, "Learnable Explicit Density for Continuous Latent Space
and Variational Inference", https://arxiv.org/abs/1710.02248: RealNVP (Dinh et al. 2017,
https://arxiv.org/abs/1605.08803) takes the place of p(z) = N(0, I).

    ELBO    L(x) = E_{q(z|x)}[log p(x|z) + log p(z) - log q(z|x)], log p(z) = log N(f(z); 0, I) + log|det df(z)/dz|
    f       couplings (Dinh et al., eq. 9) that change one half of the latents given the other, in turns

Given q, what is best for L is the p(z) nearest to the posteriors of all images together, so f is fitted to draws of
q(z|x) by maximum likelihood. The bound improves by what the logs show: `standard_normal` minus the loss, in nats.

Deviations: the VAE (the parent `vae`) is finished and stays as it is, where the paper trains both together; so whatever
changes in its samples is due to the prior alone. The paper names no sizes that fit here: these are ours.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import flow, functional


class FlowPrior(Model):
    """A finished VAE whose latents are drawn through a flow."""

    title = "VAE + flow prior"
    paper = "Huang et al., 2017"
    plan = Plan(kimg=6_400, batch=64, decay="cosine")
    capabilities = frozenset({"decode", "encode", "latents", "log_likelihood_bound", "log_weight", "reconstruct"})
    parents = frozenset({"vae"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        couplings: int = 8
        hidden: int = 256  # units of both hidden layers of a coupling
        lr: float = 1e-3

        def __post_init__(self) -> None:
            if self.couplings < 1:
                raise ValueError(f"couplings is {self.couplings}; it must be at least 1")

    def __init__(self, cfg: Config, spec: Spec, *, vae: Any) -> None:
        if not hasattr(vae, "conditional_log_likelihood"):
            raise ValueError(
                f"the parent vae is a {vae.title}, whose likelihood is not open to it; give a row of the model vae"
            )
        super().__init__(vae=vae)
        z_dim: int = vae.cfg.z_dim
        if z_dim < 2:
            raise ValueError(f"the VAE's z_dim is {z_dim}; a coupling needs at least 2 latents: train one with more")
        self.cfg, self.z_dim = cfg, z_dim
        first = torch.arange(z_dim) < z_dim // 2
        self.flow = flow.Chain(
            flow.Coupling(first if i % 2 else ~first, _net(z_dim, cfg.hidden)) for i in range(cfg.couplings)
        )
        if "log_likelihood_bound" not in vae.capabilities:
            self.capabilities = self.capabilities - {"log_likelihood_bound", "log_weight"}

    @property
    def vae(self) -> Any:
        return self.frozen["vae"]

    def optimizers(self) -> dict[str, Optimizer]:
        return {"flow": Adam(self.flow.parameters(), self.cfg.lr, fused=True)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        z, _ = self._draw(batch["image"])
        standard = -flow.standard_normal_log_density(z).mean()
        yield Update("flow", -self.log_prior(z).mean(), {"standard_normal": standard})  # nats per image

    def log_prior(self, z: Tensor) -> Tensor:
        """log p(z), (B,z_dim) -> (B,) in nats."""
        u, log_det = self.flow(z)
        return flow.standard_normal_log_density(u) + log_det

    @torch.no_grad()
    def _draw(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """z ~ q(z|x), (B,z_dim), and log q(z|x), (B,)."""
        mean, logvar = self.vae.posterior(x)
        z = mean + (logvar / 2).exp() * torch.randn_like(mean)
        return z, functional.gaussian_log_likelihood(z, mean, logvar / 2)

    def log_likelihood_bound(self, x: Tensor) -> Tensor:
        """A one-sample estimate, without bias, of the ELBO over the data's levels, in nats, (B,)."""
        return self.log_weight(x)

    def log_weight(self, x: Tensor) -> Tensor:
        """log p(x|z) + log p(z) - log q(z|x) of one z ~ q(z|x), in nats, (B,)."""
        z, log_q = self._draw(x)
        return self.vae.conditional_log_likelihood(x, z) + self.log_prior(z) - log_q

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """The VAE's images of z ~ p(z)."""
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """f(z) ~ N(0, I), (n,z_dim)."""
        return torch.randn(n, self.z_dim, device=next(self.parameters()).device)

    def encode(self, x: Tensor) -> Tensor:
        """f of the mean of q(z|x): (B,C,H,W) in [-1,1] -> (B,z_dim)."""
        return self.flow(self.vae.encode(x))[0]

    def decode(self, u: Tensor) -> Tensor:
        """The VAE's image of the z whose f(z) is u: (B,z_dim) -> (B,C,H,W) in [-1,1]."""
        return self.vae.decode(self.flow.inverse(u))

    def reconstruct(self, x: Tensor) -> Tensor:
        """The VAE's reconstruction, on which the prior has no say."""
        return self.vae.reconstruct(x)


def _net(z_dim: int, hidden: int) -> nn.Sequential:
    """(B,z_dim) -> (B,2 z_dim), zero at first, so that the flow starts as the identity."""
    last = nn.Linear(hidden, 2 * z_dim)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(z_dim, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), last)
