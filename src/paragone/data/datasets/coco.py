"""MS COCO 2017: 123,287 whole photographs, about 640x480, with objects of 80 classes; JPEG as published.

Upstream: train2017.zip (118,287 images), val2017.zip (5,000; here: test) and annotations_trainval2017.zip, or the
folders that they unpack to: train2017, val2017 and annotations/instances_{train,val}2017.json. Option `label`:

- object: the class of most objects, crowds aside if there are others; of equally many, the one of the larger area.
  Images with no object are left out. The number of objects of each class is in the manifest's attributes.
- none: all images, no labels

`fit`, `grey` and `max_damaged` as for image_folder. The annotations are plain JSON, read without pycocotools, which
torchvision's reader needs for the masks; reading those of the training split takes some 3 GB.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from paragone.data import archives, image_files, image_listing
from paragone.data.base import DatasetError, Loader, Request, Upstream
from paragone.data.datasets.pascal_voc import Box, dominant
from paragone.data.image_files import Picture

DEFAULTS: Mapping[str, Any] = {"label": "object", **image_files.OPTIONS}
FOLDERS = {"train": "train2017", "test": "val2017"}
ANNOTATIONS = "annotations_trainval2017.zip"
FULL = {"train": 118_287, "test": 5000}
LIMIT = 4 * 2**30  # bytes of the annotations
CLASSES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip


class Instances(NamedTuple):
    """What the annotations of a split say."""

    files: Mapping[int, str]  # by image id
    boxes: Mapping[int, list[Box]]


def local(request: Request) -> Upstream:
    assert request.path is not None
    chosen = image_files.options(request, DEFAULTS)
    labelled = chosen["label"] != "none"
    found: list[Picture] = []
    notes = []
    for split, folder in FOLDERS.items():
        pictured = _split(request.path, split, labelled)
        if empty := [p for p in pictured if labelled and p.label is None]:
            notes.append(f"{len(empty):,} images of {folder} that show none of the 80 classes were left out")
        if len(pictured) != FULL[split]:
            notes.append(f"{folder} has {len(pictured):,} images; MS COCO 2017 has {FULL[split]:,} there")
        found += [p for p in pictured if p.label is not None or not labelled]
    class_names: tuple[str, ...] = ()
    if labelled:
        found, class_names, warnings = image_files.shared_classes(found, CLASSES)
        notes += warnings
    names = [name.replace(" ", "_") for name in CLASSES]
    return image_files.upstream(
        found, request, chosen, class_names=class_names, attributes=names, warnings=notes, published=True
    )


def _split(path: Path, split: str, labelled: bool) -> list[Picture]:
    folder = FOLDERS[split]
    at = path / folder if (path / folder).is_dir() else path / f"{folder}.zip"
    if not at.exists():
        raise DatasetError(f"{path}: holds neither {folder} nor {folder}.zip; name the folder of MS COCO 2017's files")
    instances = _instances(path, folder)
    by_file = {name.rpartition("/")[2]: name for name in image_listing.names(at)}  # a zip's names begin with its folder
    found = []
    for number, file in sorted(instances.files.items()):
        if file not in by_file:
            raise DatasetError(f"{at}: holds no {file}, which instances_{folder}.json names; get it again")
        boxes = instances.boxes.get(number, [])
        counts = tuple(sum(b.category == c for b in boxes) for c in range(len(CLASSES)))
        label = dominant(boxes) if labelled and boxes else None
        found.append(Picture(split, at, by_file[file], label, counts))
    return found


def _instances(path: Path, folder: str) -> Instances:
    name = f"annotations/instances_{folder}.json"
    where, data = _annotations(path, name)
    try:
        content = json.loads(data)
        category = {c["id"]: CLASSES.index(c["name"]) for c in content["categories"]}
        boxes = defaultdict(list)
        for one in content["annotations"]:
            box = Box(category[one["category_id"]], float(one["area"]), bool(one["iscrowd"]))
            boxes[one["image_id"]].append(box)
        files = {image["id"]: image["file_name"] for image in content["images"]}
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{where}: is no annotation of MS COCO 2017 ({error}); get it again") from None
    return Instances(files, boxes)


def _annotations(path: Path, name: str) -> tuple[str, bytes]:
    """A file of annotations, unpacked or in its zip."""
    if (path / name).is_file():
        return str(path / name), (path / name).read_bytes()
    if (path / ANNOTATIONS).is_file():
        for found, data in archives.members(path / ANNOTATIONS, lambda n: n == name, LIMIT):
            return f"{path / ANNOTATIONS}: {found}", data
    raise DatasetError(f"{path}: holds neither {name} nor {ANNOTATIONS} with it; put one of them there")


LOADER = Loader(
    title="MS COCO 2017",
    licence="annotations CC BY 4.0; photographs from Flickr under their own terms (cocodataset.org/#termsofuse)",
    citation="Lin et al.: Microsoft COCO: common objects in context, ECCV 2014, arXiv:1405.0312",
    class_names=CLASSES,
    sources={"local": local},
    options=frozenset(DEFAULTS),
    homepage="https://cocodataset.org",
    known_problems=(
        "a photograph holds objects of several classes: its label is the class of most of them",
        "with labels, the images that show none of the classes are left out (1,021 in training, 48 in validation)",
        "the test split is the published validation split: the annotations of the test images were not published",
    ),
)
