"""DDIM: Denoising Diffusion Implicit Models. Jiaming Song, Chenlin Meng, Stefano Ermon, 2021.

https://arxiv.org/abs/2010.02502. A sampler for a finished DDPM (the parent `ddpm`) that visits few of its steps; it
trains nothing. eta = 0 is deterministic given the first noise, eta = 1 over all the steps is DDPM's ancestral sampler
with the posterior's variance.

    eq. 12    x_{t-1} = sqrt(alpha_{t-1}) x_hat_0 + sqrt(1 - alpha_{t-1} - sigma_t^2) eps_theta(x_t) + sigma_t eps_t
              x_hat_0 = (x_t - sqrt(1 - alpha_t) eps_theta(x_t)) / sqrt(alpha_t); its alpha is DDPM's alpha_bar
    eq. 16    sigma_t = eta sqrt((1 - alpha_{t-1}) / (1 - alpha_t)) sqrt(1 - alpha_t / alpha_{t-1})

Here t - 1 is the step that the sub-sequence visits after t.

Implemented: the update (eq. 12), its noise (eq. 16), the sub-sequences "linear" and "quadratic" (appendix D.2).

Deviations: x_hat_0 is clipped to [-1,1] at each step, as DDPM's sampler does, and epsilon reckoned from it, so that
the two still add up to x_t (guided-diffusion does so; `clip: both`). `clip: image` keeps the network's epsilon beside a
clipped x_hat_0 (what diffusers does unless told otherwise), and `clip: none` is the authors' code. Both sub-sequences
end at the parent's last step (the authors' code stops short of it), since only there x_t is pure noise.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers.repeated import repeated

Clip = Literal["both", "image", "none"]
Predict = Callable[[Tensor, Tensor], Tensor]  # x_t (B,C,H,W), t (B,) -> x_0 (B,C,H,W)


class DDIM(Model):
    title = "DDIM"
    paper = "Song et al., 2021"
    plan = Plan(kimg=0)
    capabilities = frozenset({"decode", "latents"})
    parents = frozenset({"ddpm"})

    @dataclass(frozen=True, kw_only=True)
    class Config:
        steps: int = 50  # S, of the parent's T
        eta: float = 0.0  # 0: no noise; 1: DDPM's
        spacing: Literal["linear", "quadratic"] = "linear"
        clip: Clip = "both"  # what a clipped x_hat_0 changes in a step

    times: Tensor  # (S,) int64, rising: the steps of the parent that are visited

    def __init__(self, cfg: Config, spec: Spec, *, ddpm: Any) -> None:
        super().__init__(ddpm=ddpm)
        self.cfg, self.shape = cfg, spec.shape
        if not hasattr(ddpm, "unclipped_x0"):
            raise ValueError(f"DDIM samples a DDPM, and its parent {ddpm.title} is none; name another as ddpm")
        total = len(ddpm.alpha_bar)
        if not 1 <= cfg.steps <= total:
            raise ValueError(f"DDIM's steps is {cfg.steps}; it must be 1 to the {total} timesteps of its parent")
        self.register_buffer("times", times(cfg.steps, total, cfg.spacing))
        if cfg.eta:  # x_T does not decide the image alone
            self.capabilities = frozenset()

    @property
    def ddpm(self) -> Any:
        return self.frozen["ddpm"]

    def optimizers(self) -> dict[str, Optimizer]:
        return {}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        yield from ()

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        return self.decode(self.latents(n))

    def latents(self, n: int) -> Tensor:
        """x_T ~ N(0, I), (n,C,H,W)."""
        return torch.randn(n, *self.shape, device=self.times.device)

    @torch.no_grad()
    def decode(self, x: Tensor) -> Tensor:
        """The images that x_T (B,C,H,W) leads to, the same in [-1,1]."""
        steps = self.times.tolist()
        guess = repeated(self.ddpm.unclipped_x0, len(steps))
        for now, then in zip(steps[::-1], [*steps[-2::-1], -1], strict=True):
            x, sigma = step(self.ddpm, x, now, then, self.cfg.eta, self.cfg.clip, guess)
            x = x + sigma * torch.randn_like(x) if self.cfg.eta and then >= 0 else x
        return x.clamp(-1, 1)

    def step(self, x: Tensor, now: int, then: int) -> tuple[Tensor, Tensor]:
        """Mean (B,C,H,W) and standard deviation (0-d) of x at step `then` (-1: the image) given x at step `now`."""
        return step(self.ddpm, x, now, then, self.cfg.eta, self.cfg.clip)


def step(
    ddpm: Any, x: Tensor, now: int, then: int, eta: float = 0.0, clip: Clip = "both", predict: Predict | None = None
) -> tuple[Tensor, Tensor]:
    """Mean (B,C,H,W) and standard deviation (0-d) of x at step `then` of a DDPM (-1: the image) given x at `now`.

    predict: the DDPM's `unclipped_x0`, as a loop over many steps may have it replayed.
    """
    predict = predict or ddpm.unclipped_x0
    a = ddpm.alpha_bar[now]
    b = ddpm.alpha_bar[then] if then >= 0 else torch.ones_like(a)
    guess = predict(x, torch.full((len(x),), now, device=x.device))
    x0 = guess if clip == "none" else guess.clamp(-1, 1)
    eps = (x - a.sqrt() * (x0 if clip == "both" else guess)) / (1 - a).sqrt()
    sigma = eta * ((1 - b) / (1 - a) * (1 - a / b)).sqrt()  # eq. 16
    return b.sqrt() * x0 + (1 - b - sigma**2).clamp(min=0).sqrt() * eps, sigma  # eq. 12


def times(steps: int, total: int, spacing: str) -> Tensor:
    """tau, rising: `steps` of 0..total-1 (one alone: the last); "quadratic" repeats none and may hold fewer."""
    if steps == 1:
        return torch.tensor([total - 1])
    i = torch.linspace(
        0, 1, steps, dtype=torch.float64, device="cpu"
    )  # its values are needed wherever a model is built
    return ((total - 1) * (i if spacing == "linear" else i**2)).round().long().unique()
