"""Where the time of a training step goes on a CPU: shares by kind of operation, from PyTorch's profiler.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/where.py

Each operation counts its own time, without the operations that it calls. Other programs on the machine slow every kind
alike, so they change the times but hardly the shares; only shares are shown. Writes where.md and where.json beside this
file.
"""

import json
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import digits
import harness
import torch
import typer
from convolutions import ROWS
from torch.profiler import ProfilerActivity, profile

from paragone.data.base import ImageSet
from paragone.engine import loop
from paragone.models.base import Spec

SHOWN = ("DCGAN, 32 px, width 32", "VAE, convolutional", "DDPM, width 32")
KINDS = {  # an operator belongs to the first kind that has a word of its name
    "convolutions": ("conv",),
    "random numbers": ("rand", "normal_", "uniform", "bernoulli", "dropout"),
    "matrix products": ("addmm", "mm", "linear"),
    "attention": ("attention", "softmax"),
    "norms": ("norm", "var_mean"),
    "activations": ("relu", "silu", "threshold", "tanh", "sigmoid", "softplus"),
    "optimiser and averages": ("adam", "foreach", "lerp"),
    "casts and copies": ("copy", "_to_", "clone", "contiguous", "cat", "fill", "zero"),
}
REST = "the rest"


def kind(operator: str) -> str:
    """The kind of an operator, such as aten::mkldnn_convolution."""
    name = operator.lower()
    return next((k for k, words in KINDS.items() if any(word in name for word in words)), REST)


def shares(name: str, precision: str, steps: int) -> dict[str, Any]:
    """The share of each kind in the time of a row's steps."""
    row = ROWS[name]
    grey = digits.image_set(row.shape[1])
    data = ImageSet(grey.images.expand(-1, -1, -1, row.shape[0]).contiguous(), grey.labels, Spec(row.shape, 10))
    torch.manual_seed(0)
    model = row.cls(row.config, data.spec)  # type: ignore[call-arg]
    plan = replace(row.cls.plan, kimg=(steps + 2) * row.batch / 1000, batch=row.batch, precision=precision)
    with tempfile.TemporaryDirectory() as folder, profile(activities=[ProfilerActivity.CPU]) as profiler:
        loop.fit(model, data, plan, seed=0, folder=Path(folder), progress=False)
    spent: Counter[str] = Counter()
    for event in profiler.key_averages():
        if event.key.startswith("aten::"):
            spent[kind(event.key)] += event.self_cpu_time_total
    total = sum(spent.values())
    return {
        "kinds": {k: spent[k] / total for k in (*KINDS, REST)},
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def main(
    steps: Annotated[int, typer.Option(help="Number of profiled steps per row.")] = 12,
    out: Annotated[Path, typer.Option(help="File for the table; the figures go beside it as JSON.")] = harness.HERE
    / "where.md",
) -> None:
    """Profile the rows and write the table."""
    if torch.get_num_threads() != 1:
        raise SystemExit("set OMP_NUM_THREADS=1: this benchmark measures one thread")
    found = {f"{name}, {p}": shares(name, p, steps) for name in SHOWN for p in ("fp32", "auto")}
    lines = ["| share of a step's time, % | " + " | ".join(found) + " |", "|---" + "|---:" * len(found) + "|"]
    for k in (*KINDS, REST):
        lines.append(f"| {k} | " + " | ".join(f"{100 * f['kinds'][k]:.0f}" for f in found.values()) + " |")
    machine = harness.environment()
    about = (
        "# Where the time of a training step goes\n\nWritten by `python benchmarks/where.py` with PyTorch's profiler: "
        f"{steps + 2} steps of each row on one thread. Each\noperation counts its own time, without the operations "
        "that it calls. `auto` is bfloat16 where the hardware supports it.\nTime spent outside operations (in Python, "
        "in the training loop) is left out. Other programs on the machine slow every\nkind of operation alike.\n\n"
    )
    bf16 = "with" if machine["bf16"] else "without"
    named = f"{time.strftime('%Y-%m-%d')}, {machine['device']}"
    end = f"\n\n{named}, {bf16} bfloat16 in hardware, torch {machine['torch']}.\n"
    out.write_text(about + "\n".join(lines) + end)
    out.with_suffix(".json").write_text(json.dumps({"environment": machine, "steps": steps, "rows": found}, indent=2))


if __name__ == "__main__":
    typer.run(main)
