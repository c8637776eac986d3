"""One flow at a time, and lock files of DVC that a kill cannot cost.

DVC rewrites dvc.lock in place: a kill inside that window leaves it empty, or cut so that it parses and lacks stages,
and finished work would run again. So a copy of each is kept after every stage, and checked against at the start.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml
from filelock import FileLock, Timeout

from paragone.project import files

FOLDER = Path(".locks")
Stages = dict[str, Any]  # of a lock file, by name


class BusyError(ValueError):
    """Another flow runs in the same project."""


@contextmanager
def only_flow(root: Path, what: str) -> Iterator[None]:
    """Hold the project's flow lock, which the system frees even after a SIGKILL. Raises BusyError if it is held."""
    note = root / FOLDER / "flow.txt"
    note.parent.mkdir(exist_ok=True)
    try:
        with FileLock(root / FOLDER / "flow.lock", timeout=0):
            note.write_text(f"process {os.getpid()}, {what}, since {time.strftime('%H:%M:%S')}")
            yield
    except Timeout:
        raise BusyError(
            f"another flow is running in {root} ({note.read_text()}); wait for it to end, or stop it"
        ) from None


def restore(root: Path) -> list[str]:
    """Put back every dvc.lock that is broken or lacks stages that its copy has; say so in one sentence each.

    A broken one that has no copy goes: DVC then takes from its run cache what it can, and runs the rest. DVC's note of
    who reads and writes which file, cut short by a kill, would stop every later command: it goes too.
    """
    copies = root / FOLDER / "dvc"
    locks = [file.relative_to(root) for file in (root / "dvc.lock", *(root / "runs").rglob("dvc.lock"))]
    known = {file.relative_to(copies) for file in copies.rglob("dvc.lock")}
    messages = [_drop_note(root), *(_check(root, copies / lock) for lock in sorted(known.union(locks)))]
    return [sentence for sentence in messages if sentence]


def mend(root: Path, pipeline: Path) -> list[str]:
    """The same for one pipeline while other stages run, after its `dvc` was killed."""
    from dvc.lock import make_lock
    from dvc.repo import Repo

    copy = root / FOLDER / "dvc" / pipeline.with_name("dvc.lock")
    with Repo(str(root), _wait_for_lock=True) as repo, repo.lock:
        with make_lock(str(root / ".dvc/tmp/rwlock.lock"), tmp_dir=str(root / ".dvc/tmp")):  # DVC's own, for its note
            messages = [_drop_note(root)]
        messages += [_check(root, copy)]
    return [sentence for sentence in messages if sentence]


def _drop_note(root: Path) -> str | None:
    """Remove DVC's note of who reads and writes which file if it is broken, or the entries of those who are gone.

    DVC believes an entry as long as any process has its number, and numbers come again after a restart.
    """
    note = root / ".dvc/tmp/rwlock"
    if not note.exists():
        return None
    entries = _entries(note)
    if entries is None:
        note.unlink()
        return f"{note.relative_to(root)} was cut short, probably by a kill; removed"
    gone = {pid for entry in entries.values() for pid in _processes(entry) if not _is_dvc(pid)}
    if not gone:
        return None
    reads = {path: [who for who in infos if who["pid"] not in gone] for path, infos in entries["read"].items()}
    writes = {path: who for path, who in entries["write"].items() if who["pid"] not in gone}
    files.write_text(note, json.dumps({"read": {path: who for path, who in reads.items() if who}, "write": writes}))
    numbers = ", ".join(map(str, sorted(gone)))
    return (
        f"{note.relative_to(root)} named processes that are not DVC's any more ({numbers}); their entries are removed"
    )


def _entries(note: Path) -> dict[str, Any] | None:
    """The note's entries, `read` and `write` by path; None if it is not whole."""
    try:
        content = json.loads(note.read_bytes())
        entries = {mode: dict(content.get(mode, {})) for mode in ("read", "write")}
        whole = all(isinstance(pid, int) for entry in entries.values() for pid in _processes(entry))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return entries if whole else None


def _processes(entry: dict[str, Any]) -> set[int]:
    """The processes that hold files: one of each that is written, several of each that is read."""
    return {who["pid"] for held in entry.values() for who in (held if isinstance(held, list) else [held])}


def _is_dvc(pid: int) -> bool:
    try:
        return any(Path(part).name.startswith("dvc") for part in psutil.Process(pid).cmdline())
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False


def _check(root: Path, copy: Path) -> str | None:
    """Put back the lock file that `copy` is of if it lost something, or bring the copy up to date."""
    lock = root / copy.relative_to(root / FOLDER / "dvc")
    if not lock.exists() or not lock.with_name("dvc.yaml").exists():
        copy.unlink(missing_ok=True)  # removed deliberately: by hand, by git, or with its pipeline
        return None
    if copy.exists() and lock.read_bytes() == copy.read_bytes():
        return None  # a copy is whole, so it need not be parsed
    have, had = _stages(lock), _stages(copy)
    if have is None and had is None:
        lock.unlink()
        copy.unlink(missing_ok=True)
        return f"{lock.relative_to(root)} was cut short, probably by a kill, and has no copy; its stages run again"
    if had is not None and (lost := _lost(have, had)):
        _copy(copy, lock)
        return f"{lock.relative_to(root)} {lost}, probably by a kill; restored from {copy.relative_to(root)}"
    _copy(lock, copy)
    return None


def _lost(have: Stages | None, had: Stages) -> str:
    """What a lock file lost that its copy has; a cut takes stages from its end, and parts of the last that is left."""
    if have is None:
        return "was cut short"
    if gone := set(had) - set(have):
        return f"lacked {len(gone)} of {len(had)} stages"
    last = list(have)[-1] if have else ""
    before = had.get(last, {})
    same = before.get("cmd") == have.get(last, {}).get("cmd")
    return f"lacked parts of {last}" if same and _leaves(have.get(last)) < _leaves(before) else ""


def _leaves(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 1 if inner is None else sum(map(_leaves, inner))


def back_up(root: Path, pipeline: Path) -> None:
    """Keep a copy of the dvc.lock beside `pipeline` if it is whole, under DVC's lock so that no stage is writing it."""
    from dvc.repo import Repo

    lock = (root / pipeline).with_name("dvc.lock")
    copy = root / FOLDER / "dvc" / lock.relative_to(root)
    with Repo(str(root), _wait_for_lock=True) as repo, repo.lock:
        have, had = _stages(lock), _stages(copy)
        if have is not None and not (had is not None and _lost(have, had)):
            _copy(lock, copy)


def _stages(lock: Path) -> Stages | None:
    """The stages that a lock file lists; None if it is no whole lock file."""
    try:
        content = lock.read_bytes()
        stages = yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["stages"]
        whole = content.endswith(b"\n") and all(isinstance(entry, dict) for entry in stages.values())
    except (OSError, yaml.YAMLError, TypeError, KeyError, AttributeError):
        return None
    return stages if whole else None


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name("dvc.lock.partial")
    shutil.copyfile(source, partial)
    partial.replace(target)
