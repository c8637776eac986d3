"""The one prepared format of every data set: what a loader provides, how it is written, how it is read.

A data set is one file in this folder that defines `LOADER = Loader(...)`: its facts, and for each source it can
be had from a function `Request -> Upstream`. Everything after that is shared: `data.prepare` pads or crops to one
size and writes, `load` below reads. The prepared folder holds

- `<split>/images.npy`: uint8 (N,H,W,C), for the splits train and test;
- `<split>/sources.npy`: uint8 (M,H,W,C), where the set has images to start from: what a model of image-to-image
  translation is given. Paired: M = N, and source i belongs to image i. Unpaired: another collection. Test-paired:
  unpaired in the training split, paired in the test split, so that what learned without pairs is measured by pairs;
- `manifest.parquet`: one row per image (`MANIFEST`, then a column `attribute_<name>`, int64, for each attribute that
  the set has: factors it was drawn from, annotations), the splits one after the other;
- `dataset.json`: the set as a whole (`paragone.data.prepare.write` lists its keys).

The bytes of each depend on the images, the labels and the facts alone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from paragone.models.base import Spec
from paragone.project import files

Pixels = NDArray[np.uint8]
SPLITS = ("train", "test")
IN_MEMORY = 2 * 1024**3  # bytes; a larger split is memory-mapped

MANIFEST = pa.schema(
    [
        ("index", pa.int64()),  # position in <split>/images.npy
        ("split", pa.string()),
        ("label", pa.int64()),  # null: the set has no labels
        ("sha256", pa.string()),  # of the pixels, row by row
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("channels", pa.int32()),
        ("min", pa.int32()),  # pixel values, 0 to 255
        ("max", pa.int32()),
        ("mean", pa.float64()),
        ("std", pa.float64()),  # population standard deviation; 0 for a constant image
        ("file", pa.string()),  # upstream file it comes from
        ("row", pa.int64()),  # and its position in that file
    ]
)
ATTRIBUTE = "attribute_"  # what the names of further columns begin with


class DatasetError(ValueError):
    """A data set, or the upstream files of one, cannot be used."""


class Part(NamedTuple):
    """Some images of one split, in upstream order; a source yields as many parts as suit its memory."""

    split: str
    images: Pixels  # (n,H,W,C)
    labels: NDArray[np.integer] | None  # (n,), 0 to classes - 1; None: the set has no labels
    files: str | Sequence[str]  # name of the upstream file, or of each image's
    rows: NDArray[np.integer] | None = None  # (n,) position in that file; None: one image per file
    attributes: Mapping[str, NDArray[np.integer]] = {}  # (n,) each, the same names in every part
    changes: frozenset[str] = frozenset()  # how these pixels differ from the published ones, beside Upstream.altered
    skipped: Sequence[tuple[str, str]] = ()  # files left out since the part before: name and reason
    source: bool = False  # these go to sources.npy, without labels, attributes and rows of the manifest


class Pictures(NamedTuple):
    """Image files of one split, any number of them: read and decoded by all cores, as the set is written.

    An attempt that is cut short leaves what it decoded for the next one (`paragone.data.decode_pool`).
    """

    split: str
    path: Path  # the folder or zip that holds them
    names: Sequence[str]  # in it, as `paragone.data.archives.listing` gives them
    stamps: Sequence[str]  # of each, likewise: a file that changes gets another one
    labels: NDArray[np.integer] | None  # (n,), as of a Part
    # one file to (resolution,resolution,C) and what was changed, as of a Part; to be pickled; raises images.ImageError
    decode: Callable[[bytes], tuple[Pixels, frozenset[str]]]
    attributes: Mapping[str, NDArray[np.integer]] = {}  # (n,) each
    tolerated: float = 0.0  # share of the files that may be damaged; these are left out, and listed
    source: bool = False  # as of a Part


class Statistics(NamedTuple):
    """What is known of the pixels of a set as published, in 0 to 1, one number per channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]  # over all pixels of the channel
    source: str  # where the numbers come from


class Upstream(NamedTuple):
    """What a source gives: images, and how far they are what upstream published."""

    parts: Iterable[Part | Pictures]
    exact: bool  # every file equals the published one
    warnings: tuple[str, ...] = ()  # what a reader of a table must know
    altered: str = ""  # how pixels were changed since they were published (resized, JPEG); empty: not at all
    class_names: tuple[str, ...] | None = None  # where the files or the options tell them; None: the loader's
    # whether there are source parts, and how they go with the others; test-paired: in the test split alone
    sources: Literal["", "paired", "unpaired", "test-paired"] = ""
    dynamic: bool = False  # training images are probabilities of 255, drawn anew for every batch


class Request(NamedTuple):
    """What a source is asked for."""

    raw: Path  # folder for upstream files that are downloaded and kept
    path: Path | None = None  # source `local`: the user's folder or archive
    resolution: int = 32
    options: Mapping[str, Any] = {}


@dataclass(frozen=True, kw_only=True)
class Loader:
    """A data set as a file of this folder defines it."""

    title: str
    licence: str
    citation: str
    class_names: tuple[str, ...]  # empty: no labels
    sources: Mapping[str, Callable[[Request], Upstream]]
    options: frozenset[str] = frozenset()  # keys of `options:` that it takes
    homepage: str = ""
    known_problems: tuple[str, ...] = ()  # for its card: what a user of the set should know
    counts: Mapping[str, int] = field(default_factory=dict)  # images by split, of the whole published set
    class_counts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # the same by class
    md5: Mapping[str, str] = field(default_factory=dict)  # of the published files, by name
    statistics: Statistics | None = None  # of the published training split, before it is padded
    lossless: bool = False  # photographs published without loss: blocks of JPEG show a copy that is not
    attributes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # by name: the values there are
    levels: int = 256  # of a pixel: 2 where images hold 0 and 255 alone
    channel_classes: int = 0  # a label numbers one class per channel (10: 100 a + 10 b + c); 0: one of the whole image


class ImageSet(NamedTuple):
    """A split of a prepared data set."""

    images: Tensor  # (N,H,W,C) uint8
    labels: Tensor | None  # (N,) int64
    spec: Spec
    sources: Tensor | None = None  # (M,H,W,C) uint8: what image-to-image models start from
    paired: bool = True  # source i belongs to image i
    dynamic: bool = False  # the images are probabilities of the level 255, from which a training draws every batch


def load(folder: Path, split: str) -> ImageSet:
    """Read a split of a prepared set; images beyond `IN_MEMORY` bytes stay on disk (copy on write).

    Raises ValueError (most often DatasetError) naming what is missing, damaged or does not agree.
    """
    facts = files.read_json(folder / "dataset.json")
    if split not in facts["counts"]:
        raise DatasetError(f"{folder / 'dataset.json'}: no split '{split}'; it has: {', '.join(facts['counts'])}")
    channels, height, width = facts["shape"]
    images = read_images(folder / split / "images.npy", (facts["counts"][split], height, width, channels))
    file = folder / "manifest.parquet"
    try:
        index, labels = read_manifest(file, split, labelled=bool(facts["classes"]))
    except (OSError, ValueError, KeyError, TypeError) as error:  # pyarrow's own are of these kinds
        raise DatasetError(f"{file}: cannot be read ({error}); run `paragone ingest {folder.name}` again") from None
    if not torch.equal(index, torch.arange(len(images))):
        raise DatasetError(
            f"{file}: the {len(index)} rows of {split} are not those of its {len(images)} images in order; "
            f"run `paragone ingest {folder.name}` again"
        )
    spec = Spec((channels, height, width), facts["classes"], facts.get("levels", 256))  # older sets do not say
    if not facts["sources"]:
        return ImageSet(torch.from_numpy(images), labels, spec, dynamic=split == "train" and "dynamic" in facts)
    shape = (facts["source_counts"][split], height, width, channels)
    sources = torch.from_numpy(read_images(folder / split / "sources.npy", shape))
    paired = facts["sources"] == "paired" or (facts["sources"] == "test-paired" and split == "test")
    return ImageSet(torch.from_numpy(images), labels, spec, sources, paired)


def read_manifest(file: Path, split: str, labelled: bool) -> tuple[Tensor, Tensor | None]:
    """The columns `index` and, of a labelled set, `label` of a split's rows: (n,) int64 each.

    `pq.read_table` and `to_numpy` import pandas, which takes longer than everything else here."""
    names = ["split", "index", *["label"] * labelled]
    table = pq.ParquetFile(file, read_dictionary=["split"]).read(columns=names)
    kinds, *values = (table[name].unify_dictionaries().combine_chunks() for name in names)
    splits = kinds.dictionary.to_pylist()
    chosen = from_dlpack(kinds.indices) == (splits.index(split) if split in splits else -1)
    index, *label = (from_dlpack(column)[chosen] for column in values)
    return index, next(iter(label), None)


def read_images(file: Path, shape: tuple[int, ...]) -> Pixels:
    """Read images.npy or sources.npy of the given (N,H,W,C), memory-mapped beyond `IN_MEMORY`. Raises DatasetError."""
    try:
        images: Pixels = np.load(file, mmap_mode="c" if np.prod(shape) > IN_MEMORY else None)
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"{file}: cannot be read ({error}); ingest the set again") from None
    if images.dtype != np.uint8 or images.shape != shape:
        raise DatasetError(
            f"{file}: holds {images.dtype} {images.shape}, dataset.json says uint8 {shape}; ingest the set again"
        )
    return images
