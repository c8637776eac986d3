"""Stacked MNIST: channels are MNIST's digits of the same split, labels and attributes say which, the same each time."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from paragone.data.base import DatasetError, Request, load
from paragone.data.datasets import mnist, stacked_mnist
from paragone.project import files, paths
from paragone.project.params import Dataset, Params
from paragone.stages import ingest
from support import idx_files

NAME = "stacked"


def _ingest(root: Path, source: str = "local", **options: object) -> Path:
    entry = Dataset(
        loader="stacked_mnist",
        source=source,  # type: ignore[arg-type]
        path="digits" if source == "local" else None,
        resolution=28,
        options=options,
    )
    ingest.run(root, Params.model_construct(profile="none", profiles={}, datasets={NAME: entry}), NAME)
    return root / paths.prepared(NAME)


def test_every_channel_is_a_digit_of_its_split_and_the_label_says_which(tmp_path: Path) -> None:
    idx_files.write_set(tmp_path / "digits", train=80, test=40)
    folder = _ingest(tmp_path, n_train=300, n_test=100)
    images, labels = idx_files.digits()
    known = {
        split: {image.tobytes(): label for image, label in zip(images[s], labels[s], strict=True)}
        for split, s in (("train", slice(0, 80)), ("test", slice(80, 120)))
    }
    for split, count in (("train", 300), ("test", 100)):
        stacked, label, spec, *_ = load(folder, split)
        assert (spec.shape, spec.classes, len(stacked)) == ((3, 28, 28), 1000, count)
        digits = [[known[split][image[..., c].tobytes()] for c in range(3)] for image in stacked.numpy()]
        assert label is not None
        assert label.tolist() == [100 * r + 10 * g + b for r, g, b in np.array(digits, int).tolist()]
        table = pq.read_table(folder / "manifest.parquet", filters=[("split", "=", split)])
        for c, name in enumerate(stacked_mnist.CHANNELS):
            assert table[f"attribute_{name}"].to_pylist() == [row[c] for row in digits]
    assert files.read_json(folder / "dataset.json")["channel_classes"] == 10


def test_bits_never_change_and_a_longer_set_begins_with_a_shorter_one(tmp_path: Path) -> None:
    short = _ingest(tmp_path, "packaged", n_train=5000, n_test=100, seed=0)
    found = files.read_json(short / "dataset.json")
    assert found["content_hash"] == "291951e23f5824f8b1d53d0f2f0fb00c2c22db81fc9725c896f800146e2fae98"
    assert not found["exact"]
    assert "5,000 of MNIST's 60,000" in found["warnings"][0]
    images = load(short, "train").images.numpy()
    longer = load(_ingest(tmp_path, "packaged", n_train=6000, n_test=100, seed=0), "train").images.numpy()
    np.testing.assert_array_equal(images, longer[:5000])
    other = load(_ingest(tmp_path, "packaged", n_train=100, n_test=100, seed=1), "train").images.numpy()
    assert (other != images[:100]).any(axis=(1, 2, 3)).all()


def test_every_mode_comes_up_as_often_as_chance_has_it(tmp_path: Path) -> None:
    upstream = stacked_mnist.stack("packaged", Request(tmp_path, options={"n_train": 20_000, "n_test": 1}))
    labels = np.concatenate(
        [part.labels for part in upstream.parts if part.split == "train" and part.labels is not None]
    )
    counts = np.bincount(labels, minlength=1000)
    assert counts.min() > 0
    assert abs(((counts - 20) ** 2 / 20).sum() - 999) < 6 * np.sqrt(2 * 999), "chi-squared"


def test_sources_are_mnists_and_so_are_their_complaints(tmp_path: Path) -> None:
    assert stacked_mnist.LOADER.sources.keys() == mnist.LOADER.sources.keys()
    (tmp_path / "digits").mkdir()
    with pytest.raises(DatasetError, match=r"neither train-images-idx3-ubyte nor .*; put the four upstream files"):
        _ingest(tmp_path, n_train=10, n_test=10)
    with pytest.raises(DatasetError, match=r"options\.n_train: 0 is not a whole number from 1; correct it"):
        _ingest(tmp_path, "packaged", n_train=0)
