"""Annealed importance sampling: the likelihood of test images under any model that decodes latents.

Neal 2001, https://arxiv.org/abs/physics/9803008; of decoders as in Wu et al. 2017, https://arxiv.org/abs/1611.04273:

    p_t(z) ~ p(z) p(x|z)^beta_t              from the prior, beta_0 = 0, to the posterior, beta_T = 1
    log w = sum_t (beta_t - beta_{t-1}) log p(x|z_{t-1})     of a chain z_0 ~ p(z), z_t ~ T_t(.|z_{t-1})
    log p(x) ~ log of the mean of w over chains              which is too low on average, and less so as T grows

T_t is Hamiltonian Monte Carlo, 10 leapfrog steps and Metropolis's test; beta rises as a sigmoid. Each image has a step
size of its own, which follows the share of its chains that were accepted.

p(x|z) of a set of two levels is a Bernoulli whose mean is the decoder's image. Elsewhere it is a Gaussian around it,
with one deviation for all pixels, of intensities (level + u) / 256, u uniform in [0,1): a density. Where no deviation
is given, as to a GAN, which has none, it is the best for other test images, by shorter chains.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from paragone.data.base import ImageSet
from paragone.engine.seeding import Stream, mix, seed_all
from paragone.evaluation import parzen, spaces
from paragone.models.base import Model

LEAPS = 10
ACCEPTED = 0.65  # the share that a step size is steered to
FIRST = 0.05  # of a step size
STEER = 1.02  # its factor after each transition
SIGMOID = 4.0  # beta follows the logistic function from minus this to this
STDS = (0.05, 0.07, 0.1, 0.14, 0.2, 0.28)  # of which one is chosen
CHOOSERS, SHORTER = 20, 10  # images that a deviation is chosen by, and how many times fewer steps they take
AT_ONCE = 2000  # chains, of all images together


@dataclass(frozen=True, kw_only=True)
class Annealing:
    """How much is spent."""

    steps: int = 1000
    chains: int = 16
    n: int = 100  # test images, at most
    std: float | None = None  # of every pixel, for intensities in [0,1]; None: chosen

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("chains", 1), ("n", 2)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least {least}")
        if self.std is not None and not self.std > 0:
            raise ValueError(f"std is {self.std}; it must be above 0, or null, by which it is chosen")


def estimate(net: Model, test: ImageSet, how: Annealing, seed: int, device: torch.device) -> dict[str, Any]:
    """{nats, se, steps, chains, std, accepted, n}: the mean log likelihood over images, higher is better; a density
    where there are 256 levels. Raises ValueError for a model without latents that it can be asked of."""
    chosen = spaces.choose(torch.arange(len(test.images)), how.n)
    decoder = _Decoder(net.eval().requires_grad_(False).to(device), seed, device)
    std = how.std
    if test.spec.levels == 2:
        std = None
    elif std is None:
        std = _best_std(decoder, test, chosen, how)
    found, accepted = _anneal(decoder, _target(test, chosen, std, seed), how.steps, how.chains)
    return {
        "nats": float(found.mean()),
        "se": float(found.std() / math.sqrt(len(found))),
        "steps": how.steps,
        "chains": how.chains,
        "std": std,
        "accepted": float(accepted.mean()),
        "n": len(found),
    }


def _best_std(decoder: "_Decoder", test: ImageSet, measured: Tensor, how: Annealing) -> float:
    others = torch.arange(len(test.images))
    others = others[~torch.isin(others, measured)][:CHOOSERS]
    if not len(others):
        raise ValueError(
            f"all {len(measured)} test images are measured, and none is left to choose a deviation by; "
            "lower n or give std"
        )
    steps = max(1, how.steps // SHORTER)
    tried = {std: _anneal(decoder, _target(test, others, std, decoder.seed), steps, how.chains)[0] for std in STDS}
    return max(tried, key=lambda std: float(tried[std].mean()))


class _Target(NamedTuple):
    """Images whose likelihood is sought."""

    x: Tensor  # (N,D): 0 or 1, or intensities
    labels: Tensor | None  # (N,)
    std: float | None  # None: Bernoulli

    def part(self, start: int, count: int) -> "_Target":
        labels = None if self.labels is None else self.labels[start : start + count]
        return self._replace(x=self.x[start : start + count], labels=labels)

    def log_likelihood(self, means: Tensor) -> Tensor:
        """log p(x|z) of the decoder's images (chains,N,D), as intensities: (chains,N)."""
        if self.std is None:
            kept = means.clamp(1e-6, 1 - 1e-6)
            return torch.where(self.x > 0, kept, 1 - kept).log().sum(2)
        scale = self.x.shape[1] * math.log(self.std * math.sqrt(2 * math.pi))
        return -(self.x - means).square().sum(2) / (2 * self.std**2) - scale


def _target(test: ImageSet, which: Tensor, std: float | None, seed: int) -> _Target:
    images = test.images[which]
    if std is None:
        x = (images.flatten(1) > 0).float()
    else:
        x = parzen.intensities(images, torch.Generator().manual_seed(seed))
    return _Target(x, None if test.labels is None else test.labels[which], std)


class _Decoder:
    """A model's decoder of latents that a standard normal distribution is turned into."""

    def __init__(self, net: Model, seed: int, device: torch.device) -> None:
        if not {"latents", "decode"} <= net.capabilities:
            raise ValueError(f"{net.title} decodes no latents; name rows that do, such as autoencoders and GANs")
        self.net: Any = net
        self.seed, self.device = seed, device
        self.uniform = net.latent_prior == "uniform"
        self.shape, self.scale = self._prior()
        z = self.latents(torch.zeros(1, *self.shape, device=device)).requires_grad_()
        labels = torch.zeros(1, dtype=torch.long, device=device)
        if not self.images(z, labels).requires_grad:
            raise ValueError(f"{net.title} gives no gradient by its latents; name rows that decode in one pass")

    def _prior(self) -> tuple[torch.Size, float]:
        """The latents' shape, and their deviation. Raises ValueError for others than scaled normal or uniform ones."""
        seed_all(self.seed, Stream.EVALUATE)
        drawn = self.net.latents(64)
        if isinstance(drawn, Tensor):
            seed_all(self.seed, Stream.EVALUATE)
            basis = torch.rand_like(drawn) * 2 - 1 if self.uniform else torch.randn_like(drawn)
            scale = float((drawn * basis).sum() / basis.square().sum())
            if torch.allclose(drawn, scale * basis, atol=1e-5):
                return drawn.shape[1:], scale
        raise ValueError(
            f"{self.net.title} has latents that are not all normal or all uniform; name rows whose latents are"
        )

    def latents(self, e: Tensor) -> Tensor:
        """Of standard normal numbers."""
        return self.scale * (torch.erf(e / math.sqrt(2)) if self.uniform else e)

    def images(self, z: Tensor, labels: Tensor) -> Tensor:
        """Intensities in [0,1], (B,D)."""
        given = (z, labels) if "label" in self.net.needs else (z,)
        return (self.net.decode(*given).float().flatten(1) + 1) / 2


def _anneal(decoder: _Decoder, target: _Target, steps: int, chains: int) -> tuple[Tensor, Tensor]:
    """log p(x) of each image in nats, and the share of accepted transitions, each (N,)."""
    at_once = max(1, AT_ONCE // chains)
    parts = [
        _chains(decoder, target.part(start, at_once), steps, chains, mix(decoder.seed, Stream.EVALUATE, i))
        for i, start in enumerate(range(0, len(target.x), at_once))
    ]
    found, accepted = zip(*parts, strict=True)
    return torch.cat(found), torch.cat(accepted)


def betas(steps: int) -> Tensor:
    """From 0 to 1, (steps + 1,)."""
    logistic = torch.sigmoid(torch.linspace(-SIGMOID, SIGMOID, steps + 1, dtype=torch.float64))
    return (logistic - logistic[0]) / (logistic[-1] - logistic[0])


def _chains(decoder: _Decoder, target: _Target, steps: int, chains: int, seed: int) -> tuple[Tensor, Tensor]:
    device, n = decoder.device, len(target.x)
    x = target.x.to(device)
    target = target._replace(x=x, labels=(torch.zeros(n).long() if target.labels is None else target.labels).to(device))
    assert target.labels is not None
    labels = target.labels.repeat(chains)

    def likelihood(e: Tensor) -> tuple[Tensor, Tensor]:
        """log p(x|z) of (chains,N,...), and its gradient by e."""
        e = e.detach().requires_grad_()
        with torch.enable_grad():
            means = decoder.images(decoder.latents(e).flatten(0, 1), labels).unflatten(0, (chains, n))
            values = target.log_likelihood(means)
        return values.detach(), torch.autograd.grad(values.sum(), e)[0]

    seed_all(seed, Stream.EVALUATE)
    state = _State(torch.randn(chains, n, *decoder.shape, device=device), likelihood)
    weights = torch.zeros(chains, n, dtype=torch.float64, device=device)
    size = torch.full((n,), FIRST, device=device)
    accepted = torch.zeros(n, device=device)
    along = betas(steps).tolist()
    for before, beta in pairwise(along):
        weights += (beta - before) * state.values.double()
        share = state.move(beta, size)
        accepted += share / steps
        size = size * torch.where(share > ACCEPTED, STEER, 1 / STEER)
    return (torch.logsumexp(weights, 0) - math.log(chains)).cpu(), accepted.cpu()


class _State:
    """Where the chains are, (chains,N,...), with the likelihood there and its gradient."""

    def __init__(self, e: Tensor, likelihood: Callable[[Tensor], tuple[Tensor, Tensor]]) -> None:
        self.e, self.likelihood = e, likelihood
        self.values, self.slope = likelihood(e)

    def move(self, beta: float, size: Tensor) -> Tensor:
        """One transition that leaves p(e) p(x|e)^beta as it is; the share of chains that were accepted, (N,)."""
        wide = size.view(1, -1, *(1,) * (self.e.ndim - 2))
        momentum = torch.randn_like(self.e)
        e, values, slope = self.e, self.values, self.slope
        energy = _energy(e, momentum, beta * values)
        for _ in range(LEAPS):
            momentum = momentum + wide / 2 * (beta * slope - e)
            e = e + wide * momentum
            values, slope = self.likelihood(e)
            momentum = momentum + wide / 2 * (beta * slope - e)
        change = energy - _energy(e, momentum, beta * values)
        taken = torch.rand_like(change).log() < change  # a chain that left all numbers behind stays: nan < is false
        where = taken.view(*taken.shape, *(1,) * (self.e.ndim - 2))
        self.e, self.slope = torch.where(where, e, self.e), torch.where(where, slope, self.slope)
        self.values = torch.where(taken, values, self.values)
        return taken.float().mean(0)


def _energy(e: Tensor, momentum: Tensor, tempered: Tensor) -> Tensor:
    """The Hamiltonian, up to a constant, (chains,N)."""
    return (e.square() + momentum.square()).flatten(2).sum(2) / 2 - tempered
