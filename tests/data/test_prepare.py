import hashlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from paragone.data import prepare, split_writer
from paragone.data.base import MANIFEST, DatasetError, Loader, Part, Upstream
from paragone.project import files

LOADER = Loader(title="Noise", licence="none", citation="none", class_names=("a", "b"), sources={})
FACTS = {"name": "noise", "title": "Noise", "loader": "noise", "source": "generated"}


def _part(split: str, n: int, height: int = 7, width: int = 5, channels: int = 3) -> Part:
    draw = np.random.default_rng(n)
    images = draw.integers(0, 256, (n, height, width, channels), dtype=np.uint8)
    return Part(split, images, np.arange(n) % 2, [f"{split}{i}.png" for i in range(n)])


def _write(folder: Path, *parts: Part, resolution: int = 8) -> None:
    prepare.write(folder, Upstream(parts, exact=True), LOADER, resolution, FACTS)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def test_layout_and_content(tmp_path: Path) -> None:
    parts = _part("train", 6), _part("test", 4), _part("train", 3)
    _write(tmp_path / "noise", *parts)
    assert set(_bytes(tmp_path / "noise")) == {
        "dataset.json",
        "manifest.parquet",
        "train/images.npy",
        "test/images.npy",
    }
    train = np.load(tmp_path / "noise" / "train" / "images.npy")
    upstream = np.concatenate([parts[0].images, parts[2].images])
    np.testing.assert_array_equal(train, np.pad(upstream, ((0, 0), (0, 1), (1, 2), (0, 0))))
    table = pq.read_table(tmp_path / "noise" / "manifest.parquet")
    assert table.schema == MANIFEST
    assert table["split"].to_pylist() == ["train"] * 9 + ["test"] * 4
    assert table["index"].to_pylist() == [*range(9), *range(4)]
    assert table["file"].to_pylist()[6] == "train0.png"
    facts = files.read_json(tmp_path / "noise" / "dataset.json")
    assert facts["shape"] == [3, 8, 8]
    assert facts["counts"] == {"train": 9, "test": 4}
    assert facts["padding"] == "zero-padded from 7x5 to 8x8"
    assert not facts["lossy"]
    assert facts["hashes"]["train"]["images"] == hashlib.sha256(train.tobytes()).hexdigest()


def test_manifest_agrees_with_numpy(tmp_path: Path) -> None:
    _write(tmp_path / "noise", _part("train", 50), _part("test", 4))
    images = np.load(tmp_path / "noise" / "train" / "images.npy").reshape(50, -1)
    table = pq.read_table(tmp_path / "noise" / "manifest.parquet").slice(0, 50)
    assert table["sha256"].to_pylist() == [hashlib.sha256(i.tobytes()).hexdigest() for i in images]
    for column, expected in (("min", images.min(1)), ("max", images.max(1))):
        np.testing.assert_array_equal(table[column], expected)
    np.testing.assert_allclose(table["mean"], images.mean(1), rtol=1e-15)
    np.testing.assert_allclose(table["std"], images.std(1), rtol=1e-12)


def test_bytes_repeat_and_replace_what_stood_there(tmp_path: Path) -> None:
    folder = tmp_path / "noise"
    _write(folder, _part("train", 9), _part("test", 4))
    first = _bytes(folder)
    _write(folder, _part("train", 2), _part("test", 4))
    assert _bytes(folder) != first
    _write(folder, _part("train", 9), _part("test", 4))
    assert _bytes(folder) == first
    assert list(tmp_path.iterdir()) == [folder]


def test_bytes_do_not_depend_on_how_the_source_cut_its_parts(tmp_path: Path) -> None:
    n = prepare.BLOCK + 76
    train, test = _part("train", n, 2, 2, 1), _part("test", 4, 2, 2, 1)
    halves = [
        train._replace(images=train.images[s], labels=train.labels[s], files=train.files[s])
        for s in (slice(0, 500), slice(500, n))
    ]
    _write(tmp_path / "whole", train, test, resolution=2)
    _write(tmp_path / "halves", *halves, test, resolution=2)
    assert _bytes(tmp_path / "whole") == _bytes(tmp_path / "halves")


def test_content_hash_follows_labels_and_pixels(tmp_path: Path) -> None:
    train, test = _part("train", 9), _part("test", 4)
    flipped = train._replace(labels=1 - train.labels)
    brighter = train._replace(images=np.maximum(train.images, 1))
    seen = set()
    for i, part in enumerate((train, flipped, brighter)):
        _write(tmp_path / str(i), part, test)
        seen.add(files.read_json(tmp_path / str(i) / "dataset.json")["content_hash"])
    assert len(seen) == 3


def test_std_of_a_constant_image_is_exactly_zero() -> None:
    assert split_writer.describe(np.full((3, 33, 31, 3), 77, np.uint8))["std"].tolist() == [0, 0, 0]


def test_cropping_is_lossy_and_said(tmp_path: Path) -> None:
    _write(tmp_path / "noise", _part("train", 9, 12, 6), _part("test", 4, 12, 6))
    facts = files.read_json(tmp_path / "noise" / "dataset.json")
    assert facts["lossy"]
    assert facts["padding"] == "zero-padded and centre-cropped from 12x6 to 8x8"
    images = np.load(tmp_path / "noise" / "train" / "images.npy")
    np.testing.assert_array_equal(images[:, :, 1:7], _part("train", 9, 12, 6).images[:, 2:10])
    assert not images[:, :, [0, 7]].any()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((_part("train", 3),), "gives no test images"),
        ((_part("train", 3), _part("test", 3, 9)), r"test images are uint8 \(9, 5, 3\), the first ones \(7, 5, 3\)"),
        ((_part("train", 3)._replace(labels=np.zeros(2, int)),), "3 train images with 2 labels"),
        ((_part("train", 3)._replace(labels=None),), "3 train images with 0 labels in a set of 2 classes"),
    ],
)
def test_parts_that_do_not_agree_leave_nothing(tmp_path: Path, parts: tuple[Part, ...], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        _write(tmp_path / "noise", *parts)
    assert not list(tmp_path.iterdir())


def _with(part: Part, **attributes: list[int]) -> Part:
    return part._replace(attributes={name: np.array(values) for name, values in attributes.items()})


def test_attributes_are_columns_and_part_of_the_content(tmp_path: Path) -> None:
    hashes = []
    for name, colour in (("a", [1, 2, 3, 4]), ("b", [1, 2, 3, 5])):
        parts = _with(_part("train", 6), colour=list(range(6))), _with(_part("test", 4), colour=colour)
        _write(tmp_path / name, *parts)
        table = pq.read_table(tmp_path / name / "manifest.parquet")
        assert table.schema.names == [*MANIFEST.names, "attribute_colour"]
        assert table["attribute_colour"].to_pylist() == [*range(6), *colour]
        hashes.append(files.read_json(tmp_path / name / "dataset.json")["content_hash"])
    assert hashes[0] != hashes[1]


@pytest.mark.parametrize("attributes", [{}, {"hue": [0] * 4}, {"colour": [0] * 3}])
def test_attributes_that_do_not_agree(tmp_path: Path, attributes: dict[str, list[int]]) -> None:
    parts = _with(_part("train", 6), colour=[0] * 6), _with(_part("test", 4), **attributes)
    with pytest.raises(DatasetError, match="a set has the same ones for every image: colour"):
        _write(tmp_path / "noise", *parts)
    assert not list(tmp_path.iterdir())
