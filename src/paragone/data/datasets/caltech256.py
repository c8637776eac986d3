"""Caltech-256: photographs of 256 classes of objects, at least 80 per class, about 370x330, JPEG as published.

Upstream: 256_ObjectCategories.tar, which holds 256_ObjectCategories/<NNN.class>/<NNN_NNNN>.jpg. 257.clutter is no class
and is left out (torchvision keeps it). There is no published split: a seeded share of each class is held out (options
test_share and seed). `fit`, `grey` and `max_damaged` as for image_folder.
"""

from collections.abc import Mapping
from typing import Any

from paragone.data import downloads, image_files, image_listing
from paragone.data.base import Loader, Request, Upstream
from paragone.data.torchvision_compat import import_torchvision

DEFAULTS: Mapping[str, Any] = {**image_files.OPTIONS, **image_files.SPLIT}
FOLDER, TAR = "256_ObjectCategories", "256_ObjectCategories.tar"
BACKGROUND = "257.clutter"
OTHERWISE = (
    f"Get {TAR} from https://data.caltech.edu/records/nyy15-4j048 and give the data set `source: local` and `path:` to "
    "it in params.yaml"
)


def local(request: Request) -> Upstream:
    """From the tar, its folder, or a folder that holds one of them."""
    assert request.path is not None
    chosen = image_files.options(request, DEFAULTS)
    inside = request.path / TAR
    holds_tar = inside.is_file() and not (request.path / FOLDER).is_dir()
    tree = image_listing.unpacked(inside if holds_tar else request.path, request.raw)
    return image_files.by_class(request.path, tree, FOLDER, request, chosen, _class_name)


def _class_name(folder: str) -> str | None:
    """Without its number: "001.ak47" is the class "ak47"."""
    return None if folder == BACKGROUND else folder.partition(".")[2] or folder


def download(request: Request) -> Upstream:
    """By torchvision, its hash checked, unpacked into `request.raw`."""
    published = import_torchvision("torchvision.datasets").Caltech256
    downloads.retry(lambda: published(request.raw, download=True), "Caltech-256", OTHERWISE)
    return local(request._replace(path=request.raw / "caltech256"))


LOADER = Loader(
    title="Caltech-256",
    licence="CC BY 4.0 (data.caltech.edu/records/nyy15-4j048)",
    citation="Griffin, Holub, Perona: Caltech-256 object category dataset, technical report CNS-TR-2007-001, 2007",
    class_names=(),  # those of its folders
    sources={"local": local, "download": download},
    options=frozenset(DEFAULTS),
    homepage="https://data.caltech.edu/records/nyy15-4j048",
    known_problems=(
        "no published split: the test split is a seeded share of each class",
        "classes are not balanced: 80 to 827 images",
        "a few folders hold files that are no images (RENAME2, a folder `greg`); they are passed over",
    ),
)
