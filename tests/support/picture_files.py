"""Small image sets in the layouts of their publishers: their names, folders and annotations, with made-up pixels."""

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import scipy.io
from PIL import Image

from paragone.project import files, paths
from paragone.project.params import Dataset, Params
from paragone.stages import ingest

Files = Mapping[str, bytes]


def image(seed: int, width: int = 40, height: int = 30, kind: str = "JPEG", mode: str = "RGB") -> bytes:
    """A smooth image of its own colours, so that JPEG changes little."""
    draw = np.random.default_rng(seed)
    coarse = Image.fromarray(draw.integers(0, 256, (3, 4, 3), np.uint8)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    buffer = io.BytesIO()
    coarse.convert(mode).save(buffer, kind)
    return buffer.getvalue()


def write_folder(folder: Path, content: Files) -> Path:
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def write_zip(file: Path, content: Files) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return file


def tar_bytes(content: Files, mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def class_folders(classes: tuple[str, ...] = ("cat", "dog"), n: int = 10, kind: str = "PNG", side: int = 16) -> Files:
    """<class>/<number>.<kind>, n images a class."""
    return {
        f"{name}/{i:03d}.{kind.lower()}": image(100 * c + i, side, side, kind)
        for c, name in enumerate(classes)
        for i in range(n)
    }


def caltech101(n: int = 4) -> Files:
    """101_ObjectCategories, with the folder that is no class; grey images among those in colour."""
    classes = {"BACKGROUND_Google": 3, "Faces": n, "accordion": n, "yin_yang": n}
    return {
        f"101_ObjectCategories/{name}/image_{i + 1:04d}.jpg": image(50 * c + i, mode="L" if i == 1 else "RGB")
        for c, (name, count) in enumerate(classes.items())
        for i in range(count)
    }


def caltech256(n: int = 4) -> Files:
    classes = {1: "ak47", 2: "american-flag", 257: "clutter"}
    content = {
        f"256_ObjectCategories/{c:03d}.{name}/{c:03d}_{i + 1:04d}.jpg": image(c + i)
        for c, name in classes.items()
        for i in range(n)
    }
    return content | {"256_ObjectCategories/002.american-flag/RENAME2": b"#!/bin/sh\n"}


WNIDS = {"n01440764": "tench, Tinca tinca", "n01443537": "goldfish, Carassius auratus", "n02084071": "dog"}
LEAVES = ("n01440764", "n01443537")


def imagenet_devkit(val: tuple[str, ...]) -> bytes:
    """ILSVRC2012_devkit_t12.tar.gz: meta.mat, whose synsets have one that is no leaf, and the validation's numbers."""
    kinds = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "O")]
    rows = [(i + 1, wnid, words, "a gloss", int(wnid not in LEAVES)) for i, (wnid, words) in enumerate(WNIDS.items())]
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"synsets": np.array(rows, dtype=kinds).reshape(-1, 1)})
    numbers = "".join(f"{list(WNIDS).index(wnid) + 1}\n" for wnid in val).encode()
    root = "ILSVRC2012_devkit_t12/data"
    content = {f"{root}/meta.mat": buffer.getvalue(), f"{root}/ILSVRC2012_validation_ground_truth.txt": numbers}
    return tar_bytes(content, "w:gz")


def imagenet_archives(folder: Path, n: int = 3) -> Path:
    """The three files as published: a tar of one tar per class, a flat tar, and the devkit."""
    classes = {
        wnid: {f"{wnid}_{i}.JPEG": image(10 * c + i) for i in range(n)} for c, wnid in enumerate(reversed(LEAVES))
    }
    val = (LEAVES[1], LEAVES[0], LEAVES[0])
    write_folder(
        folder,
        {
            "ILSVRC2012_img_train.tar": tar_bytes({f"{wnid}.tar": tar_bytes(files) for wnid, files in classes.items()}),
            "ILSVRC2012_img_val.tar": tar_bytes(
                {f"ILSVRC2012_val_{i + 1:08d}.JPEG": image(90 + i) for i in range(len(val))}
            ),
            "ILSVRC2012_devkit_t12.tar.gz": imagenet_devkit(val),
        },
    )
    return folder


def voc_annotation(objects: list[tuple[str, int, int]]) -> bytes:
    """objects: (class, side of its box, difficult)."""
    things = "".join(
        f"<object><name>{name}</name><pose>Left</pose><truncated>0</truncated><difficult>{difficult}</difficult>"
        f"<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>{side}</xmax><ymax>{side}</ymax></bndbox></object>"
        for name, side, difficult in objects
    )
    size = "<size><width>40</width><height>30</height><depth>3</depth></size>"
    return f"<annotation><folder>VOC2007</folder>{size}<segmented>0</segmented>{things}</annotation>".encode()


VOC = {  # objects by image number, by image set
    "trainval": {
        5: [("chair", 20, 0), ("chair", 5, 0), ("person", 25, 0)],  # two chairs
        7: [("person", 20, 0), ("chair", 10, 0)],  # the person is larger
        9: [("chair", 4, 0), ("person", 28, 1), ("person", 28, 1)],  # the persons are difficult
        12: [("person", 9, 1)],  # nothing else
    },
    "test": {1: [("person", 9, 0)], 2: [("chair", 9, 0)], 3: [("dog", 9, 0)]},
}


def voc(image_set: str) -> Files:
    root = "VOCdevkit/VOC2007"
    content = {f"{root}/ImageSets/Main/{image_set}.txt": "".join(f"{i:06d}\n" for i in VOC[image_set]).encode()}
    for number, objects in VOC[image_set].items():
        content[f"{root}/JPEGImages/{number:06d}.jpg"] = image(number)
        content[f"{root}/Annotations/{number:06d}.xml"] = voc_annotation(objects)
    return content


CATEGORIES = [{"id": 1, "name": "person"}, {"id": 10, "name": "traffic light"}, {"id": 90, "name": "toothbrush"}]
COCO = {  # (category id, area, crowd) by image id
    "train2017": {9: [(1, 50.0, 0)], 25: [(10, 3.0, 0), (10, 3.0, 0), (1, 90.0, 0)], 30: [], 34: [(90, 4.0, 0)]},
    "val2017": {139: [(1, 10.0, 1), (1, 10.0, 1), (10, 1.0, 0)], 285: [(1, 8.0, 0)]},
}


def coco_images(folder: str) -> Files:
    return {f"{folder}/{i:012d}.jpg": image(i) for i in COCO[folder]}


def coco_annotations() -> Files:
    content = {}
    for folder, images in COCO.items():
        whole = {
            "info": {"year": 2017},
            "images": [{"id": i, "file_name": f"{i:012d}.jpg", "width": 40, "height": 30} for i in images],
            "annotations": [
                {
                    "id": 100 * i + k,
                    "image_id": i,
                    "category_id": c,
                    "area": area,
                    "iscrowd": crowd,
                    "bbox": [0, 0, 1, 1],
                }
                for i, objects in images.items()
                for k, (c, area, crowd) in enumerate(objects)
            ],
            "categories": CATEGORIES,
        }
        content[f"annotations/instances_{folder}.json"] = json.dumps(whole).encode()
        content[f"annotations/captions_{folder}.json"] = b"{}"
    return content


def prepare(root: Path, **entry: object) -> dict[str, Any]:
    """Ingest a data set `photos` of this entry of params.yaml under root; its dataset.json."""
    params = Params.model_construct(
        profile="none", profiles={}, datasets={"photos": Dataset.model_validate({"source": "local", **entry})}
    )
    ingest.run(root, params, "photos")
    facts: dict[str, Any] = files.read_json(root / paths.prepared("photos") / "dataset.json")
    return facts


def rows(root: Path, split: str, *columns: str) -> list[tuple[Any, ...]]:
    """Columns of the manifest of what `prepare` wrote."""
    table = pq.read_table(root / paths.prepared("photos") / "manifest.parquet", filters=[("split", "=", split)])
    return list(zip(*(table[c].to_pylist() for c in columns), strict=True))


def pixels(root: Path, split: str) -> np.ndarray:
    found: np.ndarray = np.load(root / paths.prepared("photos") / split / "images.npy")
    return found
