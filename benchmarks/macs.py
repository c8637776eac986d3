"""Multiply-accumulates (MACs) of a training step by row, for estimating rates that were not measured.

    .venv/bin/python benchmarks/macs.py --profile survey --shape 3x32x32 --out macs.json

Nothing is computed: tensors have shapes but no values, and a counter adds up the matrix products, convolutions and
attention of a step's losses and gradients (attention that a CPU fuses is not in macs.json yet). One step late in the
training is counted, when a growing network is complete. Terms that occur only every few steps count if they fall on
that step. A row that first draws its own training data (reflow) would take too long here: its figure in macs.json is
that of the row it starts from.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from paragone.engine.macs import Counter
from paragone.models.base import Batch, Model, Progress, Spec
from paragone.project import registry, settings
from paragone.project.params import Params

ROOT = Path(__file__).resolve().parents[1]
SHARE = 0.9  # how far the training has got at the counted step


def main(
    profile: Annotated[str, typer.Option(help="Name of a profile in profiles/.")] = "survey",
    shape: Annotated[str, typer.Option(help="Image shape: channels x height x width.")] = "3x32x32",
    rows: Annotated[list[str] | None, typer.Option(help="Only these rows; name their parents too.")] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures.")] = None,
) -> None:
    """Print one line per row, then write the file."""
    for name, value in (("__float__", 1.0), ("__int__", 1), ("__bool__", True), ("__index__", 1)):
        setattr(FakeTensor, name, lambda self, value=value: value)  # for every number that a step reads
    loaded, nets = settings.load(ROOT, profile), dict[str, Model]()
    found: dict[str, Any] = {}
    c, h, w = (int(part) for part in shape.split("x"))
    with FakeTensorMode(allow_non_fake_inputs=True):
        for row in rows or loaded.get_profile(profile).models:
            try:
                found[row] = count(loaded, profile, row, Spec((c, h, w), 10), nets)
            except Exception as error:  # a step without values may fail in any way; the other rows continue
                found[row] = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"}
            typer.echo(f"{row}: {json.dumps(found[row])}")
            if out:
                out.write_text(json.dumps({"profile": profile, "shape": [c, h, w], "rows": found}, indent=1) + "\n")


def count(loaded: Params, profile: str, row: str, spec: Spec, nets: dict[str, Model]) -> dict[str, Any]:
    """A row's budget and its millions of multiply-accumulates per image. Stores its network in `nets`, where its
    children find it."""
    dataset = next(iter(loaded.get_profile(profile).datasets))
    plan = loaded.plan(profile, dataset, row)
    parents = {role: nets[parent] for role, parent in loaded.entry(profile, row).parents.items() if parent in nets}
    found: dict[str, Any] = {"kimg": plan.kimg, "batch": plan.batch}
    if not plan.kimg:  # drawn from its parent
        return found
    net = registry.build_model(loaded.model(profile, row), spec, loaded.config(profile, dataset, row), parents)
    nets[row] = net
    found["parameters"] = sum(p.numel() for p in net.parameters())
    batch: Batch = {"image": torch.rand(plan.batch, *spec.shape), "label": torch.zeros(plan.batch, dtype=torch.int64)}
    optimizers = net.optimizers()
    with Counter() as counter:
        steps = plan.kimg * 1000 / plan.batch
        for update in net.train().losses(batch, Progress(int(SHARE * steps), SHARE * plan.kimg, plan.kimg)):
            owned = [p for group in optimizers[update.optimizer].param_groups for p in group["params"]]
            update.loss.backward(inputs=owned)
    return found | {"macs_m": round(counter.flops / 2e6 / plan.batch, 2)}


if __name__ == "__main__":
    typer.run(main)
