"""Stage `train`: one model on one data set with one seed, to a finished, self-contained model file."""

import hashlib
import importlib
import json
import math
import shutil
import time
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import nn

from paragone.data import base as datasets
from paragone.engine import checkpoint, distributed, hardware, usage
from paragone.engine.loop import Outcome, fit
from paragone.engine.seeding import Stream, seed_all
from paragone.engine.selection import HeldOut
from paragone.models.base import Model, Plan
from paragone.project import files, fingerprint, git, paths, registry
from paragone.project.params import Params, ParamsError

HELD_OUT = "paragone.evaluation.held_out"


def run(root: Path, params: Params, profile: str, dataset: str, model: str, seed: int) -> None:
    """Train and write model.safetensors, curves.csv and train.json. A divergence is an outcome, not an error."""
    this = paths.Run(profile, dataset, model, seed)
    plan, config = params.plan(profile, dataset, model), params.config(profile, dataset, model)
    data = datasets.load(root / paths.prepared(dataset), "train")
    parents = _parents(root, params, this)
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    seed_all(seed, Stream.INIT)
    name = params.model(profile, model)
    try:
        net = registry.build_model(name, data.spec, config, {role: parent.network for role, parent in parents.items()})
    except ValueError as error:  # the model knows what is wrong, not where it stands
        raise ParamsError(f"{paths.profile(profile)}: models.{model}, on '{dataset}': {error}") from None
    recipe = checkpoint.recipe(name, data.spec, config, {role: parent.recipe for role, parent in parents.items()})
    facts = _facts(root, this, plan, config, recipe, {role: parent.sha256 for role, parent in parents.items()})
    folder = root / ".ckpt" / this.folder / _digest({**facts, "torch": torch.__version__})
    diverged = next((f"its {role} diverged: {p.diverged}" for role, p in parents.items() if p.diverged), None)
    hardware.be_deterministic(hardware.device())
    if diverged is None:
        with usage.recording(root / this.usage) if distributed.join().rank == 0 else nullcontext():
            held_out = _held_out(root, this, data, plan)
            result = fit(net, data, plan, seed=seed, folder=folder, held_out=held_out)
    else:
        held_out = None
        result = Outcome("diverged", diverged, net, 0, 0.0, "fp32", [], {}, 0)
    if distributed.join().rank == 0:
        _write(root, this, result, recipe, {**facts, **_selection(result, held_out, plan)}, started)
        shutil.rmtree(root / ".ckpt" / this.folder, ignore_errors=True)
    distributed.leave()


class Parent(NamedTuple):
    """What a training starts from: a finished row, or a feature network."""

    network: nn.Module
    recipe: dict[str, Any]
    sha256: str  # of its weights file
    diverged: str = ""  # why, if it did


def _parents(root: Path, params: Params, this: paths.Run) -> dict[str, Parent]:
    """By role."""
    rows = params.parent_rows(this.profile, this.model)
    found = {role: _finished(root, this, replace(this, model=row)) for role, row in rows.items()}
    return found | {
        role: _features(root, this.dataset, name) for role, name in params.features(this.profile, this.model).items()
    }


def _finished(root: Path, this: paths.Run, parent: paths.Run) -> Parent:
    """A finished row that `this` starts from. Raises ValueError for one of another data set or size."""
    weights = root / parent.weights
    model, meta = checkpoint.load_model(weights)
    facts, recipe = files.read_json(root / paths.prepared(this.dataset) / "dataset.json"), meta["recipe"]
    if recipe["shape"] != facts["shape"] or recipe["classes"] != facts["classes"]:
        theirs, ours = (f"{'x'.join(map(str, a['shape']))} with {a['classes']} classes" for a in (recipe, facts))
        raise ValueError(
            f"{weights}: is for images of {theirs}, {this.dataset} has {ours}; train '{parent.model}' again"
        )
    if _trained_on(root / parent.training) not in (None, facts["content_hash"]):
        raise ValueError(
            f"{weights}: was trained on other data than {this.dataset} as it is here, and '{this.model}' starts from "
            f"it; train '{parent.model}' again, or name another parent"
        )
    diverged = "" if meta["outcome"] == "finished" else str(meta["reason"])
    return Parent(model, recipe, files.sha256(weights), diverged)


def _trained_on(training: Path) -> str | None:
    """The hash of the data that a finished row saw, where it is known: a guest's is what its export says."""
    about = files.read_json(training) if training.is_file() else {}
    data = about["guest"].get("data") if "guest" in about else about.get("data")
    return None if data is None else str(data)


def _features(root: Path, dataset: str, name: str) -> Parent:
    """The network of a feature space. Raises ValueError where its weights are missing."""
    extractor = registry.load("extractors", name).load(root, dataset).first
    return Parent(extractor.feature_network(), {"features": name, **extractor.recipe}, extractor.weights)


def _facts(
    root: Path,
    this: paths.Run,
    plan: Plan,
    config: dict[str, Any],
    recipe: dict[str, Any],
    parents: dict[str, str],
) -> dict[str, Any]:
    """All that decides the weights: code, plan, config, data, seed, parents, and the number of processes, on which
    batch-norm statistics depend. Its digest names the checkpoint."""
    return {
        "code": fingerprint.Tree(registry.modules()).closure(
            "paragone.stages.train", *_modules(recipe), *_scoring(plan)
        ),
        "plan": asdict(plan),
        "config": config,
        "data": files.read_json(root / paths.prepared(this.dataset) / "dataset.json")["content_hash"],
        "seed": this.seed,
        "processes": distributed.join().size,
        "parents": parents,
    }


def _modules(recipe: dict[str, Any]) -> list[str]:
    """The modules of a model and of its parents, and theirs."""
    if "features" in recipe:
        return [registry.module_name("extractors", recipe["features"])]
    return [
        registry.module_name("models", recipe["model"]),
        *(module for parent in recipe["parents"].values() for module in _modules(parent)),
    ]


def _scoring(plan: Plan) -> list[str]:
    """The modules that score the weights while they train."""
    return [HELD_OUT, registry.module_name("extractors", plan.eval_space)] if plan.eval_every else []


def _held_out(root: Path, this: paths.Run, data: datasets.ImageSet, plan: Plan) -> HeldOut | None:
    """What scores the weights; found by name, so that a training without scores depends on no metric's code."""
    if not plan.eval_every:
        return None
    found: HeldOut = importlib.import_module(HELD_OUT).part(root, this.dataset, data, plan.eval_space, this.seed)
    return found


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _write(
    root: Path, this: paths.Run, result: Outcome, recipe: dict[str, Any], facts: dict[str, Any], started: str
) -> None:
    curve = pd.DataFrame(result.curve or [{"kimg": 0.0}])
    # losses last: `dvc plots show` draws the last column
    order = sorted(curve.columns.drop("kimg"), key=lambda name: (name.startswith("loss/"), name))
    curve = curve[["kimg", *order]]
    files.write(root / this.curves, lambda path: curve.to_csv(path, index=False))
    about = {**facts, **_about(result, recipe["model"], facts["plan"]), **_machine(root), "started": started}
    about["gpu_utilization"] = usage.mean(root / this.usage, usage.GPU)
    files.write_json(root / this.training, about)
    meta = {"outcome": result.outcome, "reason": result.reason, "precision": result.precision, "seed": this.seed}
    checkpoint.save_model(root / this.weights, result.model, recipe, **meta)


def _about(result: Outcome, name: str, plan: dict[str, Any]) -> dict[str, Any]:
    """What was trained, how it ended, and what it cost."""
    cls, images, device = registry.model_class(name), result.steps * plan["batch"], hardware.device()
    return {
        "outcome": result.outcome,
        "reason": result.reason,
        "title": cls.title,
        "paper": cls.paper,
        "family": registry.family(name),
        "plugin": registry.origin("models", name) or None,
        "images": images,
        "kimg": images / 1000,
        "steps": result.steps,
        "updates": result.updates,
        "generator_updates": _generator_updates(cls, result.updates),
        "images_drawn": result.drawn,
        "batch": plan["batch"],
        "ema_kimg": plan["ema_kimg"],
        "seconds": round(result.seconds, 3),
        "clock": hardware.clock_name(device),
        "images_per_second": round(images / result.seconds, 2) if result.seconds else None,
        "parameters": sum(p.numel() for k, p in result.model.named_parameters() if not k.startswith("frozen.")),
        "peak_memory_mb": round(hardware.peak_memory_mb(device), 1),
        "precision": result.precision,
        "replayed_steps": result.replayed,
        "replays": ("equal" if result.exact else "within rounding") if result.replayed else None,
        "eager_because": result.eager or None,
    }


def _selection(result: Outcome, held_out: HeldOut | None, plan: Plan) -> dict[str, Any]:
    """Which weights the model file holds, and what chose them; empty where nothing was scored."""
    chosen = result.selection
    if chosen is None or held_out is None or not chosen.scored:
        return {}
    best = bool(chosen.best) and result.outcome == "finished"
    kept = {"kept": "best", "kimg": chosen.kimg} if best else {"kept": "last", "kimg": result.steps * plan.batch / 1000}
    found = {"held_out": held_out.n, "by": held_out.by, "scored": chosen.scored, "seconds": round(chosen.seconds, 3)}
    lowest = {"lowest": chosen.lowest, "lowest_kimg": chosen.kimg} if math.isfinite(chosen.lowest) else {}
    return {"selection": {**kept, **found, **lowest}}


def _generator_updates(cls: type[Model], updates: dict[str, int]) -> int | None:
    """Steps of the optimiser that trains what draws images: the declared one, or the only one."""
    if cls.generator:
        return updates.get(cls.generator, 0)
    return next(iter(updates.values())) if len(updates) == 1 else None


def _machine(root: Path) -> dict[str, Any]:
    device = hardware.device()
    commit, dirty = git.commit(root)
    return {
        "device": hardware.device_name(device),
        "cpu": hardware.cpu_name(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "commit": commit,
        "dirty": dirty,
    }
