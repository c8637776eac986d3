"""Read every run of a profile into one wide table: one row per run, flat column names, nothing left out.

Columns are the keys of a run's files, joined by dots under the file's name; `results.wide_columns` says what they mean.
"""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import numpy as np
import pandas as pd

from paragone.evaluation import stability
from paragone.evaluation.protocol_number import PROTOCOL, problem
from paragone.project import files, paths, registry, texts
from paragone.project.params import GUEST, Params
from paragone.results import schema
from paragone.results.space_names import space_rank
from paragone.results.wide_columns import FLOOR

Json = dict[str, Any]


class DataSet(NamedTuple):
    """What is known of one data set of the profile; None for a file that is not there yet."""

    name: str
    title: str
    loader: str
    about: Json | None  # dataset.json
    reference: Json | None  # reference.json
    floor: Json | None  # floor.json: real test images, evaluated as if they were samples
    validation: Json | None
    set_aside: str = ""  # why reference and floor are None though they are there: they are of another protocol


class Results(NamedTuple):
    """Everything a report of one profile is made of."""

    root: Path
    profile: str
    about: str
    seeds: list[int]
    datasets: list[DataSet]
    runs: pd.DataFrame

    def of(self, dataset: str) -> pd.DataFrame:
        """The runs of one data set."""
        return self.runs[self.runs["dataset"] == dataset]

    def rows(self, dataset: str | None = None) -> list[Json]:
        """The runs (of one data set) one by one; NaN where a run lacks a column."""
        runs = self.runs if dataset is None else self.of(dataset)
        names = [str(name) for name in runs]
        return [  # what `to_dict("records")` gives, in a hundredth of the time where there are hundreds of columns
            {name: v.item() if isinstance(v, np.generic) else v for name, v in zip(names, values, strict=True)}
            for values in runs.to_numpy(dtype=object).tolist()
        ]

    def where(self, row: Json) -> paths.Run:
        """Where the files of a row are."""
        return paths.Run(self.profile, row["dataset"], row["model"], int(row["seed"]))


def read(root: Path, params: Params, profile: str) -> Results:
    """Read what the runs of `profile` have left so far. Raises ValueError naming a file that is not whole."""
    chosen = params.get_profile(profile)
    rows = [
        _row(root, params, paths.Run(profile, dataset, model, seed))
        for dataset in chosen.datasets
        for model in chosen.rows(dataset)
        for seed in chosen.seeds
    ]
    _add_totals(rows, params, profile)
    datasets = [_dataset(root, params, profile, name) for name in chosen.datasets]
    _add_floors(rows, datasets)
    _add_stability(root, rows, {d.name: d.floor or {} for d in datasets})
    return Results(root, profile, chosen.about, chosen.seeds, datasets, pd.DataFrame(rows, dtype=object))


def of_table(table: pd.DataFrame) -> Results:
    """The results of a wide table alone, as `schema.read` returns it: all that a claim is tested on. It has no files
    behind it. Raises schema.TableError for one that `schema.check` rejects."""
    schema.check(table)
    runs = schema.plain(table)
    titles = dict(zip(runs["dataset"], runs["dataset_title"], strict=True))
    datasets = [DataSet(name, title, "", None, None, None, None) for name, title in titles.items()]
    profile = str(runs["profile"].iloc[0]) if len(runs) else ""
    return Results(Path(), profile, "", sorted(set(runs["seed"])), datasets, runs)


def _object(file: Path) -> Json | None:
    """The object in a JSON file, its texts harmless lines; None if there is no such file."""
    if not file.exists():
        return None
    value = files.read_json(file)
    if not isinstance(value, dict):
        raise ValueError(f"{file}: holds {type(value).__name__}, not an object; delete it and run its stage again")
    shown: Json = texts.lines(value)
    return shown


def is_figure(value: object) -> TypeGuard[float]:
    """Whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_missing(value: object) -> bool:
    """Whether a run lacks this value."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def flatten(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The leaves of nested objects under dotted names; a list is one leaf, as JSON text."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flatten(f"{prefix}.{key}", inner)
    else:
        yield prefix, json.dumps(value) if isinstance(value, list) else value


def _row(root: Path, params: Params, run: paths.Run) -> Json:
    sources = {"train": run.training, "sampling": run.sampling, "metrics": run.metrics}
    found = {stage: _object(root / file) for stage, file in sources.items()}
    remedy = f"run it again: paragone evaluate {run.profile} {run.dataset} {run.model} --seed {run.seed}"
    other = problem(run.metrics, found["metrics"] or {"protocol": PROTOCOL}, remedy)
    if other:
        found["metrics"] = None
    outcome, reason = _outcome(found, _object(root / run.failure), other)
    entry, model = params.entry(run.profile, run.model), params.model(run.profile, run.model)
    row: Json = {
        "name": f"{run.dataset}/{run.model}/{run.seed}",
        "profile": run.profile,
        "dataset": run.dataset,
        "model": run.model,
        "seed": run.seed,
        "file": model,
        "title": texts.line(entry.title) or (found["train"] or {}).get("title") or _title(run.model, model),
        "family": (found["train"] or {}).get("family") or (GUEST if entry.guest else registry.family(model)),
        "outcome": outcome,
        "reason": reason,
        "parents": ", ".join(f"{role}={parent}" for role, parent in entry.parents.items()),
    }
    for stage, content in found.items():
        row |= dict(flatten(stage, content or {}))
    return row


def _title(row: str, model: str) -> str:
    return row if model == GUEST else registry.model_class(model).title


def _outcome(found: Mapping[str, Json | None], failure: Json | None, other: str | None) -> tuple[str, str]:
    train, sampling, metrics = found["train"], found["sampling"], found["metrics"]
    if failure is not None:  # figures that an earlier attempt left are not this one's
        return (
            "failed",
            f"{failure.get('stage', 'a stage')}: {texts.private(str(failure.get('reason', 'no reason was recorded')))}",
        )
    for content in (metrics, train):
        if content is not None and content.get("outcome") == "diverged":
            return "diverged", str(content.get("reason") or "no reason was recorded")
    if other:
        return "other protocol", other
    if metrics is not None:
        return "finished", ""
    if train is None:
        return "not run", "its training has not run yet"
    return "unfinished", "trained, not sampled yet" if sampling is None else "sampled, not evaluated yet"


def _add_totals(rows: list[Json], params: Params, profile: str) -> None:
    """Training time with the parents' (a child's own seconds alone would flatter it), and what a child waits for."""
    by_key = {(row["dataset"], row["model"], row["seed"]): row for row in rows}

    def total(row: Json) -> float | None:
        alone = row.get("train.seconds")
        rows = params.parent_rows(profile, row["model"]).values()
        parents = [by_key[row["dataset"], parent, row["seed"]] for parent in rows]
        inherited = [total(parent) for parent in parents]
        known = [seconds for seconds in (alone, *inherited) if seconds is not None]
        return sum(known) if len(known) == 1 + len(inherited) else None

    for row in rows:
        row["train_seconds_total"] = total(row)
        for model in params.parent_rows(profile, row["model"]).values():
            outcome = by_key[row["dataset"], model, row["seed"]]["outcome"]
            if row["outcome"] == "not run" and outcome != "finished":
                row["reason"] = f"waits for its parent {model} ({outcome})"


def _add_floors(rows: list[Json], datasets: list[DataSet]) -> None:
    """The data set's title and its floor's figures, under `floor.`: so the table alone is enough to assess a run."""
    by_name = {d.name: d for d in datasets}
    for row in rows:
        dataset = by_name[row["dataset"]]
        row["dataset_title"] = dataset.title
        row |= {k: v for k, v in flatten(FLOOR.rstrip("."), dataset.floor or {}) if is_figure(v)}


def _add_stability(root: Path, rows: list[Json], floors: Mapping[str, Json]) -> None:
    for row in rows:
        floor = dict(flatten("metrics", floors[row["dataset"]]))
        spaces = sorted(floors[row["dataset"]].get("spaces", {}), key=space_rank)
        row["stability.state"] = stability.state(row, floor, spaces[:2])  # the classifiers', and one without labels
        if row["outcome"] == "finished":
            row["stability.missing_share"] = stability.missing_share(row)
        coverage = f"metrics.spaces.{next(iter(spaces), '')}.coverage"
        if is_figure(row.get(coverage)) and floor.get(coverage):
            row["stability.coverage"] = row[coverage] / floor[coverage]  # of what real test images cover
        curves = root / paths.Run(row["profile"], row["dataset"], row["model"], row["seed"]).curves
        if row["outcome"] != "failed" and curves.exists():
            row |= {f"stability.{k}": v for k, v in stability.of_curve(pd.read_csv(curves)).items()}


def _dataset(root: Path, params: Params, profile: str, name: str) -> DataSet:
    entry = params.get_dataset(name)
    about = _object(root / paths.prepared(name) / "dataset.json")
    folder = paths.reference(profile, name)
    reference, floor = (_object(root / folder / file) for file in ("reference.json", "floor.json"))
    remedy = f"build it again: paragone reference {profile} {name}"
    other = problem(folder, reference or {"protocol": PROTOCOL}, remedy)
    return DataSet(
        name=name,
        title=texts.line(entry.title) or (about or {}).get("title") or name,
        loader=entry.loader,
        about=about,
        reference=None if other else reference,
        floor=None if other else floor,
        validation=_object(root / paths.validation(name)) or _object(root / paths.failed_validation(name)),
        set_aside=other or "",
    )
