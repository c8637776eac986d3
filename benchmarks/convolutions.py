"""How much a CPU spends on a training step beyond its convolutions.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/convolutions.py

Records the forward and backward convolutions of a training with their shapes, layouts and types. Then training and
these convolutions alone take turns in one process, and the ratio of their CPU times is taken within each round. Writes
convolutions.md and convolutions.json beside this file.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import digits
import harness
import torch
import typer
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from paragone.data.base import ImageSet
from paragone.models.base import Model, Spec
from paragone.models.diffusion.ddpm import DDPM
from paragone.models.gan.dcgan import DCGAN
from paragone.models.gan.sngan import SNGAN
from paragone.models.vae.vae import VAE

CONVOLUTIONS = (torch.ops.aten.convolution.default, torch.ops.aten.convolution_backward.default)
GOALS = {"fp32": 1.15, "auto": 1.35}


class Row(NamedTuple):
    """What is trained, and the number of steps in a slice."""

    cls: type[Model]
    config: Any
    shape: tuple[int, int, int]
    batch: int
    steps: int


ROWS = {
    "DCGAN, 64 px": Row(DCGAN, DCGAN.Config(kernel=4), (1, 64, 64), 64, 3),
    "DCGAN, 32 px, width 32": Row(DCGAN, DCGAN.Config(width=32, kernel=4), (1, 32, 32), 64, 30),
    "VAE, convolutional": Row(VAE, VAE.Config(network="conv", optimizer="adam", lr=1e-3), (1, 32, 32), 100, 30),
    "DDPM, width 32": Row(DDPM, DDPM.Config(width=32, multipliers=(1, 2, 2), attention=(8,)), (1, 32, 32), 32, 4),
    "SNGAN, width 64": Row(SNGAN, SNGAN.Config(width=64), (3, 32, 32), 64, 10),
}


class Held(NamedTuple):
    """A tensor without its values."""

    size: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype


Call = tuple[Callable[..., Any], Any]  # an operator and its arguments, tensors as Held


class Recorder(TorchDispatchMode):
    """Records every convolution that runs inside it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in CONVOLUTIONS:
            self.calls.append((func, tree_map(_outside, args)))
        return func(*args, **(kwargs or {}))


def _outside(value: Any) -> Any:
    return Held(value.size(), value.stride(), value.dtype) if isinstance(value, Tensor) else value


def alone(calls: list[Call], images: int) -> harness.Slice:
    """A slice runs these convolutions on noise; tensors of the same shape, layout and type are shared."""
    tensors: dict[Held, Tensor] = {}

    def inside(value: Any) -> Any:
        if not isinstance(value, Held):
            return value
        if value not in tensors:
            tensors[value] = torch.empty_strided(value.size, value.stride, dtype=value.dtype).normal_()
        return tensors[value]

    ready = [(func, tree_map(inside, args, is_leaf=lambda a: isinstance(a, Held))) for func, args in calls]

    @torch.no_grad()
    def work() -> int:
        for func, args in ready:
            func(*args)
        return images

    return work


def sides(name: str) -> dict[str, harness.Slice]:
    """Training and its convolutions, in both precisions."""
    row, found = ROWS[name], {}
    grey = digits.image_set(row.shape[1])
    data = ImageSet(grey.images.expand(-1, -1, -1, row.shape[0]).contiguous(), grey.labels, Spec(row.shape, 10))
    for precision in GOALS:
        torch.manual_seed(0)
        kimg = row.steps * row.batch / 1000
        plan = replace(row.cls.plan, kimg=kimg, batch=row.batch, precision=precision)
        training = harness.our_training(row.cls(row.config, data.spec), data, plan)  # type: ignore[call-arg]
        with Recorder() as recorder:
            images = training()
        found[f"{name}, {precision}"] = training
        found[f"{name}, {precision}, convolutions"] = alone(recorder.calls, images)
    return found


def main(
    rounds: Annotated[int, typer.Option(help="Number of rounds after the warm-up.")] = harness.ROUNDS,
    row: Annotated[list[str] | None, typer.Option(help=f"Only these of: {', '.join(ROWS)}.")] = None,
    out: Annotated[Path, typer.Option(help="File for the table; the figures go beside it as JSON.")] = harness.HERE
    / "convolutions.md",
) -> None:
    """Measure every row and write the table."""
    if torch.get_num_threads() != 1:
        raise SystemExit("set OMP_NUM_THREADS=1: this benchmark measures one thread")
    lines, results = [], []
    for name in row or ROWS:
        pairs = [
            harness.Pair(f"{name}, {p}, convolutions", f"{name}, {p}", f"{name}, {p}", goal)
            for p, goal in GOALS.items()
        ]
        found = harness.summarise(harness.interleave(sides(name), rounds), pairs)
        results.append({"row": name, **found})
        for ratio in found["ratios"]:
            cpu, rate = ratio["cpu"], found["sides"][ratio["peer"]]["images_per_cpu_second"]
            met = "met" if cpu["median"] <= ratio["goal"] else "missed"
            between = f"{cpu['median']:.2f} ({cpu['min']:.2f} to {cpu['max']:.2f})"
            lines.append(f"| {ratio['about']} | {between} | {ratio['goal']}: {met} | {rate:,.0f} |")
            print(lines[-1], flush=True)
    machine = harness.environment()
    about = (
        "# A training step and its convolutions\n\nWritten by `python benchmarks/convolutions.py`. The table divides "
        "the CPU time of training by that of its convolutions alone, forward and backward, on one thread, in turns. It "
        f"gives the median over {rounds} rounds, with minimum and maximum in brackets. `auto` is bfloat16 where the "
        "hardware supports it.\n\n"
        "| row | step / convolutions | goal | images per CPU-second |\n|---|---:|---|---:|\n"
    )
    bf16 = "with" if machine["bf16"] else "without"
    end = (
        f"\n{time.strftime('%Y-%m-%d')}, {machine['device']}, {bf16} bfloat16 in hardware, torch {machine['torch']}.\n"
    )
    out.write_text(about + "\n".join(lines) + "\n" + end)
    out.with_suffix(".json").write_text(json.dumps({"environment": machine, "rows": results}, indent=2))


if __name__ == "__main__":
    typer.run(main)
