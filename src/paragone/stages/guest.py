"""Stage `guest`: take in what a row from elsewhere brings: samples, a sampler or a checkpoint."""

import hashlib
import shutil
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch

from paragone.data import base, guests
from paragone.data.guests import Guest, GuestError
from paragone.engine import hardware, inference, samplers, sampling
from paragone.evaluation import spaces
from paragone.project import files, git, paths
from paragone.project.params import GUEST, Entry, Params

PAPER = "from elsewhere"  # where a row gives no paper


class Brought(NamedTuple):
    """Images from elsewhere, n of them, as they are measured."""

    guest: Guest
    brought: int  # images that there were
    seconds: float | None = None  # that a sampler took


def run(root: Path, params: Params, profile: str, dataset: str, model: str, seed: int) -> None:
    """Write train.json and curves.csv; of samples also samples.npy, labels.npy, wall.png, pictures/ and sampling.json,
    as the stage `sample` does; of a checkpoint model.safetensors. Raises GuestError, and then writes nothing."""
    this, entry = paths.Run(profile, dataset, model, seed), params.entry(profile, model)
    facts = files.read_json(root / paths.prepared(dataset) / "dataset.json")
    if entry.weightless:
        found = fetch(root, entry, dataset, seed, params.get_profile(profile).samples)
        notes = [*found.guest.notes, *guests.inspect(found.guest, root / paths.prepared(dataset) / "manifest.parquet")]
        brought = _about_images(found, notes)
        _write_samples(root, this, found, facts)
    else:
        brought = _take_weights(root, this, _place(root, entry, dataset, seed), facts)
    files.write_text(root / this.curves, "kimg\n0.0\n")
    about = _about(root, this, entry, facts)
    files.write_json(root / this.training, about | {"guest": {**about["guest"], **brought}})
    remarks = "".join(f"; {note}" for note in brought["notes"])
    print(f"{this.folder}: a guest from {entry.source(dataset, seed)}{remarks}")


def fetch(root: Path, entry: Entry, dataset: str, seed: int, n: int) -> Brought:
    """n images of a guest's samples or sampler: all of them in order, or where it brings more a random part, the same
    at every call. Raises GuestError."""
    facts = files.read_json(root / paths.prepared(dataset) / "dataset.json")
    if entry.sampler:
        return _draw(root, entry, dataset, seed, n, facts)
    found = guests.read(_place(root, entry, dataset, seed), facts)
    brought = len(found.images)
    if brought < n:
        raise GuestError(
            f"{entry.source(dataset, seed)}: holds {brought:,} images, fewer than the {n:,} by which every row is "
            "measured; draw more, or use a profile with fewer `samples`"
        )
    index = spaces.choose(torch.arange(brought), n).numpy()
    known = None if found.labels is None else found.labels[index]
    return Brought(Guest(found.images[index], known, found.notes), brought)


def _draw(root: Path, entry: Entry, dataset: str, seed: int, n: int, facts: dict[str, Any]) -> Brought:
    sampler = samplers.load(root, entry.sampler, entry.labels)
    train, device = base.load(root / paths.prepared(dataset), "train"), hardware.device()
    asked = sampling.labels(cast(Any, sampler), train, n, seed)
    hardware.synchronize(device)
    started = hardware.seconds(device)
    array = sampler.draw(n, asked, seed, device)
    seconds = hardware.seconds(device) - started
    return Brought(guests.take(sampler.title, array, None if asked is None else asked.numpy(), facts), n, seconds)


def _place(root: Path, entry: Entry, dataset: str, seed: int) -> Path:
    return root / Path(entry.source(dataset, seed)).expanduser()


def _about(root: Path, this: paths.Run, entry: Entry, facts: dict[str, Any]) -> dict[str, Any]:
    commit, dirty = git.commit(root)
    kind = "sampler" if entry.sampler else "samples" if entry.samples else "checkpoint"
    return {
        "outcome": "finished",
        "title": entry.title or this.model,
        "paper": entry.about or PAPER,
        "family": GUEST,
        "seed": this.seed,
        "data": facts["content_hash"],
        "commit": commit,
        "dirty": dirty,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "guest": {"kind": kind, "source": entry.source(this.dataset, this.seed), "about": entry.about},
    }


def _about_images(found: Brought, notes: list[str]) -> dict[str, Any]:
    guest = found.guest
    return {
        "sha256": hashlib.sha256(guest.images.data).hexdigest(),
        "brought": found.brought,
        "labelled": guest.labels is not None,
        "notes": notes,
    }


def _write_samples(root: Path, this: paths.Run, found: Brought, facts: dict[str, Any]) -> None:
    images, known = found.guest.images, found.guest.labels
    shutil.rmtree(root / this.pictures, ignore_errors=True)
    (root / this.pictures).mkdir(parents=True)
    files.write(root / this.samples, lambda path: np.save(path, images))
    files.write(root / this.labels, lambda path: np.save(path, np.zeros(0, np.int64) if known is None else known))
    files.write(root / this.sample_grid, sampling.sample_grid(images).save)
    if known is not None:
        picture = sampling.class_grid(images, torch.from_numpy(known), facts["classes"])
        files.write(root / this.pictures / "classes.png", picture.save)
    device, timed = hardware.device(), found.seconds is not None
    about = {
        "n": len(images),
        "images_per_second": len(images) / found.seconds if found.seconds else None,
        "latency_ms": None,
        "latency_runs": 0,
        "device": hardware.device_name(device) if timed else None,
        "clock": hardware.clock_name(device) if timed else None,
    }
    files.write_json(root / this.sampling, about)


def _take_weights(root: Path, this: paths.Run, folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Copy an exported model's weights; what its export says of it."""
    found = inference.load(folder)
    recipe = found.metadata["recipe"]
    if recipe["shape"] != facts["shape"] or (found.classes and found.classes != facts["classes"]):
        theirs, ours = (f"{'x'.join(map(str, a['shape']))} with {a['classes']} classes" for a in (recipe, facts))
        raise GuestError(f"{folder}: its model is for images of {theirs}, {this.dataset} has {ours}; choose another")
    config = folder / "config.json"
    about = files.read_json(config) if config.exists() else {}
    weights = folder / inference.WEIGHTS
    files.write(root / this.weights, partial(_copy, weights))
    data = about.get("data", {}).get("content_hash")
    other = data not in (None, facts["content_hash"])
    notes = [f"trained on other data than {this.dataset} as it is here"] * other
    return {
        "sha256": files.sha256(weights),
        "notes": notes,
        "model": recipe["model"],
        "data": data,
        "run": about.get("run"),
        "commit": about.get("commit"),
    }


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
