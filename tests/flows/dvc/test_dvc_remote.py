"""DVC's part of the promise: data goes to a remote and comes back, and a changed byte reruns what it must."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from paragone.cli import pipeline
from paragone.project import paths, settings
from support import idx_files, settings_files

STAGES = ("ingest-digits", "validate-digits", "ingest-others", "validate-others")


def run(folder: Path, *command: str) -> str:
    """What a command says; it must succeed."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    assert not done.returncode, done.stdout + done.stderr
    return done.stdout


def dvc(folder: Path, *args: str) -> str:
    return run(folder, sys.executable, "-m", "dvc", *args)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """Two data sets from upstream files of their own, ingested and validated."""
    folder = tmp_path_factory.mktemp("prepared")
    (folder / "src").mkdir(parents=True)
    (folder / "src/paragone").symlink_to(root / "src/paragone")
    for name, train in (("digits", 80), ("others", 90)):
        idx_files.write_set(folder / "upstream" / name, train)
    datasets = {n: {"loader": "mnist", "source": "local", "path": f"upstream/{n}"} for n in ("digits", "others")}
    profile = {"about": "Two sets.", "datasets": [*datasets], "seeds": [0], "samples": 16, "sample_batch": 8}
    profiles = {"two": {**profile, "spaces": ["lite0"], "models": {"vae": {}}}}
    content = {"profile": "two", "datasets": datasets, "profiles": profiles}
    settings_files.write(folder, content)
    pipeline.write(folder, settings.load(folder))
    run(folder, "git", "init", "-q")
    dvc(folder, "init", "-q")
    dvc(folder, "repro", "-q", *STAGES)
    return folder


@pytest.fixture
def project(prepared: Path, tmp_path: Path) -> Path:
    """A copy of that project."""
    return Path(shutil.copytree(prepared, tmp_path / "project", symlinks=True))


@pytest.mark.slow
def test_pushed_deleted_pulled(project: Path, tmp_path: Path) -> None:
    dvc(project, "remote", "add", "-d", "shelf", str(tmp_path / "shelf"))
    prepared = project / paths.prepared("digits")
    before = {file.relative_to(prepared): file.read_bytes() for file in prepared.rglob("*") if file.is_file()}
    dvc(project, "push", "-q", *STAGES)
    shutil.rmtree(project / ".dvc/cache")
    shutil.rmtree(project / "data")
    dvc(project, "pull", "-q", *STAGES)
    assert {file.relative_to(prepared): file.read_bytes() for file in prepared.rglob("*") if file.is_file()} == before
    assert "up to date" in dvc(project, "status", *STAGES)


@pytest.mark.slow
def test_a_changed_byte_reruns_what_depends_on_it_and_nothing_else(project: Path) -> None:
    file = project / "upstream/digits/train-labels-idx1-ubyte.gz"
    labels = idx_files.digits()[1][:80].copy()
    labels[3] = (labels[3] + 1) % 10
    idx_files.write(file, idx_files.encode(labels))
    status = dvc(project, "status", *STAGES)
    assert "ingest-digits" in status
    assert "upstream/digits" in status
    assert "others" not in status
    printed = dvc(project, "repro", *STAGES)
    assert "Running stage 'ingest-digits'" in printed
    assert "Running stage 'validate-digits'" in printed
    assert "Stage 'ingest-others' didn't change, skipping" in printed
    assert "Stage 'validate-others' didn't change, skipping" in printed
    assert "up to date" in dvc(project, "status", *STAGES)
