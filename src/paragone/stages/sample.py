"""Stage `sample`: draw the run's samples, show them as a wall, and time the drawing."""

from pathlib import Path

import numpy as np
import torch

from paragone import checkpoint, files, hardware, paths, sampling
from paragone.params import Params

NO_SPEED = {"images_per_second": None, "latency_ms": None, "latency_runs": 0}


def run(root: Path, params: Params, profile: str, dataset: str, model: str, seed: int) -> None:
    """Write samples.npy (n,H,W,C) uint8, wall.png and sampling.json. A diverged model has no samples."""
    this = paths.Run(profile, dataset, model, seed)
    settings = params.get_profile(profile)
    net, meta = checkpoint.load_model(root / this.weights)
    n = settings.samples if meta["outcome"] == "finished" else 0
    device = hardware.device()
    if n:
        batch = min(settings.sample_batch, n)
        options = {"device": device, "precision": meta["precision"]}
        images, seconds = sampling.sample(net, n, seed=seed, batch=batch, **options)
        sizes = [min(batch, n - start) for start in range(0, n, batch)]
        speed = sampling.speed(net, seconds, sizes, **options)._asdict()
    else:
        channels, height, width = meta["recipe"]["shape"]
        images, batch, speed = np.zeros((0, height, width, channels), np.uint8), 0, NO_SPEED
    files.write(root / this.samples, lambda path: np.save(path, images))
    picture = sampling.wall(images if n else np.zeros((1, *images.shape[1:]), np.uint8))
    files.write(root / this.wall, picture.save)
    files.write_json(
        root / this.sampling,
        {
            **speed,
            "n": n,
            "batch": batch,
            "device": hardware.device_name(device),
            "threads": torch.get_num_threads(),
            "precision": meta["precision"],
            "parameters": sum(p.numel() for p in net.parameters()),
        },
    )
