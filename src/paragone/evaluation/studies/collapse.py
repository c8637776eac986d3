"""Mode collapse with many trials: papers' losses with small networks on points in the plane whose modes are known.

The data and the measures are those of VEEGAN (Srivastava et al. 2017, https://arxiv.org/abs/1705.07761, table 1) with
PacGAN's geometry (Lin et al. 2018, https://arxiv.org/abs/1712.04086, table 1): a **ring** of 8 Gaussians on the unit
circle (standard deviation 0.01) and a **grid** of 25 at {-4,-2,0,2,4}^2 (0.05); 2,500 samples. A sample is of high
quality within 3 standard deviations of its nearest mode; a mode is covered if one such sample is nearest to it; reverse
KL is the divergence of the samples' shares of the nearest modes from the real shares, which are uniform, in nats.

Every game has the same networks (but for `packing`, whose discriminator sees two points at once), the same numbers of
generator updates, trials and points per batch, and the same learning rates. What belongs to a loss stays with it: five
critic updates, with the penalty (Gulrajani et al. 2017, lambda 0.1 as in their toy code) or with clipping and RMSprop
(Arjovsky et al. 2017); two penalties (Huang et al. 2024). So figures along the training are kept with the updates of
the generator, those of the discriminator, and the points that it saw. `diffusion` trains a network of the generator's
width to predict the noise (Ho et al. 2020, eq. 14, cosine schedule) with as many updates as a generator has, and
samples ancestrally, with the posterior's variance, which is the right one for data on points.

Every rate is constant for the first half of the updates, and then falls to 0 in a line: at a constant rate so few
updates leave generated points scattered around the modes, and a trial that scatters cannot be told from one that lacks
a mode. A comparison at a time before the end is of trainings whose rates had not fallen, or not as far.

**Not the papers' protocol**: theirs trains networks of 4 x 400 and 3 x 1,000 units for 400,000 updates, hours a trial.
Here networks and schedules are small enough that a trial takes seconds, so that there can be 20 at each setting. All
trials of a setting run side by side in one batched network; a trial that diverges leaves the others alone.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus
from torch.optim import Adam, Optimizer, RMSprop

from paragone.engine import hardware
from paragone.engine.seeding import Stream, mix, seed_all
from paragone.evaluation.studies.base import Work, track
from paragone.models.layers import functional
from paragone.models.layers.ensemble import Ensemble

Geometry = Literal["ring", "grid"]
Name = Literal[
    "minimax", "non_saturating", "packing", "least_squares", "hinge", "clipping", "penalty", "relativistic", "diffusion"
]
NEAR = 3.0  # standard deviations within which a sample is of high quality
SHOWN = 300  # samples of the first trial, for the pictures
TIMES = 8  # sines, and cosines, of a diffusion step's time


@dataclass(frozen=True, kw_only=True)
class Options:
    geometries: tuple[Geometry, ...] = ("ring", "grid")
    games: tuple[Name, ...] = (
        "minimax", "non_saturating", "packing", "least_squares", "clipping", "penalty", "relativistic", "diffusion",
    )  # fmt: skip
    lrs: tuple[float, ...] = (1e-3, 3e-3, 1e-2)
    trials: int = 20  # at each learning rate
    steps: int = 10000  # updates of the generator
    measured: int = 8  # times along the training that figures are taken, in equal steps
    batch: int = 64
    hidden: int = 64
    layers: int = 2  # hidden layers of each network
    z_dim: int = 2
    beta1: float = 0.5  # of Adam, for all games that use it
    critics: int = 5  # critic updates per generator update, under clipping and the penalty
    clip: float = 0.1  # the box of clipped weights; WGAN's 0.01 with networks this narrow passes next to no signal on
    penalty: float = 0.1  # lambda of the gradient penalty; gamma of the relativistic game's two
    timesteps: int = 50  # T of diffusion
    n: int = 2500  # samples a trial is measured by
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, int | float) and value <= 0 and name != "seed":
                raise ValueError(f"{name} is {value}; it must be above 0")
        if any(not rate > 0 for rate in self.lrs) or not self.lrs:
            raise ValueError(f"lrs is {list(self.lrs)}; it must be one or more learning rates above 0")
        if self.trials < 2:
            raise ValueError(f"trials is {self.trials}; a share of trials needs at least 2")
        if self.steps % self.measured:
            raise ValueError(f"steps is {self.steps}; it must be a multiple of measured ({self.measured})")


def depends(work: Work) -> list[Path]:
    """Nothing: the points are drawn."""
    return []


def measure(work: Work) -> dict[str, Any]:
    """{options, device, geometries: {geometry: {modes, std, games: {game: [{lr, updates, discriminator_updates, seen,
    trials: {figure: [one list along the training per trial]}, shown: [[x, y]]}]}}}}.

    figures: modes (covered), high_quality (share), reverse_kl (nats); nan where a trial diverged. updates,
    discriminator_updates, seen (real points): at each measurement.
    """
    options, device = work.options, hardware.device()
    found: dict[str, Any] = {}
    for geometry in options.geometries:
        centres, std = modes(geometry)
        found[geometry] = {"modes": len(centres), "std": std, "games": {name: [] for name in options.games}}
    cells = [(geometry, name, lr) for geometry in options.geometries for name in options.games for lr in options.lrs]
    for geometry, name, lr in track(cells, "collapse", "settings"):
        found[geometry]["games"][name].append(cell(geometry, name, lr, options, device))
    return {**vars(options), "device": hardware.device_name(device), "geometries": found}


def modes(geometry: Geometry) -> tuple[Tensor, float]:
    """The modes' centres (K,2) and the standard deviation along each axis."""
    if geometry == "ring":
        angles = torch.arange(8) * (2 * math.pi / 8)
        return torch.stack([angles.cos(), angles.sin()], 1), 0.01
    side = torch.arange(-4.0, 5.0, 2.0)
    return torch.cartesian_prod(side, side), 0.05


def cell(geometry: Geometry, name: Name, lr: float, options: Options, device: torch.device) -> dict[str, Any]:
    """All trials of one game at one learning rate."""
    seed_all(options.seed, Stream.INIT)  # the same first weights for every game and rate
    centres, std = (modes(geometry)[0].to(device), modes(geometry)[1])
    play = _Diffusion(lr, options, device) if name == "diffusion" else _Adversaries(GAMES[name], lr, options, device)
    figures: dict[str, list[list[float]]] = {"modes": [], "high_quality": [], "reverse_kl": []}
    every = options.steps // options.measured
    marks = range(every, options.steps + 1, every)
    samples = torch.empty(0)
    for step in range(options.steps):
        seed_all(mix(options.seed, Stream.STEP, step), Stream.STEP)
        for optimizer in play.optimizers:
            optimizer.param_groups[0]["lr"] = lr * min(1.0, 2 - 2 * step / options.steps)
        play.step(lambda: _draw(centres, std, options.trials, options.batch))
        if step + 1 in marks:
            samples = play.sample(options.n)  # (trials,n,2)
            for key, values in judge(samples, centres, std).items():
                figures[key].append(values.tolist())
    critics = play.critics
    return {
        "lr": lr,
        "trials": {key: torch.tensor(along).T.tolist() for key, along in figures.items()},
        "updates": list(marks),
        "discriminator_updates": [critics * mark for mark in marks],
        "seen": [max(critics, 1) * play.packed * options.batch * mark for mark in marks],
        "shown": [[round(x, 3) for x in point] for point in samples[0, :SHOWN].tolist()],
    }


def judge(samples: Tensor, centres: Tensor, std: float) -> dict[str, Tensor]:
    """modes (covered), high_quality (share) and reverse_kl (nats) of samples (trials,n,2), each (trials,).

    centres: (K,2). nan for a trial with a sample that is no number.
    """
    sound = samples.isfinite().flatten(1).all(1)
    distance, nearest = torch.cdist(samples.nan_to_num(), centres.expand(len(samples), -1, -1)).min(2)
    good = distance < NEAR * std
    of_mode = torch.nn.functional.one_hot(nearest, len(centres))  # (trials,n,K)
    covered = (of_mode * good[..., None]).sum(1) > 0
    shares = of_mode.float().mean(1)
    kl = torch.special.xlogy(shares, shares * len(centres)).sum(1)
    found = {"modes": covered.sum(1).float(), "high_quality": good.float().mean(1), "reverse_kl": kl}
    return {key: torch.where(sound, value, math.nan) for key, value in found.items()}


def _draw(centres: Tensor, std: float, trials: int, n: int) -> Tensor:
    """Real points of their own for every trial, (trials,n,2)."""
    which = torch.randint(len(centres), (trials, n), device=centres.device)
    return centres[which] + std * torch.randn(trials, n, 2, device=centres.device)


class Game(NamedTuple):
    """A loss. real, fake: a discriminator's scores (trials,B,1); losses are means over all of them."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]  # of scores of real points too, which the relativistic loss needs
    wasserstein: bool = False  # several critic updates for each of the generator's
    clipped: bool = False
    one_centred: bool = False  # the gradient penalty between real and generated points
    zero_centred: bool = False  # R1 and R2
    packed: int = 1  # points that the discriminator sees at once


def _wasserstein(real: Tensor, fake: Tensor) -> Tensor:
    return fake.mean() - real.mean()


def _down(real: Tensor, fake: Tensor) -> Tensor:
    return -fake.mean()


def _nonsaturating(real: Tensor, fake: Tensor) -> Tensor:
    return functional.nonsaturating_generator_loss(fake)


GAMES: dict[str, Game] = {
    "minimax": Game(functional.logistic_discriminator_loss, lambda real, fake: functional.minimax_generator_loss(fake)),
    "non_saturating": Game(functional.logistic_discriminator_loss, _nonsaturating),
    "packing": Game(functional.logistic_discriminator_loss, _nonsaturating, packed=2),
    "least_squares": Game(  # Mao et al. 2017, eq. 9
        lambda real, fake: (real - 1).square().mean() / 2 + fake.square().mean() / 2,
        lambda real, fake: (fake - 1).square().mean() / 2,
    ),
    "hinge": Game(
        lambda real, fake: relu(1 - real).mean() + relu(1 + fake).mean(), _down
    ),  # Miyato et al. 2018, eq. 16
    "clipping": Game(_wasserstein, _down, wasserstein=True, clipped=True),  # Arjovsky et al. 2017, algorithm 1
    "penalty": Game(_wasserstein, _down, wasserstein=True, one_centred=True),  # Gulrajani et al. 2017, eq. 3
    "relativistic": Game(  # Huang et al. 2024, section 2
        lambda real, fake: softplus(fake - real).mean(),
        lambda real, fake: softplus(real - fake).mean(),
        zero_centred=True,
    ),
}


class _Adversaries:
    """As many generators and discriminators as trials, under one loss."""

    def __init__(self, game: Game, lr: float, options: Options, device: torch.device) -> None:
        self.game, self.options, self.device, self.packed = game, options, device, game.packed
        inner = [options.hidden] * options.layers
        self.G = Ensemble(options.trials, [options.z_dim, *inner, 2]).to(device)
        self.D = Ensemble(options.trials, [2 * game.packed, *inner, 1], slope=0.2).to(device)
        self.critics = options.critics if game.wasserstein else 1
        self.of = {net: self._optimizer(net, lr) for net in (self.G, self.D)}
        self.optimizers = [*self.of.values()]

    def _optimizer(self, net: Ensemble, lr: float) -> Optimizer:
        if self.game.clipped:
            return RMSprop(net.parameters(), lr, foreach=True)
        return Adam(net.parameters(), lr, (self.options.beta1, 0.999), foreach=True)

    def step(self, draw: Callable[[], Tensor]) -> None:
        """The discriminator's updates and one of the generator's; `draw` gives real points (trials,B,2)."""
        for _ in range(self.critics):
            real = self._packs(draw)
            with torch.no_grad():
                fake = self._packs(self._generate)
            loss = self.game.discriminator(*self.D(torch.cat([real, fake], 1)).chunk(2, 1)) + self._penalty(real, fake)
            self._update(self.D, loss)
            if self.game.clipped:
                self._clip()
        with torch.no_grad():
            scores = self.D(self._packs(draw)) if self.game.zero_centred else torch.empty(0)
        self._update(self.G, self.game.generator(scores, self.D(self._packs(self._generate))))

    def sample(self, n: int) -> Tensor:
        with torch.no_grad():
            return self.G(torch.randn(self.options.trials, n, self.options.z_dim, device=self.device))

    def _generate(self) -> Tensor:
        return self.G(torch.randn(self.options.trials, self.options.batch, self.options.z_dim, device=self.device))

    def _packs(self, draw: Callable[[], Tensor]) -> Tensor:
        """(trials,B,2m): m independent points beside each other."""
        return torch.cat([draw() for _ in range(self.packed)], 2)

    def _update(self, net: Ensemble, loss: Tensor) -> None:
        """A step on the sum of the trials' losses, so that no trial's gradient depends on how many there are."""
        parameters = list(net.parameters())
        gradients = torch.autograd.grad(loss * self.options.trials, parameters)
        for p, gradient in zip(parameters, gradients, strict=True):
            p.grad = gradient
        self.of[net].step()

    @torch.no_grad()
    def _clip(self) -> None:
        weights: list[Tensor] = list(self.D.parameters())
        torch._foreach_clamp_min_(weights, -self.options.clip)
        torch._foreach_clamp_max_(weights, self.options.clip)

    def _penalty(self, real: Tensor, fake: Tensor) -> Tensor | float:
        weight = self.options.penalty
        if self.game.one_centred:
            x = torch.lerp(fake, real, torch.rand(*real.shape[:2], 1, device=self.device))
            return weight * (self._slopes(x).norm(dim=2) - 1).square().mean()
        if self.game.zero_centred:
            return weight / 2 * sum(self._slopes(x).square().sum(2).mean() for x in (real, fake))
        return 0.0

    def _slopes(self, x: Tensor) -> Tensor:
        """The gradient of each score by its point, (trials,B,2m)."""
        x = x.detach().requires_grad_()
        return torch.autograd.grad(self.D(x).sum(), x, create_graph=True)[0]


class _Diffusion:
    """As many noise predictors as trials: E ||eps - eps_theta(x_t, t)||^2 (Ho et al. 2020, eq. 14)."""

    packed, critics = 1, 0

    def __init__(self, lr: float, options: Options, device: torch.device) -> None:
        self.options, self.device = options, device
        self.net = Ensemble(options.trials, [2 + 2 * TIMES, *[options.hidden] * options.layers, 2]).to(device)
        self.optimizers: list[Optimizer] = [Adam(self.net.parameters(), lr, (0.9, 0.999), foreach=True)]
        self.betas = functional.cosine_betas(options.timesteps).float().to(device)
        self.alpha_bars = (1 - self.betas).cumprod(0)

    def step(self, draw: Callable[[], Tensor]) -> None:
        x = draw()
        t = torch.randint(self.options.timesteps, x.shape[:2], device=self.device)
        eps = torch.randn_like(x)
        kept = self.alpha_bars[t][..., None]
        loss = (self._predict(kept.sqrt() * x + (1 - kept).sqrt() * eps, t) - eps).square().mean()
        (optimizer,) = self.optimizers
        optimizer.zero_grad()
        (loss * self.options.trials).backward()
        optimizer.step()

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        """Ancestral sampling with the posterior's variance (Ho et al. 2020, algorithm 2 and eq. 7)."""
        x = torch.randn(self.options.trials, n, 2, device=self.device)
        for t in reversed(range(self.options.timesteps)):
            eps = self._predict(x, torch.full(x.shape[:2], t, device=self.device))
            x = (x - self.betas[t] / (1 - self.alpha_bars[t]).sqrt() * eps) / (1 - self.betas[t]).sqrt()
            if t:
                left = (1 - self.alpha_bars[t - 1]) / (1 - self.alpha_bars[t])
                x = x + (left * self.betas[t]).sqrt() * torch.randn_like(x)
        return x

    def _predict(self, x: Tensor, t: Tensor) -> Tensor:
        angles = (
            (t[..., None] + 1) / self.options.timesteps * math.pi * 2 ** torch.arange(TIMES, device=self.device) / 2
        )
        return self.net(torch.cat([x, angles.sin(), angles.cos()], 2))
