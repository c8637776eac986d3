"""What DVC last said of a project, kept with the state of every file that it said it of.

DVC takes seconds to find that nothing changed in a graph of a thousand stages. Looking whether any of those files is
another one than it was takes a tenth of a second: pipelines, lock files and parameters by their content; dependencies
and outputs by size, inode and both times, which no write leaves as they were. Anything else than exactly the same, a
file more or less included, is for DVC to judge.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from flows.dvc.locks import FOLDER
from paragone.project import files

GRAPHS = FOLDER / "graphs"
SETTINGS = (".dvc/config", ".dvc/config.local", ".dvcignore")
TICK_NS = 20_000_000  # a file system's clock may stand still for so long, and two writes have the same time
LOOKS = 5  # until files have been left alone for that long


class Inputs(NamedTuple):
    """The files that an answer of DVC rests on, relative to the root or absolute."""

    whole: list[str]  # told apart by their content: parameters, lock files
    marked: list[str]  # told apart by size, inode and times: dependencies and outputs


class Kept(NamedTuple):
    """An answer, and the state of its files then."""

    answer: dict[str, Any]
    inputs: Inputs
    states: dict[str, str]
    texts: dict[str, str]  # what followed from the same files


def read(root: Path, name: str) -> Kept | None:
    """What was last kept under a name, whether or not it still holds."""
    try:
        found = files.read_json(root / GRAPHS / f"{name}.json")
        return Kept(found["answer"], Inputs(*found["inputs"]), dict(found["states"]), dict(found["texts"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # none, or by an earlier version


def recall(root: Path, name: str) -> Kept | None:
    """The same, if everything is still as it was."""
    kept = read(root, name)
    return kept if kept is not None and kept.states == states(root, kept.inputs) else None


def keep(root: Path, name: str, answer: dict[str, Any], inputs: Inputs, before: dict[str, str]) -> None:
    """Keep an answer, if its files are still in the state that they were in before DVC looked at them."""
    if before == states(root, inputs):
        _write(root, name, Kept(answer, inputs, before, {}))


def note(root: Path, name: str, **texts: str) -> None:
    """Keep texts with the answer of that name: what follows from the same files."""
    if (kept := read(root, name)) is not None:
        _write(root, name, kept._replace(texts=texts))


def _write(root: Path, name: str, kept: Kept) -> None:
    files.write_text(root / GRAPHS / f"{name}.json", json.dumps(kept._asdict(), separators=(",", ":")))


def states(root: Path, inputs: Inputs) -> dict[str, str]:
    """The state of each of these files, and of all that makes the graph."""
    for _ in range(LOOKS):
        found, newest = _look(root, inputs)
        if newest < time.time_ns() - TICK_NS:
            return found
        time.sleep(TICK_NS / 1e9)  # a write right after this look could leave the same time
    return {"": f"written all the time, last seen at {time.time_ns()}"}


def _look(root: Path, inputs: Inputs) -> tuple[dict[str, str], int]:
    """The states, and when the last of the marked files changed (nanoseconds)."""
    # A copied or moved project is another one: DVC's absolute paths would lead to files of the first.
    found, newest = {"dvc": version("dvc"), "root": str(root.resolve())}, 0
    for path in (*SETTINGS, *pipelines(root), *inputs.whole):
        found[path] = _content(root / path)
    ignored = _ignored(root)
    for path in inputs.marked:
        marks = list(_marks(root / path, ignored))
        newest = max(newest, *(changed for _, changed in marks))
        found[path] = hashlib.md5("\n".join(line for line, _ in marks).encode()).hexdigest()
    return found, newest


def pipelines(root: Path) -> Iterator[str]:
    """Every dvc.yaml and .dvc file, relative to the root; DVC's own settings and hidden folders have none."""
    ignored = _ignored(root)
    for folder, inner, names in os.walk(root):
        inner[:] = [name for name in inner if not name.startswith(".") and name not in ignored]
        for name in names:
            if name == "dvc.yaml" or name.endswith(".dvc"):
                yield str((Path(folder) / name).relative_to(root))


def _ignored(root: Path) -> frozenset[str]:
    """The names that .dvcignore takes out wherever they stand; its patterns are left in, which costs a look at more."""
    file = root / ".dvcignore"
    lines = file.read_text().splitlines() if file.exists() else []
    if any(line.startswith("!") for line in lines):  # which may let some of them in again
        return frozenset()
    return frozenset(line.strip() for line in lines if line.strip() and not set(line) & set("#*?[]/!\\"))


def _content(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return "none"


def _marks(path: Path, ignored: Iterable[str]) -> Iterator[tuple[str, int]]:
    """A line for a file or for each of a folder, with the time of its last change in nanoseconds."""
    try:
        found = path.stat()
        inside = sorted(os.scandir(path), key=lambda e: e.name) if path.is_dir() else None
    except OSError:
        yield f"{path} none", 0
        return
    if inside is None:
        yield f"{path} {found.st_size} {found.st_ino} {found.st_mtime_ns} {found.st_ctime_ns}", found.st_ctime_ns
        return
    yield f"{path} folder", 0
    for entry in inside:
        if entry.name not in ignored:
            yield from _marks(Path(entry.path), ignored)
