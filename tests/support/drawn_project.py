"""A small project of drawn shapes with the beta-VAEs that claims rest on, really trained: five seeds each."""

from pathlib import Path
from typing import Any

from paragone.data import base as datasets
from paragone.engine import checkpoint, hardware
from paragone.evaluation import capabilities, protocol
from paragone.project import files, paths
from paragone.project.params import Params
from paragone.stages import ingest, train

WEIGHTS = {"beta_vae_1": 1.0, "beta_vae_4": 4.0, "beta_vae_16": 16.0, "beta_tcvae_4": 4.0}
ROWS = tuple(WEIGHTS)
SEEDS = (0, 1, 2, 3, 4)
OF_MODEL = {"beta_vae": {"optimizer": "adam"}, "beta_tcvae": {"dataset_size": 600}}
SHORT = {"kimg": 0.3, "batch": 30}


def params(**profile: Any) -> Params:
    models = {row: _entry(row, beta) for row, beta in WEIGHTS.items()}
    small = {
        "about": "Shapes.",
        "datasets": ["drawn"],
        "seeds": list(SEEDS),
        "samples": 48,
        "sample_batch": 48,
        "spaces": ["classifier"],
        "models": models,
        **profile,
    }
    options = {"n_train": 600, "n_test": 120}
    datasets = {"drawn": {"loader": "shapes", "source": "generated", "title": "Drawn", "options": options}}
    return Params.model_validate({"profile": "small", "datasets": datasets, "profiles": {"small": small}})


def _entry(row: str, beta: float) -> dict[str, Any]:
    model, _, weight = row.rpartition("_")
    config = {"network": "conv", "width": 8, "z_dim": 4, "lr": 0.002, "beta": beta}
    title = f"{model}, beta = {weight}"
    return {"model": model, "title": title, "plan": SHORT, "config": {**config, **OF_MODEL[model]}}


def make(root: Path) -> None:
    """Train every run and measure what it can do with test images; no samples are drawn."""
    chosen = params()
    ingest.run(root, chosen, "drawn")
    test = datasets.load(root / paths.prepared("drawn"), "test").images
    for run in (paths.Run("small", "drawn", row, seed) for row in ROWS for seed in SEEDS):
        train.run(root, chosen, run.profile, run.dataset, run.model, run.seed)
        model, _ = checkpoint.load_model(root / run.weights)
        found = capabilities.measure_capabilities(model, test, run.seed, hardware.device())
        about = {
            "protocol": protocol.PROTOCOL,
            "outcome": "finished",
            "reason": None,
            "n": 0,
            "n_real": 600,
            "reference_split": "train",
        }
        files.write_json(root / run.metrics, {**about, **found})
