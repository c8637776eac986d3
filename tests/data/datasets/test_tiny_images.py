from pathlib import Path

import numpy as np
import pytest

from paragone.data.datasets.tiny_images import BYTES, LOADER
from paragone.project import paths
from support.picture_files import pixels, prepare, rows


def _file(folder: Path, n: int) -> np.ndarray:
    """tiny_images.bin as MATLAB wrote it: column by column, channel by channel; the images (n,32,32,3)."""
    images = np.random.default_rng(0).integers(0, 256, (n, 32, 32, 3), np.uint8)
    folder.mkdir()
    (folder / "tiny_images.bin").write_bytes(b"".join(image.tobytes(order="F") for image in images))
    return images


def test_every_use_says_that_it_was_withdrawn(tmp_path: Path) -> None:
    images = _file(tmp_path / "tiny", 40)
    facts = prepare(tmp_path, loader="tiny_images", path="tiny", options={"n_train": 20, "n_test": 10})
    assert "withdrawn by its authors on 29 June 2020" in facts["warnings"][0]
    assert "withdrawn" in facts["title"]
    assert "withdrawn" in facts["licence"]
    assert "withdrawn" in facts["citation"]
    assert "download" not in LOADER.sources
    for split in ("train", "test"):
        numbers = [row for (row,) in rows(tmp_path, split, "row")]
        np.testing.assert_array_equal(pixels(tmp_path, split), images[numbers])
    assert len({row for split in ("train", "test") for row in rows(tmp_path, split, "row")}) == 30


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"n_train": 31},
            "holds 40 images, options.n_train and n_test ask for 31 and 10,000; ask for at least one each",
        ),
        ({"n_train": 0, "n_test": 1}, "ask for 0 and 1; ask for at least one each"),
        ({"n_train": 1.5}, r"options\.n_train: 1\.5 is not a whole number from 0"),
    ],
)
def test_too_many_images(tmp_path: Path, options: dict[str, object], message: str) -> None:
    _file(tmp_path / "tiny", 40)
    with pytest.raises(ValueError, match=message):
        prepare(tmp_path, loader="tiny_images", path="tiny", options=options)


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("tiny_images.bin", BYTES - 1, "3,071 bytes are no whole number of images of 3072; it is cut"),
        ("tiny_images.bin", 0, "0 bytes are no whole number"),
        ("data.mat", BYTES, r"set: holds no tiny_images\.bin; name it or its folder \(Tiny Images was withdrawn"),
    ],
)
def test_files_of_another_kind(tmp_path: Path, name: str, size: int, message: str) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / name).write_bytes(bytes(size))
    with pytest.raises(ValueError, match=message):
        prepare(tmp_path, loader="tiny_images", path="set")
    assert not (tmp_path / paths.prepared("photos")).exists()
