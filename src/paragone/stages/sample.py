"""Stage `sample`: draw the run's samples, show them, and time the drawing."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from paragone.data import base
from paragone.engine import checkpoint, hardware, sampling, visualize
from paragone.engine.sampling import Images
from paragone.models.base import Model
from paragone.project import files, paths
from paragone.project.params import Params

NO_SPEED = {"images_per_second": None, "latency_ms": None, "latency_runs": 0, "evaluations": None, "macs": None}


def run(root: Path, params: Params, profile: str, dataset: str, model: str, seed: int) -> None:
    """Write samples.npy (n,H,W,C) uint8, wall.png, sampling.json, and into pictures/ what else the model can show.

    A model that takes labels is given some, drawn from the training split's; the samples of one that translates are the
    translations of the test split's sources, in order. A diverged model has no samples.
    """
    this = paths.Run(profile, dataset, model, seed)
    settings = params.get_profile(profile)
    net, meta = checkpoint.load_model(root / this.weights)
    n = params.drawn(profile, model) if meta["outcome"] == "finished" else 0
    device = hardware.device()
    shutil.rmtree(root / this.pictures, ignore_errors=True)
    (root / this.pictures).mkdir(parents=True)
    if n:
        images, batch, speed = _draw(root, this, net, meta["precision"], n, settings.sample_batch, device)
    else:
        channels, height, width = meta["recipe"]["shape"]
        images, batch, speed = np.zeros((0, height, width, channels), np.uint8), 0, NO_SPEED
    files.write(root / this.samples, lambda path: np.save(path, images))
    picture = sampling.sample_grid(images if n else np.zeros((1, *images.shape[1:]), np.uint8))
    files.write(root / this.sample_grid, picture.save)
    about = {
        "n": n,
        "batch": batch,
        "device": hardware.device_name(device),
        "threads": torch.get_num_threads(),
        "clock": hardware.clock_name(device),
        "precision": meta["precision"],
        "peak_memory_mb": round(hardware.peak_memory_mb(device), 1),
        "parameters": sum(p.numel() for p in net.parameters()),
    }
    files.write_json(root / this.sampling, {**speed, **about})


def _draw(
    root: Path, this: paths.Run, net: Model, precision: str, n: int, most: int, device: torch.device
) -> tuple[Images, int, dict[str, Any]]:
    """Draw n samples, in batches of at most `most`, and the model's pictures; the samples, the batch, and its speed."""
    train = base.load(root / paths.prepared(this.dataset), "train")
    test = base.load(root / paths.prepared(this.dataset), "test")
    labels = sampling.labels(net, train, n, this.seed)
    source = sampling.sources(net, test, n)
    batch = min(most, n)
    options: dict[str, Any] = {"device": device, "precision": precision, "cond": labels, "source": source}
    images, seconds = sampling.sample(net, n, seed=this.seed, batch=batch, **options)
    sizes = [min(batch, n - start) for start in range(0, n, batch)]
    speed = sampling.speed(net, seconds, sizes, **options)._asdict()
    speed["evaluations"] = sampling.evaluations(net, device, labels, source)
    speed["macs"] = sampling.macs(net, device, labels, source)
    pictures = visualize.draw(net, test, seed=this.seed, device=device)
    if source is not None:
        pictures["translations"] = visualize.translations(images, test)
    if labels is not None:
        pictures["classes"] = sampling.class_grid(images, labels, train.spec.classes)
    for name, picture in pictures.items():
        files.write(root / this.pictures / f"{name}.png", picture.save)
    return images, batch, speed
