"""Time to a quality: CPU-seconds of training until samples are as close to the data as a peer's.

    python benchmarks/quality.py --systems dcgan --seeds 0 1 2 3 4 --out quality    # needs the peers: see run.py
    python benchmarks/quality.py --systems dcgan --budget 0.01 --points 2 --samples 64 --out dry

Ours is the row of profile `classic` with its own settings. The peer is what people would otherwise use, with the recipe
and the kind of networks of its example: PyTorch's DCGAN example, pythae's VAE, diffusers' unconditional example,
mimicry's SNGAN. Both train on the same 4,000 digits on one thread, one after the other, seed by seed. At points evenly
spaced in images, each side draws samples. Their Fréchet distance to the other 1,000 digits is measured in two spaces
without labels. Only training time counts, with loaders and workers; sampling and evaluation do not.

The target in each space is the larger of the two sides' mean final distances, so that both sides reach it. `--target
SPACE=FD` sets another. Times between points are interpolated, with the logarithm of the distance linear in time. A
ratio above 1 means that ours gets there first. Its interval is over paired seeds.
"""

import argparse
import json
import math
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import digits
import harness
import torch
from torch import Tensor

from paragone.data.base import ImageSet
from paragone.engine import loop, sampling
from paragone.engine.selection import HeldOut
from paragone.evaluation import intervals
from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.metrics.frechet import frechet_distance
from paragone.models.base import Model, Spec
from paragone.models.diffusion.ddim import DDIM
from paragone.models.diffusion.ddpm import DDPM
from paragone.models.vae.vae import VAE
from paragone.project import registry, settings

ROOT = Path(__file__).resolve().parents[1]
SPACES = ("lite0", "random_conv")
TRAIN = 4_000  # of the 5,000 digits; the rest are held out
BATCH, STEPS = 250, 50  # images per draw; steps of a diffusion model's sampler, on both sides
GOAL = 2.0


class Point(NamedTuple):
    """The state of a training at one point."""

    cpu: float  # seconds so far
    kimg: float
    fd: dict[str, float]  # by space


class Peer(Protocol):
    """Someone else's training, in slices."""

    def __call__(self) -> int:
        """Train for a slice; returns its number of real images."""

    def draw(self, n: int) -> Tensor:
        """n samples, (n,C,32,32) in [-1,1]."""


class Judge:
    """Distances of samples from held-out digits, in every space."""

    def __init__(self, real: Tensor, samples: int) -> None:
        self.samples = samples
        self.spaces = {name: registry.load("extractors", name).load(ROOT, "mnist-5k") for name in SPACES}
        self.real = {name: self._statistics(space, real) for name, space in self.spaces.items()}

    def __call__(self, images: Tensor) -> dict[str, float]:
        """images: (N,H,W,C) uint8."""
        return {
            name: frechet_distance(self.real[name], self._statistics(space, images))
            for name, space in self.spaces.items()
        }

    @staticmethod
    def _statistics(space: Any, images: Tensor) -> Statistics:
        return Statistics.of(space.extract(images, torch.device("cpu")).values)


class Clock:
    """CPU time of training alone."""

    def __init__(self) -> None:
        self.paused, self.began = 0.0, harness.settled_cpu()

    def judged(self, kimg: float, judge: Callable[[], dict[str, float]]) -> Point:
        """A point; the time for judging it is not counted."""
        now = harness.settled_cpu()
        point = Point(now - self.began - self.paused, kimg, judge())
        self.paused += harness.settled_cpu() - now
        return point


def ours(row: str, data: ImageSet, judge: Judge, seed: int, budget: float, points: int) -> list[Point]:
    """A row of `classic`, judged along its training with the weights that it would have at each point."""
    params = settings.load(ROOT, "classic")
    plan = params.plan("classic", "mnist-5k", row)
    plan = replace(plan, kimg=budget * plan.kimg, eval_every=budget * plan.kimg / points)
    torch.manual_seed(seed)
    config = params.config("classic", "mnist-5k", row)
    model = registry.build_model(params.model("classic", row), data.spec, config, {})
    found: list[Point] = []

    def score(trained: Model, precision: str) -> dict[str, float]:
        kimg = plan.kimg * (len(found) + 1) / points
        found.append(clock.judged(kimg, lambda: judge(_drawn(trained, judge.samples, seed, precision))))
        return {f"held-out/FD-{name}": value for name, value in found[-1].fd.items()}

    watched = HeldOut(torch.arange(len(data.images)), 0, "images that it never sees", score)
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock()
        outcome = loop.fit(model, data, plan, seed=seed, folder=Path(folder), progress=False, held_out=watched)
    if outcome.outcome != "finished":
        raise RuntimeError(f"the training of {row} with seed {seed} {outcome.outcome}: {outcome.reason}")
    return found


def _drawn(model: Model, n: int, seed: int, precision: str) -> Tensor:
    """(n,H,W,C) uint8; a diffusion model is sampled by DDIM, in the same number of steps as the peer."""
    if isinstance(model, DDPM):
        model = DDIM(DDIM.Config(steps=min(STEPS, model.cfg.timesteps)), Spec(model.shape), ddpm=model)
    images, _ = sampling.sample(
        model, n, seed=seed, batch=BATCH, device=torch.device("cpu"), precision=precision, progress=False
    )
    return torch.from_numpy(images)


def theirs(peer: Peer, judge: Judge, kimg: float, points: int, seed: int) -> list[Point]:
    """A peer, judged at the same number of points."""
    found: list[Point] = []
    clock, images = Clock(), 0
    while len(found) < points:
        images += peer()
        if images >= 1000 * kimg * (len(found) + 1) / points:
            found.append(clock.judged(images / 1000, lambda: judge(_pixels(peer, judge.samples, seed))))
    return found


def _pixels(peer: Peer, n: int, seed: int) -> Tensor:
    before = torch.get_rng_state()
    torch.manual_seed(seed)
    with torch.no_grad():
        parts = [peer.draw(min(BATCH, n - start)) for start in range(0, n, BATCH)]
    torch.set_rng_state(before)
    return ((torch.cat(parts).clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def dcgan_peer(train: Tensor, folder: str, kimg: float) -> Peer:
    """PyTorch's DCGAN example at 32 px and half its width, with its two workers. Like the example, it samples with
    batch statistics."""
    import dcgan

    class Drawn(dcgan.Example):
        def draw(self, n: int) -> Tensor:
            return torch.tanh(self.G(torch.randn(n, self.z_dim)))

    _write(folder, train)
    setting = dcgan.SETTINGS["small"]._replace(steps=5)  # short slices, because points fall between them
    return Drawn(dcgan.DCGAN(setting.config, Spec((1, 32, 32))), folder, setting, 2)


def vae_peer(train: Tensor, folder: str, kimg: float) -> Peer:
    """pythae's trainer with convolutional networks and Adam at 1e-3."""
    import vae

    model = VAE(vae.SIDES["conv"][0], Spec((1, 32, 32)))
    work = vae.pythae_training(model, train.permute(0, 3, 1, 2).float() / 255, folder)

    class Drawn:
        def __call__(self) -> int:
            return work()

        def draw(self, n: int) -> Tensor:
            model.eval()
            images = 2 * torch.sigmoid(model.decoder(torch.randn(n, model.cfg.z_dim))) - 1
            model.train()
            return images

    return Drawn()


def ddpm_peer(train: Tensor, folder: str, kimg: float) -> Peer:
    """diffusers' unconditional example, with its learning-rate schedule over this training; its averaged weights are
    sampled by DDIM."""
    import ddpm
    from diffusers import DDIMScheduler

    steps = round(1000 * kimg / ddpm.BATCH)

    class Drawn(ddpm.Example):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            self.rates = ddpm.get_cosine_schedule_with_warmup(self.optimizer, min(500, steps // 10), steps)

        def draw(self, n: int) -> Tensor:
            self.ema.store(self.model.parameters())
            self.ema.copy_to(self.model.parameters())
            self.model.eval()
            scheduler = DDIMScheduler(num_train_timesteps=1000)
            scheduler.set_timesteps(STEPS)
            x = torch.randn(n, 1, 32, 32)
            for t in scheduler.timesteps:
                x = scheduler.step(self.model(x, t).sample, t, x).prev_sample
            self.model.train()
            self.ema.restore(self.model.parameters())
            return x

    _write(folder, train)
    return Drawn(ddpm.diffusers_unet(), folder, "fp32")


def sngan_peer(train: Tensor, folder: str, kimg: float) -> Peer:
    """mimicry's SNGAN and Trainer. Its networks take three channels, so grey digits are repeated in all three. Each
    slice has a new Trainer, so the learning rate stays constant."""
    import sngan

    class Drawn(sngan.Mimicry):
        def draw(self, n: int) -> Tensor:
            return self.G(torch.randn(n, self.G.nz)).mean(1, keepdim=True)

    return Drawn(train.expand(-1, -1, -1, 3).contiguous(), 10, "None")


def _write(folder: str, train: Tensor) -> None:
    digits.write_idx(folder, (train[..., 0].numpy(), digits.digits()[1][: len(train)]))


PEERS: dict[str, Callable[[Tensor, str, float], Peer]] = {
    "dcgan": dcgan_peer, "vae": vae_peer, "ddpm": ddpm_peer, "sngan": sngan_peer,
}  # fmt: skip


def reached(points: Sequence[Point], space: str, target: float) -> float | None:
    """CPU-seconds until the distance first reaches the target; None if it never does."""
    if points[0].fd[space] <= target:
        return points[0].cpu
    for a, b in pairwise(points):
        if b.fd[space] <= target:
            high, low = math.log(a.fd[space]), math.log(b.fd[space])
            return a.cpu + (b.cpu - a.cpu) * (high - math.log(target)) / (high - low)
    return None


def compared(sides: dict[str, list[list[Point]]], space: str, target: float | None) -> dict[str, Any]:
    """The target, each side's seconds by seed, and the ratio with its interval."""
    ends = {side: statistics.fmean(points[-1].fd[space] for points in runs) for side, runs in sides.items()}
    wanted = max(ends.values()) if target is None else target
    seconds = {side: [reached(points, space, wanted) for points in runs] for side, runs in sides.items()}
    both = [(p, o) for p, o in zip(seconds["peer"], seconds["ours"], strict=True) if p is not None and o is not None]
    found: dict[str, Any] = {"target": wanted, "ends": ends, "seconds": seconds, "ratio": None}
    if len(both) > 1:
        ratio = intervals.ratio([p for p, _ in both], [o for _, o in both])
        found["ratio"] = {"mean": ratio.value, "low": ratio.low, "high": ratio.high, "pairs": len(both)}
    return found


def line(system: str, space: str, found: dict[str, Any], seeds: int) -> str:
    """A row of the table."""
    side = {}
    for name, values in found["seconds"].items():
        there = [value for value in values if value is not None]
        side[name] = (f"{statistics.fmean(there):.1f}" if there else "–") + f" ({len(there)} of {seeds})"
    ratio = found["ratio"]
    text, verdict = "–", "–"
    if ratio is not None:
        text = f"{ratio['mean']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"
        verdict = "met" if ratio["mean"] >= GOAL else "missed"
    ends = [f"{found['ends'][name]:.3g}" for name in ("ours", "peer")]
    cells = [system, space, f"{found['target']:.3g}", side["ours"], side["peer"], text, verdict, *ends]
    return f"| {' | '.join(cells)} |"


HEADER = (
    "| system | space | target FD | ours, CPU-s (seeds that reached it) | peer, CPU-s | peer / ours, 95 % | "
    f"goal {GOAL:g} | final FD, ours | peer |\n|---|---|---:|---:|---:|---:|---|---:|---:|"
)


def measure(system: str, args: argparse.Namespace) -> Iterator[dict[str, list[list[Point]]]]:
    """The points of both sides so far, after each seed."""
    images = digits.padded()
    data = ImageSet(images[:TRAIN], torch.from_numpy(digits.digits()[1][:TRAIN]).long(), Spec((1, 32, 32), 10))
    judge = Judge(images[TRAIN:], args.samples)
    sides: dict[str, list[list[Point]]] = {"ours": [], "peer": []}
    for seed in args.seeds:
        sides["ours"].append(ours(system, data, judge, seed, args.budget, args.points))
        torch.manual_seed(seed)
        with tempfile.TemporaryDirectory() as folder:
            kimg = args.peer_budget * sides["ours"][-1][-1].kimg
            peer = PEERS[system](data.images, folder, kimg)
            sides["peer"].append(theirs(peer, judge, kimg, args.points, seed))
        yield sides


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="CPU time to reach a quality, ours and a peer's.")
    parser.add_argument("--systems", nargs="*", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--budget", type=float, default=1.0, help="our images, as a fraction of the budgets in classic")
    parser.add_argument("--peer-budget", type=float, default=1.0, help="the peer's images, as a fraction of ours")
    parser.add_argument("--points", type=int, default=10)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--target", nargs="*", default=[], metavar="SPACE=FD", help=f"spaces: {', '.join(SPACES)}")
    parser.add_argument("--out", type=Path, default=Path("quality"), help="output files, without extension")
    args = parser.parse_args(arguments)
    targets = {space: float(value) for space, _, value in (text.partition("=") for text in args.target)}
    if unknown := targets.keys() - {*SPACES}:
        parser.error(f"--target: there is no space '{min(unknown)}'; name {' or '.join(SPACES)}")
    if torch.get_num_threads() != 1:
        raise SystemExit("set OMP_NUM_THREADS=1: both sides are measured on one thread")
    result: dict[str, Any] = {"environment": harness.environment(), "systems": {}}
    for system in args.systems:
        for sides in measure(system, args):
            figures = {space: compared(sides, space, targets.get(space)) for space in SPACES}
            points = {side: [[p._asdict() for p in run] for run in runs] for side, runs in sides.items()}
            result["systems"][system] = {"figures": figures, "points": points}
            write(args.out, result)


def write(out: Path, result: dict[str, Any]) -> None:
    lines = [
        line(system, space, figures, len(found["points"]["ours"]))
        for system, found in result["systems"].items()
        for space, figures in found["figures"].items()
    ]
    out.with_suffix(".json").write_text(json.dumps(result, indent=1))
    out.with_suffix(".md").write_text("\n".join(["# Time to a quality", "", HEADER, *lines, ""]))


if __name__ == "__main__":
    main()
