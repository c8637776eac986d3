import hashlib
import io
import os
import pickle
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from paragone.data.archives import ArchiveError
from paragone.data.base import DatasetError, Request, Upstream
from paragone.data.datasets import cifar10
from paragone.data.torchvision_compat import import_torchvision
from paragone.project import files, paths
from paragone.project.params import Dataset, Params
from paragone.stages import ingest, validate
from support import cifar10_files

SIZE = 20


def _local(path: Path) -> Upstream:
    return cifar10.local(Request(path.parent / "raw", path=path))


def _joined(upstream: Upstream, split: str) -> tuple[np.ndarray, np.ndarray]:
    parts = [p for p in upstream.parts if p.split == split]
    return np.concatenate([p.images for p in parts]), np.concatenate([p.labels for p in parts])


def _layouts(folder: Path, layout: str) -> list[Path]:
    """A layout as its own folder, the folder around that, its tar.gz and the folder around that."""
    content = cifar10_files.batches(layout, SIZE)
    around = cifar10_files.write_folder(folder / "around", content)
    (folder / "kept").mkdir()
    archive = cifar10_files.write_tar(folder / "kept" / f"cifar-10-{layout}.tar.gz", content)
    return [around / next(iter(content)).split("/")[0], around, archive, archive.parent]


@pytest.mark.parametrize("layout", ["python", "binary"])
def test_published_layouts(tmp_path: Path, layout: str) -> None:
    images, labels = cifar10_files.pictures(6 * SIZE)
    for path in _layouts(tmp_path, layout):
        upstream = _local(path)
        for split, part in (("train", slice(0, 5 * SIZE)), ("test", slice(5 * SIZE, None))):
            found = _joined(upstream, split)
            np.testing.assert_array_equal(found[0], images[part])
            np.testing.assert_array_equal(found[1], labels[part])
        assert not upstream.exact
        assert upstream.warnings == ("100 training and 20 test images; CIFAR-10 has 50,000 and 10,000",)
        assert not upstream.altered
        assert [p.files for p in upstream.parts][-1] == ("test_batch" if layout == "python" else "test_batch.bin")


def test_agrees_with_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision reads our files alike, and publishes the md5 sums, classes and address that we use."""
    published = import_torchvision("torchvision.datasets").CIFAR10
    assert dict(published.train_list + published.test_list) == cifar10.MD5
    assert published.filename == cifar10.ARCHIVES[0]
    cifar10_files.write_folder(tmp_path, cifar10_files.batches("python", SIZE))
    meta = {"label_names": list(cifar10_files.CLASSES)}
    (tmp_path / published.base_folder / "batches.meta").write_bytes(pickle.dumps(meta))
    monkeypatch.setattr(published, "_check_integrity", lambda self: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    upstream = _local(tmp_path)
    for split in ("train", "test"):
        theirs = published(tmp_path, train=split == "train")
        np.testing.assert_array_equal(_joined(upstream, split)[0], theirs.data)
        assert _joined(upstream, split)[1].tolist() == theirs.targets


def test_published_files_are_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar10, "FULL", {"train": 5 * SIZE, "test": SIZE})
    python, binary = (_layouts(tmp_path / layout, layout) for layout in ("python", "binary"))
    assert "data_batch_1, data_batch_2" in _local(python[0]).warnings[0]
    assert "only the whole archive has a published md5" in _local(binary[2]).warnings[0]
    md5 = {f.name: hashlib.md5(f.read_bytes()).hexdigest() for f in python[0].iterdir() if f.suffix != ".html"}
    monkeypatch.setattr(cifar10, "MD5", {name: md5[name] for name in cifar10.MD5})
    monkeypatch.setattr(cifar10, "BINARY_MD5", hashlib.md5(binary[2].read_bytes()).hexdigest())
    for path in (python[0], python[2], binary[2]):
        assert _local(path).exact
        assert not _local(path).warnings
    assert not _local(binary[0]).exact


@pytest.mark.parametrize("form", ["folder", "tar.gz", "tar.xz", "zip"])
def test_class_folders_of_png(tmp_path: Path, form: str) -> None:
    """One order whatever the archive's: class after class in turn."""
    content = cifar10_files.class_folders("png")
    path = tmp_path / f"copy.{form}"
    if form == "folder":
        cifar10_files.write_folder(path, content)
    elif form == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in sorted(content, reverse=True):
                archive.writestr(f"cifar10/{name}", content[name])
            archive.writestr("__MACOSX/train/cat/._0003.png", b"not an image")
    else:
        cifar10_files.write_tar(path, content)
    images, labels = cifar10_files.pictures(60)
    upstream = _local(path)
    for split, part in (("train", slice(0, 40)), ("test", slice(40, None))):
        np.testing.assert_array_equal(_joined(upstream, split)[0], images[part])
        np.testing.assert_array_equal(_joined(upstream, split)[1], labels[part])
    assert not upstream.exact
    assert not upstream.altered
    assert "no published hash" in upstream.warnings[-1]


def test_jpeg_is_marked_lossy_and_validates(tmp_path: Path) -> None:
    content = cifar10_files.class_folders("jpg", 300, 100)
    cifar10_files.write_tar(tmp_path / "copy.tar.xz", content)
    entry = Dataset(loader="cifar10", source="local", path="copy.tar.xz", title="Waves (JPEG)")
    params = Params.model_construct(profile="none", profiles={}, datasets={"waves": entry})
    ingest.run(tmp_path, params, "waves")
    facts = files.read_json(tmp_path / paths.prepared("waves") / "dataset.json")
    assert facts["lossy"]
    assert facts["altered"] == "re-encoded as JPEG (lossy) by whoever made this copy"
    assert facts["counts"] == {"train": 300, "test": 100}
    assert "400 images are JPEG (lossy)" in facts["warnings"][1]
    validate.run(tmp_path, params, "waves")
    assert files.read_json(tmp_path / paths.validation("waves"))["success"]


def _png(size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size).save(file, "PNG")
    return file.getvalue()


def _spoilt(fault: str) -> dict[str, bytes]:
    """The files of a set with one fault."""
    images, labels = cifar10_files.pictures(SIZE)
    python, binary = (cifar10_files.batches(layout, SIZE) for layout in ("python", "binary"))
    png, key, bin_key = cifar10_files.class_folders("png"), *(f"cifar-10-batches-{k}" for k in ("py", "bin"))
    good = python[f"{key}/data_batch_2"]
    pickled: dict[str, bytes] = {
        "truncated pickle": good[:5000],
        "flipped pickle": good.replace(b"}q\x00(", b"}q\x00)", 1),
        "not a pickle": b"<html>an error page</html>",
        "empty pickle": b"",
        "list": pickle.dumps([1, 2], protocol=2),
        "labels short": cifar10_files.python2_pickle(images, labels[:-1]),
        "label 12": cifar10_files.python2_pickle(images, np.where(np.arange(SIZE) == 7, 12, labels)),
        "other size": cifar10_files.python2_pickle(images[:, :16, :16], labels),
        "no data": pickle.dumps({}, protocol=2),
        "short array": good.replace(b"K\x01K\x14M\x00\x0c\x86", b"K\x01K\x15M\x00\x0c\x86", 1),
        "float array": good.replace(b"U\x02u1", b"U\x02f4", 1),
    }
    first = png["train/airplane/0000.png"]
    others: dict[str, dict[str, bytes]] = {
        "batch missing": {k: v for k, v in python.items() if not k.endswith("_3")},
        "two layouts": python | binary,
        "batch twice": python | {"again/test_batch": good},
        "nothing": {"readme.txt": b"hello"},
        "binary cut": binary | {f"{bin_key}/data_batch_4.bin": binary[f"{bin_key}/data_batch_4.bin"][:-9]},
        "binary empty": binary | {f"{bin_key}/data_batch_4.bin": b""},
        "binary label": binary | {f"{bin_key}/test_batch.bin": b"\x0b" + binary[f"{bin_key}/test_batch.bin"][1:]},
        "other class": png | {"train/lion/0001.png": first},
        "other image size": png | {"train/cat/9999.png": _png((64, 48))},
        "image cut": png | {"train/cat/9999.png": first[: len(first) // 2]},
        "image is text": png | {"train/cat/9999.jpg": b"<html>"},
        "GIF as PNG": png | {"train/cat/9999.png": b"GIF89a" + bytes(30)},
    }
    return python | {f"{key}/data_batch_2": pickled[fault]} if fault in pickled else others[fault]


FAULTS = {
    "truncated pickle": "data_batch_2: pickle: damaged or cut short",
    "flipped pickle": "data_batch_2: pickle: damaged or cut short",
    "not a pickle": "data_batch_2: pickle: damaged or cut short",
    "empty pickle": "data_batch_2: pickle: damaged or cut short",
    "list": "data_batch_2: pickle: holds a list, not a dict",
    "labels short": "data_batch_2: labels: no list of 20 numbers, one per image",
    "label 12": "data_batch_2: label 7: 12 is not in 0 to 9",
    "other size": "data_batch_2: data: an array (20, 768), not an array (n, 3072)",
    "no data": "data_batch_2: data: NoneType, not an array",
    "short array": "data_batch_2: pickle: an array of shape (21, 3072) with 61440 bytes",
    "float array": "data_batch_2: pickle: an array of type b'f4', not uint8",
    "batch missing": "data_batch_3 is not there; put all six files there",
    "two layouts": "holds the Python layout and the binary layout; name the folder or archive of one",
    "batch twice": "test_batch appears in it twice",
    "nothing": "holds no CIFAR-10; name the folder or archive of one",
    "binary cut": "data_batch_4.bin: size: 61451 bytes are no whole number of rows of 3073",
    "binary empty": "data_batch_4.bin: size: 0 bytes",
    "binary label": "test_batch.bin: label 0: 11 is not in 0 to 9",
    "other class": "'lion' is no class of CIFAR-10; it has: airplane",
    "other image size": "9999.png: is 64x48, CIFAR-10's images are 32x32",
    "image cut": "9999.png: no image that can be read",
    "image is text": "9999.jpg: no image that can be read",
    "GIF as PNG": "9999.png: no image that can be read",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_one_sentence_naming_the_file(tmp_path: Path, fault: str) -> None:
    folder = cifar10_files.write_folder(tmp_path / "copy", _spoilt(fault))
    archive = cifar10_files.write_tar(tmp_path / "copy.tar.gz", _spoilt(fault))
    for path in (folder, archive):
        with pytest.raises(DatasetError) as error:
            _local(path)
        assert str(error.value).startswith(str(path))
        assert FAULTS[fault] in str(error.value)
        assert "\n" not in str(error.value)


def test_damaged_archive(tmp_path: Path) -> None:
    archive = cifar10_files.write_tar(tmp_path / "cifar-10-python.tar.gz", cifar10_files.batches("python"))
    archive.write_bytes(archive.read_bytes()[:-2000])
    with pytest.raises(ArchiveError, match=r"cifar-10-python\.tar\.gz: is damaged or cut short"):
        _local(tmp_path)


class _Attack:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.marker),))


def test_hostile_pickle_is_refused_and_nothing_is_executed(tmp_path: Path) -> None:
    marker, content = tmp_path / "executed", cifar10_files.batches("python")
    hostile = pickle.dumps({"data": _Attack(marker)}, protocol=2)
    content["cifar-10-batches-py/data_batch_1"] = hostile
    with pytest.raises(
        DatasetError, match=r"data_batch_1: pickle: calls for '\w+.mkdir' .*; not executed: get the file"
    ):
        _local(cifar10_files.write_tar(tmp_path / "copy.tar.gz", content))
    assert not marker.exists()
    pickle.loads(hostile)
    assert marker.exists(), "the attack works where nobody looks"


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An archive on a server that torchvision's class points to, under the md5 of that archive."""
    monkeypatch.setattr("paragone.data.downloads.WAIT", 0)
    (tmp_path / "mirror").mkdir()
    archive = cifar10_files.write_tar(tmp_path / "mirror" / cifar10.ARCHIVES[0], cifar10_files.batches("python"))
    published = import_torchvision("torchvision.datasets").CIFAR10
    handler = partial(SimpleHTTPRequestHandler, directory=str(archive.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        monkeypatch.setattr(published, "url", f"http://127.0.0.1:{server.server_port}/{archive.name}")
        monkeypatch.setattr(published, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield archive
        server.shutdown()
        thread.join()


def test_download_keeps_the_archive_and_nothing_else(tmp_path: Path, mirror: Path) -> None:
    raw = tmp_path / "data" / "raw"
    assert len(_joined(cifar10.download(Request(raw)), "train")[0]) == 100
    assert [f.name for f in raw.iterdir()] == [mirror.name]
    mirror.unlink()
    cifar10.download(Request(raw))


@pytest.mark.parametrize("cause", ["gone", "an error page"])
def test_failed_download_says_how_else_and_leaves_nothing(tmp_path: Path, mirror: Path, cause: str) -> None:
    mirror.unlink()
    if cause == "an error page":
        mirror.write_text("<html>quota exceeded</html>")
    with pytest.raises(DatasetError, match=r"CIFAR-10 cannot be downloaded: .*`source: local`"):
        cifar10.download(Request(tmp_path / "raw"))
    assert not (tmp_path / "raw").exists() or not list((tmp_path / "raw").iterdir())
