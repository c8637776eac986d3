"""Commands end with whoever started them."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from flows.run.processes import Guard, tail
from support import ROOT

# A shell that starts a child, as dvc does with a stage's command.
COMMAND = ["sh", "-c", "sleep 300 & echo $!; wait"]


def child_of(log: Path) -> int:
    deadline = time.monotonic() + 240
    while not log.exists() or not log.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(log.read_text())


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 240
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_closing_ends_the_whole_group_and_starts_no_more(tmp_path: Path) -> None:
    with Guard() as guard:
        process = guard.start(COMMAND, tmp_path, tmp_path / "log")
        child = child_of(tmp_path / "log")
    wait_until_gone(child)
    assert process.wait(timeout=240) != 0
    with pytest.raises(RuntimeError, match=r"`sh .*was not started"):
        guard.start(COMMAND, tmp_path, tmp_path / "log")


def test_a_killed_owner_leaves_nothing(tmp_path: Path) -> None:
    owner = (
        "import sys, time\nfrom pathlib import Path\nfrom flows.run.processes import Guard\n"
        f"Guard().start({COMMAND!r}, Path(), Path(sys.argv[1]))\ntime.sleep(300)\n"
    )
    log = tmp_path / "log"
    process = subprocess.Popen([sys.executable, "-c", owner, str(log)], cwd=ROOT)
    child = child_of(log)
    process.kill()
    process.wait()
    wait_until_gone(child)


def test_runs_to_the_end_and_keeps_the_output(tmp_path: Path) -> None:
    with Guard() as guard:
        status = guard.run(["sh", "-c", "echo one; printf '10%%\\r90%%\\n'; exit 3"], tmp_path, tmp_path / "logs/a.log")
    assert status == 3
    assert tail(tmp_path / "logs/a.log") == "one\n90%"
    assert tail(tmp_path / "none.log") == ""
