from pathlib import Path

import pytest

from paragone.data.base import DatasetError, Request
from paragone.data.datasets import fashion_mnist
from support import idx_files


def test_local_files_of_another_set_are_not_exact(tmp_path: Path) -> None:
    upstream = fashion_mnist.local(Request(tmp_path, path=idx_files.write_set(tmp_path / "files")))
    assert [len(p.images) for p in upstream.parts] == [80, 40]
    assert not upstream.exact


def test_classes_are_torchvisions() -> None:
    datasets = fashion_mnist.import_torchvision("torchvision.datasets")
    assert list(fashion_mnist.LOADER.class_names) == datasets.FashionMNIST.classes


def test_download_without_network_names_the_debian_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paragone.data.downloads.WAIT", 0)
    datasets = fashion_mnist.import_torchvision("torchvision.datasets")
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(DatasetError, match="dataset-fashion-mnist puts the four files into /usr/share/datasets"):
        fashion_mnist.download(Request(tmp_path / "raw"))
