"""The Gaussian diffusion that DDPM and its successors share: q, which adds the noise, and what follows from it.

Ho et al. 2020, https://arxiv.org/abs/2006.11239, whose equations are cited below. In the code a step t of the paper
is t - 1. A model's part is `Reverse`, the Gaussian p(x_{t-1} | x_t) that its network makes.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from paragone.models.layers.functional import (
    cosine_betas,
    discretized_gaussian_log_likelihood,
    gaussian_kl,
    linear_betas,
)
from paragone.models.layers.repeated import repeated

Reverse = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""x_t (B,C,H,W), t (B,) -> the mean (B,C,H,W) and the log variance (B,C,H,W) or (B,1,1,1) of p(x_{t-1} | x_t)."""

Network = Callable[[Tensor, Tensor], Tensor]
"""x_t (B,C,H,W), time (B,) in 0..1000 -> what the process is parameterised by, in float32 (B,C,H,W) or (B,2C,H,W)."""

Parameterization = Literal["eps", "v", "both"]
"""What a network predicts: the noise epsilon, v = sqrt(alpha_bar) epsilon - sqrt(1 - alpha_bar) x_0, or the image and
the noise in channels of their own, which are merged (Salimans and Ho 2022, https://arxiv.org/abs/2202.00512,
section 4): x_hat = sigma^2 x~ + alpha (x_t - sigma eps~), where alpha^2 is alpha_bar and sigma^2 the rest."""


class Diffusion(nn.Module):
    """The forward process of T steps as tables (T,) in float32, reckoned in float64 from alpha_bar (T,).

    1 - alpha_bar of the first of many steps has few digits left in float32, so its root is a table of its own.
    `times` (T,) is what the network is told of each step: 0 to 1000, whatever T.
    """

    alpha_bar: Tensor
    signal: Tensor  # sqrt(alpha_bar)
    noise: Tensor  # sqrt(1 - alpha_bar)
    posterior_x0: Tensor  # the posterior's mean is posterior_x0 x_0 + posterior_xt x_t, eq. 7
    posterior_xt: Tensor
    posterior_logvar: Tensor  # log beta~, the first step's (0 in truth: x_0 is certain) that of the second
    log_beta: Tensor
    times: Tensor

    def __init__(self, alpha_bar: Tensor, times: Tensor, parameterization: Parameterization) -> None:
        super().__init__()
        self.exact, self.parameterization = alpha_bar, parameterization
        before = torch.cat([torch.ones(1, dtype=torch.float64), alpha_bar[:-1]])  # alpha_bar of the step before
        beta = 1 - alpha_bar / before
        variance = beta * (1 - before) / (1 - alpha_bar)  # eq. 7
        variance[:1] = variance[1:2]
        tables = {
            "alpha_bar": alpha_bar,
            "signal": alpha_bar.sqrt(),
            "noise": (1 - alpha_bar).sqrt(),
            "posterior_x0": beta * before.sqrt() / (1 - alpha_bar),
            "posterior_xt": (1 - before) * (alpha_bar / before).sqrt() / (1 - alpha_bar),
            "posterior_logvar": variance.log(),
            "log_beta": beta.log(),
            "times": times,
        }
        for name, table in tables.items():
            self.register_buffer(name, table.float())

    def __len__(self) -> int:
        return len(self.times)

    def strided(self, steps: int) -> "Diffusion":
        """The process that visits `steps` of the T, evenly spaced from the first to the last (Nichol and Dhariwal 2021,
        https://arxiv.org/abs/2102.09672, section 4); its beta follow from alpha_bar there (eq. 19).

        Raises ValueError unless 2 <= steps <= T.
        """
        if not 2 <= steps <= len(self):
            raise ValueError(
                f"the number of sampling steps is {steps}; it must be 2 to the {len(self)} of the training"
            )
        with torch.device("cpu"):
            visited = torch.linspace(1, len(self), steps, dtype=torch.float64).round().long() - 1
            return Diffusion(self.exact[visited], self.times.cpu()[visited], self.parameterization)

    def diffuse(self, x: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """x_t of q(x_t | x_0) for the noise eps; x, eps and the result (B,C,H,W), t (B,) in 0..T-1."""
        return at(self.signal, t) * x + at(self.noise, t) * eps  # eq. 4

    @property
    def predictions(self) -> int:
        """How many predictions the network makes, each with the channels of an image."""
        return 2 if self.parameterization == "both" else 1

    def target(self, x: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """What epsilon or, unless it is that, v (also of two predictions, merged) should be: (B,C,H,W)."""
        return eps if self.parameterization == "eps" else at(self.signal, t) * eps - at(self.noise, t) * x

    def loss(self, pred: Tensor, x: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """The mean squared error (0-d) of what a network predicts from x_t; x and eps (B,C,H,W), t (B,).

        Of two predictions, the error of v that follows from them, which is the paper's SNR + 1 weighting of the
        image's, and those of both: on drawn scenes the network learns neither from v's alone (docs/tuning.md).
        """
        if self.parameterization != "both":
            return mse_loss(pred, self.target(x, t, eps))
        image, noise = pred.chunk(2, 1)
        merged = merge(pred, at(self.signal, t), at(self.noise, t))
        return mse_loss(merged, self.target(x, t, eps)) + mse_loss(image, x) + mse_loss(noise, eps)

    def x0(self, pred: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """The image that x_t comes from if the network is right."""
        a, b = at(self.signal, t), at(self.noise, t)
        if self.parameterization == "eps":
            return (x_t - b * pred) / a
        return a * x_t - b * (merge(pred, a, b) if self.parameterization == "both" else pred)

    @property
    def sigma_range(self) -> tuple[float, float]:
        """Noise over signal of the first and of the last step."""
        sigma = self.noise / self.signal
        return float(sigma[0]), float(sigma[-1])

    def place(self, sigma: Tensor) -> Tensor:
        """The step, or the fraction between two of them, at which noise over signal is sigma (B,): (B,) in 0..T-1.

        Between two steps the logarithm of sigma is taken to be linear."""
        table, wanted = (self.noise / self.signal).log(), sigma.float().log()
        i = torch.searchsorted(table, wanted).clamp(1, len(self) - 1)
        share = (wanted - table[i - 1]) / (table[i] - table[i - 1])
        return i - 1 + share.clamp(0, 1)

    def denoise(self, network: Network, x: Tensor, sigma: Tensor) -> Tensor:
        """The image that x (B,C,H,W) = x_0 + sigma eps, sigma (B,), comes from if the network is right."""
        place = self.place(sigma)
        low = place.long().clamp(max=len(self) - 2)
        a = (1 + sigma.float() ** 2).rsqrt()[:, None, None, None]  # the signal, and so a sigma is the noise
        b = a * sigma.float()[:, None, None, None]
        pred = network(a * x, torch.lerp(self.times[low], self.times[low + 1], place - low))
        if self.parameterization == "eps":
            return x - b / a * pred
        return a * (a * x) - b * (merge(pred, a, b) if self.parameterization == "both" else pred)

    def posterior_mean(self, x: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """The mean of q(x_{t-1} | x_t, x_0), eq. 7."""
        return at(self.posterior_x0, t) * x + at(self.posterior_xt, t) * x_t

    def sample(self, reverse: Reverse, x: Tensor) -> Tensor:
        """Algorithm 2: from noise x (n,C,H,W) to images."""
        reverse = repeated(reverse, len(self))
        for step in reversed(range(len(self))):
            x, logvar = reverse(x, torch.full((len(x),), step, device=x.device))
            if step:
                x = x + (0.5 * logvar).exp() * torch.randn_like(x)
        return x

    def vlb_term(self, x: Tensor, x_t: Tensor, t: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
        """L_{t-1} of eq. 5 in nats, (B,): KL(q(x_{t-1} | x_t, x_0) || N(mean, exp(logvar))); where t is 0, L_0 by the
        discretised decoder of eq. 13, for 8-bit images x."""
        # KL(N(a,A) || N(b,B)) = KL(N((a-b)/sqrt(B), A/B) || N(0,1))
        distance = (self.posterior_mean(x, x_t, t) - mean) * (-0.5 * logvar).exp()
        terms = gaussian_kl(distance, at(self.posterior_logvar, t) - logvar)
        first = t == 0
        decoded = [torch.where(first[:, None, None, None], v, 0.0) for v in (x, mean, 0.5 * logvar)]  # finite elsewhere
        return torch.where(first, -discretized_gaussian_log_likelihood(*decoded), terms)

    def log_likelihood_bound(self, reverse: Reverse, x: Tensor, terms: int = 0) -> Tensor:
        """A lower bound on log P(x) of 8-bit images x (B,C,H,W) in [-1,1], in nats, (B,): minus eq. 5.

        L_T and L_0 are evaluated for every image; of the T-1 terms between, `terms` (0: all), one drawn from each of as
        many equal ranges of t and weighted by the range's length: the expectation is the whole bound's. Draws come from
        torch's default generator.
        """
        last = len(self) - 1
        loss = gaussian_kl(self.signal[last] * x, 2 * self.noise[last].log())  # L_T
        count = min(terms or last, last)
        for low, high in [(0, 1), *pairwise(1 + i * last // count for i in range(count + 1))]:
            t = torch.randint(low, high, (len(x),), device=x.device)
            x_t = self.diffuse(x, t, torch.randn_like(x))
            loss += (high - low) * self.vlb_term(x, x_t, t, *reverse(x_t, t))
        return -loss


def merge(pred: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """v of an image and a noise (B,2C,H,W) that were predicted apart, a and b (B,1,1,1) sqrt(alpha_bar) and
    sqrt(1 - alpha_bar): the image a x_t - b v is then the paper's b^2 x~ + a (x_t - b eps~)."""
    image, noise = pred.chunk(2, 1)
    return a * noise - b * image


def diffusion(schedule: str, steps: int, parameterization: Parameterization) -> Diffusion:
    """The process of a schedule, "linear" or "cosine". Raises ValueError below 2 steps."""
    if steps < 2:
        raise ValueError(f"timesteps is {steps}; it must be at least 2")
    with torch.device("cpu"):  # samplers read the tables, also of a network that is laid out without memory
        beta = linear_betas(steps) if schedule == "linear" else cosine_betas(steps)
        return Diffusion((1 - beta).cumprod(0), torch.arange(steps) * (1000 / steps), parameterization)


def at(table: Tensor, t: Tensor) -> Tensor:
    """The entries of a table (T,) at the times t (B,), to multiply images with: (B,1,1,1)."""
    return table[t, None, None, None]
