"""Write one split of a prepared data set: its images one block after the other, and their rows of the manifest."""

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from paragone.data.base import ATTRIBUTE, MANIFEST, Part, Pixels


def offset(size: int, resolution: int) -> int:
    """Where an image of `size` pixels starts in `resolution` ones: after that much padding at the top or left, or, if
    negative, with that much cropped there. An odd pixel goes to the bottom and right."""
    spare = resolution - size
    return spare // 2 if spare >= 0 else -(-spare // 2)


def fit(images: Pixels, resolution: int) -> Pixels:
    """Zero-pad or centre-crop (n,H,W,C) to (n,resolution,resolution,C), as `offset` says."""
    for axis in (1, 2):
        size = images.shape[axis]
        start = offset(size, resolution)
        if size > resolution:
            images = np.take(images, range(-start, -start + resolution), axis)
        elif size < resolution:
            pad = [(0, 0)] * 4
            pad[axis] = (start, resolution - size - start)
            images = np.pad(images, pad)
    return np.ascontiguousarray(images)


def describe(images: Pixels) -> dict[str, Any]:
    """The manifest's columns that follow from the pixels (n,H,W,C): exact, whatever the machine's summation order."""
    flat = images.reshape(len(images), -1)
    pixels = flat.shape[1]
    total = flat.sum(1, dtype=np.uint64)
    squares = np.square(flat, dtype=np.uint32).sum(1, dtype=np.uint64)
    height, width, channels = (np.full(len(flat), n, np.int32) for n in images.shape[1:])
    return {
        "sha256": [hashlib.sha256(image.data).hexdigest() for image in flat],
        "height": height,
        "width": width,
        "channels": channels,
        "min": flat.min(1).astype(np.int32),
        "max": flat.max(1).astype(np.int32),
        "mean": total / pixels,
        "std": np.sqrt((squares * np.uint64(pixels) - total * total).astype(np.float64)) / pixels,
    }


class SplitWriter:
    """Appends images to <split>/images.npy, whose length is known only at the end, hashing as it goes."""

    def __init__(self, folder: Path, split: str, name: str = "images.npy") -> None:
        self.split, self.count, self.tables = split, 0, list[pa.Table]()
        self._shape: tuple[int, ...] = ()
        self._pixels, self._labels = hashlib.sha256(), hashlib.sha256()
        self._attributes: dict[str, Any] = {}
        self._path = folder / split / name
        self._path.parent.mkdir(exist_ok=True)

    def __enter__(self) -> "SplitWriter":
        self._path.touch()
        self._file = self._path.open("r+b")  # of an earlier attempt, perhaps
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        with self._file:
            if kind is None:
                self._file.truncate()
                self._header()

    def _header(self) -> None:
        """NumPy pads the header so that it keeps its length while the first axis grows."""
        shape = (self.count, *self._shape)
        self._file.seek(0)
        np.lib.format.write_array_header_1_0(self._file, {"descr": "|u1", "fortran_order": False, "shape": shape})

    def earlier(self, shape: tuple[int, ...]) -> Pixels | None:
        """What an earlier attempt left where the next images go, if that many stand there."""
        if not self.count:
            self._shape = shape[1:]
            self._header()
        place, size = self._file.tell(), math.prod(shape)
        data = self._file.read(size)
        self._file.seek(place)
        return np.frombuffer(data, np.uint8).reshape(shape) if len(data) == size else None

    def flush(self) -> None:
        self._file.flush()

    def append(self, part: Part, block: slice, resolution: int) -> None:
        images = fit(part.images[block], resolution)
        n = len(images)
        if not self.count:
            self._shape = images.shape[1:]
            self._header()
        self._file.write(images.data)
        self._pixels.update(images.data)
        labels = None if part.labels is None else part.labels[block].astype(np.int64)
        self._labels.update(b"" if labels is None else labels.data)
        attributes = {ATTRIBUTE + name: values[block].astype(np.int64) for name, values in part.attributes.items()}
        for name, values in attributes.items():
            self._attributes.setdefault(name, hashlib.sha256()).update(values.data)
        columns = describe(images) | {
            "index": np.arange(self.count, self.count + n),
            "split": [self.split] * n,
            "label": [None] * n if labels is None else labels,
            "file": [part.files] * n if isinstance(part.files, str) else list(part.files[block]),
            "row": np.zeros(n, np.int64) if part.rows is None else part.rows[block],
        }
        schema = pa.schema([*MANIFEST, *((name, pa.int64()) for name in attributes)])
        self.tables.append(pa.table(columns | attributes, schema=schema))
        self.count += n

    def hashes(self) -> dict[str, Any]:
        return {
            "shape": [self.count, *self._shape],
            "images": self._pixels.hexdigest(),
            "labels": self._labels.hexdigest(),
            **{name: digest.hexdigest() for name, digest in self._attributes.items()},
        }
