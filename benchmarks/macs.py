"""Multiply-accumulates of a training step, by row: what a rate is estimated from where none was measured.

    .venv/bin/python benchmarks/macs.py --profile survey --shape 3x32x32 --out macs.json

Nothing is computed: tensors have shapes and no values, and a counter adds up what the matrix products, convolutions and
attention of a step's losses and gradients would take (attention that a CPU fuses is not in macs.json yet). One step is
counted, late in the training, when a network that grows is whole; terms that come every few steps are counted if they
fall on it. A row that draws its own training data first (reflow) does so here too and takes too long: its figure in
macs.json is that of the row that it starts from.
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
SHARE = 0.9  # of the training that is over


def main(
    profile: Annotated[str, typer.Option(help="A profile of profiles/.")] = "survey",
    shape: Annotated[str, typer.Option(help="Channels x height x width of the images.")] = "3x32x32",
    rows: Annotated[list[str] | None, typer.Option(help="These rows alone, and their parents.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the figures as JSON.")] = None,
) -> None:
    """Print one line per row, then write the file."""
    for name, value in (("__float__", 1.0), ("__int__", 1), ("__bool__", True), ("__index__", 1)):
        setattr(FakeTensor, name, lambda self, value=value: value)  # every number that a step reads
    loaded, nets = settings.load(ROOT, profile), dict[str, Model]()
    found: dict[str, Any] = {}
    c, h, w = (int(part) for part in shape.split("x"))
    with FakeTensorMode(allow_non_fake_inputs=True):
        for row in rows or loaded.get_profile(profile).models:
            try:
                found[row] = count(loaded, profile, row, Spec((c, h, w), 10), nets)
            except Exception as error:  # whatever a step without values comes to; the other rows go on
                found[row] = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"}
            typer.echo(f"{row}: {json.dumps(found[row])}")
            if out:
                out.write_text(json.dumps({"profile": profile, "shape": [c, h, w], "rows": found}, indent=1) + "\n")


def count(loaded: Params, profile: str, row: str, spec: Spec, nets: dict[str, Model]) -> dict[str, Any]:
    """The budget of a row and what an image of it takes, in millions of multiply-accumulates; leaves its network in
    nets, where its children find it."""
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
