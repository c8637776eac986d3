"""Caltech-101: photographs of 101 classes of objects, 31 to 800 per class, about 300x200, JPEG as published.

Upstream: caltech-101.zip, which holds 101_ObjectCategories.tar.gz, which holds 101_ObjectCategories/<class>/*.jpg.
BACKGROUND_Google is no class and is left out, as torchvision does. There is no published split: a seeded share of each
class is held out (options test_share and seed). `fit`, `grey` and `max_damaged` as for image_folder.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paragone.data import archives, downloads, image_files, image_listing
from paragone.data.base import Loader, Request, Upstream
from paragone.data.torchvision_compat import import_torchvision

DEFAULTS: Mapping[str, Any] = {**image_files.OPTIONS, **image_files.SPLIT}
FOLDER, TAR, ZIP = "101_ObjectCategories", "101_ObjectCategories.tar.gz", "caltech-101.zip"
BACKGROUND = "BACKGROUND_Google"
LIMIT = 2**30  # bytes of the zip's members
OTHERWISE = (
    f"Get {ZIP} from https://data.caltech.edu/records/mzrjq-6wc02 and give the data set `source: local` and `path:` to "
    "it in params.yaml"
)


def local(request: Request) -> Upstream:
    """From the zip, the tar in it, its folder, or a folder that holds one of them."""
    assert request.path is not None
    chosen = image_files.options(request, DEFAULTS)
    tar = _tar(request.path, request.raw)
    zipped = [file for file in (request.path, request.path / ZIP) if file.suffix == ".zip" and file.is_file()]
    left = image_listing.budget(zipped[0]) if zipped else None  # one for the zip and the tar in it
    tree = image_listing.unpacked(tar, request.raw, left)
    return image_files.by_class(
        request.path, tree, FOLDER, request, chosen, lambda name: None if name == BACKGROUND else name
    )


def _tar(path: Path, raw: Path) -> Path:
    """The tar, taken out of the zip if need be; or the folder that holds what it holds."""
    for inner in (path / TAR, path / "caltech-101" / TAR, path / ZIP):
        if inner.is_file() and not (path / FOLDER).is_dir():
            return _tar(inner, raw)
    if path.is_dir() or path.suffix != ".zip":
        return path
    for _, data in archives.members(path, lambda name: name.rsplit("/")[-1] == TAR, LIMIT):
        raw.mkdir(parents=True, exist_ok=True)
        (raw / TAR).write_bytes(data)
        shutil.copystat(path, raw / TAR)  # unpacked again only if the zip changes
        return raw / TAR
    return path


def download(request: Request) -> Upstream:
    """By torchvision, its hash checked, unpacked into `request.raw`."""
    published = import_torchvision("torchvision.datasets").Caltech101
    downloads.retry(lambda: published(request.raw, download=True), "Caltech-101", OTHERWISE)
    return local(request._replace(path=request.raw / "caltech101"))


LOADER = Loader(
    title="Caltech-101",
    licence="CC BY 4.0 (data.caltech.edu/records/mzrjq-6wc02)",
    citation="Li, Fergus, Perona: Learning generative visual models from few training examples, CVPR Workshop 2004",
    class_names=(),  # those of its folders
    sources={"local": local, "download": download},
    options=frozenset(DEFAULTS),
    homepage="https://data.caltech.edu/records/mzrjq-6wc02",
    known_problems=(
        "no published split: the test split is a seeded share of each class",
        "classes are far from balanced: 31 to 800 images",
        "many classes were aligned, rotated or mirrored by the authors, which leaves their artefacts in the corners",
    ),
)
