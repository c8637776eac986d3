"""Unpaired: two collections of images to translate between, in the layout of the CycleGAN data sets.

Upstream: a folder, zip or tar of trainA, trainB, testA and testB (horse2zebra, monet2photo and the others of
Zhu et al. 2017). The images are those of B, the sources those of A: a model learns A to B. Options:

- direction: AtoB, or BtoA for the other way round
- fit, grey, max_damaged: as for image_folder; both collections become squares of one size
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from paragone.data import image_files, image_listing
from paragone.data.base import SPLITS, DatasetError, Loader, Request, Upstream
from paragone.data.image_files import Picture

DEFAULTS: Mapping[str, Any] = {"direction": "AtoB", **image_files.OPTIONS}
FOLDERS = {f"{split}{side}": (split, side) for split in SPLITS for side in "AB"}


def local(request: Request) -> Upstream:
    """Raises DatasetError (or archives.ArchiveError) if one of the four folders is missing or holds no images."""
    assert request.path is not None
    chosen = image_files.options(request, DEFAULTS)
    at = image_listing.unpacked(request.path, request.raw)
    start = "A" if chosen["direction"] == "AtoB" else "B"
    names, others = image_listing.contents(at)
    found = []
    for name in names:
        if folder := next((part for part in PurePosixPath(name).parts[:-1] if part in FOLDERS), None):
            split, side = FOLDERS[folder]
            found.append((folder, Picture(split, at, name, source=side == start)))
    _check(request.path, {folder for folder, _ in found})
    notes, listed = image_listing.left_out(others), {at: names}
    pictures = [picture for _, picture in found]
    return image_files.upstream(pictures, request, chosen, warnings=notes, sources="unpaired", listed=listed)


def _check(path: Path, there: set[str]) -> None:
    if missing := [folder for folder in FOLDERS if folder not in there]:
        raise DatasetError(
            f"{path}: {missing[0]} is missing or holds no images; a set of two collections has {', '.join(FOLDERS)}"
        )


LOADER = Loader(
    title="Unpaired",
    licence="that of the images, which their owner knows",
    citation="layout of Zhu, Park, Isola, Efros: Unpaired image-to-image translation, ICCV 2017, arXiv:1703.10593",
    class_names=(),
    sources={"local": local},
    options=frozenset(DEFAULTS),
    homepage="https://efrosgans.eecs.berkeley.edu/cyclegan/datasets",
)
