"""Mirror the runs of a profile into MLflow. The files are the truth: any store can be rebuilt from them.

One experiment a profile (`paragone/<profile>`) with one parent run for the benchmark and, under it, one run a (data
set, model, seed), keyed by the hash of the run's files: replaying adds nothing, and a run whose files changed takes the
place of its earlier self (see `history`). A finished run's model is logged and registered, and the best of its seeds
has the alias `best` (see `models`). Training itself never talks to MLflow: `follow` reads the curve that it appends to
its own file. With `models` and `store`, the only modules that import mlflow.
"""

import json
import os
import sqlite3
import sys
import time
from pathlib import Path

import mlflow
from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from PIL import Image
from sqlalchemy.exc import SQLAlchemyError

from paragone.project import addresses, paths
from paragone.project.params import Params
from paragone.report import render, tables
from paragone.report.tracking import history, models, report_file, run_record, view
from paragone.report.tracking.store import experiment_id, open_database, settle
from paragone.results.runs import Json, Results, is_figure, read

SEEN = "paragone.images"  # tag of a run that still trains: the images up to which its curve is there
CHUNK = 1000  # metrics a request; MLflow takes no more
QUEUE = 10.0  # seconds that a mirror waits for another one


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
            open_database(store)
            settle(store, root.resolve())
            mlflow.set_tracking_uri(store)  # the registry looks for logged models there
            client = MlflowClient(tracking_uri=store)
            report = root / paths.report(profile, params.profile)
            return _sync(client, experiment_id(client, root, profile, store), results, report)
    except Timeout:
        raise TrackingError(
            f"{lock}: another process is writing to the store; run `paragone track` when it is done"
        ) from None
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        message = addresses.public(f"MLFLOW_TRACKING_URI {store}: {first}")
        raise TrackingError(f"{message}; free or start the store, then run `paragone track`") from error


def follow(root: Path, params: Params, profile: str, every: float = 10.0) -> None:
    """Mirror again and again, curves of running trainings included, until interrupted; a dead store is waited for, and
    said once to be dead."""
    last = ""
    while True:
        try:
            sync(root, params, profile, QUEUE)
            last = ""
        except TrackingError as error:
            if str(error) != last:
                print(f"paragone: warning: not mirrored to MLflow: {error}", file=sys.stderr, flush=True)
            last = str(error)
        time.sleep(every)


def _sync(client: MlflowClient, experiment: str, results: Results, report: Path) -> tuple[int, int]:
    present = _present(client, experiment)
    parent = _parent(client, experiment, results, present)
    written = kept = 0
    for row in results.rows():
        earlier = present.get(row["name"], {})
        if row["outcome"] in ("not run", "unfinished"):
            _live(client, experiment, results, row, parent, next((i for i, k in earlier.items() if k is None), None))
            continue
        key = run_record.key(results, row)
        if key in earlier.values():
            kept += 1
        else:
            _write(client, experiment, results, row, key, parent)
            written += 1
        for run_id, its_key in earlier.items():
            if its_key != key:
                models.remove(client, run_id)
                if its_key is None:
                    client.delete_run(run_id)
                else:
                    history.supersede(client, experiment, results.profile, run_id)
    if written:
        models.choose_best(client, results)
    _describe(client, parent, results, written)
    if client.get_experiment(experiment).tags.get(view.TAG) != (shown := view.state(results)):
        client.set_experiment_tag(experiment, view.TAG, shown)
    report_file.keep(client, parent, report)
    return written, kept


def _present(client: MlflowClient, experiment: str) -> dict[str, dict[str, str | None]]:
    """By run, the MLflow runs that mirror it and their keys (None: cut short, or still training)."""
    present: dict[str, dict[str, str | None]] = {}
    token: str | None = None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        for run in page:
            tags = run.data.tags
            if run_record.RUN in tags:
                present.setdefault(tags[run_record.RUN], {})[run.info.run_id] = tags.get(run_record.KEY)
        token = page.token
        if not token:
            return present


def _parent(client: MlflowClient, experiment: str, results: Results, present: dict[str, dict[str, str | None]]) -> str:
    """The id of the benchmark's own run, under which the others stand."""
    if found := present.get(results.profile):
        return next(iter(found))
    tags = {run_record.RUN: results.profile, "mlflow.source.name": "paragone", "mlflow.source.type": "PROJECT"}
    return str(client.create_run(experiment, tags=tags, run_name=f"benchmark {results.profile}").info.run_id)


def _describe(client: MlflowClient, parent: str, results: Results, written: int) -> None:
    """Keep the parent's description: the comparison tables, and how many runs there are of each outcome."""
    outcomes = results.runs["outcome"].value_counts().to_dict()
    main = [render.grid(tables.build(results, dataset)[0]) for dataset in results.datasets]
    note = f"{results.about}\n\n{render.markdown(main)}"
    tags = {"mlflow.note.content": note} | {f"runs {outcome}": str(n) for outcome, n in sorted(outcomes.items())}
    tags["datasets"] = ", ".join(dataset.name for dataset in results.datasets)
    run = client.get_run(parent)
    stale = [key for key in run.data.tags if key.startswith("runs ") and key not in tags]
    if changed := [RunTag(k, v) for k, v in tags.items() if run.data.tags.get(k) != v]:
        client.log_batch(parent, tags=changed)
    for key in stale:
        client.delete_tag(parent, key)
    if written or run.info.status != "FINISHED":
        client.set_terminated(parent, "FINISHED")


def _write(client: MlflowClient, experiment: str, results: Results, row: Json, key: str, parent: str) -> None:
    start = run_record.milliseconds(row.get("train.started"))
    seconds = row.get("train.seconds")
    end = start + int(1000 * seconds) if is_figure(seconds) else start
    tags = run_record.tags(row) | {"mlflow.parentRunId": parent}
    run_id = client.create_run(experiment, start_time=start, tags=tags, run_name=row["name"]).info.run_id
    client.log_batch(run_id, params=[Param(k, v) for k, v in run_record.settings(row)])
    if digest := run_record.data_digest(results, row):
        source = json.dumps({"path": str(paths.prepared(row["dataset"]))})
        data = Dataset(row["dataset"], digest, "local", source)
        client.log_inputs(run_id, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])
    images = int(row["train.images"]) if is_figure(row.get("train.images")) else 0
    for name, picture in run_record.pictures(results, row):
        client.log_artifact(run_id, str(picture))
        with Image.open(picture) as image:
            client.log_image(run_id, image, key=name, step=images, timestamp=end, synchronous=True)
    model = models.log(client, experiment, run_id, results, row, key) if row["outcome"] == "finished" else None
    named = {"dataset_name": row["dataset"], "dataset_digest": digest} if digest else {}
    figures = [Metric(k, v, end, images, model_id=model, **named) for k, v in run_record.figures(row)]
    curves = [Metric(p.name, p.value, p.moment, p.step) for p in run_record.curves(results, row, start, end)]
    for metrics in (curves, figures):
        for i in range(0, len(metrics), CHUNK):
            client.log_batch(run_id, metrics=metrics[i : i + CHUNK])
    client.log_batch(run_id, tags=[RunTag(run_record.KEY, key)])
    client.set_terminated(run_id, "FINISHED" if row["outcome"] == "finished" else "FAILED", end)


def _live(client: MlflowClient, experiment: str, results: Results, row: Json, parent: str, run_id: str | None) -> None:
    """Bring the curve of a training that still runs up to date, if there is one."""
    points = run_record.live(results, row)
    if not points:
        return
    if run_id is None:
        tags = run_record.tags(row) | {"mlflow.parentRunId": parent}
        run_id = client.create_run(experiment, tags=tags, run_name=row["name"]).info.run_id
    seen = int(client.get_run(run_id).data.tags.get(SEEN, -1))
    new = [Metric(p.name, p.value, p.moment, p.step) for p in points if p.step > seen]
    for i in range(0, len(new), CHUNK):
        client.log_batch(run_id, metrics=new[i : i + CHUNK])
    if new:
        client.set_tag(run_id, SEEN, str(points[-1].step))
