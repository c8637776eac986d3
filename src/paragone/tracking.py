"""Mirror the runs of a profile into MLflow. The files are the truth: any store can be rebuilt from them.

The only module that imports mlflow. One experiment a profile (`paragone/<profile>`), one MLflow run a run
(`<data set>/<model>/<seed>`), keyed by the hash of the run's files: replaying adds nothing, and a run whose files
changed takes the place of its earlier self.
"""

import hashlib
import json
import logging
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pandas as pd
from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Experiment, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from paragone import paths
from paragone.params import Params
from paragone.report.results import Json, Results, is_figure, is_missing, read

KEY = "paragone.key"  # tag, written last: a run without it was cut short, and is replaced
RUN = "paragone.run"  # tag: data set/model/seed
CHUNK = 1000  # metrics a request; MLflow takes no more
PATIENCE = 3.0  # seconds to wait for a locked store
QUEUE = 10.0  # seconds that a mirror waits for another one
LONGEST = 250  # characters of a parameter

os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # a dead server must be noticed within seconds
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

for _chatty in ("alembic", "mlflow.store.db.utils"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)


class TrackingError(ValueError):
    """The MLflow store cannot be written."""


def mirror(root: Path, params: Params, profile: str) -> bool:
    """Mirror what can be mirrored: a store that cannot be written costs seconds and a warning, never the pipeline."""
    try:
        sync(root, params, profile, QUEUE)
    except TrackingError as error:
        print(f"paragone: warning: not mirrored to MLflow: {error}", file=sys.stderr)
        return False
    return True


def sync(root: Path, params: Params, profile: str, queue: float = 120.0) -> tuple[int, int]:
    """Bring the store up to date; (runs written, runs that were there already). Raises TrackingError.

    queue: seconds to wait for another process that mirrors into the same store.
    """
    results = read(root, params, profile)
    store = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root.resolve()}/mlflow.db"
    lock = root / ".locks" / "mlflow.lock"
    lock.parent.mkdir(exist_ok=True)
    try:
        with FileLock(lock, timeout=queue):  # four processes that create one database break it for good
            _open_database(store)
            client = MlflowClient(tracking_uri=store)
            return _sync(client, _experiment(client, root, profile, store), results)
    except Timeout:
        raise TrackingError(
            f"{lock}: another process is writing to the store; run `paragone track` when it is done"
        ) from None
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise TrackingError(
            f"MLFLOW_TRACKING_URI {store}: {first}; free or start the store, then run `paragone track`"
        ) from error


def _open_database(store: str) -> None:
    """Put an SQLite store into WAL mode, and see that it can be written: MLflow alone would wait for minutes."""
    if not store.startswith("sqlite:///"):
        return
    file = Path(store.removeprefix("sqlite:///").partition("?")[0])
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file, timeout=PATIENCE, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("BEGIN IMMEDIATE")
        database.execute("ROLLBACK")


def _experiment(client: MlflowClient, root: Path, profile: str, store: str) -> str:
    """The id of the profile's experiment; its artifacts stand in the project, unless a server keeps them."""
    name = f"paragone/{profile}"
    found: Experiment | None = client.get_experiment_by_name(name)
    if found is None:
        local = store.startswith("sqlite:///")
        artifacts = (root.resolve() / "mlartifacts" / profile).as_uri() if local else None
        return str(client.create_experiment(name, artifact_location=artifacts))
    if found.lifecycle_stage != "active":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _sync(client: MlflowClient, experiment: str, results: Results) -> tuple[int, int]:
    present = _present(client, experiment)
    written = kept = 0
    for row in results.rows():
        if row["outcome"] in ("not run", "unfinished"):
            continue
        key = _key(results, row)
        earlier = present.get(row["name"], {})
        if key in earlier.values():
            kept += 1
        else:
            _write(client, experiment, results, row, key)
            written += 1
        for run_id, its_key in earlier.items():
            if its_key != key:
                client.delete_run(run_id)
    return written, kept


def _present(client: MlflowClient, experiment: str) -> dict[str, dict[str, str | None]]:
    """By run, the MLflow runs that stand for it and their keys (None: cut short)."""
    present: dict[str, dict[str, str | None]] = {}
    token: str | None = None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        for run in page:
            tags = run.data.tags
            if RUN in tags:
                present.setdefault(tags[RUN], {})[run.info.run_id] = tags.get(KEY)
        token = page.token
        if not token:
            return present


def _key(results: Results, row: Json) -> str:
    """Hash of the run's files."""
    run = results.where(row)
    digest = hashlib.sha256()
    for file in (run.training, run.curves, run.sampling, run.metrics, run.wall, run.failure):
        if (path := results.root / file).exists():
            digest.update(f"{file.name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _write(client: MlflowClient, experiment: str, results: Results, row: Json, key: str) -> None:
    start = _milliseconds(row.get("train.started"))
    seconds = row.get("train.seconds")
    end = start + int(1000 * seconds) if is_figure(seconds) else start
    run_id = client.create_run(experiment, start_time=start, tags=_tags(row), run_name=row["name"]).info.run_id
    figures = [Metric(k, v, end, _images(row)) for k, v in _figures(row)]
    metrics = [*_curves(results, row, start, end), *figures]
    client.log_batch(run_id, params=[Param(k, v) for k, v in _settings(row)])
    for i in range(0, len(metrics), CHUNK):
        client.log_batch(run_id, metrics=metrics[i : i + CHUNK])
    if isinstance(data := row.get("train.data"), str):
        source = json.dumps({"path": str(paths.prepared(row["dataset"]))})
        client.log_inputs(run_id, [DatasetInput(Dataset(row["dataset"], data[:36], "local", source))])
    wall = results.root / results.where(row).wall
    if wall.exists():
        client.log_artifact(run_id, str(wall))
    client.log_batch(run_id, tags=[RunTag(KEY, key)])
    client.set_terminated(run_id, "FINISHED" if row["outcome"] == "finished" else "FAILED", end)


def _tags(row: Json) -> dict[str, str]:
    """Lineage."""
    branch = paths.Run(row["profile"], row["dataset"], row["model"], row["seed"]).branch
    tags = {
        RUN: row["name"],
        "mlflow.source.name": "paragone",
        "mlflow.source.type": "PROJECT",
        "mlflow.source.git.commit": row.get("train.commit"),
        "paragone.dirty": row.get("train.dirty"),
        "paragone.dvc": f"{branch}/dvc.yaml:train@{row['seed']}",
        "paragone.data": row.get("train.data"),
        "paragone.code": row.get("train.code"),
        "paragone.family": row["family"],
        "paragone.outcome": row["outcome"],
        "paragone.reason": row["reason"],
    }
    return {k: str(v) for k, v in tags.items() if not (is_missing(v) or v == "")}


def _settings(row: Json) -> Iterator[tuple[str, str]]:
    """Parameters: what was chosen, flat and short."""
    for key in ("dataset", "model", "seed", "family", "parents"):
        yield key, str(row[key])[:LONGEST]
    for key, value in row.items():
        name = key.removeprefix("train.")
        if name.startswith(("plan.", "config.")) and not is_missing(value):
            yield name, str(value)[:LONGEST]
    for name in ("device", "threads", "precision", "torch"):
        if not is_missing(value := row.get(f"train.{name}")):
            yield name, str(value)[:LONGEST]


def _figures(row: Json) -> Iterator[tuple[str, float]]:
    """Final metrics: every number that was measured, under its name in the wide table."""
    for key, value in row.items():
        if key.startswith(("metrics.", "sampling.")) and is_figure(value):
            yield key, float(value)
    for name in ("seconds", "images_per_second", "parameters", "peak_memory_mb"):
        if is_figure(value := row.get(f"train.{name}")):
            yield f"train.{name}", float(value)


def _curves(results: Results, row: Json, start: int, end: int) -> Iterator[Metric]:
    """The training curves, their step being images seen."""
    file = results.root / results.where(row).curves
    if not file.exists():
        return
    curves = pd.read_csv(file)
    last = max(float(curves["kimg"].max()), 1e-9)
    for point in cast(list[Json], curves.to_dict("records")):
        moment = start + int((end - start) * point["kimg"] / last)
        for name, value in point.items():
            if name != "kimg" and is_figure(value):
                yield Metric(name, float(value), moment, round(1000 * point["kimg"]))


def _images(row: Json) -> int:
    return int(images) if is_figure(images := row.get("train.images")) else 0


def _milliseconds(moment: Any) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000) if isinstance(moment, str) and moment else 0
