"""Images per second of every row of a profile, in training and sampling, on this machine's device.

    .venv/bin/python benchmarks/rates.py --profile survey --shape 3x32x32 --out rates.json

Each row trains on noise for a few seconds with its own networks and plan, and then draws one batch of the profile's
size. A row without training draws from its parent. `docs/scaling.md` derives the cost of profiles from these rates.
"""

import gc
import itertools
import json
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from paragone.data.base import ImageSet
from paragone.engine import hardware, sampling
from paragone.engine.loop import fit
from paragone.engine.seeding import Stream, seed_all
from paragone.models.base import Model, Plan, Spec
from paragone.project import registry, settings
from paragone.project.params import Params

ROOT = Path(__file__).resolve().parents[1]
FEWEST = 4  # least number of intervals for a median; the first interval is a warm-up and left out
QUICK = 3.0  # seconds: a batch drawn faster is drawn twice, and the second time counts


def main(
    profile: Annotated[str, typer.Option(help="Name of a profile in profiles/.")] = "survey",
    shape: Annotated[str, typer.Option(help="Image shape: channels x height x width.")] = "3x32x32",
    rows: Annotated[list[str] | None, typer.Option(help="Only these rows.")] = None,
    eager: Annotated[list[str] | None, typer.Option(help="Rows to train without compilation.")] = None,
    images: Annotated[int, typer.Option(help="Number of images in the training set.")] = 20_000,
    seconds: Annotated[float, typer.Option(help="Minimum training time per row.")] = 4.0,
    steps: Annotated[int, typer.Option(help="Steps per interval; a multiple of 60 covers every phase of a row.")] = 60,
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures.")] = None,
) -> None:
    """Print one line per row as it is measured, then write the file."""
    loaded, found = settings.load(ROOT, profile), []
    c, h, w = (int(part) for part in shape.split("x"))
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (images, h, w, c), generator=generator, dtype=torch.uint8)
    data = ImageSet(noise, torch.arange(images) % 10, Spec((c, h, w), 10))
    device = hardware.device()
    hardware.be_deterministic(device)
    nets: dict[str, Model] = {}
    for row in rows or loaded.get_profile(profile).models:
        plan = loaded.plan(profile, next(iter(loaded.get_profile(profile).datasets)), row)
        plan = replace(plan, compile=plan.compile and row not in (eager or []))
        try:
            figures = measure(loaded, profile, row, plan, data, nets, seconds, steps)
        except (
            RuntimeError,
            ValueError,
            KeyError,
        ) as error:  # a row that fails (KeyError: its parent did) stops no other row
            figures = {"error": " ".join(str(error).split())[:300]}
        found.append({"row": row, "kimg": plan.kimg, "batch": plan.batch, "compile": plan.compile, **figures})
        typer.echo(json.dumps(found[-1]))
        if out:
            about = {"device": hardware.device_name(device), "cpu": hardware.cpu_name(), "torch": torch.__version__}
            out.write_text(json.dumps({**about, "profile": profile, "shape": [c, h, w], "rows": found}, indent=1))


def measure(
    loaded: Params,
    profile: str,
    row: str,
    plan: Plan,
    data: ImageSet,
    nets: dict[str, Model],
    seconds: float,
    steps: int,
) -> dict[str, Any]:
    """A row's rates and peak memory. Stores its network in `nets`, where its children find it."""
    settings, entry, device = loaded.get_profile(profile), loaded.entry(profile, row), hardware.device()
    parents = {role: nets[parent].cpu() for role, parent in entry.parents.items()}
    seed_all(0, Stream.INIT)
    config = loaded.config(profile, settings.datasets[0], row)
    net = registry.build_model(loaded.model(profile, row), data.spec, config, parents)
    found: dict[str, Any] = {"parameters": sum(p.numel() for p in net.parameters())}
    if device.type == "cuda":
        torch.cuda.init()  # memory statistics need an initialised device
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    precision = "bf16" if hardware.has_bf16(device) else "fp32"
    if plan.kimg:
        found |= train(net, data, plan, seconds, steps)
        found["train_memory_mb"] = round(hardware.peak_memory_mb(device))
    nets[row] = net
    n = settings.sample_batch
    cond = sampling.labels(net, data, n, 0)
    _, taken = sampling.sample(net, n, seed=0, batch=n, device=device, precision=precision, cond=cond, progress=False)
    if taken[0] < QUICK:
        _, taken = sampling.sample(
            net, n, seed=0, batch=n, device=device, precision=precision, cond=cond, progress=False
        )
    return found | {"sample_rate": n / taken[0], "sample_batch": n}


def train(net: Model, data: ImageSet, plan: Plan, seconds: float, steps: int) -> dict[str, float]:
    """Images per second: the median over intervals of `steps` steps, each ended by reading the loss. Also the time
    until the end of the first interval, which includes compilation and the choice of kernels."""
    began, moments = time.perf_counter(), []

    def enough(step: int) -> bool:
        moments.append(time.perf_counter())
        return len(moments) > FEWEST and moments[-1] - moments[0] > seconds

    # a curve has 200 rows, so a plan of 200 intervals writes one at the end of each
    short = replace(plan, kimg=200 * steps * plan.batch / 1000)
    with tempfile.TemporaryDirectory() as folder:
        fit(net, data, short, seed=0, folder=Path(folder), progress=False, stop=enough)
    took = [b - a for a, b in itertools.pairwise(moments)]
    rate = steps * plan.batch / statistics.median(took)
    return {"train_rate": rate, "intervals": len(took), "first_interval_s": moments[0] - began}


if __name__ == "__main__":
    typer.run(main)
