"""What a process that decodes images runs. Imports no torch, so that it starts fast."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from paragone.data import folders
from paragone.data.image_io import ImageError

Decode = Callable[[bytes], tuple[NDArray[np.uint8], frozenset[str]]]


class Decoded(NamedTuple):
    """What became of a block of files."""

    images: NDArray[np.uint8]  # (n,H,W,C): of the files that could be decoded
    changes: frozenset[str]  # how they differ from what the files hold
    faults: dict[int, str]  # why the others could not, by position in the block


def decode(one: Decode, sources: Sequence[bytes | Path | Exception]) -> Decoded:
    """Decode contents, files, or what came in place of a content."""
    images, changes, faults = [], set[str](), {}
    for i, source in enumerate(sources):
        try:
            if isinstance(source, Exception):
                raise ImageError(str(source))
            image, changed = one(source if isinstance(source, bytes) else folders.read(source))
        except (ImageError, folders.FolderError, OSError) as error:
            faults[i] = str(error)
        else:
            images.append(image)
            changes |= changed
    return Decoded(np.stack(images) if images else np.empty((0, 0, 0, 0), np.uint8), frozenset(changes), faults)


def start() -> None:
    """Leave the keyboard to the parent, and end with it: a worker waits for work for ever if its parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
