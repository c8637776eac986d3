"""The flow over real DVC and real Prefect: parallel, resumable, and clear about what failed."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from paragone.cli import pipeline as generator
from paragone.project import settings
from support import ROOT, settings_files, stand_in

FLOW = [sys.executable, "-m", "flows.benchmark", "--slots", "2"]
TRAIN = "paragone train quick digits ddpm --seed 0"
STAGES = 13  # code, the profile and five more of the trunk; train, sample and evaluate of two models


@pytest.fixture(scope="module")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prefect")  # shared: making its database takes seconds


@pytest.fixture
def project(tmp_path: Path, prefect_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PREFECT_HOME", str(prefect_home))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return stand_in.build(tmp_path, monkeypatch)


def flow(project: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*FLOW, *options], cwd=project, capture_output=True, text=True, timeout=180, check=False)


def start_until(project: Path, seconds: float) -> "subprocess.Popen[str]":
    """Start a flow whose first training sleeps, and return once it sleeps."""
    (project / "build/started").unlink(missing_ok=True)
    stand_in.behave(project, {TRAIN: seconds})
    process = subprocess.Popen(FLOW, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 120
    while not (project / "build/started").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stdout and process.stdout.read()
        time.sleep(0.1)
    return process


def left_behind(project: Path) -> list[str]:
    """Command lines of the processes that still work in the project."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(project):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def wait_until_nothing_is_left(project: Path) -> None:
    deadline = time.monotonic() + 240
    while left := left_behind(project):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def dvc_status(project: Path) -> str:
    return subprocess.run(
        ["dvc", "status", "--with-deps", "report"], cwd=project, capture_output=True, text=True, check=True
    ).stdout


def test_runs_all_then_nothing_and_survives_an_emptied_lock(project: Path, prefect_home: Path) -> None:
    first = flow(project)
    assert first.returncode == 0, first.stdout + first.stderr
    assert f"{STAGES - 2} stages to visit, 2 current, 2 at once" in first.stdout
    assert sum(" Ran " in line for line in first.stdout.splitlines()) == STAGES - 2
    assert "digits/ddim train@0" in first.stdout
    assert "<paragone table quick>" in first.stdout
    assert "up to date" in dvc_status(project)
    assert "Running stage" in (project / ".logs/quick/digits.ddim.train@0.log").read_text()
    with sqlite3.connect(prefect_home / "prefect.db") as records:
        kept = records.execute("select count(*) from task_run where state_type = 'COMPLETED'").fetchone()
    assert kept == (STAGES - 2,)

    stand_in.behave(project, {"paragone table quick": "fail"})  # nor is the table made again
    second = flow(project)
    assert second.returncode == 0, second.stdout + second.stderr
    assert f"0 stages to visit, {STAGES} current" in second.stdout
    assert "<paragone table quick>" in second.stdout
    stand_in.behave(project, {})

    lock = project / "runs/quick/digits/ddpm/dvc.lock"
    whole = lock.read_text()
    lock.write_text("")
    (project / "dvc.lock").write_text((project / "dvc.lock").read_text()[:300])
    third = flow(project)
    assert "runs/quick/digits/ddpm/dvc.lock was cut short" in third.stdout
    assert "\ndvc.lock" in "\n" + third.stdout
    assert f"0 stages to visit, {STAGES} current" in third.stdout
    assert lock.read_text() == whole
    assert left_behind(project) == []


@pytest.mark.slow
def test_a_failure_costs_its_descendants_only(project: Path) -> None:
    stand_in.behave(project, {"paragone train quick digits ddim --seed 0": "fail"})
    done = flow(project)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert (
        sum(" Ran " in line for line in lines) == STAGES - 6
    )  # all but `code`, the profile, ddim's three and the report
    assert [line.split()[-1] for line in lines if "Skipped" in line and "report" in line] == ["train@0"]
    assert "paragone: paragone train quick digits ddim --seed 0 cannot go on" in done.stdout
    assert (project / "reports/index.html").exists()  # made directly from what there is
    assert "<paragone table quick>" in done.stdout
    stand_in.behave(project, {})
    again = flow(project)
    assert again.returncode == 0
    assert "4 stages to visit" in again.stdout
    assert "up to date" in dvc_status(project)


@pytest.mark.slow
def test_a_killed_flow_leaves_no_process_and_goes_on_later(project: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        process = start_until(project, 300)
        second = flow(project)
        assert second.returncode == 1
        assert f"another flow is running in {project} (process {process.pid}, profile quick" in second.stdout
        os.kill(process.pid, number)
        assert process.wait(timeout=240) != 0
        wait_until_nothing_is_left(project)
    stand_in.behave(project, {})
    again = flow(project)
    assert again.returncode == 0, again.stdout + again.stderr
    ran = [line for line in again.stdout.splitlines() if " Ran " in line]
    assert any("ddpm train@0" in line for line in ran)
    assert not any("ingest" in line for line in ran)
    assert "up to date" in dvc_status(project)


TORCHRUN = """#!/bin/sh
echo start >> build/ranks
sleep 1
shift 4  # --standalone --nproc-per-node N -m
"$@"
status=$?
echo end >> build/ranks
exit $status
"""


def test_a_training_of_two_processes_takes_two_slots(project: Path) -> None:
    settings_files.edit(project, "all", lambda p: p["models"]["vae"].update(processes=2))
    generator.write(project, settings.read(project, "all", "quick"))
    (project / "build/torchrun").write_text(TORCHRUN)
    (project / "build/torchrun").chmod(0o755)
    command = project / "build/paragone"
    command.write_text(command.read_text().replace('stage["cmd"]', 'stage["cmd"].split("-m ")[-1]'))
    part = ("--profile", "all", "--datasets", "digits")
    few = flow(project, "--slots", "1", *part)
    assert few.returncode == 1
    assert "starts 2 processes, more than the slots there are (1); give --slots 2 or more" in few.stdout
    done = flow(project, *part)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "build/ranks").read_text().split() == ["start", "end"] * 2


def test_an_unknown_profile_and_a_broken_params_file_are_one_sentence(project: Path) -> None:
    unknown = subprocess.run([*FLOW, "--profile", "quikc"], cwd=project, capture_output=True, text=True, check=False)
    assert unknown.returncode == 1
    assert "no profile 'quikc'; did you mean 'quick'?" in unknown.stdout
    stand_in.behave(project, {"paragone pipeline quick": "fail"})
    broken = flow(project)
    assert broken.returncode == 1
    assert "paragone: paragone pipeline quick cannot go on" in broken.stdout
    assert "Traceback" not in broken.stdout + broken.stderr
