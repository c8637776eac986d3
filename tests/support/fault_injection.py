"""What faults are put into: a project that is made again and again, MLflow's server, a small disk."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from flows.prefect_server import server
from paragone.report.tracking import history

PATIENCE = 1800  # seconds for a flow, on a machine that does much else


@dataclass(frozen=True)
class Project:
    """A project whose trunk is current, and whose runs are made again and again."""

    root: Path
    profile: str
    read: Callable[[Path], dict[str, Any]]  # what the runs and the report left, but for what is a matter of time

    def begin(self, *options: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "flows.benchmark", "--slots", "2", "--profile", self.profile, *options]
        return subprocess.Popen(command, cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def flow(self, *options: str) -> tuple[int, str]:
        """The exit status of a flow and what it said."""
        process = self.begin(*options)
        printed, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, printed

    def results(self) -> dict[str, Any]:
        return self.read(self.root)

    @property
    def branches(self) -> list[Path]:
        return [file.parent for file in (self.root / "runs" / self.profile).glob("*/*/dvc.yaml")]

    def clear(self) -> None:
        """Forget the runs and the report: outputs, locks and their copies, and DVC's memory of having run them."""
        for branch in self.branches:
            for seed in (path for path in branch.iterdir() if path.is_dir()):
                shutil.rmtree(seed)
            (branch / "dvc.lock").unlink(missing_ok=True)
        for path in (".dvc/cache/runs", ".locks/dvc/runs", ".logs", ".ckpt", "reports/tables", "reports/figures"):
            shutil.rmtree(self.root / path, ignore_errors=True)
        (self.root / "reports/index.html").unlink(missing_ok=True)

    def metrics(self) -> list[Path]:
        return sorted((self.root / "runs" / self.profile).glob("*/*/*/metrics.json"))

    def runs_began(self) -> bool:
        return any((self.root / ".logs" / self.profile).glob("*@*.log"))

    def left(self) -> list[str]:
        """Command lines of the processes that still work in the project."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.cwd() == str(self.root) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(process.cmdline()))
        return found

    def left_for_good(self, seconds: float = 240) -> list[str]:
        """Those that are still there after that long."""
        deadline = time.monotonic() + seconds
        while (found := self.left()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return found


class Mlflow:
    """A tracking server of its own, in a folder beside the project; started only where it is needed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, server.free_port()
        self.url = f"http://{server.LOOPBACK}:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "mlflow", "server", "--port", str(self.port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, start_new_session=True, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + PATIENCE
        while not server.answers(f"{self.url}/health"):
            assert time.monotonic() < deadline
            assert self._process.poll() is None, (self.folder / "server.log").read_text()[-2000:]
            time.sleep(0.2)

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Signal the server and its workers; returns when they are gone."""
        if self._process is not None:
            os.killpg(self._process.pid, number)
            self._process.wait(240)
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process = None

    @contextmanager
    def tracking(self) -> Iterator[None]:
        """The server is up, and what starts meanwhile mirrors to it."""
        if self._process is None:
            self.start()
        with variable("MLFLOW_TRACKING_URI", self.url):
            yield


def missing(project: Project) -> list[str]:
    """Replay the runs into MLflow, twice; what the store then lacks, has too much of, or has otherwise."""
    from mlflow import MlflowClient

    printed = [_track(project) for _ in range(2)]
    client, parent = MlflowClient(tracking_uri=os.environ["MLFLOW_TRACKING_URI"]), f"benchmark {project.profile}"
    experiment = client.get_experiment_by_name(f"paragone/{project.profile}")
    runs_there = client.search_runs([experiment.experiment_id])
    found = {run.info.run_name: run for run in runs_there if not {*run.data.tags} & history.TAGS}
    runs = {str(f.parent.relative_to(project.root / "runs" / project.profile)): f for f in project.metrics()}
    wrong = {*runs} ^ ({*found} - {parent})
    for name, file in runs.items():
        distance = json.loads(file.read_text())["spaces"]["lite0-64"]["fd"]
        run = found.get(name)
        if run and (run.info.status != "FINISHED" or run.data.metrics.get("fd_lite0") != distance):
            wrong.add(name)
    twice = [] if f"0 runs written, {len(runs)} already there" in printed[1] else [f"MLflow again: {printed[1]}"]
    return [f"MLflow: {name}" for name in sorted(wrong)] + twice


def _track(project: Project) -> str:
    command = ["paragone", "track", project.profile]
    return subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=True).stdout


class Disk:
    """A small file system of its own."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        """Raises PermissionError where this process may not mount one."""
        self.folder = folder
        folder.mkdir(exist_ok=True)
        if folder.is_mount():
            self.unmount()  # left by a process that was killed
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            raise PermissionError("mounting a file system is not permitted here")

    def fill(self, leave: int) -> None:
        """Leave no more free than so many bytes."""
        found = os.statvfs(self.folder)
        (self.folder / "filler").write_bytes(bytes(max(0, found.f_bavail * found.f_frsize - leave)))

    def give_way(self) -> None:
        (self.folder / "filler").unlink()

    def empty(self) -> None:
        for path in self.folder.iterdir():
            path.unlink() if path.is_file() else shutil.rmtree(path)

    def unmount(self) -> None:
        """Lazily: MLflow keeps a database open that it has once read."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """An environment variable for as long as this lasts."""
    before = os.environ[name]
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ[name] = before
