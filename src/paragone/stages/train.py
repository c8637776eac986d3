"""Stage `train`: one model on one data set with one seed, to a finished, self-contained model file."""

import hashlib
import json
import shutil
import time
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from paragone.data import base as datasets
from paragone.engine import checkpoint, distributed, hardware, usage
from paragone.engine.loop import Outcome, fit
from paragone.engine.seeding import Stream, seed_all
from paragone.models.base import Model, Plan
from paragone.project import files, fingerprint, git, paths, registry
from paragone.project.params import Params


def run(root: Path, params: Params, profile: str, dataset: str, model: str, seed: int) -> None:
    """Train and write model.safetensors, curves.csv and train.json. A divergence is an outcome, not an error."""
    this = paths.Run(profile, dataset, model, seed)
    plan, config = params.plan(profile, dataset, model), params.config(profile, dataset, model)
    data = datasets.load(root / paths.prepared(dataset), "train")
    parents, parent_meta = _parents(root, params, this)
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    seed_all(seed, Stream.INIT)
    name = params.model(profile, model)
    net = registry.build_model(name, data.spec, config, parents)
    recipe = checkpoint.recipe(name, data.spec, config, {role: m["recipe"] for role, m in parent_meta.items()})
    facts = _facts(root, params, this, plan, config, recipe)
    folder = root / ".ckpt" / this.folder / _digest({**facts, "torch": torch.__version__})
    diverged = next(
        (f"its {r} diverged: {m['reason']}" for r, m in parent_meta.items() if m["outcome"] != "finished"), None
    )
    hardware.be_deterministic(hardware.device())
    if diverged is None:
        with usage.recording(root / this.usage) if distributed.join().rank == 0 else nullcontext():
            result = fit(net, data, plan, seed=seed, folder=folder)
    else:
        result = Outcome("diverged", diverged, net, 0, 0.0, "fp32", [], {}, 0)
    if distributed.join().rank == 0:
        _write(root, this, result, recipe, facts, started)
        shutil.rmtree(root / ".ckpt" / this.folder, ignore_errors=True)
    distributed.leave()


def _parents(root: Path, params: Params, this: paths.Run) -> tuple[dict[str, Model], dict[str, Any]]:
    roles = params.entry(this.profile, this.model).parents
    loaded = {
        role: checkpoint.load_model(root / paths.Run(this.profile, this.dataset, parent, this.seed).weights)
        for role, parent in roles.items()
    }
    return {role: m for role, (m, _) in loaded.items()}, {role: meta for role, (_, meta) in loaded.items()}


def _facts(
    root: Path, params: Params, this: paths.Run, plan: Plan, config: dict[str, Any], recipe: dict[str, Any]
) -> dict[str, Any]:
    """All that decides the weights: code, plan, config, data, seed, parents, and the number of processes, on which
    batch-norm statistics depend. Its digest names the checkpoint."""
    parents = params.entry(this.profile, this.model).parents
    return {
        "code": fingerprint.closure("paragone.stages.train", *_modules(recipe)),
        "plan": asdict(plan),
        "config": config,
        "data": files.read_json(root / paths.prepared(this.dataset) / "dataset.json")["content_hash"],
        "seed": this.seed,
        "processes": distributed.join().size,
        "parents": {
            role: files.sha256(root / paths.Run(this.profile, this.dataset, parent, this.seed).weights)
            for role, parent in parents.items()
        },
    }


def _modules(recipe: dict[str, Any]) -> list[str]:
    """The modules of a model and of its parents, and theirs."""
    return [
        registry.module_name("models", recipe["model"]),
        *(module for parent in recipe["parents"].values() for module in _modules(parent)),
    ]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _write(
    root: Path, this: paths.Run, result: Outcome, recipe: dict[str, Any], facts: dict[str, Any], started: str
) -> None:
    device = hardware.device()
    images = result.steps * facts["plan"]["batch"]
    commit, dirty = git.commit(root)
    cls = registry.model_class(recipe["model"])
    curve = pd.DataFrame(result.curve or [{"kimg": 0.0}])
    # losses last: `dvc plots show` draws the last column
    order = sorted(curve.columns.drop("kimg"), key=lambda name: (name.startswith("loss/"), name))
    curve = curve[["kimg", *order]]
    files.write(root / this.curves, lambda path: curve.to_csv(path, index=False))
    files.write_json(
        root / this.training,
        {
            **facts,
            "outcome": result.outcome,
            "reason": result.reason,
            "title": cls.title,
            "paper": cls.paper,
            "family": registry.family(recipe["model"]),
            "images": images,
            "kimg": images / 1000,
            "steps": result.steps,
            "updates": result.updates,
            "images_drawn": result.drawn,
            "batch": facts["plan"]["batch"],
            "ema_kimg": facts["plan"]["ema_kimg"],
            "seconds": round(result.seconds, 3),
            "clock": hardware.clock_name(device),
            "images_per_second": round(images / result.seconds, 2) if result.seconds else None,
            "parameters": sum(p.numel() for k, p in result.model.named_parameters() if not k.startswith("frozen.")),
            "peak_memory_mb": round(hardware.peak_memory_mb(device), 1),
            "device": hardware.device_name(device),
            "cpu": hardware.cpu_name(),
            "threads": torch.get_num_threads(),
            "precision": result.precision,
            "torch": torch.__version__,
            "commit": commit,
            "dirty": dirty,
            "started": started,
        },
    )
    meta = {"outcome": result.outcome, "reason": result.reason, "precision": result.precision, "seed": this.seed}
    checkpoint.save_model(root / this.weights, result.model, recipe, **meta)
