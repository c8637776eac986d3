from pathlib import Path

import pytest

from paragone.project import paths
from support import picture_files
from support.picture_files import coco_annotations, coco_images, prepare, rows, write_folder, write_zip

ALL = {**coco_images("train2017"), **coco_images("val2017"), **coco_annotations()}


def _zips(folder: Path) -> Path:
    for name in ("train2017", "val2017"):
        write_zip(folder / f"{name}.zip", coco_images(name))
    write_zip(folder / "annotations_trainval2017.zip", coco_annotations())
    return folder


@pytest.mark.parametrize("form", ["unpacked", "zips"])
def test_both_forms(tmp_path: Path, form: str) -> None:
    write_folder(tmp_path / "unpacked", ALL)
    _zips(tmp_path / "zips")
    facts = prepare(tmp_path, loader="coco", path=form, resolution=16)
    assert facts["class_names"] == ["person", "traffic light"]
    labels = {int(file[-16:-4]): label for file, label in rows(tmp_path, "train", "file", "label")}
    assert labels == {9: 0, 25: 1}  # 30 shows nothing, 34 a toothbrush, which no image of val2017 shows
    assert {int(f[-16:-4]): c for f, c in rows(tmp_path, "test", "file", "label")} == {139: 1, 285: 0}  # 139: a crowd
    assert rows(tmp_path, "train", "attribute_person", "attribute_traffic_light") == [(1, 0), (1, 2)]
    assert facts["warnings"][:2] == [
        "1 images of train2017 that show none of the 80 classes were left out",
        "train2017 has 4 images; MS COCO 2017 has 118,287 there",
    ]


def test_without_labels_every_image_stays(tmp_path: Path) -> None:
    _zips(tmp_path / "zips")
    facts = prepare(tmp_path, loader="coco", path="zips", resolution=16, options={"label": "none"})
    assert facts["counts"] == {"train": 4, "test": 2}
    assert facts["classes"] == 0


def _without(name: str) -> dict[str, bytes]:
    return {n: data for n, data in ALL.items() if name not in n}


TRAIN = "annotations/instances_train2017.json"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (picture_files.class_folders(), r"set: holds neither train2017 nor train2017\.zip; name the folder of MS COCO"),
        (_without("val2017/"), r"set: holds neither val2017 nor val2017\.zip"),
        (_without("instances_val"), r"holds neither annotations/instances_val2017\.json nor annotations_trainval2017"),
        (
            _without("000000000025"),
            r"train2017: holds no 000000000025\.jpg, which instances_train2017\.json names; get",
        ),
        (ALL | {TRAIN: b'{"images": []}'}, r"train2017\.json: is no annotation of MS COCO 2017 \('categories'\); get"),
        (ALL | {TRAIN: ALL[TRAIN][:50]}, r"instances_train2017\.json: is no annotation of MS COCO 2017 \("),
        (ALL | {TRAIN: ALL[TRAIN].replace(b"person", b"owl")}, r"is no annotation of MS COCO 2017 \(.*not in tuple"),
    ],
)
def test_what_is_missing_or_of_another_set_is_named(tmp_path: Path, content: dict[str, bytes], message: str) -> None:
    write_folder(tmp_path / "set", content)
    with pytest.raises(ValueError, match=message):
        prepare(tmp_path, loader="coco", path="set", resolution=16)
    assert not (tmp_path / paths.prepared("photos")).exists()
