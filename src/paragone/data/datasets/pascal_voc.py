"""PASCAL VOC 2007: 9,963 whole photographs, about 500x375, with boxes around objects of 20 classes; JPEG as published.

Upstream: VOCtrainval_06-Nov-2007.tar (5,011 images, the training split) and VOCtest_06-Nov-2007.tar (4,952), or the
VOCdevkit/VOC2007 that they unpack to. A photograph has one object or many, so a label is a choice. Option `label`:

- object: the class of most objects, boxes marked difficult aside if there are others; of equally many, the one of the
  larger area. The number of objects of each class is in the manifest's attributes.
- none: no labels

`fit`, `grey` and `max_damaged` as for image_folder.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from paragone.data import downloads, image_files, image_listing
from paragone.data.base import DatasetError, Loader, Request, Upstream
from paragone.data.image_files import Picture
from paragone.data.torchvision_compat import import_torchvision

DEFAULTS: Mapping[str, Any] = {"label": "object", **image_files.OPTIONS}
ROOT = Path("VOCdevkit/VOC2007")
SETS = {"train": "trainval", "test": "test"}
TARS = {"train": "VOCtrainval_06-Nov-2007.tar", "test": "VOCtest_06-Nov-2007.tar"}
FULL = {"train": 5011, "test": 4952}
CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
OTHERWISE = (
    f"Get {' and '.join(TARS.values())} from http://host.robots.ox.ac.uk/pascal/VOC/voc2007 and give the data set "
    "`source: local` and `path:` to their folder in params.yaml"
)


class Box(NamedTuple):
    """An object of an annotation."""

    category: int
    area: float
    aside: bool  # marked difficult (VOC) or a crowd (COCO)


def local(request: Request) -> Upstream:
    assert request.path is not None
    chosen = image_files.options(request, DEFAULTS)
    labelled = chosen["label"] != "none"
    found = [p for split in SETS for p in _split(request, split, labelled)]
    counts = {split: sum(p.split == split for p in found) for split in SETS}
    notes = [f"{counts['train']:,} training and {counts['test']:,} test images; PASCAL VOC 2007 has 5,011 and 4,952"]
    notes = notes if counts != FULL else []
    class_names: tuple[str, ...] = ()
    if labelled:
        found, class_names, warnings = image_files.shared_classes(found, CLASSES)
        notes += warnings
    return image_files.upstream(
        found, request, chosen, class_names=class_names, attributes=CLASSES, warnings=notes, published=True
    )


def download(request: Request) -> Upstream:
    """By torchvision, hashes checked, unpacked into `request.raw`."""
    published = import_torchvision("torchvision.datasets").VOCDetection
    for image_set in SETS.values():
        fetch = partial(published, request.raw, "2007", image_set, download=True)
        downloads.retry(fetch, "PASCAL VOC 2007", OTHERWISE)
    return local(request._replace(path=request.raw))


def _split(request: Request, split: str, labelled: bool) -> list[Picture]:
    assert request.path is not None
    root = _root(request.path, request.raw, split)
    published = import_torchvision("torchvision.datasets").VOCDetection
    try:
        reader = published(root, "2007", SETS[split])
    except OSError as error:
        raise DatasetError(f"{error.filename}: is not there; unpack both {' and '.join(TARS.values())}") from None
    found = []
    for image, annotation in zip(reader.images, reader.annotations, strict=True):
        boxes = _boxes(Path(annotation), published.parse_voc_xml)
        if not Path(image).is_file():
            raise DatasetError(f"{image}: is not there, and {SETS[split]}.txt names it; unpack {TARS[split]} again")
        counts = tuple(sum(b.category == c for b in boxes) for c in range(len(CLASSES)))
        label = dominant(boxes) if labelled else None
        found.append(Picture(split, root / ROOT, f"JPEGImages/{Path(image).name}", label, counts))
    return found


def _root(path: Path, raw: Path, split: str) -> Path:
    """The folder that holds VOCdevkit/VOC2007."""
    for root in (path, *path.parents[:2]):
        if (root / ROOT).is_dir() and (root / ROOT).is_relative_to(path):
            return root
    if (path / TARS[split]).is_file():
        return image_listing.unpacked(path / TARS[split], raw)
    raise DatasetError(
        f"{path}: holds neither {ROOT} nor {TARS[split]}; name the folder of one VOCdevkit, or of the two archives"
    )


def _boxes(file: Path, parse: Any) -> list[Box]:
    """The objects of an annotation, read by torchvision's parser."""
    try:
        annotation = parse(ElementTree.parse(file).getroot())["annotation"]
        boxes = []
        for thing in annotation["object"]:
            left, top, right, bottom = (float(thing["bndbox"][k]) for k in ("xmin", "ymin", "xmax", "ymax"))
            area = (right - left + 1) * (bottom - top + 1)
            boxes.append(Box(CLASSES.index(thing["name"]), area, thing.get("difficult") == "1"))
    except FileNotFoundError:
        raise DatasetError(f"{file}: is not there; unpack both {' and '.join(TARS.values())}") from None
    except (ElementTree.ParseError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{file}: is no annotation of VOC 2007 ({error}); unpack its archive again") from None
    if not boxes:
        raise DatasetError(
            f"{file}: annotates no object, and every image of VOC 2007 has one; unpack its archive again"
        )
    return boxes


def dominant(boxes: list[Box]) -> int:
    """The class of most objects, those marked aside if there are no others; of equally many the larger in area."""
    counted = [b for b in boxes if not b.aside] or boxes
    rank: dict[int, tuple[int, float]] = {}
    for box in counted:
        number, area = rank.get(box.category, (0, 0.0))
        rank[box.category] = number + 1, area + box.area
    return max(rank, key=lambda c: (*rank[c], -c))


LOADER = Loader(
    title="PASCAL VOC 2007",
    licence="photographs from Flickr under their own terms; for research (host.robots.ox.ac.uk/pascal/VOC)",
    citation="Everingham, Van Gool, Williams, Winn, Zisserman: The PASCAL visual object classes challenge, IJCV 2010",
    class_names=CLASSES,
    sources={"local": local, "download": download},
    options=frozenset(DEFAULTS),
    homepage="http://host.robots.ox.ac.uk/pascal/VOC/voc2007",
    known_problems=(
        "a photograph holds objects of several classes: its label is the class of most of them",
        "few images for a generator, and a third of all objects are persons",
    ),
    counts=FULL,
)
