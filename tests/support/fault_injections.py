"""Faults injected into flows: each function puts one, and asserts that nothing is lost but time."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import yaml

from paragone.engine.checkpoint import read_metadata
from support.fault_injection import PATIENCE, Disk, Mlflow, Project, missing, variable

VICTIMS = {  # a part of the command line of what is killed
    "flow": "flows.benchmark",
    "dvc": "flows/run/dvc_server.py",  # the process that forks, or one of its forks
    "training": "paragone train",
    "Prefect server": "prefect_server/guarded.py",
}
MLFLOW = "MLflow server"  # no process of the flow's own
SIGNALS = (signal.SIGKILL, signal.SIGTERM)
LOCKS = ("emptied", "cut", "cut so that it still parses", "emptied, and its copy lost")


class Kill(NamedTuple):
    """One kill, and what came of it."""

    victim: str
    signal: str
    after: float  # seconds after the first stage of a run began
    went_on: bool  # whether the flow came to a good end by itself
    again: int  # exit status of one more start
    differences: list[str]  # files that are not as an undisturbed flow leaves them
    left: list[str]  # processes that were still there
    restored: list[str]  # what one more start said of lock files
    said: str  # all that it said, if it failed

    @property
    def harmless(self) -> bool:
        return self.again == 0 and not self.differences and not self.left


def undisturbed(project: Project) -> tuple[dict[str, Any], float]:
    """What a flow leaves that nothing disturbs, and the seconds from the first stage of a run to its end."""
    project.clear()
    process = project.begin()
    while process.poll() is None and not project.runs_began():
        time.sleep(0.02)
    began = time.monotonic()
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, printed
    return project.results(), time.monotonic() - began


def kill(
    project: Project, victim: str, number: signal.Signals, after: float, expected: dict[str, Any], mlflow: Mlflow
) -> Kill | None:
    """Kill a process of a flow at a moment, start the flow once more, compare; None if there was nothing to kill."""
    project.clear()
    with mlflow.tracking() if victim == MLFLOW else nullcontext():
        process = project.begin()
        while process.poll() is None and not project.runs_began():
            time.sleep(0.02)
        time.sleep(after)
        struck = process.poll() is None and strike(process, victim, number, mlflow)
        process.communicate(timeout=PATIENCE)
        if not struck:
            return None
        left = project.left_for_good()
        if victim == MLFLOW:
            mlflow.start()
        again, printed = project.flow()
        differences = different(expected, project.results())
        if victim == MLFLOW:
            differences += missing(project)
    differences += [str(note.relative_to(project.root)) for note in project.root.rglob("failure.json")]
    restored = [line for line in printed.splitlines() if "probably by a kill" in line]
    said = printed if again else ""
    return Kill(victim, number.name, round(after, 1), process.returncode == 0, again, differences, left, restored, said)


def different(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def strike(process: "subprocess.Popen[str]", victim: str, number: signal.Signals, mlflow: Mlflow | None = None) -> bool:
    """Signal a process of that kind, waited for; False if the flow is over before there is one."""
    if victim == MLFLOW:
        assert mlflow is not None
        mlflow.end(number)
        return True
    while process.poll() is None:
        with suppress(psutil.Error):
            owner = psutil.Process(process.pid)
            family = (owner, *owner.children(recursive=True))
            if named := [found for found in family if VICTIMS[victim] in " ".join(found.cmdline())]:
                random.choice(named).send_signal(number)
                return True
        time.sleep(0.02)
    return False


def spoil_lock(project: Project, draw: random.Random, how: str) -> str:
    """Empty or cut a lock file of a project that is up to date, at random; what the next flow says, which must put it
    back, find nothing to do, and leave everything as it was. How: emptied, cut, cut so that it still parses, or
    emptied and its copy lost. The project is up to date again after it."""
    before = project.results()
    lock = draw.choice([project.root / "dvc.lock", *(branch / "dvc.lock" for branch in project.branches)])
    whole = lock.read_bytes()
    ends = range(1, len(whole))
    if how == "cut so that it still parses":
        ends = [end for end in ends if _parses(whole[:end])]
    lock.write_bytes(b"" if "emptied" in how else whole[: draw.choice(ends)])
    name = str(lock.relative_to(project.root))
    if "copy" in how:
        (project.root / ".locks/dvc" / name).unlink()
    status, printed = project.flow()
    sentence = next((line for line in printed.splitlines() if line.startswith(f"{name} ")), "")
    assert sentence, printed
    assert status == 0, printed
    assert "copy" in how or (": 0 stages to visit" in printed and lock.read_bytes() == whole), printed
    assert different(before, project.results()) == []
    return sentence


def _parses(text: bytes) -> bool:
    try:
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return isinstance(content, dict) and isinstance(content["stages"], dict)
    except (yaml.YAMLError, KeyError):
        return False


def two_at_once(project: Project, after: float, expected: dict[str, Any]) -> str | None:
    """Start a second flow while one runs; what the second says, which must not disturb the first."""
    project.clear()
    first = project.begin()
    while first.poll() is None and not project.runs_began():
        time.sleep(0.02)
    time.sleep(after)
    if first.poll() is not None:
        return None
    status, printed = project.flow()
    if first.poll() is not None:
        return None
    assert status == 1, printed
    (sentence,) = printed.splitlines()
    assert f"another flow is running in {project.root} (process {first.pid}" in sentence
    output, _ = first.communicate(timeout=PATIENCE)
    assert first.returncode == 0, output
    assert different(expected, project.results()) == []
    return sentence


def hang(project: Project, after: float, expected: dict[str, Any], hours: float) -> str | None:
    """Stop a training (SIGSTOP): the limit must end its whole group and make it a failed row; then start once more."""
    project.clear()
    process = project.begin("--limit", f"{hours:.4f}")
    while process.poll() is None and not project.runs_began():
        time.sleep(0.02)
    time.sleep(after)
    struck = strike(process, "training", signal.SIGSTOP)
    printed, _ = process.communicate(timeout=PATIENCE)
    if not struck:
        return None
    assert process.returncode == 1, printed
    sentence = next(line for line in printed.splitlines() if "it ran for more than its limit" in line)
    (note,) = project.root.rglob("failure.json")
    assert json.loads(note.read_text())["stage"] == "train"
    assert not project.left_for_good()
    status, printed = project.flow()
    assert status == 0, printed
    assert different(expected, project.results()) == []
    assert not list(project.root.rglob("failure.json"))
    return sentence


def locked_store(project: Project, expected: dict[str, Any]) -> str:
    """Hold MLflow's database while a flow runs; the report's warning. The flow must go on, and a replay complete it."""
    file = Path(os.environ["MLFLOW_TRACKING_URI"].removeprefix("sqlite:///"))
    project.clear()
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("PRAGMA journal_mode=WAL")
        holder.execute("BEGIN EXCLUSIVE")
        status, printed = project.flow()
    return _went_on(project, status, printed, expected)


def full_store(project: Project, disk: Disk, expected: dict[str, Any]) -> str:
    """MLflow's database on a disk that is full while a flow runs; the same."""
    project.clear()
    disk.empty()
    with variable("MLFLOW_TRACKING_URI", f"sqlite:///{disk.folder}/mlflow.db"):
        disk.fill(leave=300_000)  # an empty store takes twice that
        status, printed = project.flow()
        disk.give_way()
        return _went_on(project, status, printed, expected)


def _went_on(project: Project, status: int, printed: str, expected: dict[str, Any]) -> str:
    assert status == 0, printed
    assert different(expected, project.results()) == []
    log = (project.root / ".logs" / project.profile / "report.log").read_text()
    sentence = next(line for line in log.splitlines() if "warning: not mirrored to MLflow" in line)
    assert missing(project) == []
    return sentence


def full_disk(project: Project, disk: Disk, leave: float, expected: dict[str, Any]) -> str | None:
    """Fill the disk of the checkpoints once there is one, but for a share of its size, while a training goes on; what
    the failed row says, or None if the training was over before another checkpoint.

    The checkpoint must stay whole, and one more start end as if nothing had been.
    """
    project.clear()
    disk.empty()
    (project.root / ".ckpt").unlink(missing_ok=True)
    (project.root / ".ckpt").symlink_to(disk.folder)
    try:
        process = project.begin()
        while not (found := list(disk.folder.rglob("state.safetensors"))):
            assert process.poll() is None, process.stdout and process.stdout.read()
            time.sleep(0.01)
        disk.fill(leave=int(leave * found[0].stat().st_size))
        printed, _ = process.communicate(timeout=PATIENCE)
        if process.returncode == 0:
            return None
        assert process.returncode == 1, printed
        assert read_metadata(found[0])["step"] > 0  # whole
        assert [file.name for file in found[0].parent.iterdir() if file.name.startswith(".tmp")] == []
        (note,) = project.root.rglob("failure.json")
        reason = str(json.loads(note.read_text())["reason"])
        assert reason.partition(": ")[2] in printed.replace("\n", " ")
        disk.give_way()
        status, printed = project.flow()
        assert status == 0, printed
        assert different(expected, project.results()) == []
        return reason.replace(str(disk.folder), ".ckpt").replace(str(project.root) + "/", "")
    finally:
        (project.root / ".ckpt").unlink(missing_ok=True)


FOLLOW = """
from pathlib import Path
from paragone.project import settings
from paragone.report.tracking import mirror
mirror.follow(Path(), settings.read(Path(), "smoke"), "smoke", 1.0)
"""


def followed(project: Project, mlflow: Mlflow, expected: dict[str, Any]) -> list[str]:
    """Follow a training into MLflow, kill the server once a curve is there, start it again; what differs at the end of
    the flow, which must not have noticed. The follower must have outlived it all and completed the store."""
    project.clear()
    log = project.root / ".logs/follower.log"
    log.parent.mkdir()
    with log.open("w") as output:
        command = [sys.executable, "-c", FOLLOW]
        follower = subprocess.Popen(command, cwd=project.root, stdout=output, stderr=subprocess.STDOUT, text=True)
    try:
        process = project.begin()
        _until(lambda: "RUNNING" in _mirrored(project).values(), process)
        mlflow.end()
        printed, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, printed
        assert follower.poll() is None
        mlflow.start()
        _until(lambda: list(_mirrored(project).values()) == ["FINISHED"] * len(project.metrics()), follower)
    finally:
        follower.kill()
        follower.wait()
    assert log.read_text().count("warning: not mirrored to MLflow") in (1, 2)  # cut off amid a request, or before it
    return different(expected, project.results())


def _until(true: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stdout and process.stdout.read()
        time.sleep(0.2)


def _mirrored(project: Project) -> dict[str, str]:
    """The runs in MLflow that have a curve, with their status."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=os.environ["MLFLOW_TRACKING_URI"])
    experiment = client.get_experiment_by_name(f"paragone/{project.profile}")
    found = client.search_runs([experiment.experiment_id]) if experiment else []
    return {run.info.run_name: run.info.status for run in found if any(k.startswith("loss/") for k in run.data.metrics)}
