"""The files of a folder: each real folder once, however links lead to it, and regular files alone.

Imports nothing but the standard library, so that the processes which decode a large set start fast.
"""

import os
import stat
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

LARGEST = 2**28  # bytes of one file that is read whole: 2^26 pixels, uncompressed


class FolderError(ValueError):
    """A folder, or a file in it, cannot be read."""


class Found(NamedTuple):
    """What a folder holds: a file, or a folder below it of which nothing is listed."""

    name: str  # relative to the top, with slashes; a folder's ends with one
    size: int = 0  # bytes
    stamp: str = ""  # changes when the file does; empty for what is no regular file


def walk(top: Path) -> Iterator[Found]:
    """Every file below `top`, also behind links to folders, in no particular order.

    A real folder is visited once: by its own name if it stands below `top`, else by the first link to it. Links that
    lead back up are passed over; further links to a folder, and folders that hold nothing at all, are listed
    themselves. Raises FolderError for a folder that may not be read, and for a name that is not UTF-8.
    """
    root = str(top)
    visited = {_identity(os.stat(root))}  # noqa: PTH116  # of 200,000 files: a Path each takes seconds
    folders, links = [""], deque[str]()
    while folders or links:
        if folders:
            inner = folders.pop()
        else:  # only now: a folder goes by its own name
            inner = links.popleft()
            if _leads_up(root + inner):
                continue
            if (identity := _identity(os.stat(root + inner))) in visited:  # noqa: PTH116
                yield Found(f"{inner[1:]}/")
                continue
            visited.add(identity)
        entries = _entries(root + inner)
        if not entries and inner:
            yield Found(f"{inner[1:]}/")
        for entry in entries:
            name = f"{inner}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                visited.add(_identity(entry.stat(follow_symlinks=False)))
                folders.append(name)
            elif entry.is_symlink() and os.path.isdir(root + name):  # noqa: PTH112  # False for a link to itself
                links.append(name)
            else:
                yield _found(entry, name[1:])


def _leads_up(link: str) -> bool:
    """Whether a link to a folder leads to one that it stands in."""
    target, here = os.path.realpath(link), os.path.realpath(os.path.dirname(link))  # noqa: PTH120
    return os.path.commonpath([target, here]) == target


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise FolderError(
            f"{folder}: cannot be read ({error.strerror}); allow it, or take the folder out of the set"
        ) from None
    for entry in entries:
        try:
            entry.name.encode()
        except UnicodeEncodeError:
            raise FolderError(f"{folder}: the file name {entry.name!a} is not UTF-8; rename the file") from None
    return entries


def _found(entry: os.DirEntry[str], name: str) -> Found:
    try:
        status = entry.stat()
    except OSError:  # a link to nothing, or to itself; `read` says so
        return Found(name)
    regular = stat.S_ISREG(status.st_mode)
    return Found(name, status.st_size, f"{status.st_mtime_ns} {status.st_size}" if regular else "")


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def read(file: Path, limit: int = LARGEST) -> bytes:
    """The content of a regular file of at most `limit` bytes. Raises FolderError with the reason, without the name.

    A pipe would be waited for without end, and a device never stops.
    """
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise FolderError("is a link to nothing" if file.is_symlink() else "is not there any more") from None
    except OSError as error:
        raise FolderError(f"cannot be read ({error.strerror})") from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise FolderError("is not a regular file but a pipe, a socket, a device or a folder")
    with os.fdopen(handle, "rb") as opened:
        content = opened.read(min(status.st_size, limit) + 1)
    if len(content) > limit:
        raise FolderError(f"has more than the {limit:,} bytes that are allowed")
    return content
