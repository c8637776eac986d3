"""Time two or more programs against each other in one process, in turns, and summarise their ratios.

The speed of a machine drifts with what else runs on it. So the sides take turns, round after round, with a short slice
of work each. A ratio is taken within each round, and the result is the median over rounds. Other programs hardly affect
ratios of CPU time (this process and its children, such as a DataLoader's workers). They do affect ratios of wall time,
which are what a user waits for.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import torch

from paragone.data.base import ImageSet
from paragone.engine import hardware, loop
from paragone.models.base import Model, Plan

Slice = Callable[[], int]  # does one slice of work and returns its number of images
HERE = Path(__file__).parent
ROUNDS = 5
IDLE = 0.05  # after so many seconds without CPU time, workers count as finished


class Timing(NamedTuple):
    """One slice."""

    images: int
    wall: float
    cpu: float  # of this process and its children


class Pair(NamedTuple):
    """Two sides to compare, a description for the reader, and the goal (None: for information only)."""

    ours: str
    peer: str
    about: str
    goal: float | None = None


def _cpu() -> float:
    """CPU seconds so far of this process and its children, living and ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + ended.ru_utime + ended.ru_stime
    for child in psutil.Process().children(recursive=True):
        try:
            used = child.cpu_times()
        except psutil.NoSuchProcess:  # it ended after it was listed
            continue
        total += used.user + used.system
    return total


def settled_cpu() -> float:
    """Wait until the children have filled their queues, so that no side works during another's slice; returns the CPU
    time."""
    while psutil.Process().children():
        before = _cpu()
        time.sleep(IDLE)
        if _cpu() - before < IDLE / 2:
            break
    return _cpu()


def interleave(sides: Mapping[str, Slice], rounds: int) -> dict[str, list[Timing]]:
    """One slice of each side to warm up, then `rounds` rounds of one slice of each side."""
    timings: dict[str, list[Timing]] = {name: [] for name in sides}
    for round_ in range(rounds + 1):
        for name, work in sides.items():
            cpu, wall = settled_cpu(), time.perf_counter()
            images = work()
            wall = time.perf_counter() - wall
            timing = Timing(images, wall, settled_cpu() - cpu)
            if round_:
                timings[name].append(timing)
    return timings


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def summarise(timings: Mapping[str, Sequence[Timing]], pairs: Sequence[Pair]) -> dict[str, Any]:
    """The images per second of each side and the ratios of each pair (above 1: ours is faster), as plain data."""
    sides = {
        name: {
            "images_per_slice": rows[0].images,
            "images_per_cpu_second": statistics.median(t.images / t.cpu for t in rows),
            "images_per_second": statistics.median(t.images / t.wall for t in rows),
        }
        for name, rows in timings.items()
    }
    ratios = []
    for pair in pairs:
        both = list(zip(timings[pair.ours], timings[pair.peer], strict=True))
        cpu = _spread([(a.images / a.cpu) / (b.images / b.cpu) for a, b in both])
        wall = _spread([(a.images / a.wall) / (b.images / b.wall) for a, b in both])
        ratios.append({**pair._asdict(), "cpu": cpu, "wall": wall})
    return {"rounds": len(next(iter(timings.values()))), "sides": sides, "ratios": ratios}


def our_training(model: Model, data: ImageSet, plan: Plan) -> Slice:
    """A slice is one call of `loop.fit` for plan.kimg, including its set-up and curve."""

    def work() -> int:
        with tempfile.TemporaryDirectory() as folder:
            outcome = loop.fit(model, data, plan, seed=0, folder=Path(folder), progress=False)
        if outcome.outcome != "finished":
            raise RuntimeError(f"the training of {type(model).__name__} {outcome.outcome}: {outcome.reason}")
        return outcome.steps * plan.batch

    return work


def environment() -> dict[str, Any]:
    """The machine, and the number of threads that all sides run on."""
    device = hardware.device()
    return {
        "device": hardware.device_name(device),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "bf16": hardware.has_bf16(device),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def versions(*names: str) -> dict[str, str]:
    """The installed versions of packages."""
    return {name: metadata.version(name) for name in names}


def main(measure: Callable[[int], dict[str, Any]]) -> None:
    """The command line of a comparison: measure and write the result, with the machine, as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path, help="JSON file to write")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds after the warm-up")
    args = parser.parse_args()
    if torch.get_num_threads() != 1:
        raise SystemExit("set OMP_NUM_THREADS=1: both sides are measured on one thread")
    result = {"environment": environment(), **measure(args.rounds)}
    args.out.write_text(json.dumps(result, indent=2))
