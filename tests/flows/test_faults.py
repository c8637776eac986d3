"""Faults at random moments of a flow: one more start ends with what an undisturbed flow gives, and nothing is left."""

import os
import random
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.prefect_server import server
from flows.run.processes import Guard
from support import ROOT, smoke_project, stand_in
from support import fault_injections as put
from support.fault_injection import Disk, Mlflow, Project, missing

LEFT_OUT = ("dvc.lock", "failure.json", "live.html")
MOMENTS = int(os.environ.get("PARAGONE_MOMENTS", "10"))  # fewer while trying something out
Trained = tuple[Project, dict[str, Any], float]


@pytest.fixture(scope="module")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="module")
def prefect_url(prefect_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for the faults of everything else: starting one takes longer than a flow."""
    with pytest.MonkeyPatch.context() as patch, Guard() as guard:
        patch.setenv("PREFECT_HOME", str(prefect_home))
        log = tmp_path_factory.mktemp("logs") / "server.log"
        yield server.start(guard, ROOT, log, server.free_port(), interface=False)


def left_of_stand_in(root: Path) -> dict[str, bytes]:
    """The bytes of everything that the runs and the report left, but for what depends on how long a flow took."""
    found = [f for part in ("runs", "reports") for f in (root / part).rglob("*") if f.is_file()]
    return {str(f.relative_to(root)): f.read_bytes() for f in found if f.name not in LEFT_OUT}


Undisturbed = tuple[dict[str, Any], float]


@pytest.fixture(scope="module")
def finished(
    prefect_url: str, prefect_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Undisturbed]:
    """A project of stand-in stages, the trainings of which take a second, that is up to date; what an undisturbed flow
    leaves of it, and how long it took."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("PREFECT_HOME", prefect_home), ("PREFECT_API_URL", prefect_url), ("PYTHONPATH", ROOT)):
            patch.setenv(name, str(value))
        folder = stand_in.build(tmp_path_factory.mktemp("finished"), patch)
        stand_in.behave(folder, {f"paragone train quick digits {m} --seed 0": 1 for m in ("ddpm", "ddim")})
        project = Project(folder, "quick", left_of_stand_in)
        assert project.flow()[0] == 0
        return folder, put.undisturbed(project)


@pytest.fixture
def project(
    finished: tuple[Path, Undisturbed], prefect_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A copy of it."""
    folder = Path(shutil.copytree(finished[0], tmp_path / "project", symlinks=True))
    monkeypatch.setenv("PREFECT_HOME", str(prefect_home))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PATH", f"{folder / 'build'}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    return Project(folder, "quick", left_of_stand_in)


@pytest.fixture
def undisturbed(finished: tuple[Path, Undisturbed]) -> Undisturbed:
    return finished[1]


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("victim", put.VICTIMS)
def test_killed_at_random_moments(
    project: Project,
    undisturbed: Undisturbed,
    victim: str,
    prefect_url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    if victim != "Prefect server":  # which the flow starts itself
        monkeypatch.setenv("PREFECT_API_URL", prefect_url)
    expected, seconds = undisturbed
    draw, kills = random.Random(victim), list[put.Kill]()
    while len(kills) < MOMENTS:
        number, after = put.SIGNALS[len(kills) % 2], draw.uniform(0, seconds)
        done = put.kill(project, victim, number, after, expected, Mlflow(tmp_path / "mlflow"))
        if done is None:  # the flow was over by then: this machine is less busy than when it was timed
            seconds = after
            continue
        kills.append(done)
        assert done.harmless, done


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("how", put.LOCKS)
def test_a_lock_file_that_lost_something(
    project: Project, how: str, prefect_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_url)
    draw = random.Random(how)
    for _ in range(MOMENTS):
        assert "probably by a kill" in put.spoil_lock(project, draw, how)


@pytest.mark.slow
def test_a_second_flow_is_refused_and_disturbs_nothing(
    project: Project, undisturbed: Undisturbed, prefect_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_url)
    # long enough that the first is still there however long the second takes to start
    stand_in.behave(project.root, {"paragone train quick digits ddpm --seed 0": 20})
    assert put.two_at_once(project, 0.0, undisturbed[0]) is not None


def test_a_stage_that_hangs_is_ended_and_becomes_a_failed_row(
    project: Project, prefect_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_url)
    stand_in.behave(project.root, {"paragone train quick digits ddim --seed 0": 600})
    limit = "0.002"  # hours: far less than the 600 s that it would take
    status, printed = project.flow("--models", "ddim", "--force", "--limit", limit)
    assert status == 1
    assert "it ran for more than its limit of 0.002 hours, and was ended" in printed
    note = (project.root / "runs/quick/digits/ddim/0/failure.json").read_text()
    assert '"stage": "train"' in note
    assert "limit of 0.002 hours" in note
    assert project.left_for_good() == []
    stand_in.behave(project.root, {})
    assert project.flow()[0] == 0
    assert not (project.root / "runs/quick/digits/ddim/0/failure.json").exists()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """The real stages of a row whose training goes on for some seconds, and what an undisturbed flow leaves of it."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch, Guard() as guard:
        patch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        patch.setenv("PYTHONPATH", f"{ROOT / 'src'}:{ROOT}")
        patch.setenv("PREFECT_HOME", str(folder / "prefect"))
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        (folder / "project").mkdir()
        root = smoke_project.build(folder / "project", ("gan",), kimg=150, classifier=False, digits=(600, 200))
        patch.setenv("PREFECT_API_URL", server.start(guard, ROOT, folder / "log", server.free_port(), interface=False))
        project = Project(root, "smoke", smoke_project.results)
        yield project, *put.undisturbed(project)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    try:
        small = Disk(tmp_path / "disk", 16)
    except PermissionError as error:
        pytest.skip(str(error))
    yield small
    small.unmount()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("leave", [0, 0.5])
def test_a_disk_that_is_full_while_a_training_goes_on(trained: Trained, disk: Disk, leave: float) -> None:
    project, expected, _ = trained
    said = next(filter(None, (put.full_disk(project, disk, leave, expected) for _ in range(5))), "")
    assert "No space left on device" in said


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_locked_mlflow_store_costs_a_warning(trained: Trained) -> None:
    project, expected, _ = trained
    assert "locked" in put.locked_store(project, expected)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_full_disk_of_mlflow_costs_a_warning(trained: Trained, disk: Disk) -> None:
    project, expected, _ = trained
    assert "disk is full" in put.full_store(project, disk, expected)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_server_of_mlflow_that_ends_in_a_flow(trained: Trained, tmp_path: Path) -> None:
    """Told to; the test below kills it."""
    project, expected, seconds = trained
    mlflow = Mlflow(tmp_path / "mlflow")
    draw, number, done = random.Random(0), signal.SIGTERM, None
    try:
        for share in (2, 4, 8):  # of a flow that may be over sooner than the one that was timed
            done = done or put.kill(project, put.MLFLOW, number, draw.uniform(0, seconds / share), expected, mlflow)
    finally:
        mlflow.end()
    assert done is not None
    assert done.harmless
    assert done.went_on


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_curves_are_followed_over_the_death_of_the_server(trained: Trained, tmp_path: Path) -> None:
    project, expected, _ = trained
    mlflow = Mlflow(tmp_path / "mlflow")
    try:
        with mlflow.tracking():
            assert put.followed(project, mlflow, expected) == []
            assert missing(project) == []
    finally:
        mlflow.end()
