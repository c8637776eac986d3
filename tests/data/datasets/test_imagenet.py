from pathlib import Path

import pytest

from paragone.data import image_listing
from paragone.data.torchvision_compat import import_torchvision
from paragone.project import paths
from support import picture_files
from support.picture_files import LEAVES, image, imagenet_archives, prepare, rows, write_folder


@pytest.fixture
def small_md5(monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision checks the devkit's published md5, which a made-up one cannot have."""
    readers = import_torchvision("torchvision.datasets.imagenet")
    monkeypatch.setattr(readers, "_verify_archive", lambda root, file, md5: None)


@pytest.mark.usefixtures("small_md5")
def test_archives_as_published(tmp_path: Path) -> None:
    """A tar of tars, validation images flat, their classes in the devkit; and a second time from what was unpacked."""
    imagenet_archives(tmp_path / "ILSVRC")
    for _ in range(2):
        facts = prepare(tmp_path, loader="imagenet", path="ILSVRC", resolution=16)
        assert facts["class_names"] == ["tench", "goldfish"]
        assert facts["counts"] == {"train": 6, "test": 3}
        assert [label for (label,) in rows(tmp_path, "train", "label")] == [0, 1] * 3
    test = dict(rows(tmp_path, "test", "file", "label"))
    assert test == {f"ILSVRC2012_val_{i:08d}.JPEG": label for i, label in ((1, 1), (2, 0), (3, 0))}
    assert sorted(f.name for f in (tmp_path / "ILSVRC").iterdir()) == [
        "ILSVRC2012_devkit_t12.tar.gz",
        "ILSVRC2012_img_train.tar",
        "ILSVRC2012_img_val.tar",
    ]


@pytest.mark.usefixtures("small_md5")
def test_archives_in_an_archive_share_one_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them alone stays within its own."""
    imagenet_archives(tmp_path / "ILSVRC")
    tar = tmp_path / "ILSVRC/ILSVRC2012_img_train.tar"
    monkeypatch.setattr(image_listing, "LEAST", tar.stat().st_size)
    monkeypatch.setattr(image_listing, "RATIO", 1)
    with pytest.raises(ValueError, match=r"tar: holds more than the [\d,]+ bytes that its data set can have"):
        prepare(tmp_path, loader="imagenet", path="ILSVRC", resolution=16)


def _folders(root: Path, **more: bytes) -> Path:
    content = {f"{s}/{wnid}/{i}.JPEG": image(i) for s in ("train", "val") for wnid in LEAVES for i in range(2)}
    return write_folder(root / "folders", content | more)


def test_class_folders(tmp_path: Path) -> None:
    """As torchvision and others leave them; without a devkit, classes are called by their ids."""
    _folders(tmp_path)
    facts = prepare(tmp_path, loader="imagenet", path="folders", resolution=16)
    assert facts["class_names"] == list(LEAVES)
    assert facts["counts"] == {"train": 4, "test": 4}
    assert facts["warnings"] == ["4 training and 4 test images; ImageNet has 1,281,167 and 50,000"]
    assert facts["altered"] == "cut to the centre square; resized to 16x16 (bilinear, antialiased)"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (picture_files.class_folders(), "other: holds no train images; name the folder of train/<WordNet id> and"),
        ({"train/n01440764/1.JPEG": b""}, "other: holds no val images; name the folder"),
        ({"train/n01440764/1.JPEG": b"", "val/1.JPEG": b""}, r"1 val images in no class folders, and .*gz is missing$"),
        ({"train/cat/1.JPEG": b"", "val/cat/1.JPEG": b""}, r"train: cat/1\.JPEG: is in no folder of a WordNet id"),
        (
            {"train/n01440764/1.JPEG": b"", "train/n01443537/1.JPEG": b"", "val/n01440764/1.JPEG": b""},
            "class n01443537 has no test images; name the folder",
        ),
        ({"ILSVRC2012_devkit_t12.tar.gz": b"<html>"}, r"ILSVRC2012_devkit_t12\.tar\.gz: is not the published one"),
        ({"ILSVRC2012_img_train.tar": b"<html>"}, r"ILSVRC2012_img_train\.tar: .*it is a web page, not tar or zip"),
    ],
)
def test_another_set_is_refused(tmp_path: Path, content: dict[str, bytes], message: str) -> None:
    write_folder(tmp_path / "other", content)
    with pytest.raises(ValueError, match=message):
        prepare(tmp_path, loader="imagenet", path="other", resolution=16)
    assert not (tmp_path / paths.prepared("photos")).exists()
