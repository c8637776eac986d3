"""Lock files of DVC survive what a kill does to them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flows.dvc import locks

WHOLE = """schema: '2.0'
stages:
  train@0:
    cmd: x
  train@1:
    cmd: y
    outs:
    - path: a
      md5: 0cc175b9c0f1b6a831c399e269772661
    - path: b
      md5: 92eb5ffee6ae2fec3ad71c777531578f
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in (tmp_path / "runs/a", tmp_path / ".locks/dvc/runs/a"):
        folder.mkdir(parents=True)
        (folder / "dvc.lock").write_text(WHOLE)
    (tmp_path / "runs/a/dvc.yaml").write_text("stages: {}\n")
    return tmp_path


@pytest.mark.parametrize("end", range(len(WHOLE)))
def test_what_a_kill_left_is_replaced_aloud_wherever_it_cut(project: Path, end: int) -> None:
    lock = project / "runs/a/dvc.lock"
    lock.write_text(WHOLE[:end])
    (message,) = locks.restore(project)
    assert message.startswith("runs/a/dvc.lock ")
    assert lock.read_text() == WHOLE
    assert locks.restore(project) == []


@pytest.mark.parametrize("copy", ["", None])
def test_without_a_copy_a_broken_one_goes_aloud_and_a_whole_one_gets_a_copy(project: Path, copy: str | None) -> None:
    lock, kept = project / "runs/a/dvc.lock", project / ".locks/dvc/runs/a/dvc.lock"
    kept.unlink() if copy is None else kept.write_text(copy)
    assert locks.restore(project) == []
    assert kept.read_text() == WHOLE
    kept.unlink() if copy is None else kept.write_text(copy)
    lock.write_text(WHOLE[:50])
    (message,) = locks.restore(project)
    assert message.startswith("runs/a/dvc.lock was cut short")
    assert message.endswith("its stages run again")
    assert not lock.exists()
    assert locks.restore(project) == []


def test_what_changed_on_purpose_is_kept(project: Path) -> None:
    lock = project / "runs/a/dvc.lock"
    fewer = yaml.safe_load(WHOLE)
    fewer["stages"]["train@1"] = {"cmd": "another"}
    lock.write_text(yaml.safe_dump(fewer))
    assert locks.restore(project) == []
    assert yaml.safe_load((project / ".locks/dvc/runs/a/dvc.lock").read_text()) == fewer


@pytest.mark.parametrize(("left", "goes"), [("", True), ('{"/a/b": {"wri', True), ("{}", False)])
def test_dvcs_note_of_readers_and_writers_goes_if_it_was_cut_short(project: Path, left: str, goes: bool) -> None:
    note = project / ".dvc/tmp/rwlock"
    note.parent.mkdir(parents=True)
    note.write_text(left)
    messages = locks.restore(project)
    assert note.exists() != goes
    assert bool(messages) == goes


def test_a_whole_file_is_left_alone_and_a_removed_one_stays_removed(project: Path) -> None:
    lock = project / "runs/a/dvc.lock"
    more = WHOLE + "  train@2:\n    cmd: z\n"
    lock.write_text(more)
    assert locks.restore(project) == []
    assert lock.read_text() == more == (project / ".locks/dvc/runs/a/dvc.lock").read_text()
    lock.unlink()
    assert locks.restore(project) == []
    assert not lock.exists()


def test_one_flow_at_a_time(project: Path) -> None:
    with locks.only_flow(project, "profile quick"):
        with pytest.raises(locks.BusyError, match=r"another flow is running .*profile quick.*wait for it to end"):
            with locks.only_flow(project, "profile smoke"):
                pass
    with locks.only_flow(project, "profile smoke"):
        pass


GONE = 2**22 + 1  # above any number that Linux gives


@pytest.mark.parametrize("pid", [1, os.getpid(), GONE], ids=["first", "this", "gone"])
@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_process_number_that_came_again_holds_nothing(tmp_path: Path, pid: int, mode: str) -> None:
    """Process 1 of a container is whatever runs there, and so is this one, which is no `dvc`."""
    note = tmp_path / ".dvc/tmp/rwlock"
    note.parent.mkdir(parents=True)
    (tmp_path / "runs").mkdir()
    who = {"pid": pid, "cmd": "/bin/dvc repro report"}
    note.write_text(json.dumps({mode: {"/a/b": [who] if mode == "read" else who}}))
    assert locks.restore(tmp_path) == [
        f".dvc/tmp/rwlock named processes that are not DVC's any more ({pid}); their entries are removed"
    ]
    assert json.loads(note.read_text()) == {"read": {}, "write": {}}
    assert locks.restore(tmp_path) == []


def test_a_dvc_that_runs_keeps_what_it_holds(tmp_path: Path) -> None:
    note = tmp_path / ".dvc/tmp/rwlock"
    note.parent.mkdir(parents=True)
    (tmp_path / "runs").mkdir()
    program = tmp_path / "dvc"
    program.write_text("import sys; sys.stdin.read()\n")
    with subprocess.Popen([sys.executable, str(program)], stdin=subprocess.PIPE) as running:
        kept = {"pid": running.pid, "cmd": "dvc"}
        note.write_text(json.dumps({"read": {"/a": [kept, {"pid": GONE, "cmd": "dvc"}]}, "write": {"/b": kept}}))
        assert len(locks.restore(tmp_path)) == 1
        assert json.loads(note.read_text()) == {"read": {"/a": [kept]}, "write": {"/b": kept}}
        running.communicate()


@pytest.mark.parametrize("text", ["", "[]", '{"read": 1}', '{"write": {"/a": [1]}}', '{"read": {"/a": {"pid": "x"}}}'])
def test_a_note_that_is_not_whole_goes(tmp_path: Path, text: str) -> None:
    note = tmp_path / ".dvc/tmp/rwlock"
    note.parent.mkdir(parents=True)
    (tmp_path / "runs").mkdir()
    note.write_text(text)
    assert locks.restore(tmp_path) == [".dvc/tmp/rwlock was cut short, probably by a kill; removed"]
    assert not note.exists()
