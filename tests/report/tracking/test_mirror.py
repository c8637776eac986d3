"""The mirror in MLflow, on a real SQLite store: complete, idempotent, and never in the pipeline's way."""

import json
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Run

from paragone.project import paths
from paragone.project.params import Params
from paragone.report.tracking import history, mirror, run_record
from paragone.report.tracking import store as tracking_store
from paragone.report.tracking.store import ADDRESSES
from support import sample_project


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Params, str]:
    """A project whose runs were mirrored once, with its store."""
    root = tmp_path_factory.mktemp("project")
    params = sample_project.make(root, seeds=(0, 1), datasets=("fashion-mnist",))
    store = f"sqlite:///{root}/mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", store)
        assert mirror.sync(root, params, "quick") == (10, 0)
    return root, params, store


@pytest.fixture(autouse=True)
def _store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root = request.getfixturevalue("mirrored")[0] if "mirrored" in request.fixturenames else tmp_path
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root}/mlflow.db")


def find(store: str) -> dict[str, Run]:
    client = MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("paragone/quick")
    found = client.search_runs([experiment.experiment_id], max_results=1000)
    assert len({run.info.run_name for run in found}) == len(found)
    return {run.info.run_name: run for run in found}


def test_every_run_that_started_is_there(mirrored):
    runs = find(mirrored[2])
    models = ("gan", "dcgan", "wgan_gp", "vae", "vq_vae")  # of the others nothing is there yet
    names = {f"fashion-mnist/{model}/{seed}" for model in models for seed in (0, 1)}
    assert set(runs) == {"benchmark quick", *names}
    parent = runs["benchmark quick"].info.run_id
    assert {run.data.tags.get("mlflow.parentRunId") for name, run in runs.items() if name in names} == {parent}
    status = {name: run.info.status for name, run in runs.items()}
    assert status["fashion-mnist/vae/0"] == "FINISHED"
    assert status["fashion-mnist/wgan_gp/0"] == status["fashion-mnist/vq_vae/1"] == "FAILED"


def test_a_run_holds_parameters_curves_figures_lineage_and_the_sample_grid(mirrored):
    root, _, store = mirrored
    run = find(store)["fashion-mnist/dcgan/1"]
    where = paths.Run("quick", "fashion-mnist", "dcgan", 1)
    assert run.data.params["width"] == "32"
    assert run.data.params["batch"] == "64"
    metrics = json.loads((root / where.metrics).read_text())
    assert run.data.metrics["fd_lite0"] == metrics["spaces"]["lite0-64"]["fd"]
    assert run.data.metrics["more/metrics.modes.tv"] == metrics["modes"]["tv"]
    tags = run.data.tags
    assert tags["mlflow.source.git.commit"].startswith("c0ffee")
    assert tags["protocol"] == "2"
    assert tags["paragone.dvc"] == "runs/quick/fashion-mnist/dcgan/dvc.yaml:train@1"
    assert (tags["paragone.data"], tags["paragone.code"], tags["outcome"]) == ("d" * 64, "e" * 64, "finished")
    client = MlflowClient(tracking_uri=store)
    curve = client.get_metric_history(run.info.run_id, "loss/g")
    assert len(curve) == 200
    assert curve[-1].step == 100_000  # images
    pictures = {file.name for file in (root / where.pictures).glob("*.png")}
    assert {a.path for a in client.list_artifacts(run.info.run_id)} == {"images", "wall.png"} | pictures
    assert list((root / "mlartifacts/quick").rglob("wall.png"))
    images = [a.path for a in client.list_artifacts(run.info.run_id, "images")]
    assert any(path.startswith("images/wall+step+100000+") for path in images), images  # as charts want it
    assert run.inputs.dataset_inputs[0].dataset.name == "fashion-mnist"


def test_the_reason_of_a_failure_is_a_tag(mirrored):
    assert "codebook" in find(mirrored[2])["fashion-mnist/vq_vae/0"].data.tags["paragone.reason"]


def test_the_store_is_in_wal_mode(mirrored):
    with closing(sqlite3.connect(mirrored[0] / "mlflow.db")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_replaying_adds_nothing(mirrored):
    root, params, store = mirrored
    before = {name: run.info.run_id for name, run in find(store).items()}
    assert mirror.sync(root, params, "quick") == (0, 10)
    assert {name: run.info.run_id for name, run in find(store).items()} == before


def test_a_changed_run_takes_the_place_of_its_earlier_self(tmp_path):
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("fashion-mnist",))
    assert mirror.sync(tmp_path, params, "quick") == (5, 0)
    store = f"sqlite:///{tmp_path}/mlflow.db"
    before = find(store)["fashion-mnist/vae/0"].info.run_id
    file = tmp_path / paths.Run("quick", "fashion-mnist", "vae", 0).metrics
    file.write_text(json.dumps(json.loads(file.read_text()) | {"bits_per_dimension": 9.0}))
    assert mirror.sync(tmp_path, params, "quick") == (1, 4)
    after = find(store)["fashion-mnist/vae/0"]
    assert after.info.run_id != before
    assert after.data.metrics["bits_per_dimension"] == 9.0
    old = MlflowClient(tracking_uri=store).get_run(before)  # is kept, apart from the current ones
    assert old.info.lifecycle_stage == "active"
    assert old.data.tags[history.SUPERSEDED] == "fashion-mnist/vae/0"
    assert old.data.metrics["fd_clf"] == after.data.metrics["fd_clf"]
    assert find(store)["superseded runs of quick"].info.run_id == old.data.tags["mlflow.parentRunId"]
    assert mirror.sync(tmp_path, params, "quick") == (0, 5)


def test_a_mirror_that_was_cut_short_is_completed(tmp_path):
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("fashion-mnist",))
    mirror.sync(tmp_path, params, "quick")
    store = f"sqlite:///{tmp_path}/mlflow.db"
    cut = find(store)["fashion-mnist/gan/0"].info.run_id
    MlflowClient(tracking_uri=store).delete_tag(cut, run_record.KEY)
    assert mirror.sync(tmp_path, params, "quick") == (1, 4)
    assert find(store)["fashion-mnist/gan/0"].info.run_id != cut


@pytest.mark.parametrize("fresh", [True, False])
def test_a_locked_store_costs_seconds_and_a_warning(tmp_path, capsys, monkeypatch, fresh):
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("fashion-mnist",))
    monkeypatch.setattr(tracking_store, "PATIENCE", 0.3)
    if not fresh:
        mirror.sync(tmp_path, params, "quick")
    with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        assert mirror.mirror(tmp_path, params, "quick") is False
        assert time.monotonic() - started < 5
        with pytest.raises(mirror.TrackingError, match="locked; free or start the store"):
            mirror.sync(tmp_path, params, "quick")
    assert "warning: not mirrored" in capsys.readouterr().err
    assert mirror.mirror(tmp_path, params, "quick") is True


def test_two_mirrors_do_not_write_at_once(tmp_path, capsys, monkeypatch):
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("fashion-mnist",))
    monkeypatch.setattr(mirror, "QUEUE", 0.2)
    (tmp_path / ".locks").mkdir()
    with FileLock(tmp_path / ".locks/mlflow.lock"):
        assert mirror.mirror(tmp_path, params, "quick") is False
    assert "another process is writing to the store" in capsys.readouterr().err


def test_a_dead_server_costs_seconds_and_a_warning(tmp_path, capsys, monkeypatch):
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("fashion-mnist",))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # the discard port: nothing listens
    started = time.monotonic()
    assert mirror.mirror(tmp_path, params, "quick") is False
    assert time.monotonic() - started < 15
    assert "127.0.0.1:9" in capsys.readouterr().err


def test_a_file_that_is_no_database_is_named(tmp_path, capsys):
    params = sample_project.make(tmp_path, seeds=(0,), datasets=("fashion-mnist",))
    (tmp_path / "mlflow.db").write_text("this is not a database, and long enough to be read as its header" * 10)
    assert mirror.mirror(tmp_path, params, "quick") is False
    assert "mlflow.db: file is not a database" in capsys.readouterr().err


def _addresses(store: Path) -> set[str]:
    """All that MLflow's tables say of where artifacts are."""
    with closing(sqlite3.connect(store)) as database:
        found = [database.execute(f"SELECT {column} FROM {table}").fetchall() for table, column in ADDRESSES]
        dump = "\n".join(database.iterdump())
    assert len(found) == 5
    return {str(at) for rows in found for (at,) in rows if at} | {
        line for line in dump.splitlines() if "file://" in line
    }


@pytest.mark.parametrize("how", ["copied", "moved", "copied without its artifacts"])
def test_the_store_of_a_project_that_was_copied_keeps_its_artifacts_there(
    mirrored: tuple[Path, Params, str], tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, params, _ = mirrored
    ignore = shutil.ignore_patterns("mlartifacts" if "without" in how else "")
    copy = Path(shutil.copytree(root, tmp_path / "a copy", ignore=ignore, symlinks=True))
    if how == "moved":
        copy = copy.rename(tmp_path / "moved, & elsewhere")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{copy}/mlflow.db")
    before = sorted(root.rglob("*"))
    assert mirror.sync(copy, params, "quick") == ((10, 0) if "without" in how else (0, 10))
    assert not [at for at in _addresses(copy / "mlflow.db") if root.as_uri() in at]
    assert any(copy.as_uri() in at for at in _addresses(copy / "mlflow.db"))
    run = copy / paths.Run("quick", "fashion-mnist", "dcgan", 1).metrics
    run.write_text(run.read_text() + "\n")  # its figures are as they were, its hash is not
    assert mirror.sync(copy, params, "quick") == (1, 9)
    assert sorted(root.rglob("*")) == before
    client = MlflowClient(tracking_uri=f"sqlite:///{copy}/mlflow.db")
    for name, found in find(f"sqlite:///{copy}/mlflow.db").items():
        if found.info.status == "FINISHED" and name.startswith("fashion-mnist/"):  # not what runs stand under
            assert "wall.png" in {artifact.path for artifact in client.list_artifacts(found.info.run_id)}, name
    assert mirror.sync(copy, params, "quick") == (0, 10)


def test_a_store_outside_of_the_project_is_left_alone(mirrored: tuple[Path, Params, str], tmp_path: Path) -> None:
    root, params, _ = mirrored
    copy = Path(shutil.copytree(root, tmp_path / "copy", symlinks=True))
    before = _addresses(root / "mlflow.db")
    assert mirror.sync(copy, params, "quick") == (0, 10)
    assert _addresses(root / "mlflow.db") == before
