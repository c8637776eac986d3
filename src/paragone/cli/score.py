"""Measure images from elsewhere without a pipeline: one row, and its place in the table of a profile."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch

from paragone.cli import statistics
from paragone.data import base, guests
from paragone.data.guests import GuestError
from paragone.engine import hardware, inference, sampling
from paragone.evaluation import protocol
from paragone.evaluation.protocol_number import problem
from paragone.project import files, paths
from paragone.project.params import GUEST, Entry, Params, Profile
from paragone.report import tables, terminal
from paragone.results import runs as results
from paragone.results.columns.spaces import distance
from paragone.results.runs import Json, Results, flatten, is_figure
from paragone.stages import guest as stage

ROW = "mine"  # what the row is called unless it is named


class Scored(NamedTuple):
    """What was measured of images from elsewhere."""

    metrics: Json  # as in metrics.json
    notes: list[str]  # what was done to the images, and what the checks found


def run(root: Path, params: Params, source: str, dataset: str, profile: str, options: dict[str, Any]) -> None:
    """Print the row of `source` among those of a profile that finished; with options["json"] its figures as JSON.

    options: title, seed, labels, against (a run's folder, or another source), statistics (SPACE=FILE), json.
    Raises GuestError or ValueError.
    """
    settings = params.get_profile(profile)
    entry = parse(source, options["labels"])
    check_reference(root, profile, dataset)
    scored = measure(root, params, entry, dataset, profile, options["seed"], options["statistics"])
    row = _row(options["title"] or ROW, profile, dataset, options["seed"], scored)
    others = [row]
    if options["against"]:
        others.append(_against(root, params, dataset, profile, options, row["title"]))
    table = _beside(results.read(root, params, profile), dataset, others)
    place = places(table, dataset, row)
    if options["json"]:
        print(json.dumps({**scored.metrics, "notes": scored.notes, "places": place}, indent=2, sort_keys=True))
        return
    terminal.print_table(table)
    for line in [*scored.notes, *(f"{column}: place {at} of {of}" for column, (at, of) in place.items())]:
        print(f"{row['title']}: {line}")
    if known := scored.metrics.get("published"):
        place_of = f"{known['file']} (SHA-256 {known['sha256'][:12]})"
        print(f"{row['title']}: {known['distance']} to {place_of}: {known['fd']:.4g}")
    print(
        f"measured as profile {profile} measures its rows: {settings.samples:,} images in {', '.join(settings.spaces)}"
    )


def parse(source: str, labels: bool = False) -> Entry:
    """A source as the row of a profile would name it: an exported folder, module:function, or images."""
    if (Path(source) / inference.WEIGHTS).is_file():
        return Entry(checkpoint=str(Path(source).resolve()))
    if ":" in source and not Path(source).exists():
        return Entry(sampler=source, labels=labels)
    return Entry(samples=str(Path(source).resolve()))


def check_reference(root: Path, profile: str, dataset: str) -> None:
    """Raise GuestError unless the data set and its reference were prepared."""
    for what, file in (
        ("data set", root / paths.prepared(dataset) / "dataset.json"),
        ("reference", root / paths.reference(profile, dataset) / "reference.json"),
    ):
        if not file.exists():
            raise GuestError(
                f"{file.parent}: there is no {what} yet; `dvc repro $(paragone trunk {profile}):reference-{dataset}` "
                "makes it, once"
            )


def measure(
    root: Path, params: Params, entry: Entry, dataset: str, profile: str, seed: int, published: str = ""
) -> Scored:
    """Measure a guest under a profile's protocol; published: statistics to measure it by too.

    Raises GuestError, EvaluationError or StatisticsError.
    """
    settings: Profile = params.get_profile(profile)
    prepared = root / paths.prepared(dataset)
    train = base.load(prepared, "train")
    extractors = protocol.load_extractors(root, dataset, settings.spaces)
    reference = protocol.load(root / paths.reference(profile, dataset), extractors, train)
    if entry.weightless:
        found = stage.fetch(root, entry, dataset, seed, settings.samples).guest
    else:
        facts = files.read_json(prepared / "dataset.json")
        found = _sample(Path(entry.checkpoint), train, settings, seed, facts)
    labels = None if found.labels is None else torch.from_numpy(found.labels)
    images = torch.from_numpy(found.images)
    metrics = protocol.evaluate(images, reference, extractors, hardware.device(), labels)
    if published:
        metrics["published"] = statistics.against(root, dataset, images, settings.spaces, published)
    return Scored(metrics, [*found.notes, *guests.inspect(found, prepared / "manifest.parquet")])


def _sample(folder: Path, train: base.ImageSet, settings: Profile, seed: int, facts: Json) -> guests.Guest:
    """As the stage `sample` draws a run's."""
    model = inference.load(folder)
    if model.translates:
        raise GuestError(f"{folder}: its model translates images; give it a row of a profile, as `checkpoint:`")
    labels = sampling.labels(model.network, train, settings.samples, seed)
    images, _ = sampling.sample(
        model.network,
        settings.samples,
        seed=seed,
        batch=min(settings.sample_batch, settings.samples),
        device=hardware.device(),
        precision=model.metadata["precision"],
        cond=labels,
    )
    return guests.take(folder, images, None if labels is None else labels.numpy(), facts)


def _row(title: str, profile: str, dataset: str, seed: int, scored: Scored) -> Json:
    """A row of the wide table."""
    return {
        "name": f"{dataset}/{title}/{seed}",
        "profile": profile,
        "dataset": dataset,
        "model": title,
        "seed": seed,
        "file": GUEST,
        "title": title,
        "family": GUEST,
        "outcome": "finished",
        "reason": "",
        "parents": "",
        **dict(flatten("metrics", {k: v for k, v in scored.metrics.items() if k != "published"})),
    }


def _against(root: Path, params: Params, dataset: str, profile: str, options: dict[str, Any], other: str) -> Json:
    """The row to compare with: of a run's folder its metrics.json, of anything else a second guest, which is called by
    its last name unless the first is."""
    against: str = options["against"]
    metrics = Path(against) / "metrics.json"
    if metrics.exists():
        if fault := problem(metrics, files.read_json(metrics), "evaluate it again"):
            raise GuestError(fault)
        scored = Scored(files.read_json(metrics), [])
    else:
        scored = measure(root, params, parse(against, options["labels"]), dataset, profile, options["seed"])
        against = name if (name := Path(against).name) not in ("", other) else against
    return _row(against, profile, dataset, options["seed"], scored)


def _beside(found: Results, dataset: str, rows: list[Json]) -> Results:
    """The finished runs of one data set, and these rows."""
    kept = found.of(dataset)
    frame = pd.concat([kept[kept["outcome"] == "finished"], pd.DataFrame(rows, dtype=object)], ignore_index=True)
    return found._replace(runs=frame, datasets=[d for d in found.datasets if d.name == dataset])


def places(found: Results, dataset: str, row: Json) -> dict[str, tuple[int, int]]:
    """By column, the place of a row's distances among all rows, by their means over seeds, and how many there are."""
    frame = found.of(dataset)
    (data,) = found.datasets
    placed = {}
    for column in map(distance, tables.spaces_of(found, data)):
        means = frame[frame[column.source].map(is_figure)].groupby("model")[column.source].mean()
        placed[column.label] = (1 + int((means < row[column.source]).sum()), len(means))
    return placed
