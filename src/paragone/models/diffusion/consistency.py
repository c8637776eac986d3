"""Consistency models: from noise to an image in one step or a few.

Song, Dhariwal, Chen, Sutskever 2023, https://arxiv.org/abs/2303.01469. The network maps every point of a path of the
probability flow to the path's image: f(x_sigma, sigma) is the same along the path. Without a parent it is trained alone
(consistency training, CT); with the parent `teacher`, a finished EDM, DDPM or rectified flow, it is distilled from it
(CD).

    eq. 5          f(x, sigma) = c_skip(sigma) x + c_out(sigma) F(x, sigma), c_skip = 1 and c_out = 0 at sigma_min
    alg. 2 (CD)    d(f(x_{n+1}, sigma_{n+1}), f-(x_hat_n, sigma_n)), x_{n+1} = y + sigma_{n+1} z;
                   x_hat_n from x_{n+1} by one step of Heun's method on the teacher
    alg. 3 (CT)    d(f(y + sigma_{n+1} z, sigma_{n+1}), f-(y + sigma_n z, sigma_n))
    alg. 1         x = f(sigma_max z, sigma_max), then x = f(x + sqrt(tau^2 - sigma_min^2) z, tau) for each further tau
    appendix C     N(k) = ceil(sqrt(k/K ((s_1 + 1)^2 - s_0^2) + s_0^2) - 1) + 1, mu(k) = exp(s_0 ln(mu_0) / N(k))

f- has no gradient; its weights follow those of f by an average of decay mu(k) (0: they are those of f). k/K is the
share of the budget that is spent. The improvements of Song and Dhariwal 2023, https://arxiv.org/abs/2310.14189, are
options:

    improved, eq. 7   d = sqrt(||x - y||^2 + c^2) - c, c = 0.00054 sqrt(dimensions): `metric: pseudo-huber`
    improved, 3.4     N(k) = min(s_0 2^floor(k/K (log2(s_1/s_0) + 1)), s_1) + 1: `schedule: doubling`
    improved, 3.5     n by a log-normal law of sigma discretised to the levels: `noise: lognormal`
    improved, 3.1     weights 1 / (sigma_{n+1} - sigma_n): `weighting: inverse`

Deviations:
- The paper's best metric is LPIPS, a network trained on labelled photographs; the default here is the pseudo-Huber
  metric, which needs none. Further defaults are the first paper's for CIFAR-10, whose CD has N = 18 levels and mu = 0.
- The U-Net is DDPM's (`layers.unet`) in place of NCSN++. With dropout, f and f- have masks of their own.
- The taus of several steps are evenly spaced on eq. 5 of EDM, between sigma_max and sigma_min; the paper searches for
  them.
- The optimiser is Adam (the paper's is RAdam).
"""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from paragone.models.base import Batch, Model, Plan, Progress, Spec, Update
from paragone.models.layers import karras
from paragone.models.layers.backbone import Backbone


class Consistency(Model):
    """A network that jumps from any noise level to the image."""

    title = "Consistency model"
    paper = "Song et al., 2023"
    plan = Plan(kimg=409_600, batch=512, ema_kimg=3_549)  # 800,000 steps, EMA 0.9999 per step
    optional_parents = frozenset({"teacher"})

    @dataclass(frozen=True, kw_only=True)
    class Config(Backbone):
        dropout: float = 0.0
        steps: int = 2  # evaluations of a sample
        metric: Literal["pseudo-huber", "l2"] = "pseudo-huber"
        schedule: Literal["sqrt", "doubling"] = "sqrt"  # of N(k)
        noise: Literal["uniform", "lognormal"] = "uniform"  # how n is drawn
        weighting: Literal["uniform", "inverse"] = "uniform"
        s_0: int = 2
        s_1: int = 150
        mu_0: float = 0.9  # 0: f- is f
        levels: int = 18  # N with a teacher, whose mu is 0
        start: Literal["teacher", "random"] = "teacher"  # with a teacher: the first weights
        sigma_data: float = 0.5
        sigma_min: float = 0.002
        sigma_max: float = 80.0
        p_mean: float = -1.1  # of ln sigma (lognormal)
        p_std: float = 2.0
        lr: float = 4e-4

        def __post_init__(self) -> None:
            if not 2 <= self.s_0 <= self.s_1:
                raise ValueError(f"s_0 is {self.s_0} and s_1 is {self.s_1}; they must be at least 2 and not fall")
            if self.levels < 2:
                raise ValueError(f"levels is {self.levels}; it must be at least 2")
            if not 0 <= self.mu_0 < 1:
                raise ValueError(f"mu_0 is {self.mu_0}; it must be 0 or more, and below 1")

    taus: Tensor  # (steps,) float64, falling from sigma_max: where sampling evaluates f

    def __init__(self, cfg: Config, spec: Spec, *, teacher: Any = None) -> None:
        super().__init__(**({} if teacher is None else {"teacher": teacher}))
        self.cfg, self.shape = cfg, spec.shape
        self.net = cfg.build(spec.shape[0], spec.shape[0], spec.shape[1:])
        if teacher is not None and (not hasattr(teacher, "sigma_range") or hasattr(teacher, "latent_shape")):
            raise ValueError(
                f"a consistency model is distilled from a diffusion model or a flow of pixels, and its teacher "
                f"{teacher.title} is neither; name another one, or none to train it alone"
            )
        if teacher is not None and cfg.start == "teacher":
            _copy_weights(self.net, teacher, cfg.sigma_data)
        averaged = teacher is None and cfg.mu_0 > 0
        self.target = copy.deepcopy(self.net).requires_grad_(False) if averaged else None
        self.register_buffer("taus", karras.noise_levels(cfg.steps + 1, cfg.sigma_min, cfg.sigma_max)[: cfg.steps])

    def optimizers(self) -> dict[str, Optimizer]:
        return {"net": Adam(self.net.parameters(), self.cfg.lr, fused=True)}

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        y, count = batch["image"], progress.choice(lambda now: self.count(now.share))
        with y.device:
            levels = karras.noise_levels(count, self.cfg.sigma_min, self.cfg.sigma_max)[:-1].flip(0)
        n = self._draw(levels, len(y))
        low, high = levels[n].float(), levels[n + 1].float()  # (B,)
        z = torch.randn_like(y)
        x = y + _images(high) * z
        pred = self.f(x, high)
        with torch.no_grad():
            before = self._step_down(x, high, low) if "teacher" in self.frozen else y + _images(low) * z
            target = self.f(before, low, self.net if self.target is None else self.target)
        weight = 1 / (high - low) if self.cfg.weighting == "inverse" else torch.ones_like(high)
        loss = (weight * distance(pred, target, self.cfg.metric)).mean()
        yield Update("net", loss, {"levels": y.new_full((), count)})
        if self.target is not None:
            mu = math.exp(self.cfg.s_0 * math.log(self.cfg.mu_0) / count)  # appendix C
            with torch.no_grad():
                torch._foreach_lerp_(list(self.target.parameters()), list(self.net.parameters()), 1 - mu)

    def count(self, share: float) -> int:
        """N: how many noise levels there are once this share of the budget is spent; `levels` with a teacher."""
        s_0, s_1 = self.cfg.s_0, self.cfg.s_1
        if "teacher" in self.frozen:
            return self.cfg.levels
        if self.cfg.schedule == "sqrt":
            return math.ceil(math.sqrt(share * ((s_1 + 1) ** 2 - s_0**2) + s_0**2) - 1) + 1
        return int(min(s_0 * 2 ** math.floor(share * (math.log2(s_1 // s_0) + 1)), s_1)) + 1

    def f(self, x: Tensor, sigma: Tensor, net: nn.Module | None = None) -> Tensor:
        """The image of the path through x (B,C,H,W) at the noise levels sigma (B,), eq. 5."""
        c_skip, c_out, c_in, c_noise = karras.precondition(sigma, self.cfg.sigma_data, self.cfg.sigma_min)
        network = self.net if net is None else net
        return c_skip * x + c_out * network(c_in * x, 1000 * c_noise).float()

    def _draw(self, levels: Tensor, n: int) -> Tensor:
        """n indices of the lower of two neighbouring levels (N,), rising: (n,) int64."""
        if self.cfg.noise == "uniform":
            return torch.randint(len(levels) - 1, (n,), device=levels.device)
        at = torch.erf((levels.log() - self.cfg.p_mean) / (math.sqrt(2) * self.cfg.p_std))
        return torch.multinomial(at.diff(), n, replacement=True)

    def _step_down(self, x: Tensor, high: Tensor, low: Tensor) -> Tensor:
        """One step of Heun's method on the teacher's path, from the noise levels high to low (B,)."""
        denoise: karras.Denoiser = self.frozen["teacher"].denoise  # type: ignore[assignment]
        slope = (x - denoise(x, high)) / _images(high)
        ahead = x + _images(low - high) * slope
        slope = (slope + (ahead - denoise(ahead, low)) / _images(low)) / 2
        return x + _images(low - high) * slope

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """Algorithm 1."""
        first, *rest = self.taus.tolist()
        x = first * torch.randn(n, *self.shape, device=self.taus.device)
        x = self.f(x, torch.full((n,), first, device=x.device)).clamp(-1, 1)
        for tau in rest:
            x = x + math.sqrt(tau**2 - self.cfg.sigma_min**2) * torch.randn_like(x)
            x = self.f(x, torch.full((n,), tau, device=x.device)).clamp(-1, 1)
        return x


def distance(x: Tensor, y: Tensor, metric: str) -> Tensor:
    """d(x, y) of two batches of images (B,C,H,W): (B,)."""
    square = (x - y).square().flatten(1)
    if metric == "l2":
        return square.mean(1)
    c = 0.00054 * math.sqrt(square.shape[1])
    return (square.sum(1) + c**2).sqrt() - c


def _images(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _copy_weights(net: nn.Module, teacher: Any, sigma_data: float) -> None:
    """Start from the teacher's network, which must be of the same form and preconditioned alike."""
    theirs = teacher.net.state_dict()
    alike = {k: v.shape for k, v in net.state_dict().items()} == {k: v.shape for k, v in theirs.items()}
    if not alike or getattr(teacher.cfg, "sigma_data", None) != sigma_data:
        raise ValueError(
            f"the network of the teacher {teacher.title} is not this one's, so training cannot start from its weights; "
            "give both the same network and sigma_data, or set start to random"
        )
    net.load_state_dict(theirs)
