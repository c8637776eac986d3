"""The MLflow store: a database that can be written, in its place, and the experiment of a profile in it."""

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.store.tracking import DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from paragone.project import filesystems
from paragone.report.tracking import run_record

PATIENCE = 3.0  # seconds to wait for a locked store
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


def open_database(store: str) -> None:
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


def settle(store: str, root: Path) -> None:
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
            database.execute("DELETE FROM tags WHERE key = ?", (run_record.KEY,))


def experiment_id(client: MlflowClient, root: Path, profile: str, store: str) -> str:
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
