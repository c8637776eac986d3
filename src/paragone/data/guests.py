"""Images that were made elsewhere, as they come: a folder or zip of image files, an .npz or an .npy.

They must be what the data set is: as many channels, and its size, or the size that its images had before they were
padded or cut, which is then done to them likewise. Nothing else is changed without being refused: a resize that nobody
chose would be measured as if it were the generator's.
"""

import io
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from paragone.data import archives, folders, image_io, image_listing, pixel_stats
from paragone.data.base import Pixels
from paragone.data.split_writer import fit

OVERVIEW = "wall.png"  # which `paragone sample --run` writes beside its images
LABELS = "labels.csv"  # likewise: the columns file and label
IMAGES, ADM_LABELS = "arr_0", "arr_1"  # as ADM and EDM name the arrays of an .npz
HONEST = (
    "draw them at that size, or resize each by an antialiased filter before they are saved (as "
    "paragone.data.image_io.resize does to data) and say so"
)
COLOUR = {1: "draw grey images, or convert each to grey before they are saved and say so", 3: "draw them in colour"}


class GuestError(ValueError):
    """What was brought cannot be measured on this data set."""


class Guest(NamedTuple):
    """Images from elsewhere, and what is to be said of them."""

    images: Pixels  # (n,H,W,C)
    labels: NDArray[np.int64] | None  # (n,) the classes that they were asked to be of
    notes: tuple[str, ...] = ()  # what was done to them


def read(path: Path, facts: Mapping[str, Any]) -> Guest:
    """The images at `path`, for the prepared data set whose dataset.json is `facts`. Raises GuestError."""
    if not path.exists():
        raise GuestError(f"{path}: is not there; name a folder, a zip, an .npz or an .npy of images")
    if path.is_file() and path.suffix not in (".npy", ".npz") and not zipfile.is_zipfile(path):
        raise GuestError(f"{path}: is no zip, .npz or .npy; name one of these, or the folder that its images are in")
    try:
        if path.suffix == ".npy":
            return take(path, _array(path), None, facts)
        if path.suffix == ".npz" or _is_npz(path):
            return take(path, *_arrays(path), facts)
        return _pictures(path, facts)
    except (archives.ArchiveError, folders.FolderError) as error:
        raise GuestError(str(error)) from None


def take(where: object, array: Any, labels: Any, facts: Mapping[str, Any], notes: Iterable[str] = ()) -> Guest:
    """An array of images as a guest: (n,H,W,C), (n,C,H,W) or (n,H,W), of whole numbers 0 to 255 or floats 0 to 1.

    where: what errors name. Raises GuestError.
    """
    pixels, warnings = _fitting(where, _levels(where, np.asarray(array)), facts)
    return Guest(pixels, _labels(where, labels, len(pixels), facts), (*notes, *warnings))


def inspect(guest: Guest, manifest: Path) -> list[str]:
    """What the validation of data would say of these images: constant ones, repeats, copies of training images."""
    found = pixel_stats.inspect(guest.images, np.full(len(guest.images), -1), 0)
    rows = pq.read_table(manifest, columns=["sha256"], filters=[("split", "=", "train")])
    train: Set[str] = set(rows["sha256"].to_pylist())
    counts = {
        "are of one colour all over": int((found.contrast == 0).sum()),
        "have the pixels of an earlier one": len(found.sha256) - len(set(found.sha256)),
        "have the pixels of a training image": sum(digest in train for digest in found.sha256),
    }
    return [f"{count:,} of {len(guest.images):,} images {what}" for what, count in counts.items() if count]


def _is_npz(path: Path) -> bool:
    """Whether a file is a zip of arrays, whatever its name."""
    if path.is_dir() or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return bool(names) and all(name.endswith(".npy") for name in names)


def _array(path: Path) -> NDArray[Any]:
    try:
        found: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise GuestError(f"{path}: {_unreadable(error)}") from None
    return found


def _arrays(path: Path) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Images and labels of an .npz: arr_0 and arr_1, or its only array."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = list(archive.files)
            images = IMAGES if IMAGES in names else names[0] if len(names) == 1 else ""
            if not images or set(names) - {images, ADM_LABELS}:
                raise GuestError(
                    f"{path}: holds the arrays {', '.join(names) or 'none'}, and which of them are the images nothing "
                    f"says; save them as {IMAGES}, and labels, if any, as {ADM_LABELS}"
                )
            return archive[images], archive[ADM_LABELS] if ADM_LABELS in names else None
    except GuestError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise GuestError(f"{path}: {_unreadable(error)}") from None


def _unreadable(error: Exception) -> str:
    if "pickle" in str(error).lower():
        return "holds pickled objects, which may run any code and are not read; save a plain array of numbers"
    return f"is not a whole .npy or .npz file ({error}); save it again by numpy.save or numpy.savez"


def _pictures(path: Path, facts: Mapping[str, Any]) -> Guest:
    """The image files of a folder or zip, in the order of their names."""
    names, others = image_listing.contents(path)
    chosen = [name for name in names if name != OVERVIEW]
    if not chosen:
        beside = f" (it has: {image_listing.count_by_kind(others)})" if others else ""
        raise GuestError(f"{path}: holds no image files{beside}; name what holds the PNG files of the samples")
    notes = image_listing.left_out([name for name in others if name != LABELS])
    modes: Counter[str] = Counter()
    images = []
    for name, data in _contents(path, chosen):
        images.append(_decoded(path, name, data, modes))
        if images[-1].shape != images[0].shape:
            first, other = (f"{i.shape[0]}x{i.shape[1]}" for i in (images[0], images[-1]))
            raise GuestError(f"{path}: {chosen[0]} is {first} and {name} {other}; draw all at one size")
    labels = _listed(path, chosen) if LABELS in others else None
    notes += [f"{count:,} files {_MODES[mode]}" for mode, count in sorted(modes.items()) if mode in _MODES]
    pixels = np.stack(images)
    grey = not modes.keys() - {"JPEG", "L", "1", "I;16"}
    return take(path, pixels[..., :1] if grey else pixels, labels, facts, notes)


_MODES = {
    "JPEG": "are stored as JPEG, whose loss is measured with them",
    "RGBA": "have transparency, which was laid over white",
    "I;16": "have 16 bits, of which the upper eight were taken",
    "P": "have a palette",
    "CMYK": "are CMYK, turned to RGB",
}


def _contents(path: Path, names: list[str]) -> Iterator[tuple[str, bytes]]:
    with archives.reader(path) as read:
        for name in names:
            (found,) = read([name])
            try:
                data = folders.read(found) if isinstance(found, Path) else found
            except folders.FolderError as error:
                raise GuestError(f"{path}: {name} {error}; replace it, or take it out") from None
            if isinstance(data, Exception):
                raise GuestError(f"{path}: {name}: {data}; replace it, or take it out")
            yield name, data


def _decoded(path: Path, name: str, data: bytes, modes: Counter[str]) -> Pixels:
    """(H,W,3), and the file's kind counted."""
    try:
        image = image_io.decode(data, "RGB")
    except image_io.ImageError as error:
        raise GuestError(f"{path}: {name} is no image ({error}); replace it, or take it out") from None
    modes.update(["JPEG"] * data.startswith(image_io.JPEG))
    with Image.open(io.BytesIO(data)) as opened:
        modes[opened.mode] += 1
    return np.asarray(image)


def _listed(path: Path, names: list[str]) -> NDArray[Any]:
    """The label of each file, from labels.csv."""
    ((_, text),) = _contents(path, [LABELS])
    try:
        table = pd.read_csv(io.BytesIO(text), dtype={"file": str})
        by_name = dict(zip(table["file"], table["label"], strict=True))
        return np.array([by_name[name] for name in names])
    except (ValueError, KeyError, TypeError) as error:
        raise GuestError(
            f"{path}: {LABELS} does not list every image ({error}); give it the columns file and label, or remove it"
        ) from None


def _levels(where: object, array: NDArray[Any]) -> Pixels:
    """The array in 256 levels."""
    if array.dtype == np.uint8:
        return array
    if array.size and np.issubdtype(array.dtype, np.number) and not np.issubdtype(array.dtype, np.complexfloating):
        if not np.isfinite(array).all():
            raise GuestError(f"{where}: holds NaN or infinity; draw the images again")
        low, high = array.min(), array.max()
        if np.issubdtype(array.dtype, np.integer):
            if low >= 0 and high <= 255:
                return array.astype(np.uint8)
        elif low >= 0 and high <= 1:
            return np.rint(array * 255).astype(np.uint8)
        raise GuestError(
            f"{where}: holds {array.dtype} from {low:g} to {high:g}; give whole numbers from 0 to 255, or floats from "
            "0 to 1 (of floats from -1 to 1: x / 2 + 0.5)"
        )
    raise GuestError(f"{where}: holds {array.size} values of type {array.dtype}, not images; save numbers, 0 to 255")


def _fitting(where: object, pixels: Pixels, facts: Mapping[str, Any]) -> tuple[Pixels, list[str]]:
    """The images as the data set's are, and what was done to them."""
    channels, height, width = facts["shape"]
    notes = []
    if pixels.ndim == 3:
        pixels = pixels[..., np.newaxis]
    if pixels.ndim != 4 or not len(pixels):
        raise GuestError(
            f"{where}: holds an array of {_size(pixels.shape)}, not images; give (n, height, width, channels)"
        )
    if pixels.shape[-1] not in (1, 3) and pixels.shape[1] in (1, 3):
        pixels = pixels.transpose(0, 2, 3, 1)
    if channels == 1 and pixels.shape[-1] == 3 and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., :1]
        notes.append("stored in RGB with three equal channels, of which one was taken")
    upstream = tuple(facts.get("upstream_size", (height, width)))
    if pixels.shape[1:3] == upstream != (height, width) and not facts["altered"]:
        pixels = fit(pixels, height)
        notes.append(f"{facts['padding']}, as the data were")
    if pixels.shape[1:] != (height, width, channels):
        theirs, ours = _size(pixels.shape[1:]), _size((height, width, channels))
        remedy = COLOUR[channels] if pixels.shape[1:3] == (height, width) else HONEST
        raise GuestError(f"{where}: images are {theirs}, those of {facts['name']} {ours}; {remedy}")
    return np.ascontiguousarray(pixels), notes


def _size(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "one number"


def _labels(where: object, labels: Any, n: int, facts: Mapping[str, Any]) -> NDArray[np.int64] | None:
    if labels is None:
        return None
    found, classes = np.asarray(labels), int(facts["classes"])
    if not classes:
        raise GuestError(f"{where}: has labels, and {facts['name']} has none; leave them out")
    if found.shape != (n,) or not np.issubdtype(found.dtype, np.integer):
        raise GuestError(
            f"{where}: labels are an array of {_size(found.shape)} of type {found.dtype} for {n} images; give each "
            "image one whole number"
        )
    if n and (found.min() < 0 or found.max() >= classes):
        wrong = int(found.min() if found.min() < 0 else found.max())
        raise GuestError(
            f"{where}: labels go to {wrong}, those of {facts['name']} from 0 to {classes - 1}: they are of another "
            "set; number the classes as that set does, or leave the labels out"
        )
    return found.astype(np.int64)
