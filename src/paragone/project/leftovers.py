"""What processes that were killed left behind: files and folders under names that say whose they were."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = re.compile(r"\.tmp-(\d+)-.")
FOLDERS = ("runs", "reports", "data/prepared", "data/reference", "data/cards")  # where stages write
QUIET = 60.0  # seconds that a temporary file must have been left alone: its process may be another machine's


def temporary(root: Path) -> Iterator[Path]:
    """The temporary files and folders of processes that are gone, in the project's root and where stages write."""
    for folder, folders, found in _walk(root):
        for name in (*folders, *found):
            if (match := TEMPORARY.match(name)) and _left(folder / name, int(match[1])):
                yield folder / name
        folders[:] = [name for name in folders if not TEMPORARY.match(name)]


def _walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    inside = [entry.name for entry in os.scandir(root)]
    yield root, [name for name in inside if (root / name).is_dir()], [n for n in inside if not (root / n).is_dir()]
    for start in FOLDERS:
        for folder, folders, found in os.walk(root / start):
            yield Path(folder), folders, found


def _left(path: Path, process: int) -> bool:
    try:
        if time.time() - path.lstat().st_mtime < QUIET:
            return False
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:  # it is gone meanwhile, or its process is another user's
        return False
    return False


def sweep(root: Path) -> None:
    """Remove them."""
    for path in list(temporary(root)):
        remove(path)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; a link, and not what it leads to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; links count as links."""
    total = 0 if path.is_dir() and not path.is_symlink() else path.lstat().st_size
    for folder, _, found in os.walk(path) if not path.is_symlink() else ():
        total += sum((Path(folder) / name).lstat().st_size for name in found)
    return total
