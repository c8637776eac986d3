"""A stand-in project as several machines see it: an origin to clone, a DVC remote, a Prefect server and its workers."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml

from flows.prefect_server import server
from flows.run.processes import Guard
from support import ROOT, stand_in

POOL = "units"


def build(
    folder: Path, remote: str, monkeypatch: pytest.MonkeyPatch, settings: Mapping[str, str] = MappingProxyType({})
) -> Path:
    """The project in folder/project; its origin in folder/origin.git. What stands in for `paragone` is software that
    every machine has: it lies in folder/software, with its behaviour."""
    project = folder / "project"
    project.mkdir()
    stand_in.build(project, monkeypatch)
    software = folder / "software"
    shutil.move(project / "build", software)
    (project / "build").mkdir()  # where it notes that it started
    command = (software / "paragone").read_text()
    command = command.replace('Path("build/behaviour.yaml")', f'Path("{software}/behaviour.yaml")')
    command = command.replace('Path("build/started")', f'Path("{software}/started")')
    (software / "paragone").write_text(command)
    monkeypatch.setenv("PATH", f"{software}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    shutil.copytree(ROOT / "flows", project / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    git(folder, "init", "-q", "--bare", "origin.git")
    git(project, "remote", "add", "origin", str(folder / "origin.git"))
    subprocess.run(["dvc", "remote", "add", "-q", "-d", "meeting", remote], cwd=project, check=True)
    for name, value in settings.items():
        subprocess.run(["dvc", "remote", "modify", "-q", "meeting", name, value], cwd=project, check=True)
    git(project, "add", ".")
    git(project, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "flows")
    git(project, "push", "-q", "origin", "HEAD")
    return project


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True)


def behave(folder: Path, behaviour: dict[str, object]) -> None:
    (folder / "software/behaviour.yaml").write_text(yaml.safe_dump(behaviour))


@contextmanager
def serving(folder: Path, guard: Guard, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server with the pool; PREFECT_API_URL names it."""
    monkeypatch.setenv("PREFECT_HOME", str(folder / "prefect"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    url = server.start(guard, folder, folder / "server.log", server.free_port(), interface=False)
    monkeypatch.setenv("PREFECT_API_URL", url)
    create = [sys.executable, "-m", "prefect", "work-pool", "create", POOL, "--type", "process"]
    subprocess.run(create, cwd=folder, check=True, capture_output=True)
    yield url


def start_worker(folder: Path, guard: Guard, name: str) -> "subprocess.Popen[bytes]":
    """A machine of its own: another clone, another home."""
    git(folder, "clone", "-q", str(folder / "origin.git"), name)
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--name", name, "--limit", "1"]
    home = {"PARAGONE_HOME": str(folder / f"{name}-home"), "PREFECT_HOME": str(folder / f"{name}-prefect")}
    return guard.start(command, folder / name, folder / f"{name}.log", home | {"PREFECT_WORKER_QUERY_SECONDS": "1"})


def start(project: Path, *options: str) -> "subprocess.Popen[str]":
    """A fleet that goes on in the background; its output line by line."""
    command = [sys.executable, "-u", "-m", "flows.fleet", "--pool", POOL, *options]
    return subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def fleet(project: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "flows.fleet", "--pool", POOL, *options]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=400, check=False)
