"""Mirror the runs of a profile into MLflow. The files are the truth: any store can be rebuilt from them.

The only module that imports mlflow. One experiment a profile (`paragone/<profile>`) with one parent run for the
benchmark and, under it, one run a (data set, model, seed), keyed by the hash of the run's files: replaying adds
nothing, and a run whose files changed takes the place of its earlier self (see `history`). A finished run's model is
logged and registered, and the best of its seeds has the alias `best`. Training itself never talks to MLflow: `follow`
reads the curve that it appends to its own file.
"""

import json
import logging
import os
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import mlflow
from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Param,
    RunTag,
)
from mlflow.exceptions import MlflowException
from mlflow.store.tracking import DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from PIL import Image
from sqlalchemy.exc import SQLAlchemyError

from paragone import __version__
from paragone.engine import checkpoint
from paragone.project import addresses, filesystems, paths
from paragone.project.params import Params
from paragone.report import render, tables
from paragone.report.tracking import history, report_file, run_record, view
from paragone.results.runs import Json, Results, is_figure, read

KEY = "paragone.key"  # tag, written last: a run without it was cut short or still trains, and is replaced when it ends
SEEN = "paragone.data.image_io"  # tag of a run that still trains: the images up to which its curve is there
CHUNK = 1000  # metrics a request; MLflow takes no more
PATIENCE = 3.0  # seconds to wait for a locked store
QUEUE = 10.0  # seconds that a mirror waits for another one
BEST = "best"  # alias of a registered model
EXPERIMENT = "paragone/"  # what the names of experiments begin with
ARTIFACTS = "mlartifacts"  # folder in the project
ADDRESSES = (  # where MLflow's tables hold the addresses of artifacts
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)

os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # a dead server must be noticed within seconds
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

for _chatty in ("alembic", "mlflow.pyfunc", "mlflow.store.db.utils", "mlflow.store.model_registry.abstract_store"):
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
            _settle(store, root.resolve())
            mlflow.set_tracking_uri(store)  # the registry looks for logged models there
            client = MlflowClient(tracking_uri=store)
            report = root / paths.report(profile, params.profile)
            return _sync(client, _experiment(client, root, profile, store), results, report)
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


def _open_database(store: str) -> None:
    """Put an SQLite store into WAL mode, and see that it can be written: MLflow alone would wait for minutes."""
    if not store.startswith("sqlite:///"):
        return
    file = Path(store.removeprefix("sqlite:///").partition("?")[0])
    if kind := filesystems.shared(file):
        raise OSError(f"is on {kind}, where several machines would damage an SQLite file; name one on a local disk")
    if not file.exists():
        _create_database(file)
    with closing(sqlite3.connect(file, timeout=PATIENCE, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("BEGIN IMMEDIATE")
        database.execute("ROLLBACK")


def _settle(store: str, root: Path) -> None:
    """Let a store that came here with its project, copied or moved, keep its artifacts here: MLflow notes absolute
    addresses, which lead to the project that it came from."""
    file = Path(store.removeprefix("sqlite:///").partition("?")[0])
    if not store.startswith("sqlite:///") or not file.resolve().is_relative_to(root):
        return
    here = (root / ARTIFACTS).as_uri()
    with closing(sqlite3.connect(file, timeout=PATIENCE)) as database, database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'experiments'").fetchall():
            return  # an empty file, of which MLflow makes a store
        found = database.execute("SELECT name, artifact_location FROM experiments").fetchall()
        ends = ((str(at), f"/{ARTIFACTS}/{str(name).removeprefix(EXPERIMENT)}") for name, at in found)
        earlier = {at.removesuffix(end) + f"/{ARTIFACTS}" for at, end in ends if at.endswith(end)} - {here}
        for old in earlier:
            for table, column in ADDRESSES:
                place = f"{table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?"
                database.execute(f"UPDATE {place}", (here, len(old) + 1, len(old) + 1, f"{old}/"))
        if earlier and not (root / ARTIFACTS).is_dir():  # they did not come along, so each run is written anew
            database.execute("DELETE FROM tags WHERE key = ?", (KEY,))


def _create_database(file: Path) -> None:
    """Make MLflow's tables under another name first: of no use again is a database that a full disk cut off."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    try:
        SqlAlchemyStore(f"sqlite:///{new}", DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH).engine.dispose()
        new.replace(file)
    finally:
        for left in (new, *file.parent.glob(f"{new.name}-*")):
            left.unlink(missing_ok=True)


def _experiment(client: MlflowClient, root: Path, profile: str, store: str) -> str:
    """The id of the profile's experiment; its artifacts are in the project, unless a server keeps them."""
    name = f"{EXPERIMENT}{profile}"
    found: Experiment | None = client.get_experiment_by_name(name)
    if found is None:
        local = store.startswith("sqlite:///")
        artifacts = (root.resolve() / ARTIFACTS / profile).as_uri() if local else None
        kind = {"mlflow.experimentKind": "custom_model_development"}  # the pages of trained models, not of chat bots
        return str(client.create_experiment(name, artifact_location=artifacts, tags=kind))
    if found.lifecycle_stage != "active":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


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
                _remove_models(client, run_id)
                if its_key is None:
                    client.delete_run(run_id)
                else:
                    history.supersede(client, experiment, results.profile, run_id)
    if written:
        _choose_best(client, results)
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
                present.setdefault(tags[run_record.RUN], {})[run.info.run_id] = tags.get(KEY)
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
    model = _log_model(client, experiment, run_id, results, row, key) if row["outcome"] == "finished" else None
    named = {"dataset_name": row["dataset"], "dataset_digest": digest} if digest else {}
    figures = [Metric(k, v, end, images, model_id=model, **named) for k, v in run_record.figures(row)]
    curves = [Metric(p.name, p.value, p.moment, p.step) for p in run_record.curves(results, row, start, end)]
    for metrics in (curves, figures):
        for i in range(0, len(metrics), CHUNK):
            client.log_batch(run_id, metrics=metrics[i : i + CHUNK])
    client.log_batch(run_id, tags=[RunTag(KEY, key)])
    client.set_terminated(run_id, "FINISHED" if row["outcome"] == "finished" else "FAILED", end)


def _log_model(client: MlflowClient, experiment: str, run_id: str, results: Results, row: Json, key: str) -> str | None:
    """Log and register the run's model, as weights that `paragone` loads (no pickle); its id."""
    import numpy as np
    from mlflow.models import Model, ModelSignature
    from mlflow.types.schema import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

    weights = results.root / results.where(row).weights
    if not weights.exists():
        return None
    recipe = checkpoint.read_metadata(weights)["recipe"]
    needs = checkpoint.needs(recipe)
    if "source" in needs:
        return None  # it is called with images, which the table of a signature cannot hold
    channels, height, width = recipe["shape"]
    column = "label" if "label" in needs else "n"
    signature = ModelSignature(
        Schema([ColSpec("long", column)]),
        Schema([TensorSpec(np.dtype("uint8"), (-1, height, width, channels))]),
        ParamSchema([ParamSpec("seed", "long", 0)]),
    )
    logged = client.create_logged_model(experiment, name="model", source_run_id=run_id, tags={KEY: key})
    with tempfile.TemporaryDirectory() as folder:
        mlflow.pyfunc.save_model(
            f"{folder}/model",
            loader_module="paragone",
            data_path=str(weights),
            signature=signature,
            input_example={column: [2]},
            pip_requirements=[f"paragone=={__version__}"],
            mlflow_model=Model(run_id=run_id, model_id=logged.model_id),
        )
        client.log_model_artifacts(logged.model_id, f"{folder}/model")
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, 0)])
    name = run_record.registered_name(row)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, description=f"{row['title']} on {row['dataset']}, one version per seed")
    client.create_model_version(name, logged.model_uri, run_id, {"seed": str(row["seed"])}, model_id=logged.model_id)
    return str(logged.model_id)


def _remove_models(client: MlflowClient, run_id: str) -> None:
    """Take the model of a run that was replaced away, and its version: what is registered is current."""
    for version in client.search_model_versions(f"run_id = '{run_id}'"):
        client.delete_model_version(version.name, version.version)
    outputs = client.get_run(run_id).outputs
    for model in outputs.model_outputs if outputs else []:
        client.delete_logged_model(model.model_id)


def _choose_best(client: MlflowClient, results: Results) -> None:
    """Give the alias to the version of the seed with the lowest Frechet distance in the classifier's space."""
    for name, scores in run_record.scores(results).items():
        versions = {
            version.tags.get("seed"): version.version for version in client.search_model_versions(f"name = '{name}'")
        }
        ranked = sorted((fd, seed) for seed, fd in scores.items() if str(seed) in versions)
        if ranked:
            client.set_registered_model_alias(name, BEST, versions[str(ranked[0][1])])


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
