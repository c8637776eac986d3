"""Write a prepared data set: pad or crop to one size, describe each image in the manifest, hash, publish whole."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from paragone import files
from paragone.datasets.base import ATTRIBUTE, MANIFEST, SPLITS, DatasetError, Loader, Part, Pixels, Upstream

BLOCK = 1024  # images handled at once


def write(folder: Path, upstream: Upstream, loader: Loader, resolution: int, facts: Mapping[str, str]) -> None:
    """Write a prepared set at resolution x resolution as `folder`, whole or not at all.

    dataset.json holds `facts` (name, title, loader, source) and resolution, shape [C,H,W], classes, class_names,
    channel_classes, counts by split, padding, lossy, altered, exact, warnings, licence, citation, hashes by split,
    content_hash.
    Raises DatasetError if the parts do not agree with each other or the loader.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _fill(partial, upstream, loader, resolution, facts)
        _publish(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _fill(folder: Path, upstream: Upstream, loader: Loader, resolution: int, facts: Mapping[str, str]) -> None:
    with ExitStack() as stack:
        writers = {split: stack.enter_context(_Split(folder, split)) for split in SPLITS}
        size = _append_all(upstream.parts, writers, resolution, len(loader.class_names))
    table = pa.concat_tables([t for w in writers.values() for t in w.tables]).combine_chunks()
    pq.write_table(table, folder / "manifest.parquet", compression="zstd")
    padding, cropped = _padding(size, resolution)
    hashes = {split: w.hashes() for split, w in writers.items()}
    whole = {
        **facts,
        "resolution": resolution,
        "shape": [size[2], resolution, resolution],
        "classes": len(loader.class_names),
        "class_names": list(loader.class_names),
        "channel_classes": loader.channel_classes,
        "counts": {split: w.count for split, w in writers.items()},
        "padding": padding,
        "lossy": bool(cropped or upstream.altered),
        "altered": upstream.altered,
        "exact": upstream.exact,
        "warnings": list(upstream.warnings),
        "licence": loader.licence,
        "citation": loader.citation,
        "hashes": hashes,
        "content_hash": content_hash(hashes),
    }
    files.write_json(folder / "dataset.json", whole)


def content_hash(hashes: Mapping[str, Any]) -> str:
    """The hash of a whole set from those of its splits: shape, pixels, labels and attributes, in order."""
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


def _append_all(
    parts: Iterable[Part], writers: Mapping[str, "_Split"], resolution: int, classes: int
) -> tuple[int, ...]:
    """Append every part to its split; the images' upstream (H,W,C)."""
    size: tuple[int, ...] = ()
    names: list[str] | None = None
    for part in parts:
        size = size or part.images.shape[1:]
        names = list(part.attributes) if names is None else names
        if part.images.dtype != np.uint8 or part.images.shape[1:] != size or len(size) != 3:
            raise DatasetError(
                f"{part.files}: {part.split} images are {part.images.dtype} {part.images.shape[1:]}, "
                f"the first ones {size}; a set has one shape (H,W,C) in uint8: check that the files belong together"
            )
        labels = 0 if part.labels is None else len(part.labels)
        if labels != (len(part.images) if classes else 0):
            raise DatasetError(
                f"{part.files}: {len(part.images)} {part.split} images with {labels} labels in a set of {classes} "
                "classes; check that image and label files belong together"
            )
        if list(part.attributes) != names or any(len(v) != len(part.images) for v in part.attributes.values()):
            raise DatasetError(
                f"{part.files}: attributes: {', '.join(part.attributes) or 'none'} for {len(part.images)} {part.split} "
                f"images; a set has the same ones for every image: {', '.join(names) or 'none'}"
            )
        for start in range(0, len(part.images), BLOCK):
            writers[part.split].append(part, slice(start, start + BLOCK), resolution)
    if empty := [split for split, w in writers.items() if not w.count]:
        raise DatasetError(f"the source gives no {empty[0]} images; a set needs the splits {', '.join(SPLITS)}")
    return size


def _padding(size: tuple[int, ...], resolution: int) -> tuple[str, bool]:
    """The note on how upstream (H,W,C) became square, and whether pixels were lost."""
    height, width, _ = size
    how = ["zero-padded"] * (min(height, width) < resolution) + ["centre-cropped"] * (max(height, width) > resolution)
    if not how:
        return f"none: {height}x{width} as upstream", False
    return f"{' and '.join(how)} from {height}x{width} to {resolution}x{resolution}", "centre-cropped" in how


def fit(images: Pixels, resolution: int) -> Pixels:
    """Zero-pad or centre-crop (n,H,W,C) to (n,resolution,resolution,C); an odd pixel goes to the bottom and right."""
    for axis in (1, 2):
        spare = resolution - images.shape[axis]
        before = abs(spare) // 2
        if spare < 0:
            images = np.take(images, range(before, before + resolution), axis)
        elif spare > 0:
            pad = [(0, 0)] * 4
            pad[axis] = (before, spare - before)
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


class _Split:
    """Appends images to <split>/images.npy, whose length is known only at the end, hashing as it goes."""

    def __init__(self, folder: Path, split: str) -> None:
        self.split, self.count, self.tables = split, 0, list[pa.Table]()
        self._shape: tuple[int, ...] = ()
        self._pixels, self._labels = hashlib.sha256(), hashlib.sha256()
        self._attributes: dict[str, Any] = {}
        self._path = folder / split / "images.npy"
        self._path.parent.mkdir()

    def __enter__(self) -> "_Split":
        self._file = self._path.open("wb")
        return self

    def __exit__(self, *error: object) -> None:
        self._file.seek(0)
        self._header()
        self._file.close()

    def _header(self) -> None:
        """NumPy pads the header so that it keeps its length while the first axis grows."""
        shape = (self.count, *self._shape)
        np.lib.format.write_array_header_1_0(self._file, {"descr": "|u1", "fortran_order": False, "shape": shape})

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


def _publish(partial: Path, folder: Path) -> None:
    """Flush the finished folder to disk and give it its name, in place of what stood there."""
    for path in (*partial.rglob("*"), partial):
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.replace(old)
    partial.replace(folder)
    shutil.rmtree(old, ignore_errors=True)
