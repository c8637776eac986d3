"""`dvc` in forks of a process that has it imported: as if started by itself, whoever dies meanwhile."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from flows.run import forks
from flows.run.forks import Fork
from flows.run.processes import Guard
from support import ROOT

pytestmark = pytest.mark.skipif(not forks.possible(), reason="commands are not forked here")
REPRO = ["dvc", "repro", "--single-item"]
WAITING = "sleep 300 & echo child $!; wait"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=folder, check=True)
    commands = {"speak": "echo $WORD from $PWD", "fail": "echo no; exit 3", "wait": WAITING}
    stages = {name: {"cmd": command, "always_changed": True} for name, command in commands.items()}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    return folder


def child_of(log: Path) -> psutil.Process:
    """The process that the stage `wait` started."""
    deadline = time.monotonic() + 120
    while not log.exists() or not (said := re.search(r"^child (\d+)\n", log.read_text(), re.MULTILINE)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return psutil.Process(int(said[1]))


def assert_gone(*processes: psutil.Process) -> None:
    _, alive = psutil.wait_procs(processes, timeout=240)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []


def test_a_fork_is_like_a_process_of_its_own(project: Path, tmp_path: Path) -> None:
    log = tmp_path / "logs/speak.log"
    with Guard(forking=True) as guard:
        assert guard.run([*REPRO, "speak"], project, log, {"WORD": "hello"}) == 0
        assert f"\nhello from {project}\n" in log.read_text()
        assert guard.run([*REPRO, "fail"], project, log) == 255
        assert "exited with 3" in log.read_text()
        assert "hello" not in log.read_text()
        assert guard.run(["sh", "-c", "echo $0 is not forked"], project, log) == 0
        assert log.read_text() == "sh is not forked\n"
        began = time.monotonic()
        with pytest.raises(TimeoutError, match="`dvc repro --single-item wait` ran for more than 0"):
            guard.run([*REPRO, "wait"], project, log, limit=0.5)
        assert time.monotonic() - began < 60


def test_closing_ends_the_whole_group(project: Path, tmp_path: Path) -> None:
    with Guard(forking=True) as guard:
        process = guard.start([*REPRO, "wait"], project, tmp_path / "log")
        assert isinstance(process, Fork)
        child = child_of(tmp_path / "log")
        server = psutil.Process(process.pid).parent()
    assert server is not None
    assert_gone(child, server)
    assert process.wait(20) == -signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_server_costs_what_it_ran(project: Path, tmp_path: Path, number: signal.Signals) -> None:
    """Its commands count as killed, nothing of them goes on, and the next one is started as before."""
    with Guard(forking=True) as guard:
        process = guard.start([*REPRO, "wait"], project, tmp_path / "log")
        child = child_of(tmp_path / "log")
        server = psutil.Process(process.pid).parent()
        assert server is not None
        server.send_signal(number)
        assert process.wait(60) == -signal.SIGKILL
        guard._end(process)
        assert_gone(child, server)
        assert guard.run([*REPRO, "speak"], project, tmp_path / "log", {"WORD": "again"}) == 0
        assert "\nagain from" in (tmp_path / "log").read_text()


def test_a_killed_owner_leaves_nothing(project: Path, tmp_path: Path) -> None:
    owner = (
        "import sys, time\nfrom pathlib import Path\nfrom flows.run.processes import Guard\n"
        f"print(Guard(forking=True).start({[*REPRO, 'wait']}, Path(sys.argv[1]), Path(sys.argv[2])).pid, flush=True)\n"
        "time.sleep(300)\n"
    )
    command = [sys.executable, "-c", owner, str(project), str(tmp_path / "log")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        dvc = psutil.Process(int(process.stdout.readline()))
        child, server = child_of(tmp_path / "log"), dvc.parent()
        process.kill()
    assert server is not None
    assert_gone(child, dvc, server)


def test_where_nothing_can_be_forked_dvc_is_a_process(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forks, "possible", lambda: False)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    with Guard(forking=True) as guard:
        assert guard.run([*REPRO, "speak"], project, tmp_path / "log", {"WORD": "plain"}) == 0
    assert "\nplain from" in (tmp_path / "log").read_text()


def test_what_a_repro_imports_of_dvc_is_imported_before(project: Path) -> None:
    """And without a thread, which a fork would not survive."""
    look = (
        "import sys, threading\nsys.path.insert(0, sys.argv[1])\nfrom flows.run import dvc_server\n"
        "dvc_server.preload()\nbefore, threads = set(sys.modules), threading.active_count()\n"
        "from dvc.cli import main\nmain(['repro', '-q', '--single-item', 'speak'])\n"
        "print(threads, len([name for name in set(sys.modules) - before if '.' in name]))\n"
    )
    command = [sys.executable, "-c", look, str(ROOT)]
    made = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    threads, late = map(int, made.stdout.split()[-2:])
    assert threads == 1
    assert late <= 10
