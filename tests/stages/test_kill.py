"""SIGKILL at random moments of train, sample and evaluate: after one more `dvc repro` every bit is as undisturbed.

There are ten moments, or as many as PARAGONE_MOMENTS says, each in its own part of the run.
"""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.dvc import locks
from paragone.project import paths, pipeline, settings
from support import idx_files, settings_files

MOMENTS = int(os.environ.get("PARAGONE_MOMENTS", "10"))
RUN = paths.Run("p", "digits", "dcgan", 0)
PARAMS = {
    "profile": "p",
    "datasets": {"digits": {"loader": "mnist", "source": "local", "path": "upstream", "resolution": 32}},
    "profiles": {
        "p": {
            "about": "one small model",
            "datasets": ["digits"],
            "seeds": [0],
            "samples": 200,
            "sample_batch": 50,
            "spaces": ["lite0"],
            "models": {
                "dcgan": {"plan": {"kimg": 10, "batch": 32, "ema_kimg": 1}, "config": {"width": 16, "kernel": 4}}
            },
        }
    },
}


def dvc(*args: str) -> list[str]:
    return [sys.executable, "-m", "dvc", *args]


@pytest.fixture(scope="module")
def project(root, tmp_path_factory) -> Path:
    """A project of one model in a DVC repository of its own, all of its trunk made."""
    folder = tmp_path_factory.mktemp("project")
    idx_files.write_set(folder / "upstream", 600, 200)
    settings_files.write(folder, PARAMS)
    shutil.copytree(root / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for path, text in pipeline.generate(folder, settings.load(folder)).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    shutil.copy(root / ".gitignore", folder)
    shutil.copy(root / ".dvcignore", folder)
    for command in (["git", "init", "-q"], dvc("init", "-q"), dvc("repro", "-q", "reference-digits")):
        subprocess.run(command, cwd=folder, check=True, env=environment(), timeout=900)
    return folder


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def reproduce(project: Path, kill_after: float | None = None) -> bool:
    """Run the branch; kill its whole process group after some seconds. Whether it ended by itself."""
    for sentence in locks.restore(project):  # what `make demo` does first
        print(sentence)
    command = dvc("repro", str(RUN.branch / "dvc.yaml"))
    process = subprocess.Popen(command, cwd=project, env=environment(), start_new_session=True)
    try:
        process.wait(kill_after or 900)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False
    assert process.returncode == 0
    return True


def bits(project: Path) -> dict[str, str]:
    names = (RUN.weights, RUN.curves, RUN.samples, RUN.sample_grid, RUN.metrics)
    return {p.name: hashlib.sha256((project / p).read_bytes()).hexdigest() for p in names}


def clear(project: Path) -> None:
    """Forget the branch: outputs, lock, checkpoints, and DVC's memory of having run it."""
    for path in (project / RUN.folder, project / ".ckpt", project / ".dvc/cache/runs"):
        shutil.rmtree(path, ignore_errors=True)
    (project / RUN.branch / "dvc.lock").unlink(missing_ok=True)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kills_change_no_bit(project):
    clear(project)
    started = time.monotonic()
    assert reproduce(project)
    whole = time.monotonic() - started
    expected = bits(project)
    clear(project)
    draw = random.Random(0)
    kills, fresh = 0, True
    while kills < MOMENTS:
        after = whole * (0.1 + 0.8 * (kills + draw.random()) / MOMENTS)
        if reproduce(project, kill_after=after):
            assert bits(project) == expected
            clear(project)
            whole = min(whole, after) if fresh else whole  # the machine is less busy than when it was timed
            fresh = True
        else:
            kills, fresh = kills + 1, False
    assert reproduce(project)
    assert bits(project) == expected
    assert not list((project / RUN.folder).rglob(".tmp-*"))
