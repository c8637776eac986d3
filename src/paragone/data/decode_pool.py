"""Decode the image files of a large set on all cores, in order, in bounded memory, and keep what was done when killed.

The pixels of an attempt that was cut short are still in its images.npy. The journal beside them says which files
they were decoded from, by which code, and what they hash to, so the next attempt takes them as they are.
"""

import hashlib
import json
import multiprocessing
import os
import pickle
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from paragone.data import archives, decode_worker
from paragone.data.base import DatasetError, Part, Pictures, Pixels
from paragone.data.decode_worker import Decode, Decoded
from paragone.project import environment, fingerprint

BLOCK = 256  # files decoded at once
FEW = 4 * BLOCK  # files that this process decodes alone: others take a second to start
NAMED = 3  # damaged files that an error names


class Target(Protocol):
    """Where the images go: a split's images.npy, as `paragone.data.prepare` writes it."""

    def earlier(self, shape: tuple[int, ...]) -> Pixels | None:
        """What an earlier attempt left where the next images go, if that many stand there."""

    def flush(self) -> None: ...


class Decoder:
    """Turns Pictures into Parts, block by block."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._done = _read(journal)
        self._stack = ExitStack()
        self._pool: ProcessPoolExecutor | None = None

        self.pending_skipped: list[
            tuple[str, str]
        ] = []  # files left out after the last part: of blocks without any image

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
        self._stack.close()

    def parts(self, pictures: Pictures, target: Target) -> Iterator[Part]:
        """The pictures as Parts; each is appended to `target` before the next is asked for.

        Raises DatasetError once more of the files are damaged than is tolerated.
        """
        total = len(pictures.names)
        skipped: list[tuple[str, str]] = []
        reported = 0
        with tqdm(desc=pictures.split, total=total, unit=" images", disable=total < FEW, mininterval=1) as bar:
            for start, key, result in self._ahead(pictures):
                names = pictures.names[start : start + BLOCK]
                recalled = _recall(self._done[key], target) if key in self._done else None
                decoded = recalled or result()
                skipped += [(names[i], reason) for i, reason in decoded.faults.items()]
                if len(skipped) > pictures.tolerated * total:
                    raise _damaged(pictures, skipped)
                if len(decoded.images):
                    yield _part(pictures, start, decoded)._replace(skipped=skipped[reported:])
                    reported = len(skipped)
                if not recalled:
                    target.flush()  # the part has been appended by now
                    self._note(key, decoded)
                bar.update(len(names))
        self.pending_skipped += skipped[reported:]

    def _ahead(self, pictures: Pictures) -> Iterator[tuple[int, str, Callable[[], Decoded]]]:
        """(start, key, result) of each block, a few blocks beyond the one in hand being decoded meanwhile."""
        salt = _salt(pictures.decode)
        with archives.reader(pictures.path) as read:
            starts = iter(range(0, len(pictures.names), BLOCK))
            window = self._window(len(pictures.names))
            queue: deque[tuple[int, str, Callable[[], Decoded]]] = deque()
            while True:
                for start in islice(starts, window - len(queue)):
                    block = slice(start, start + BLOCK)
                    key = _key(salt, pictures, block)
                    queue.append((start, key, self._submit(pictures.decode, read, pictures.names[block], key)))
                if not queue:
                    return
                yield queue.popleft()

    def _window(self, total: int) -> int:
        """How many blocks are in flight; starts the processes if there are enough files to share."""
        bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        cores = max(1, int(min(bound, environment.quota())))
        if self._pool is None and total > FEW and cores > 1:
            context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
            self._pool = ProcessPoolExecutor(cores, context, decode_worker.start)
        return cores + 2 if self._pool else 1

    def _submit(self, decode: Decode, read: archives.Read, names: Sequence[str], key: str) -> Callable[[], Decoded]:
        if self._pool is None or key in self._done:
            return lambda: decode_worker.decode(decode, read(names))
        future: Future[Decoded] = self._pool.submit(decode_worker.decode, decode, read(names))
        return future.result

    def _note(self, key: str, decoded: Decoded) -> None:
        images, changes, faults = decoded
        entry = {"shape": images.shape, "sha256": _hash(images), "changes": sorted(changes), "faults": faults}
        with self._journal.open("a") as file:
            file.write(json.dumps([key, entry]) + "\n")


def _part(pictures: Pictures, start: int, decoded: Decoded) -> Part:
    end = min(start + BLOCK, len(pictures.names))
    rows = np.array([i for i in range(start, end) if i - start not in decoded.faults])
    return Part(
        pictures.split,
        decoded.images,
        None if pictures.labels is None else pictures.labels[rows],
        [pictures.names[i] for i in rows],
        None,
        {name: values[rows] for name, values in pictures.attributes.items()},
        decoded.changes,
        source=pictures.source,
    )


def _damaged(pictures: Pictures, faults: Sequence[tuple[str, str]]) -> DatasetError:
    first = "; ".join(f"{name}: {reason}" for name, reason in faults[:NAMED])
    if not pictures.tolerated:
        return DatasetError(f"{pictures.path}: {first}; get the file again")
    share = f"{len(faults):,} or more of {len(pictures.names):,} files cannot be read"
    return DatasetError(
        f"{pictures.path}: {share}, a share of {pictures.tolerated:.2%} is allowed: {first}; "
        "get them again, or allow more"
    )


def _salt(decode: Decode) -> bytes:
    """What decides what a file is decoded to: the function, its arguments and its code."""
    module = getattr(decode, "func", decode).__module__
    modules = [module] if module.startswith(f"{__package__}.") else []
    return pickle.dumps(decode) + fingerprint.closure("paragone.data.image_io", *modules).encode()


def _key(salt: bytes, pictures: Pictures, block: slice) -> str:
    which = [str(pictures.path), pictures.split, list(pictures.names[block]), list(pictures.stamps[block])]
    return hashlib.sha256(salt + json.dumps(which).encode()).hexdigest()


def _hash(images: Pixels) -> str:
    return hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()


def _read(journal: Path) -> dict[str, dict[str, Any]]:
    """The entries by key; a last line that was cut short is none."""
    found = {}
    for line in journal.read_text().splitlines() if journal.is_file() else []:
        try:
            key, entry = json.loads(line)
        except (ValueError, TypeError):
            continue
        found[key] = entry
    return found


def _recall(entry: dict[str, Any], target: Target) -> Decoded | None:
    images = target.earlier(tuple(entry["shape"]))
    if images is None or _hash(images) != entry["sha256"]:
        return None
    return Decoded(images, frozenset(entry["changes"]), {int(i): reason for i, reason in entry["faults"].items()})
