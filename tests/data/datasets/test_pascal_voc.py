from pathlib import Path

import pytest

from paragone.data.torchvision_compat import import_torchvision
from paragone.project import paths
from support import picture_files
from support.picture_files import VOC, prepare, rows, tar_bytes, voc, write_folder

BOTH = {**voc("trainval"), **voc("test")}


def _archives(folder: Path) -> Path:
    """The two tars as published, which unpack into one another."""
    tars = {"VOCtrainval_06-Nov-2007.tar": voc("trainval"), "VOCtest_06-Nov-2007.tar": voc("test")}
    return write_folder(folder, {name: tar_bytes(content) for name, content in tars.items()})


def test_every_form(tmp_path: Path) -> None:
    write_folder(tmp_path / "unpacked", BOTH)
    _archives(tmp_path / "archives")
    hashes = set()
    for path in ("unpacked", "unpacked/VOCdevkit", "unpacked/VOCdevkit/VOC2007", "archives"):
        facts = prepare(tmp_path, loader="pascal_voc", path=path, resolution=16)
        assert facts["class_names"] == ["chair", "person"]  # no dog in training
        assert facts["counts"] == {"train": 4, "test": 2}
        assert facts["warnings"][0] == "4 training and 3 test images; PASCAL VOC 2007 has 5,011 and 4,952"
        assert facts["warnings"][1].startswith("1 images were left out: their label is not in both splits (aeroplane,")
        hashes.add(facts["content_hash"])
    assert len(hashes) == 1


def test_label_is_the_class_of_most_objects_and_counts_are_attributes(tmp_path: Path) -> None:
    write_folder(tmp_path / "unpacked", BOTH)
    facts = prepare(tmp_path, loader="pascal_voc", path="unpacked", resolution=16)
    chair, person = (facts["class_names"].index(name) for name in ("chair", "person"))
    found = dict(rows(tmp_path, "train", "file", "label"))
    labels = {5: chair, 7: person, 9: chair, 12: person}
    assert found == {f"JPEGImages/{number:06d}.jpg": label for number, label in labels.items()}
    counts = rows(tmp_path, "train", "attribute_chair", "attribute_person", "attribute_dog")
    assert counts == [(2, 1, 0), (1, 1, 0), (1, 2, 0), (0, 1, 0)]


def test_without_labels_every_image_stays(tmp_path: Path) -> None:
    write_folder(tmp_path / "unpacked", BOTH)
    facts = prepare(tmp_path, loader="pascal_voc", path="unpacked", resolution=16, options={"label": "none"})
    assert facts["classes"] == 0
    assert facts["counts"] == {"train": 4, "test": 3}


def test_objects_are_those_that_torchvision_reads(tmp_path: Path) -> None:
    write_folder(tmp_path, BOTH)
    theirs = import_torchvision("torchvision.datasets").VOCDetection(tmp_path, "2007", "trainval")
    for (_, target), objects in zip(theirs, VOC["trainval"].values(), strict=True):
        names = [thing["name"] for thing in target["annotation"]["object"]]
        assert names == [name for name, *_ in objects]


def _without(name: str) -> dict[str, bytes]:
    return {n: data for n, data in BOTH.items() if not n.endswith(name)}


ANNOTATION = "VOCdevkit/VOC2007/Annotations/000005.xml"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (picture_files.class_folders(), r"set: holds neither VOCdevkit/VOC2007 nor VOCtrainval_06-Nov-2007\.tar; name"),
        (_without("test.txt"), r"ImageSets/Main/test\.txt: is not there; unpack both VOCtrainval"),
        (
            _without("000007.jpg"),
            r"JPEGImages/000007\.jpg: is not there, and trainval\.txt names it; unpack VOCtrainval",
        ),
        (_without("000007.xml"), r"Annotations/000007\.xml: is not there; unpack both VOCtrainval"),
        (BOTH | {ANNOTATION: b"<annotation>"}, r"000005\.xml: is no annotation of VOC 2007 \(no element found"),
        (
            BOTH | {ANNOTATION: picture_files.voc_annotation([("owl", 3, 0)])},
            r"no annotation of VOC 2007 .*not in tuple",
        ),
        (
            BOTH | {ANNOTATION: picture_files.voc_annotation([])},
            r"000005\.xml: annotates no object, and every image of",
        ),
    ],
)
def test_what_is_missing_or_of_another_set_is_named(tmp_path: Path, content: dict[str, bytes], message: str) -> None:
    write_folder(tmp_path / "set", content)
    with pytest.raises(ValueError, match=message):
        prepare(tmp_path, loader="pascal_voc", path="set", resolution=16)
    assert not (tmp_path / paths.prepared("photos")).exists()
