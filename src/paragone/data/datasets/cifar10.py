"""CIFAR-10: 60,000 photographs of ten classes, 32x32, RGB, in either of its published layouts or as class folders."""

import hashlib
import io
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from paragone.data import archives, downloads, pickles
from paragone.data.base import DatasetError, Loader, Part, Pixels, Request, Statistics, Upstream
from paragone.data.torchvision_compat import import_torchvision

MD5 = {  # of the files of the Python layout
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
BINARY_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"  # of cifar-10-binary.tar.gz; its files have no md5 of their own
ARCHIVES = ("cifar-10-python.tar.gz", "cifar-10-binary.tar.gz")
FULL = {"train": 50_000, "test": 10_000}
SIZE, PIXELS = 32, 3 * 32 * 32
LIMIT = 1024**3  # bytes that a copy of the set may take uncompressed
BATCH = re.compile(r"(?:^|/)((?:data_batch_[1-5]|test_batch)(?:\.bin)?)$")
PICTURE = re.compile(r"(?:^|/)(train|test)/([^/.][^/]*)/([^/.][^/]*\.(?:png|jpe?g))$", re.IGNORECASE)
BLOCK = 1000  # pictures in a part
OTHERWISE = (
    "Get cifar-10-python.tar.gz or cifar-10-binary.tar.gz elsewhere and give the data set `source: local` and `path:` "
    "to it in params.yaml"
)


class Batch(NamedTuple):
    """One of the six files of a published layout."""

    images: Pixels  # (n,32,32,3)
    labels: np.ndarray  # (n,)
    md5: str  # of the file


class Picture(NamedTuple):
    """An image file of a class folder."""

    split: str
    label: int
    file: str
    image: Pixels  # (32,32,3)
    jpeg: bool


def local(request: Request) -> Upstream:
    """What `path` holds: a layout's folder, its tar.gz, or class folders of images, as a folder or an archive.

    Raises ValueError (DatasetError, archives.ArchiveError) naming the file and what is wrong with it.
    """
    assert request.path is not None
    path = next((request.path / name for name in ARCHIVES if (request.path / name).is_file()), request.path)
    batches: dict[str, Batch] = {}
    pictures: list[Picture] = []
    for name, data in archives.members(path, _wanted, LIMIT):
        if found := BATCH.search(name):
            if found[1] in batches:
                raise DatasetError(f"{path}: {found[1]} appears in it twice; name the folder of one copy")
            batches[found[1]] = _batch(f"{path}: {name}", data, binary=found[1].endswith(".bin"))
        else:
            pictures.append(_picture(path, name, data))
    binary = [name for name in batches if name.endswith(".bin")]
    kinds = {"the Python layout": len(batches) > len(binary), "the binary layout": binary, "class folders": pictures}
    if len(held := [kind for kind, files in kinds.items() if files]) != 1:
        raise DatasetError(
            f"{path}: holds {' and '.join(held) or 'no CIFAR-10'}; name the folder or archive of one of: "
            "data_batch_1 ... test_batch, data_batch_1.bin ... test_batch.bin, train/<class>/*.png and test/<class>/*"
        )
    return _from_pictures(path, pictures) if pictures else _from_batches(path, batches)


def download(request: Request) -> Upstream:
    """The Python layout's archive by torchvision's address and md5, kept in `request.raw` and never unpacked."""
    published = import_torchvision("torchvision.datasets").CIFAR10
    archive = request.raw / published.filename
    downloads.fetch([published.url], archive, published.tgz_md5, "CIFAR-10", OTHERWISE)
    return local(request._replace(path=archive))


def _wanted(name: str) -> bool:
    return bool(BATCH.search(name) or PICTURE.search(name))


def _batch(where: str, data: bytes, binary: bool) -> Batch:
    pixels, labels = _binary(where, data) if binary else _pickled(where, data)
    if (wrong := np.flatnonzero((labels < 0) | (labels >= len(LOADER.class_names)))).size:
        raise DatasetError(f"{where}: label {wrong[0]}: {labels[wrong[0]]} is not in 0 to 9; get the file again")
    images = np.ascontiguousarray(pixels.reshape(-1, 3, SIZE, SIZE).transpose(0, 2, 3, 1))  # (n,32,32,3)
    return Batch(images, labels, hashlib.md5(data, usedforsecurity=False).hexdigest())


def _binary(where: str, data: bytes) -> tuple[Pixels, np.ndarray]:
    """Rows of a label and the image, channel by channel."""
    row = 1 + PIXELS
    if not data or len(data) % row:
        raise DatasetError(f"{where}: size: {len(data)} bytes are no whole number of rows of {row}; get the file again")
    rows = np.frombuffer(data, np.uint8).reshape(-1, row)
    return rows[:, 1:], rows[:, 0].astype(np.int64)


def _pickled(where: str, data: bytes) -> tuple[Pixels, np.ndarray]:
    """A dict with `data`, uint8 (n,3072), and `labels`, a list."""
    try:
        batch = pickles.read(data)
    except pickles.PickleError as error:
        raise DatasetError(f"{where}: pickle: {error}: get the file again from its publisher") from None
    pixels, labels = batch.get(b"data"), batch.get(b"labels")
    if not isinstance(pixels, np.ndarray) or pixels.ndim != 2 or pixels.shape[1] != PIXELS or not len(pixels):
        found = f"an array {pixels.shape}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise DatasetError(f"{where}: data: {found}, not an array (n, {PIXELS}); put CIFAR-10's own file there")
    if not isinstance(labels, list) or len(labels) != len(pixels) or not all(type(c) is int for c in labels):
        raise DatasetError(f"{where}: labels: no list of {len(pixels)} numbers, one per image; get the file again")
    return pixels, np.array([min(max(c, -1), 255) for c in labels], np.int64)  # beyond which all are as wrong


def _from_batches(path: Path, batches: dict[str, Batch]) -> Upstream:
    suffix = ".bin" if any(name.endswith(".bin") for name in batches) else ""
    if missing := [name for name in MD5 if name + suffix not in batches]:
        raise DatasetError(f"{path}: {missing[0]}{suffix} is not there; put all six files there")
    parts = []
    for name in MD5:
        batch = batches[name + suffix]
        split = "test" if name == "test_batch" else "train"
        parts.append(Part(split, batch.images, batch.labels, name + suffix, np.arange(len(batch.images))))
    notes = _counts(parts)
    if suffix and not notes and (path.is_dir() or _md5(path) != BINARY_MD5):
        notes.append("in the binary layout only the whole archive has a published md5, and this is not that archive")
    elif not suffix and not notes:
        other = [name for name, md5 in MD5.items() if batches[name].md5 != md5]
        notes += [f"{', '.join(other)}: the md5 is not the published one"] if other else []
    return Upstream(parts, exact=not notes, warnings=tuple(notes))


def _md5(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _counts(parts: list[Part]) -> list[str]:
    found = {split: sum(len(p.images) for p in parts if p.split == split) for split in FULL}
    if found == FULL:
        return []
    return [f"{found['train']:,} training and {found['test']:,} test images; CIFAR-10 has 50,000 and 10,000"]


def _picture(path: Path, name: str, data: bytes) -> Picture:
    match = PICTURE.search(name)
    assert match is not None
    split, category = match[1].lower(), match[2].lower()
    if category not in LOADER.class_names:
        known = ", ".join(LOADER.class_names)
        raise DatasetError(f"{path}: {name}: '{match[2]}' is no class of CIFAR-10; it has: {known}")
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
            if image.size != (SIZE, SIZE):
                raise DatasetError(f"{path}: {name}: is {image.size[0]}x{image.size[1]}, CIFAR-10's images are 32x32")
            pixels = np.asarray(image.convert("RGB"))
            return Picture(split, LOADER.class_names.index(category), name, pixels, image.format == "JPEG")
    except (OSError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError) as error:
        raise DatasetError(f"{path}: {name}: no image that can be read ({error}); get the file again") from None


def _from_pictures(path: Path, pictures: list[Picture]) -> Upstream:
    """In any order: the first of each class by name, the second of each, and so on."""
    pictures.sort(key=lambda p: (p.split, p.label, p.file))
    place: dict[tuple[str, int], int] = {}
    order = []
    for i, p in enumerate(pictures):
        place[p.split, p.label] = rank = place.get((p.split, p.label), -1) + 1
        order.append((p.split != "train", rank, p.label, i))
    ordered = [pictures[i] for *_, i in sorted(order)]
    parts = list(_parts(ordered))
    jpegs = sum(p.jpeg for p in pictures)
    notes = _counts(parts)
    if jpegs:
        notes.append(f"{jpegs:,} images are JPEG (lossy): figures are not comparable with those on the published files")
    notes.append("class folders have no published hash, and not the published order")
    altered = "re-encoded as JPEG (lossy) by whoever made this copy" if jpegs else ""
    return Upstream(parts, exact=False, warnings=tuple(notes), altered=altered)


def _parts(pictures: list[Picture]) -> Iterator[Part]:
    for split in FULL:
        of_split = [p for p in pictures if p.split == split]
        for start in range(0, len(of_split), BLOCK):
            block = of_split[start : start + BLOCK]
            labels = np.array([p.label for p in block])
            yield Part(split, np.stack([p.image for p in block]), labels, [p.file for p in block])


LOADER = Loader(
    title="CIFAR-10",
    licence="none stated by its authors; drawn from the Tiny Images collection, withdrawn in 2020",
    citation="Krizhevsky: Learning multiple layers of features from tiny images, 2009",
    homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
    known_problems=(
        "3.3 % of the test images nearly repeat a training image (Barz, Denzler 2020, https://arxiv.org/abs/1902.00423).",
        "Copies found as class folders are often JPEG: Frechet distances on them are not those of the published files.",
    ),
    counts=FULL,
    md5=MD5 | {ARCHIVES[1]: BINARY_MD5},
    class_counts={"train": (5000,) * 10, "test": (1000,) * 10},
    statistics=Statistics((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), "over the published training split"),
    lossless=True,
    class_names=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    sources={"download": download, "local": local},
)
