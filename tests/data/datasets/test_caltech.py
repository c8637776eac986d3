"""Caltech-101 and Caltech-256: the same kind of set."""

from pathlib import Path

import numpy as np
import pytest

from paragone.data.datasets import caltech101, caltech256
from paragone.data.torchvision_compat import import_torchvision
from paragone.project import paths
from support import picture_files
from support.picture_files import pixels, prepare, rows, tar_bytes, write_folder, write_zip

LOADERS = ("caltech101", "caltech256")


def _caltech101_forms(folder: Path) -> list[Path]:
    content = picture_files.caltech101()
    tar = tar_bytes(content, "w:gz")
    inner = {"caltech-101/101_ObjectCategories.tar.gz": tar, "caltech-101/Annotations.tar": tar_bytes({})}
    return [
        write_folder(folder / "unpacked", content),
        folder / "unpacked/101_ObjectCategories",
        write_folder(folder / "tar", {"101_ObjectCategories.tar.gz": tar}),
        folder / "tar/101_ObjectCategories.tar.gz",
        write_zip(folder / "zip/caltech-101.zip", inner),
        folder / "zip",
    ]


def _caltech256_forms(folder: Path) -> list[Path]:
    content = picture_files.caltech256()
    return [
        write_folder(folder / "unpacked", content),
        folder / "unpacked/256_ObjectCategories",
        write_folder(folder / "tar", {"256_ObjectCategories.tar": tar_bytes(content)}),
        folder / "tar/256_ObjectCategories.tar",
    ]


def test_caltech101_in_every_form(tmp_path: Path) -> None:
    hashes = set()
    for path in _caltech101_forms(tmp_path / "files"):
        facts = prepare(tmp_path, loader="caltech101", path=str(path), resolution=16, options={"test_share": 0.25})
        assert facts["class_names"] == ["Faces", "accordion", "yin_yang"]
        assert facts["counts"] == {"train": 9, "test": 3}
        assert facts["altered"] == "cut to the centre square; resized to 16x16 (bilinear, antialiased)"
        assert "no published split: 3 of 12 images held out" in facts["warnings"][0]
        hashes.add(facts["content_hash"])
    assert len(hashes) == 1


def test_caltech256_in_every_form(tmp_path: Path) -> None:
    hashes = set()
    for path in _caltech256_forms(tmp_path / "files"):
        facts = prepare(tmp_path, loader="caltech256", path=str(path), resolution=16, options={"test_share": 0.25})
        assert facts["class_names"] == ["ak47", "american-flag"]
        assert facts["counts"] == {"train": 6, "test": 2}
        hashes.add(facts["content_hash"])
    assert len(hashes) == 1


@pytest.mark.parametrize("loader", LOADERS)
def test_agrees_with_torchvision(tmp_path: Path, loader: str) -> None:
    """The same images under the same classes, but for the folder that is no class."""
    write_folder(tmp_path / "root" / loader, getattr(picture_files, loader)())
    theirs = getattr(import_torchvision("torchvision.datasets"), loader.capitalize())(tmp_path / "root")
    prepare(tmp_path, loader=loader, path=f"root/{loader}", resolution=30)
    ours = {
        (file.rpartition("/")[2], label, array.tobytes())
        for split in ("train", "test")
        for (file, label), array in zip(rows(tmp_path, split, "file", "label"), pixels(tmp_path, split), strict=True)
    }
    expected = set()
    for i, label in enumerate(theirs.y):
        if theirs.categories[label] == caltech256.BACKGROUND:
            continue
        image, label = theirs[i]
        number = f"{label + 1:03d}_{theirs.index[i]:04d}" if loader == "caltech256" else f"image_{theirs.index[i]:04d}"
        square = np.asarray(image.convert("RGB").crop((5, 0, 35, 30)))
        expected.add((f"{number}.jpg", label, square.tobytes()))
    assert ours == expected


@pytest.mark.parametrize("loader", LOADERS)
def test_download_is_torchvisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: str) -> None:
    """What torchvision leaves in its root is read; here it stands there already, so nothing is fetched."""
    write_folder(tmp_path / paths.raw("photos") / loader, getattr(picture_files, loader)())
    facts = prepare(tmp_path, loader=loader, source="download", resolution=16)
    assert facts["source"] == "download"
    assert sum(facts["counts"].values()) == {"caltech101": 12, "caltech256": 8}[loader]


@pytest.mark.parametrize(("loader", "folder"), [("caltech101", caltech101.FOLDER), ("caltech256", caltech256.FOLDER)])
def test_another_set_is_refused(tmp_path: Path, loader: str, folder: str) -> None:
    write_folder(tmp_path / "other", picture_files.class_folders())
    write_zip(tmp_path / "other.zip", picture_files.class_folders())
    for path in ("other", "other.zip"):
        with pytest.raises(ValueError, match=rf"{path}: holds no images in {folder}/<class>; name the folder or"):
            prepare(tmp_path, loader=loader, path=path, resolution=16)
    assert not (tmp_path / paths.prepared("photos")).exists()
