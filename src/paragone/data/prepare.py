"""Write a prepared data set: pad or crop to one size, describe each image in the manifest, hash, publish whole."""

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from paragone.data.base import SPLITS, DatasetError, Loader, Part, Pictures, Upstream
from paragone.data.decode_pool import Decoder
from paragone.data.split_writer import SplitWriter
from paragone.project import files, texts

BLOCK = 1024  # images handled at once
JOURNAL = "decoded.jsonl"  # in the folder while it is being written
_Writers = Mapping[tuple[str, bool], SplitWriter]  # by split, and whether of its sources
NAMED = 3  # files left out that a warning names


def write(folder: Path, upstream: Upstream, loader: Loader, resolution: int, facts: Mapping[str, str]) -> None:
    """Write a prepared set at resolution x resolution as `folder`, whole or not at all.

    dataset.json holds `facts` (name, title, loader, source) and resolution, shape [C,H,W], upstream_size [H,W],
    classes, class_names, channel_classes, levels, counts by split, padding, lossy, altered, exact, warnings, skipped
    (files that were left out), sources (as Upstream's) and source_counts by split, licence, citation, hashes
    by split, content_hash; and dynamic, where the training images are drawn anew for every batch.
    Raises DatasetError if the parts do not agree with each other or the loader, or the disk is full; nothing is left
    then. A kill leaves the images that were decoded, and the same call goes on from there.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    with alone(partial):
        try:
            _check_space(partial, upstream.parts, resolution)
            _fill(partial, upstream, loader, resolution, facts)
            _publish(partial, folder)
        except Exception as error:
            shutil.rmtree(partial, ignore_errors=True)
            if isinstance(error, OSError) and error.errno in files.FULL:
                raise DatasetError(
                    f"{folder}: could not be written ({error.strerror}); nothing was kept, free disk space and run "
                    "again"
                ) from None
            raise


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder against a second process that would write into it; the lock ends with this process.

    The lock is a file beside it: network file systems give none on a folder.
    """
    lock = folder.with_suffix(".lock")
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_ino != lock.stat().st_ino:
                raise FileNotFoundError  # it was another one's, which is done and took it away
        except (BlockingIOError, FileNotFoundError):
            raise DatasetError(f"{folder}: another process is writing it; wait for that one, or end it") from None
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _check_space(folder: Path, parts: Iterable[Part | Pictures], resolution: int) -> None:
    """Where the source tells how many images there will be, a disk that is too small is found before the work."""
    if isinstance(parts, Sequence):
        count = sum(len(part.names) for part in parts if isinstance(part, Pictures))
        there = sum(file.stat().st_size for file in folder.rglob("*.npy"))
        needed, free = count * resolution**2 * 3, shutil.disk_usage(folder).free + there
        if needed > free:
            raise OSError(errno.ENOSPC, f"{needed:,} bytes are needed, {free:,} are free")


def _fill(folder: Path, upstream: Upstream, loader: Loader, resolution: int, facts: Mapping[str, str]) -> None:
    names = loader.class_names if upstream.class_names is None else upstream.class_names
    with ExitStack() as stack:
        writers = {(split, False): stack.enter_context(SplitWriter(folder, split)) for split in SPLITS}
        for split in SPLITS if upstream.sources else ():
            writers[split, True] = stack.enter_context(SplitWriter(folder, split, "sources.npy"))
        decoder = stack.enter_context(Decoder(folder / JOURNAL))
        parts = _decoded(upstream.parts, decoder, writers, resolution)
        made = _append_all(parts, writers, resolution, len(names))
    (folder / JOURNAL).unlink(missing_ok=True)
    table = pa.concat_tables([t for split in SPLITS for t in writers[split, False].tables]).combine_chunks()
    pq.write_table(table, folder / "manifest.parquet", compression="zstd")
    made = made._replace(skipped=[*made.skipped, *decoder.pending_skipped])
    files.write_json(folder / "dataset.json", {**facts, **_facts(upstream, loader, resolution, names, made, writers)})


def _facts(
    upstream: Upstream, loader: Loader, resolution: int, names: Sequence[str], made: "_Made", writers: _Writers
) -> dict[str, Any]:
    """What dataset.json says of images that were written. Raises DatasetError for pairs that are not."""
    altered = "; ".join([upstream.altered] * bool(upstream.altered) + sorted(made.changes))
    padding, cropped = _padding(made.size, resolution, altered)
    counts = {source: {split: w.count for (split, s), w in writers.items() if s == source} for source in (False, True)}
    if upstream.sources == "paired" and counts[False] != counts[True]:
        raise DatasetError(f"{counts[False]} images with {counts[True]} sources; a paired set has one for each")
    hashes = {split: writers[split, False].hashes() for split in SPLITS}
    for split in counts[True]:
        hashes[split]["sources"] = writers[split, True].hashes()["images"]
    return {
        "resolution": resolution,
        "shape": [made.size[2], resolution, resolution],
        "upstream_size": list(made.size[:2]),
        "classes": len(names),
        "class_names": list(names),
        "channel_classes": loader.channel_classes,
        "levels": loader.levels,
        **({"dynamic": True} if upstream.dynamic else {}),  # other sets' files stay as they were
        "counts": counts[False],
        "sources": upstream.sources,
        "source_counts": counts[True],
        "padding": padding,
        "lossy": bool(cropped or altered),
        "altered": altered,
        "exact": upstream.exact and not made.skipped,
        "warnings": [texts.private(warning) for warning in [*upstream.warnings, *_left_out(made.skipped)]],
        "skipped": [{"file": file, "reason": reason} for file, reason in made.skipped],
        "licence": loader.licence,
        "citation": loader.citation,
        "hashes": hashes,
        "content_hash": content_hash(hashes),
    }


def _left_out(skipped: Sequence[tuple[str, str]]) -> list[str]:
    if not skipped:
        return []
    first, more = ", ".join(name for name, _ in skipped[:NAMED]), " ..." * (len(skipped) > NAMED)
    return [f"{len(skipped):,} damaged files were left out: {first}{more}"]


def content_hash(hashes: Mapping[str, Any]) -> str:
    """The hash of a whole set from those of its splits: shape, pixels, labels and attributes, in order."""
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


class _Made(NamedTuple):
    """What all parts have in common, and what became of them."""

    size: tuple[int, ...]  # (H,W,C) upstream
    changes: set[str]
    skipped: list[tuple[str, str]]


def _decoded(parts: Iterable[Part | Pictures], decoder: Decoder, writers: _Writers, resolution: int) -> Iterator[Part]:
    for part in parts:
        if isinstance(part, Part):
            yield part
            continue
        for block in decoder.parts(part, writers[part.split, part.source]):
            if block.images.shape[1:3] != (resolution, resolution):
                raise DatasetError(f"{part.path}: decoded to {block.images.shape[1:3]}, not {resolution}x{resolution}")
            yield block


def _append_all(parts: Iterable[Part], writers: _Writers, resolution: int, classes: int) -> _Made:
    """Append every part to its split, if it goes with the first one."""
    first: Part | None = None
    changes, skipped = set[str](), list[tuple[str, str]]()
    for part in parts:
        first = part if first is None or first.source else first
        _check(part, first, classes)
        for start in range(0, len(part.images), BLOCK):
            writers[part.split, part.source].append(part, slice(start, start + BLOCK), resolution)
        changes |= part.changes
        skipped += part.skipped
    if empty := [f"{split} {'source ' * source}images" for (split, source), w in writers.items() if not w.count]:
        raise DatasetError(f"the source gives no {empty[0]}; a set needs the splits {', '.join(SPLITS)}")
    assert first is not None
    return _Made(first.images.shape[1:], changes, skipped)


def _check(part: Part, first: Part, classes: int) -> None:
    where = part.files if isinstance(part.files, str) else f"{part.files[0]} and {len(part.files) - 1} more"
    size = first.images.shape[1:]
    if part.images.dtype != np.uint8 or part.images.shape[1:] != size or len(size) != 3:
        raise DatasetError(
            f"{where}: {part.split} images are {part.images.dtype} {part.images.shape[1:]}, "
            f"the first ones {size}; a set has one shape (H,W,C) in uint8: check that the files belong together"
        )
    if part.source:
        return
    labels = 0 if part.labels is None else len(part.labels)
    if labels != (len(part.images) if classes else 0):
        raise DatasetError(
            f"{where}: {len(part.images)} {part.split} images with {labels} labels in a set of {classes} "
            "classes; check that image and label files belong together"
        )
    names = list(first.attributes)
    if list(part.attributes) != names or any(len(v) != len(part.images) for v in part.attributes.values()):
        raise DatasetError(
            f"{where}: attributes: {', '.join(part.attributes) or 'none'} for {len(part.images)} {part.split} "
            f"images; a set has the same ones for every image: {', '.join(names) or 'none'}"
        )


def _padding(size: tuple[int, ...], resolution: int, altered: str) -> tuple[str, bool]:
    """The note on how upstream (H,W,C) became square, and whether pixels were lost."""
    height, width, _ = size
    how = ["zero-padded"] * (min(height, width) < resolution) + ["centre-cropped"] * (max(height, width) > resolution)
    if not how:
        return "none" if altered else f"none: {height}x{width} as upstream", False
    return f"{' and '.join(how)} from {height}x{width} to {resolution}x{resolution}", "centre-cropped" in how


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
