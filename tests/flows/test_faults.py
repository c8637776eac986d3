"""Processes of a flow are killed at random moments: one more start ends with what an undisturbed run gives."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import stand_in
from flows import server
from flows.processes import Guard

ROOT = Path(__file__).parents[2]
FLOW = [sys.executable, "-m", "flows.benchmark", "--slots", "2"]
MOMENTS = int(os.environ.get("PARAGONE_MOMENTS", "10"))  # fewer while trying something out
BRANCHES = ("runs/quick/digits/ddpm", "runs/quick/digits/ddim")
VICTIMS = {  # a part of the command line of what is killed
    "flow": "flows.benchmark",
    "dvc": "repro --single-item",
    "training": "build/paragone train",
    "prefect-server": "prefect server start",
}


@pytest.fixture(scope="module")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="module")
def prefect_url(prefect_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for the kills of everything else: starting one takes longer than a flow."""
    with pytest.MonkeyPatch.context() as patch, Guard() as guard:
        patch.setenv("PREFECT_HOME", str(prefect_home))
        log = tmp_path_factory.mktemp("logs") / "server.log"
        yield server.start(guard, ROOT, log, server.free_port(), interface=False)


@pytest.fixture
def project(tmp_path: Path, prefect_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PREFECT_HOME", str(prefect_home))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    folder = stand_in.build(tmp_path, monkeypatch)
    stand_in.behave(folder, {f"paragone train quick digits {m} --seed 0": 1 for m in ("ddpm", "ddim")})
    return folder


def flow(project: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*FLOW, *options], cwd=project, capture_output=True, text=True, timeout=300, check=False)


def results(project: Path) -> dict[str, bytes]:
    """The bytes of everything that the runs and the report left."""
    files = [f for part in ("runs", "reports") for f in (project / part).rglob("*") if f.is_file()]
    return {str(f.relative_to(project)): f.read_bytes() for f in files if f.name not in ("dvc.lock", "failure.json")}


def clear(project: Path) -> None:
    """Forget the branches: outputs, locks and their copies, and DVC's memory of having run them."""
    for branch in BRANCHES:
        shutil.rmtree(project / branch / "0", ignore_errors=True)
        (project / branch / "dvc.lock").unlink(missing_ok=True)
    for path in (project / ".dvc/cache/runs", project / ".locks/dvc/runs", project / ".logs"):
        shutil.rmtree(path, ignore_errors=True)


def victim(process: "subprocess.Popen[str]", what: str) -> psutil.Process | None:
    """A process of the flow's tree of that kind, waited for; None if the flow is over before there is one."""
    while process.poll() is None:
        try:
            owner = psutil.Process(process.pid)
            for found in (owner, *owner.children(recursive=True)):
                if VICTIMS[what] in " ".join(found.cmdline()):
                    return found
        except psutil.Error:
            pass
        time.sleep(0.02)
    return None


def disturb(project: Path, what: str, number: signal.Signals, delay: float) -> bool:
    """Start a flow, kill one of its processes some seconds after its first stage began; whether there was one left."""
    process = subprocess.Popen(FLOW, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    while process.poll() is None and not list((project / ".logs").glob("quick/digits.*")):
        time.sleep(0.02)
    time.sleep(delay)
    found = victim(process, what)
    if found is not None:
        found.send_signal(number)
    process.wait(timeout=240)
    return found is not None


def wait_until_nothing_is_left(project: Path) -> None:
    deadline = time.monotonic() + 30
    while left := [p for p in psutil.process_iter() if _works_in(p, project)]:
        assert time.monotonic() < deadline, [p.cmdline() for p in left]
        time.sleep(0.1)


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("what", VICTIMS)
def test_killed_at_random_moments(project: Path, what: str, prefect_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if what != "prefect-server":  # which the flow starts itself
        monkeypatch.setenv("PREFECT_API_URL", prefect_url)
    assert flow(project).returncode == 0
    clear(project)
    began = time.monotonic()
    assert flow(project).returncode == 0
    whole, expected = time.monotonic() - began, results(project)
    draw, kills = random.Random(what), 0
    while kills < MOMENTS:
        clear(project)
        number = (signal.SIGKILL, signal.SIGTERM)[kills % 2]
        kills += disturb(project, what, number, draw.uniform(0, whole / 2))
        wait_until_nothing_is_left(project)
        again = flow(project)
        assert again.returncode == 0, again.stdout + again.stderr
        assert results(project) == expected
        assert not list(project.rglob("failure.json"))


def test_a_stage_that_hangs_is_ended_and_becomes_a_failed_row(
    project: Path, prefect_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_url)
    assert flow(project).returncode == 0
    stand_in.behave(project, {"paragone train quick digits ddim --seed 0": 600})
    done = flow(project, "--models", "ddim", "--force", "--limit", "0.002")  # itself cut off long before 600 s
    assert done.returncode == 1
    assert "it ran for more than its limit of 0.002 hours, and was ended" in done.stdout
    note = (project / "runs/quick/digits/ddim/0/failure.json").read_text()
    assert '"stage": "train"' in note
    assert "limit of 0.002 hours" in note
    wait_until_nothing_is_left(project)
    stand_in.behave(project, {})
    assert flow(project).returncode == 0
    assert not (project / "runs/quick/digits/ddim/0/failure.json").exists()
