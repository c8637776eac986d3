"""Where a training step's time goes on a CPU: shares of kinds of operations, by PyTorch's profiler.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/where.py

Each operation counts with its own time, without the operations that it calls. Shares hardly feel other programs on the
machine, which interrupt every kind alike; the times themselves do, and are not shown. Writes where.md and where.json
beside this file.
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
KINDS = {  # the first whose word is in an operator's name
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
    """Of an operator's name, such as aten::mkldnn_convolution."""
    name = operator.lower()
    return next((k for k, words in KINDS.items() if any(word in name for word in words)), REST)


def shares(name: str, precision: str, steps: int) -> dict[str, Any]:
    """Of each kind in the steps of a row."""
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
    steps: Annotated[int, typer.Option(help="Steps of each row that are profiled.")] = 12,
    out: Annotated[Path, typer.Option(help="Where the table goes, and beside it the figures as JSON.")] = harness.HERE
    / "where.md",
) -> None:
    """Profile the rows and write the table."""
    if torch.get_num_threads() != 1:
        raise SystemExit("set OMP_NUM_THREADS=1: everything is measured on one thread")
    found = {f"{name}, {p}": shares(name, p, steps) for name in SHOWN for p in ("fp32", "auto")}
    lines = ["| of a step's time, % | " + " | ".join(found) + " |", "|---" + "|---:" * len(found) + "|"]
    for k in (*KINDS, REST):
        lines.append(f"| {k} | " + " | ".join(f"{100 * f['kinds'][k]:.0f}" for f in found.values()) + " |")
    machine = harness.environment()
    about = (
        "# Where a training step's time goes\n\nWritten by `python benchmarks/where.py`: PyTorch's profiler, "
        f"{steps + 2} steps of each row on one thread, each\noperation with its own time. `auto`: bfloat16 where the "
        "hardware has it. What runs outside of operations (Python, the\nloop) is not among them. Other programs "
        "on the machine interrupt every kind of operation alike.\n\n"
    )
    bf16 = "with" if machine["bf16"] else "without"
    named = f"{time.strftime('%Y-%m-%d')}, {machine['device']}"
    end = f"\n\n{named}, {bf16} bfloat16 in hardware, torch {machine['torch']}.\n"
    out.write_text(about + "\n".join(lines) + end)
    out.with_suffix(".json").write_text(json.dumps({"environment": machine, "steps": steps, "rows": found}, indent=2))


if __name__ == "__main__":
    typer.run(main)
