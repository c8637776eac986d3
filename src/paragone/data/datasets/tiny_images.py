"""Tiny Images: 79,302,017 pictures of 32x32 collected by 53,464 nouns. Withdrawn by its authors on 29 June 2020.

The collection holds derogatory nouns as categories and offensive images; its authors took it down and ask everyone to
neither use nor share it. This reader is here because a published comparison lists the set, so that figures on copies
that exist can be checked; every prepared set says that it was withdrawn. There is no download.

Upstream: tiny_images.bin, 3,072 bytes per image: red, green, blue, each column by column. No labels: the nouns, which
are what is worst about it, are not read. Options: n_train and n_test images, drawn without repetition by `seed`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from paragone.data import counter_rng, image_files
from paragone.data.base import DatasetError, Loader, Part, Request, Upstream

FILE, SIDE, CHANNELS = "tiny_images.bin", 32, 3
BYTES = SIDE * SIDE * CHANNELS
BLOCK = 1000  # images of a part
DEFAULTS: Mapping[str, Any] = {"n_train": 50_000, "n_test": 10_000, "seed": 0}
WITHDRAWN = (
    "Tiny Images was withdrawn by its authors on 29 June 2020, who ask that it be neither used nor shared "
    "(groups.csail.mit.edu/vision/TinyImages; Prabhu and Birhane 2020, arXiv:2006.16923)"
)


def local(request: Request) -> Upstream:
    """Raises DatasetError if the file is not there, not of that layout, or too short for what is asked."""
    assert request.path is not None
    chosen = image_files.options(request, DEFAULTS)
    file = request.path / FILE if request.path.is_dir() else request.path
    if not file.is_file() or file.suffix != ".bin":
        raise DatasetError(f"{request.path}: holds no {FILE}; name it or its folder ({WITHDRAWN})")
    count, rest = divmod(file.stat().st_size, BYTES)
    if rest or not count:
        raise DatasetError(f"{file}: {file.stat().st_size:,} bytes are no whole number of images of {BYTES}; it is cut")
    asked = {split: chosen[f"n_{split}"] for split in ("train", "test")}
    if not all(asked.values()) or sum(asked.values()) > count:
        raise DatasetError(
            f"{file}: holds {count:,} images, options.n_train and n_test ask for {asked['train']:,} and "
            f"{asked['test']:,}; ask for at least one each and no more than there are"
        )
    return Upstream(_parts(file, count, asked, chosen["seed"]), exact=False, warnings=(WITHDRAWN,))


def _parts(file: Path, count: int, asked: Mapping[str, int], seed: int) -> Iterator[Part]:
    pixels = np.memmap(file, np.uint8, "r").reshape(count, CHANNELS, SIDE, SIDE)  # (N,C,W,H)
    key = counter_rng.mix(np.uint64(seed), np.uint64(0))
    first = 0
    for split, n in asked.items():
        for start in range(first, first + n, BLOCK):
            rows = counter_rng.permute(np.arange(start, min(start + BLOCK, first + n)), count, key)
            images = np.ascontiguousarray(pixels[rows].transpose(0, 3, 2, 1))  # (n,H,W,C)
            yield Part(split, images, None, FILE, rows)
        first += n


LOADER = Loader(
    title="Tiny Images (withdrawn)",
    licence=f"none: {WITHDRAWN}",
    citation="Torralba, Fergus, Freeman: 80 million tiny images, IEEE PAMI 2008; withdrawn in 2020",
    class_names=(),
    sources={"local": local},
    options=frozenset(DEFAULTS),
    homepage="http://groups.csail.mit.edu/vision/TinyImages",
    known_problems=(WITHDRAWN, "CIFAR-10 and CIFAR-100 were drawn from it"),
)
