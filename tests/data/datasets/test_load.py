from pathlib import Path

import numpy as np
import pytest
import torch

from paragone.data import base, prepare
from paragone.data.base import DatasetError, Loader, Part, Upstream, load
from paragone.models.base import Spec

LOADER = Loader(title="Ramp", licence="none", citation="none", class_names=("a", "b", "c"), sources={})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = np.arange(10 * 4 * 4 * 2, dtype=np.uint16).reshape(10, 4, 4, 2).astype(np.uint8)
    parts = [Part(split, images[s], np.arange(10)[s] % 3, "ramp") for split, s in _SPLITS.items()]
    facts = {"name": "ramp", "title": "Ramp", "loader": "ramp", "source": "generated"}
    prepare.write(tmp_path / "ramp", Upstream(parts, exact=True), LOADER, 4, facts)
    return tmp_path / "ramp"


_SPLITS = {"train": slice(0, 7), "test": slice(7, 10)}


def test_images_labels_and_spec(folder: Path) -> None:
    images, labels, spec, *_ = load(folder, "test")
    assert images.dtype == torch.uint8
    assert images.shape == (3, 4, 4, 2)
    assert images.flatten()[:4].tolist() == [224, 225, 226, 227]
    assert labels is not None
    assert labels.tolist() == [1, 2, 0]
    assert spec == Spec((2, 4, 4), 3)


def test_a_large_split_is_memory_mapped_and_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = load(folder, "train").images
    monkeypatch.setattr(base, "IN_MEMORY", 10)
    assert isinstance(base.read_images(folder / "train" / "images.npy", (7, 4, 4, 2)), np.memmap)
    large = load(folder, "train").images
    assert torch.equal(small, large)
    large.zero_()
    assert torch.equal(load(folder, "train").images, small), "writing reached the file"


def test_a_set_without_labels(tmp_path: Path) -> None:
    images = np.arange(64, dtype=np.uint8).reshape(4, 4, 4, 1)
    parts = [Part(split, images, None, "ramp") for split in ("train", "test")]
    loader = Loader(title="Ramp", licence="none", citation="none", class_names=(), sources={})
    prepare.write(tmp_path / "ramp", Upstream(parts, exact=True), loader, 4, {})
    assert load(tmp_path / "ramp", "train").labels is None


def test_what_is_missing_or_damaged_is_named(folder: Path) -> None:
    with pytest.raises(DatasetError, match="no split 'dev'; it has: "):
        load(folder, "dev")
    with pytest.raises(ValueError, match=r"dataset\.json: no such file"):
        load(folder.parent, "train")
    file = folder / "train" / "images.npy"
    whole = file.read_bytes()
    file.write_bytes(whole[:-5])
    with pytest.raises(DatasetError, match=r"train/images\.npy: cannot be read"):
        load(folder, "train")
    np.save(file, np.zeros((7, 4, 4, 2), np.float32))
    with pytest.raises(DatasetError, match="holds float32"):
        load(folder, "train")
    file.write_bytes(whole)
    (folder / "manifest.parquet").write_bytes(b"PAR1")
    with pytest.raises(DatasetError, match=r"manifest\.parquet: cannot be read"):
        load(folder, "train")
