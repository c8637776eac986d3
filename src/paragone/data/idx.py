"""Data sets in the layout of MNIST: four IDX files, plain or gzipped, from a folder or by torchvision's download.

IDX (Y. LeCun, http://yann.lecun.com/exdb/mnist/): two zero bytes, a type code, the number of dimensions, each
dimension as a big-endian uint32, then the values.
"""

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paragone.data import downloads
from paragone.data.base import DatasetError, Part, Request, Upstream

PREFIXES = {"train": "train", "test": "t10k"}
FULL = {"train": 60_000, "test": 10_000}  # images of the published MNIST and Fashion-MNIST
UINT8 = 0x08
LARGEST = 2**31  # bytes of a file that are read
CHUNK = 2**20  # bytes read at a time
KINDS = {3: "images", 1: "labels"}  # by number of dimensions


def stems(split: str) -> dict[int, str]:
    """The upstream names of a split's files, without .gz, by number of dimensions."""
    return {dims: f"{PREFIXES[split]}-{kind}-idx{dims}-ubyte" for dims, kind in KINDS.items()}


def read(file: Path, dims: int) -> NDArray[np.uint8]:
    """Read a uint8 IDX file of `dims` dimensions, gzipped or not. Raises DatasetError naming file, field and remedy."""
    return _parse(file, _content(file, dims), dims)


def _content(file: Path, dims: int) -> bytes:
    """The unpacked content, of which no more is read than its header declares, and one byte."""
    with file.open("rb") as packed:
        start = packed.read(2)
    if start != b"\x1f\x8b" and file.suffix == ".gz":
        raise DatasetError(f"{file}: first bytes: {start.hex(' ') or 'none'} are not gzip's 1f 8b; get it again")
    try:
        with gzip.open(file) if start == b"\x1f\x8b" else file.open("rb") as stream:
            content = bytearray(stream.read(4 + 4 * dims))
            left = _declared(content, dims) + 1
            while left and (piece := stream.read(min(left, CHUNK))):
                content += piece
                left -= len(piece)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{file}: gzip: corrupted or cut short ({error}); get it again") from None
    return bytes(content)


def _declared(header: bytes | bytearray, dims: int) -> int:
    """How many values a header declares; none if it is not one."""
    if len(header) < 4 + 4 * dims or header[:3] != bytes([0, 0, UINT8]):
        return 0
    return min(int(np.prod(np.frombuffer(header, ">u4", dims, 4), dtype=object)), LARGEST)


def _parse(file: Path, data: bytes, dims: int) -> NDArray[np.uint8]:
    expected, header = bytes([0, 0, UINT8, dims]), 4 + 4 * dims
    if len(data) < header:
        raise DatasetError(f"{file}: header: {len(data)} bytes, at least {header} are needed; get it again")
    if data[:4] != expected:
        raise DatasetError(f"{file}: magic number: 0x{data[:4].hex()}, {_magic(data[:4], dims)}")
    shape = tuple(int(n) for n in np.frombuffer(data, ">u4", dims, 4))
    if 0 in shape:
        raise DatasetError(f"{file}: dimensions: {shape} hold nothing; put the upstream file there")
    declared, held = int(np.prod(shape, dtype=object)), len(data) - header
    if held != declared:
        fault = "is truncated" if held < declared else "has trailing bytes"
        raise DatasetError(
            f"{file}: dimensions: {shape} declare {declared} bytes, {held} follow: the file {fault}; get it again"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def _magic(magic: bytes, dims: int) -> str:
    expected = f"0x{bytes([0, 0, UINT8, dims]).hex()} ({KINDS[dims]}) is expected"
    if magic[:3] == bytes([0, 0, UINT8]) and magic[3] in KINDS:
        return f"a file of {KINDS[magic[3]]}; {expected}: rename the files to what they hold"
    if magic[:2] == b"\0\0" and magic[3] == dims:
        return f"type code 0x{magic[2]:02x} is not uint8; {expected}: convert the values to uint8"
    return f"not that of such an IDX file; {expected}: put the upstream file there"


def local(folder: Path, published: Mapping[str, str], classes: int) -> Upstream:
    """All of the four files of a folder, compared with the md5 of the published content (by name without .gz).

    Raises DatasetError for a file that is missing, damaged, or does not agree with its sibling.
    """
    parts, notes = [], []
    for split in PREFIXES:
        files = {dims: _find(folder, stem) for dims, stem in stems(split).items()}
        arrays = {}
        for dims, file in files.items():
            data = _content(file, dims)
            arrays[dims] = _parse(file, data, dims)
            md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
            if md5 != published[stems(split)[dims]]:
                notes.append(_difference(file, len(arrays[dims]), FULL[split], md5))
        images, labels = arrays[3], arrays[1]
        _check_labels(files, images, labels, classes)
        parts.append(Part(split, images[..., None], labels, files[3].name, np.arange(len(images))))
    return Upstream(parts, exact=not notes, warnings=tuple(notes))


def _find(folder: Path, stem: str) -> Path:
    for file in (folder / stem, folder / f"{stem}.gz"):
        if file.is_file():
            return file
    raise DatasetError(f"{folder}: neither {stem} nor {stem}.gz is there; put the four upstream files into the folder")


def _difference(file: Path, count: int, full: int, md5: str) -> str:
    if count == full:
        return f"{file.name} has all {full} entries, but the md5 of its content, {md5}, is not the published one"
    return f"{file.name} has {count} entries, the published file {full}"


def _check_labels(files: Mapping[int, Path], images: NDArray[Any], labels: NDArray[Any], classes: int) -> None:
    if len(images) != len(labels):
        raise DatasetError(
            f"{files[1]}: count: {len(labels)} labels for the {len(images)} images of {files[3].name}; "
            "take both from one download"
        )
    if (wrong := np.flatnonzero(labels >= classes)).size:
        raise DatasetError(
            f"{files[1]}: label {wrong[0]}: {labels[wrong[0]]} is not in 0 to {classes - 1} "
            f"({wrong.size} such labels); put the upstream file there"
        )


def download(request: Request, torchvision_set: Any, published: Mapping[str, str], otherwise: str) -> Upstream:
    """The four files from the mirrors of a torchvision data set, kept in `request.raw`, each once its md5 is right.

    torchvision_set: a class like torchvision.datasets.MNIST. otherwise: where else the files can be had, for the
    DatasetError that is raised when they cannot be downloaded.
    """
    for name, md5 in torchvision_set.resources:
        urls = [mirror + name for mirror in torchvision_set.mirrors]
        downloads.fetch(urls, request.raw / name, md5, torchvision_set.__name__, otherwise)
    return local(request.raw, published, len(torchvision_set.classes))
