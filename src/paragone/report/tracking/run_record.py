"""What MLflow is told of a run: its name, tags, parameters, figures and curves, taken from the run's files.

Names are short and the same on every data set, so that charts and the compare view put like beside like, and the
search box takes them as they are: `metrics.fd_clf < 10 and params.family = "gan"`.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import pandas as pd
import yaml

from paragone.project import paths
from paragone.results.columns import by_table
from paragone.results.runs import Json, Results, is_figure, is_missing

RUN = "paragone.run"  # tag: data set/model/seed
KEY = "paragone.key"  # tag, written last: a run without it was cut short or still trains, and is replaced when it ends
LONGEST = 250  # characters of a parameter
FD = "fd_clf"  # what a registered model's best run is chosen by


class Point(NamedTuple):
    """A value of a curve."""

    name: str
    value: float
    step: int  # images seen; seconds for `system/...`
    moment: int  # milliseconds since 1970


def key(results: Results, row: Json) -> str:
    """Hash of the run's files; of the weights, which their training's other files follow from, the size alone."""
    run = results.where(row)
    digest = hashlib.sha256(b"5")  # counts up when the same files are told otherwise
    shown = (path.relative_to(results.root) for _, path in pictures(results, row))
    for file in (run.training, run.curves, run.usage, run.sampling, run.metrics, run.failure, *shown):
        if (path := results.root / file).exists():
            digest.update(f"{file.name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    if (weights := results.root / run.weights).exists():
        digest.update(str(weights.stat().st_size).encode())
    return digest.hexdigest()


def milliseconds(moment: object) -> int:
    """ISO 8601 to milliseconds since 1970; 0 for anything else."""
    return int(datetime.fromisoformat(moment).timestamp() * 1000) if isinstance(moment, str) and moment else 0


def tags(row: Json) -> dict[str, str]:
    """Lineage, and what the run list can be grouped and coloured by."""
    branch = paths.Run(row["profile"], row["dataset"], row["model"], row["seed"]).branch
    found = {
        RUN: row["name"],
        "dataset": row["dataset"],
        "model": row["model"],
        "family": row["family"],
        "outcome": row["outcome"],
        "protocol": int(row["metrics.protocol"]) if is_figure(row.get("metrics.protocol")) else None,
        "mlflow.runType": "evaluation",  # else the page opens with the parent alone, and its charts empty
        "mlflow.source.name": "paragone",
        "mlflow.source.type": "PROJECT",
        "mlflow.source.git.commit": row.get("train.commit"),
        "paragone.dirty": row.get("train.dirty"),
        "paragone.dvc": f"{branch}/dvc.yaml:train@{row['seed']}",
        "paragone.data": row.get("train.data"),
        "paragone.code": row.get("train.code"),
        "paragone.reason": row["reason"],
    }
    return {k: str(v) for k, v in found.items() if not (is_missing(v) or v == "")}


def settings(row: Json) -> Iterator[tuple[str, str]]:
    """Parameters: what was chosen, flat and short; `config.` and `plan.` are left off where that is clear."""
    chosen = {key: row[key] for key in ("dataset", "model", "seed", "family", "parents")}
    for prefix in ("train.plan.", "train.config."):
        for key, value in row.items():
            if key.startswith(prefix) and not is_missing(value):
                name = key.removeprefix(prefix)
                chosen[f"config.{name}" if name in chosen else name] = value
    for name in ("device", "threads", "torch"):
        chosen.setdefault(name, row.get(f"train.{name}"))
    for name, value in chosen.items():
        if not (is_missing(value) or value == ""):
            yield name, str(value)[:LONGEST]


def figures(row: Json) -> Iterator[tuple[str, float]]:
    """Final figures: those of the tables under the names of their CSV, every other number under `more/`."""
    spaces = sorted({key.split(".")[2] for key in row if key.startswith("metrics.spaces.")})
    known = {c.source: c.key for c in [*by_table.quality(spaces), *by_table.reconstruction(spaces), *by_table.cost()]}
    for key, value in row.items():
        if is_figure(value) and (key in known or key.startswith(("metrics.", "sampling.", "train.updates."))):
            yield known.get(key, f"more/{key}"), float(value)


def curves(results: Results, row: Json, start: int, end: int) -> Iterator[Point]:
    """The training curves by images seen, and what the training used by seconds."""
    run = results.where(row)
    training = _read(results.root / run.curves)
    last = max((float(point["kimg"]) for point in training), default=0.0) or 1e-9
    for point in training:
        moment = start + int((end - start) * point["kimg"] / last)
        for name, value in point.items():
            if name != "kimg" and is_figure(value):
                yield Point(_section(name), float(value), round(1000 * point["kimg"]), moment)
    for point in _read(results.root / run.usage):
        seconds = point["seconds"]
        for name, value in point.items():
            if name != "seconds" and is_figure(value):
                yield Point(f"system/{name}", float(value), round(seconds), start + int(1000 * seconds))


def _section(name: str) -> str:
    """A curve's name: what stands before the slash is its section of the charts, and the losses and held-out scores
    have one each."""
    return name if name.startswith(("loss/", "held-out/")) else f"more/{name.replace('/', '_')}"


def _read(file: Path) -> list[Json]:
    return cast(list[Json], pd.read_csv(file).to_dict("records")) if file.exists() else []


def pictures(results: Results, row: Json) -> Iterator[tuple[str, Path]]:
    """The run's sample grid and whatever else it can show, by name."""
    run = results.where(row)
    for file in [results.root / run.sample_grid, *sorted((results.root / run.pictures).glob("*.png"))]:
        if file.exists():
            yield file.stem, file


def data_digest(results: Results, row: Json) -> str | None:
    """DVC's hash of the prepared data that the run was trained on, from its lock file; the content hash without it."""
    run = results.where(row)
    lock = results.root / run.branch / "dvc.lock"
    stages: dict[str, Any] = (yaml.safe_load(lock.read_text()) or {}).get("stages", {}) if lock.exists() else {}
    for dep in stages.get(f"train@{run.seed}", {}).get("deps", []):
        if dep["path"] == str(paths.prepared(run.dataset)):
            return str(dep["md5"])
    content = row.get("train.data")
    return content[:36] if isinstance(content, str) else None


def live(results: Results, row: Json) -> list[Point]:
    """The curve so far of a training that runs, from the file that it appends to; empty if none does."""
    logs = (results.root / ".ckpt" / results.where(row).folder).glob("*/log.jsonl")
    newest = max(logs, key=lambda file: file.stat().st_mtime, default=None)
    if newest is None:
        return []
    lines = newest.read_text().splitlines(keepends=True)
    points = [json.loads(line) for line in lines if line.endswith("\n")]  # the last may be half there
    moment = int(1000 * newest.stat().st_mtime)
    return [
        Point(_section(name), float(value), round(1000 * point["kimg"]), moment)
        for point in points
        for name, value in point.items()
        if name != "kimg" and is_figure(value)
    ]


def scores(results: Results) -> dict[str, dict[int, float]]:
    """By registered name: the Frechet distance in the classifier's space of each seed that finished."""
    found: dict[str, dict[int, float]] = {}
    for row in results.rows():
        distance = dict(figures(row)).get(FD)
        if row["outcome"] == "finished" and distance is not None:
            found.setdefault(registered_name(row), {})[int(row["seed"])] = distance
    return found


def registered_name(row: Json) -> str:
    """The name that the finished runs of a (data set, model) are registered under, within their profile: figures of
    two profiles do not compare."""
    return f"{row['profile']}.{row['dataset']}.{row['model']}"
