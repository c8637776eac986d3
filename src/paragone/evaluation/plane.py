"""GANs on points in the plane in the protocol of PacGAN, with the networks and the length of the paper.

Lin, Khetan, Fanti, Oh 2018, https://arxiv.org/abs/1712.04086, table 1, with the settings of the released code: 100,000
points of a ring of 8 or a grid of 25 Gaussians (`studies.collapse.modes`), batches of 100, 400 epochs, Adam at 1e-4
with beta1 0.8; a generator 2-400-400-400-400-2 with ReLU and batch normalisation, z from N(0, I) in two dimensions; a
discriminator of three maxout layers of 200 units with 5 pieces; 2,500 samples of each of ten trials, judged as
`studies.collapse.judge` does.

All trials train side by side in one batched network. On a GPU a step is recorded as a CUDA graph, and replayed if its
bits are those of an eager step; on one core a trial takes some hours.

Deviations: points are drawn from the set with replacement, the points of a pack independently; initial weights are
PyTorch's; the generator's loss is the non-saturating one, and samples have the statistics of their own 2,500.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import relu
from torch.optim import Adam

from paragone.engine import hardware
from paragone.engine.recorders import Cuda, Recorder
from paragone.engine.seeding import Stream, mix, seed_all
from paragone.engine.snapshot import same_bits
from paragone.evaluation.studies import collapse
from paragone.models.layers import functional

POINTS, Z_DIM, PIECES = 100_000, 2, 5
WARM = 3  # eager steps before one is recorded


@dataclass(frozen=True, kw_only=True)
class Plane:
    """A training; the defaults are the paper's."""

    geometry: Literal["ring", "grid"]
    packing: int = 1
    trials: int = 10
    epochs: float = 400
    batch: int = 100
    width: int = 400  # of the generator's four hidden layers
    units: int = 200  # of the discriminator's three
    lr: float = 1e-4
    beta1: float = 0.8
    n: int = 2500  # samples of each trial

    def __post_init__(self) -> None:
        if self.geometry not in ("ring", "grid"):
            raise ValueError(f"geometry is '{self.geometry}'; it must be ring or grid")
        for name in ("packing", "trials", "batch", "width", "units", "n"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not self.epochs > 0:
            raise ValueError(f"epochs is {self.epochs}; it must be above 0")

    @property
    def steps(self) -> int:
        return max(1, round(self.epochs * POINTS / self.batch))


class Linear(nn.Module):
    """A linear layer of every trial: (T,B,inputs) -> (T,B,outputs)."""

    def __init__(self, trials: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(trials, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(trials, 1, outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


class Generator(nn.Module):
    """z (T,B,2) -> points (T,B,2)."""

    def __init__(self, trials: int, width: int) -> None:
        super().__init__()
        widths = [Z_DIM, *[width] * 4]
        self.layers = nn.ModuleList(Linear(trials, a, b) for a, b in pairwise(widths))
        self.scales = nn.ParameterList(torch.ones(trials, 1, width) for _ in self.layers)
        self.shifts = nn.ParameterList(torch.zeros(trials, 1, width) for _ in self.layers)
        self.last = Linear(trials, width, 2)

    def forward(self, z: Tensor) -> Tensor:
        h = z
        for layer, scale, shift in zip(self.layers, self.scales, self.shifts, strict=True):
            h = layer(h)
            variance, mean = torch.var_mean(h, 1, correction=0, keepdim=True)  # of each trial
            h = relu((h - mean) * (variance + 1e-5).rsqrt() * scale + shift)
        return self.last(h)


class Discriminator(nn.Module):
    """Packs (T,B,2m) -> logits (T,B,1)."""

    def __init__(self, trials: int, inputs: int, units: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Linear(trials, a, units * PIECES) for a in (inputs, units, units))
        self.last = Linear(trials, units, 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x).unflatten(2, (-1, PIECES)).amax(3)
        return self.last(x)


class Training:
    """Generators and discriminators of all trials, and their optimisers."""

    def __init__(self, plan: Plane, device: torch.device) -> None:
        self.plan, self.device = plan, device
        centres, std = collapse.modes(plan.geometry)
        which = torch.arange(POINTS) % len(centres)
        self.centres, self.std = centres.to(device), std
        self.points = (centres[which] + std * torch.randn(POINTS, 2)).to(device)
        self.G = Generator(plan.trials, plan.width).to(device)
        self.D = Discriminator(plan.trials, 2 * plan.packing, plan.units).to(device)
        nets: tuple[nn.Module, ...] = (self.G, self.D)
        self.optimizers = {net: Adam(net.parameters(), plan.lr, (plan.beta1, 0.999)) for net in nets}

    def step(self) -> Tensor:
        """An update of the discriminators and one of the generators; their losses (2,), means over the trials."""
        real = torch.cat([self._real() for _ in range(self.plan.packing)], 2)
        fake = self._packs()
        d_loss = functional.logistic_discriminator_loss(self.D(real), self.D(fake.detach()))
        self._update(self.D, d_loss)
        g_loss = functional.nonsaturating_generator_loss(self.D(self._packs()))
        self._update(self.G, g_loss)
        return torch.stack([d_loss.detach(), g_loss.detach()])

    def sample(self) -> Tensor:
        """(T,n,2)."""
        with torch.no_grad():
            return self._generate(self.plan.n)

    def state(self) -> list[Tensor]:
        """What a step changes."""
        parameters = [p for net in self.optimizers for p in net.parameters()]
        fields = [self.optimizers[net].state[p] for net in self.optimizers for p in net.parameters()]
        return [*(p.detach() for p in parameters), *(v for f in fields for v in f.values() if isinstance(v, Tensor))]

    def _real(self) -> Tensor:
        size = (self.plan.trials, self.plan.batch)
        return self.points[torch.randint(POINTS, size, device=self.device)]

    def _generate(self, n: int) -> Tensor:
        return self.G(torch.randn(self.plan.trials, n, Z_DIM, device=self.device))

    def _packs(self) -> Tensor:
        return torch.cat([self._generate(self.plan.batch) for _ in range(self.plan.packing)], 2)

    def _update(self, net: nn.Module, loss: Tensor) -> None:
        """A step on the sum of the trials' losses, so that no trial's gradient depends on how many there are."""
        parameters = list(net.parameters())
        for p, gradient in zip(parameters, torch.autograd.grad(loss * self.plan.trials, parameters), strict=True):
            p.grad = gradient
        self.optimizers[net].step()


def measure(plan: Plane, seed: int, device: torch.device, recorder: Recorder | None = None) -> dict[str, Any]:
    """{modes, high_quality (in %), reverse_kl: one figure a trial, without those that diverged; diverged, trials, kimg,
    seconds, replayed}."""
    seed_all(seed, Stream.INIT)
    training = Training(plan, device)
    if recorder is None and device.type == "cuda":
        recorder = Cuda(device)
    started = hardware.seconds(device)
    replayed = _run(training, seed, recorder)
    hardware.synchronize(device)
    seconds = hardware.seconds(device) - started
    seed_all(seed, Stream.SAMPLE)
    found = collapse.judge(training.sample().cpu(), training.centres.cpu(), training.std)
    sound = found["modes"].isfinite()
    figures = {key: values[sound].tolist() for key, values in found.items()}
    return {
        **figures,
        "high_quality": [100 * share for share in figures["high_quality"]],
        "diverged": int((~sound).sum()),
        "trials": plan.trials,
        "kimg": plan.steps * plan.batch / 1000,
        "seconds": seconds,
        "replayed": replayed,
    }


def _run(training: Training, seed: int, recorder: Recorder | None) -> int:
    """All steps; how many of them were replays."""

    def take(step: int, by: Callable[[], object]) -> None:
        seed_all(mix(seed, Stream.STEP, step), Stream.STEP)
        by()

    steps = training.plan.steps
    if recorder is None or steps <= WARM:
        for step in range(steps):
            take(step, training.step)
        return 0
    with recorder.session():
        for optimizer in training.optimizers.values():
            recorder.prepare(optimizer)
        for step in range(WARM):
            take(step, training.step)
        replay = _recorded(training, recorder, lambda by: take(WARM, by))
        for step in range(WARM, steps):
            take(step, replay or training.step)
    return 0 if replay is None else steps - WARM


def _recorded(
    training: Training, recorder: Recorder, take: Callable[[Callable[[], object]], None]
) -> Callable[[], None] | None:
    """A step's graph; None if it cannot be recorded, or gives other bits than the step. All is then as before."""
    before = [tensor.clone() for tensor in training.state()]
    take(training.step)
    eager = [tensor.clone() for tensor in training.state()]
    _restore(training, before)
    try:
        replay, _ = recorder.capture(training.step)
    except RuntimeError:
        _restore(training, before)
        return None
    _restore(training, before)
    take(replay)
    equal = all(same_bits(a, b) for a, b in zip(eager, training.state(), strict=True))
    _restore(training, before)
    return replay if equal else None


@torch.no_grad()
def _restore(training: Training, values: list[Tensor]) -> None:
    for place, value in zip(training.state(), values, strict=True):
        place.copy_(value)
