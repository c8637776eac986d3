"""What a project no longer needs: listed, and removed only when that is asked for; results and what runs stay."""

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from filelock import FileLock

from paragone.cli import clean
from paragone.data import prepare
from paragone.project import leftovers
from support import settings_files, stand_in


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with something of every kind, and beside each of them what is to stay."""
    root = tmp_path / "project"
    root.mkdir()
    settings_files.write(root, stand_in.SMALL)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name in GONE:
        write(root, name.replace("PID", str(gone.pid)))
    for name in STAYS:
        write(root, name.replace("PID", str(os.getpid())))
    store = root.resolve() / "mlartifacts"
    with closing(sqlite3.connect(root / "mlflow.db")) as database, database:
        database.execute("CREATE TABLE runs (artifact_uri, lifecycle_stage)")
        database.execute("CREATE TABLE logged_models (artifact_location, lifecycle_stage)")
        for name, stage in (("live", "active"), ("dead", "deleted")):
            database.execute("INSERT INTO runs VALUES (?, ?)", ((store / f"quick/{name}/artifacts").as_uri(), stage))
            models = store / f"quick/models/m-{name}/artifacts"
            database.execute("INSERT INTO logged_models VALUES (?, ?)", (models.as_uri(), stage))
    monkeypatch.setenv("PARAGONE_HOME", str(tmp_path / "home"))
    write(tmp_path / "home", "cache/x")
    return root


GONE = (
    "runs/quick/digits/ddpm/0/.tmp-PID-metrics.json",
    ".tmp-PID-out/00000.png",
    "data/prepared/.digits.partial/train/images.npy",
    ".ckpt/runs/quick/digits/gone/0/abc/state.safetensors",
    ".ckpt/runs/quick/digits/ddpm/7/abc/state.safetensors",
    ".logs/quick/train.log",
    "mlartifacts/quick/dead/artifacts/x",
    "mlartifacts/quick/unknown/artifacts/x",
    "mlartifacts/quick/models/m-dead/artifacts/x",
    ".prefect/prefect.db",
)
STAYS = (
    "runs/quick/digits/ddpm/0/.tmp-PID-metrics.json",
    "runs/quick/digits/ddpm/0/metrics.json",
    "data/prepared/digits/train/images.npy",
    "data/raw/digits/.partial-x.zip",
    ".ckpt/runs/quick/digits/ddpm/0/abc/state.safetensors",
    "mlartifacts/quick/live/artifacts/x",
    "mlartifacts/quick/models/m-live/artifacts/x",
    ".prefect/profiles.toml",
)


def write(root: Path, name: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("x" * 1000)
    old = time.time() - 3600
    for path in ((root / name), (root / name).parent):
        os.utime(path, (old, old))


def listed(root: Path) -> set[str]:
    return {str(file.relative_to(root)) for file in root.rglob("*") if file.is_file() and ".locks" not in file.parts}


def test_it_lists_and_then_removes_what_is_not_needed(project, capsys):
    before = listed(project)
    clean.run(project, [], False)
    printed = capsys.readouterr().out
    assert printed.endswith("Nothing was removed; --yes removes it.\n")
    assert all(kind in printed for kind in ("temporary", "checkpoints", "logs", "mlflow", "prefect"))
    assert "home" not in printed.split("kind")[1].split("Nothing")[0].replace("~", "")
    assert {name for name in listed(project) if not name.endswith(".lock")} == before
    clean.run(project, [], True)
    left = {name for name in listed(project) if not name.endswith(".lock")}
    kept = {name.replace("PID", str(os.getpid())) for name in STAYS} | {"mlflow.db"}
    assert {name for name in left if not name.startswith(("params", "profiles"))} == kept
    assert (project.parent / "home/cache/x").exists()
    clean.run(project, ["home"], True)
    assert not (project.parent / "home/cache").exists()


def test_one_kind_alone(project):
    clean.run(project, ["logs"], True)
    assert not list((project / ".logs").iterdir())
    assert (project / ".prefect/prefect.db").exists()
    with pytest.raises(ValueError, match="lgos: nothing of that name can be freed; did you mean 'logs'"):
        clean.run(project, ["lgos"], True)


@pytest.mark.parametrize(("name", "message"), [("flow.lock", "a flow runs in"), ("serve.lock", "`make serve` runs in")])
def test_nothing_goes_while_something_runs(project, name, message):
    (project / ".locks").mkdir()
    before = listed(project)
    with FileLock(project / ".locks" / name), pytest.raises(ValueError, match=message):
        clean.run(project, [], True)
    assert listed(project) == before


def test_a_data_set_that_is_being_written_stays(project):
    partial = project / "data/prepared/.digits.partial"
    with prepare.alone(partial):
        clean.run(project, [], True)
    assert (partial / "train/images.npy").exists()


def test_a_link_goes_and_not_what_it_leads_to(project, tmp_path):
    write(tmp_path, "mine/x")
    (project / ".logs/link").symlink_to(tmp_path / "mine")
    assert leftovers.size(project / ".logs/link") < 1000
    clean.run(project, ["logs"], True)
    assert (tmp_path / "mine/x").exists()


def test_a_start_sweeps_what_a_kill_left(project):
    young = project / f"runs/quick/.tmp-{2**22 - 1}-x"
    write(project, str(young.relative_to(project)))
    os.utime(young)
    leftovers.sweep(project)
    left = [name for name in listed(project) if ".tmp-" in name]
    assert sorted(left) == sorted([str(young.relative_to(project)), STAYS[0].replace("PID", str(os.getpid()))])
