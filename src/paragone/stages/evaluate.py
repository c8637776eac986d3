"""Measure a run: its samples against the reference, and its model's reconstructions and likelihood on test images."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from paragone.data import base
from paragone.engine import checkpoint, hardware, sampling
from paragone.evaluation import capabilities, infinity, protocol, spaces
from paragone.project import files, paths
from paragone.project.params import Params

PARTNER = {"l1": "L1", "ssim": "SSIM", "psnr": "PSNR"}  # headline figures of translations


def run(root: Path, params: Params, profile: str, dataset: str, model: str, seed: int) -> None:
    """Write metrics.json and headline.json. Raises ValueError when the samples are not what the profile asks for."""
    where = paths.Run(profile, dataset, model, seed)
    weightless = params.entry(profile, model).weightless
    metadata = {"outcome": "finished"} if weightless else checkpoint.read_metadata(root / where.weights)
    if metadata["outcome"] == "diverged":
        files.write_json(root / where.metrics, protocol.diverged(metadata.get("reason")))
        files.write_json(root / where.headline, {"outcome": "diverged"})
        print(f"{where.folder}: training diverged ({metadata.get('reason')}); there is nothing to measure")
        return
    result = _measure(root, params, where)
    files.write_json(root / where.metrics, result)
    files.write_json(root / where.headline, headline(result))
    figures = ", ".join(f"{s['distance']} {s['fd']:.4g}" for s in result["spaces"].values())
    print(f"{where.folder}: {figures} ({result['n']} samples against {result['n_real']} real images)")


def headline(result: dict[str, Any]) -> dict[str, Any]:
    """The figures to compare runs by, under the names that the tables use: few enough for `dvc metrics show`."""
    shown: dict[str, Any] = {space["distance"]: space["fd"] for space in result["spaces"].values()}
    shown |= {f"KID {name}": space["kid"] for name, space in result["spaces"].items()}
    if "modes" in result:
        shown["missing modes"] = result["modes"]["missing"]
    if "label_accuracy" in result:
        shown["label accuracy"] = result["label_accuracy"]["rate"]
    if "translation" in result:
        shown |= {f"{name} to partner": result["translation"][key] for key, name in PARTNER.items()}
    return shown | {"duplicates": result["duplicates"]["rate"], "n": result["n"]}


def _measure(root: Path, params: Params, where: paths.Run) -> dict[str, Any]:
    profile = params.get_profile(where.profile)
    prepared = root / paths.prepared(where.dataset)
    train, test = base.load(prepared, "train"), base.load(prepared, "test")
    extractors = protocol.load_extractors(root, where.dataset, profile.spaces)
    reference = protocol.load(root / paths.reference(where.profile, where.dataset), extractors, train)
    c, h, w = train.spec.shape
    drawn = read_samples(root / where.samples, (params.drawn(where.profile, where.model), h, w, c))
    samples = drawn[: profile.samples]
    device = hardware.device()
    hardware.be_deterministic(device)
    if profile.models[where.model].weightless:
        return protocol.evaluate(samples, reference, extractors, device, _labels(root / where.labels))
    network, _ = checkpoint.load_model(root / where.weights)
    labels = sampling.labels(network, train, len(drawn), where.seed)
    asked = None if labels is None else labels[: len(samples)]
    result = protocol.evaluate(samples, reference, extractors, device, asked)
    if len(drawn) > len(samples):
        for name, figures in infinity.measure(drawn, reference, extractors, device).items():
            result["spaces"][name] |= figures
    if "translate" in network.capabilities:
        result |= capabilities.measure_translation(samples, test)
        result |= capabilities.measure_cycle(network, samples, test, where.seed, device)
    real = spaces.choose(torch.arange(len(test.images)), profile.samples)
    known = None if test.labels is None else test.labels[real]
    judge = partial(protocol.distances, reference=reference, extractors=extractors, device=device)
    return result | capabilities.measure_capabilities(network, test.images[real], where.seed, device, known, judge)


def _labels(path: Path) -> Tensor | None:
    """The labels (n,) int64 that a guest's samples came with; None for an empty file."""
    found = torch.from_numpy(np.load(path, allow_pickle=False))
    return found if len(found) else None


def read_samples(path: Path, shape: tuple[int, ...]) -> Tensor:
    """The uint8 images of a .npy file, which must have this shape. Raises ValueError."""
    remedy = "sample the run again"
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file; {remedy}") from None
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path}: not a whole .npy file ({error}); {remedy}") from None
    if array.dtype != np.uint8 or array.shape != shape:
        found, wanted = ("x".join(map(str, s)) for s in (array.shape, shape))
        raise ValueError(
            f"{path}: holds {found} {array.dtype}, the profile and the data set ask for {wanted} uint8; {remedy}"
        )
    return torch.from_numpy(array)
