"""SIGKILL at random moments of train, sample and evaluate: after one more `dvc repro` every bit is as undisturbed."""

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
import yaml

from flows.dvc import locks
from paragone.project import params, paths, pipeline

RUN = paths.Run("p", "mnist-5k", "dcgan", 0)
PARAMS = {
    "profile": "p",
    "datasets": {"mnist-5k": {"loader": "mnist", "source": "packaged"}},
    "profiles": {
        "p": {
            "about": "one small model",
            "datasets": ["mnist-5k"],
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
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    shutil.copytree(root / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for path, text in pipeline.generate(params.load(folder)).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    shutil.copy(root / ".gitignore", folder)
    shutil.copy(root / ".dvcignore", folder)
    for command in (["git", "init", "-q"], dvc("init", "-q"), dvc("repro", "-q", "reference-mnist-5k")):
        subprocess.run(command, cwd=folder, check=True, env=environment(), timeout=300)
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
        process.wait(kill_after or 300)
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
@pytest.mark.timeout(900)
def test_ten_kills_change_no_bit(project):
    clear(project)
    started = time.monotonic()
    assert reproduce(project)
    whole = time.monotonic() - started
    expected = bits(project)
    clear(project)
    draw = random.Random(0)
    kills = 0
    while kills < 10:
        if reproduce(project, kill_after=draw.uniform(0.1 * whole, 0.9 * whole)):
            assert bits(project) == expected
            clear(project)
        else:
            kills += 1
    assert reproduce(project)
    assert bits(project) == expected
    assert not list((project / RUN.folder).rglob(".tmp-*"))
