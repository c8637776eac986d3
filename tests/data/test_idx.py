import gzip
import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from paragone.data import downloads, idx
from paragone.data.base import DatasetError, Request
from paragone.data.torchvision_compat import import_torchvision
from support import idx_files

IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
UNPUBLISHED = {stem: "" for split in idx.PREFIXES for stem in idx.stems(split).values()}


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_reads_what_was_written(tmp_path: Path, suffix: str) -> None:
    images, labels = idx_files.digits()
    idx_files.write_set(tmp_path, 30, 20, suffix)
    upstream = idx.local(tmp_path, UNPUBLISHED, 10)
    train, test = upstream.parts
    np.testing.assert_array_equal(train.images[..., 0], images[:30])
    np.testing.assert_array_equal(train.labels, labels[:30])
    np.testing.assert_array_equal(test.images[..., 0], images[30:50])
    assert test.files == f"t10k-images-idx3-ubyte{suffix}"
    assert not upstream.exact
    assert "train-images-idx3-ubyte" in upstream.warnings[0]
    assert "30 entries, the published file 60000" in upstream.warnings[0]


def test_agrees_with_torchvision(tmp_path: Path) -> None:
    """torchvision reads our plain files alike."""
    mnist = import_torchvision("torchvision.datasets.mnist")
    idx_files.write_set(tmp_path, suffix="")
    for split, prefix in idx.PREFIXES.items():
        for dims, reader in ((3, mnist.read_image_file), (1, mnist.read_label_file)):
            file = tmp_path / idx.stems(split)[dims]
            assert file.name.startswith(prefix)
            np.testing.assert_array_equal(idx.read(file, dims), reader(str(file)).numpy())


def test_published_content_is_exact_whatever_its_compression(tmp_path: Path) -> None:
    idx_files.write_set(tmp_path, suffix="")
    published = {
        stem: hashlib.md5((tmp_path / stem).read_bytes(), usedforsecurity=False).hexdigest() for stem in UNPUBLISHED
    }
    assert idx.local(tmp_path, published, 10).exact
    for stem in published:
        idx_files.write(tmp_path / f"{stem}.gz", (tmp_path / stem).read_bytes())
        (tmp_path / stem).unlink()
    assert idx.local(tmp_path, published, 10).exact


def test_full_size_with_another_md5_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "FULL", {"train": 80, "test": 40})
    upstream = idx.local(idx_files.write_set(tmp_path), UNPUBLISHED, 10)
    assert not upstream.exact
    assert "has all 80 entries, but the md5" in upstream.warnings[0]


def _faults() -> dict[str, tuple[str, bytes, str]]:
    """What is wrong: the file, its content, and what the error must say of it."""
    images, labels = (idx_files.encode(a[:80]) for a in idx_files.digits())
    whole = gzip.compress(images)
    return {
        "empty": (IMAGES, b"", "first bytes: none"),
        "short header": (IMAGES, gzip.compress(images[:10]), "header: 10 bytes, at least 16"),
        "not IDX": (IMAGES, gzip.compress(b"<html>an error page</html>"), "magic number: 0x3c68746d, not that"),
        "not gzip": (IMAGES, b"<html>an error page</html>", "first bytes: 3c 68 are not gzip's"),
        "truncated": (IMAGES, gzip.compress(images[:-100]), "62620 follow: the file is truncated"),
        "trailing": (IMAGES, gzip.compress(images + b"x"), "62721 follow: the file has trailing bytes"),
        "gzip cut short": (IMAGES, whole[: len(whole) // 2], "gzip: corrupted or cut short"),
        "gzip corrupted": (IMAGES, whole[:200] + bytes(50) + whole[250:], "gzip: corrupted or cut short"),
        "labels as images": (IMAGES, gzip.compress(labels), "0x00000801, a file of labels; 0x00000803 (images)"),
        "images as labels": (LABELS, gzip.compress(images), "0x00000803, a file of images; 0x00000801 (labels)"),
        "float": (IMAGES, gzip.compress(images[:2] + b"\x0d" + images[3:]), "type code 0x0d is not uint8"),
        "two dimensions": (IMAGES, gzip.compress(images[:3] + b"\x02" + images[4:]), "0x00000802, not that"),
        "nothing declared": (IMAGES, gzip.compress(images[:4] + bytes(12)), "(0, 0, 0) hold nothing"),
        "huge declared": (IMAGES, gzip.compress(images[:4] + b"\xff" * 12), "the file is truncated"),
        "one label short": (
            LABELS,
            gzip.compress(idx_files.encode(idx_files.digits()[1][:79])),
            f"count: 79 labels for the 80 images of {IMAGES}",
        ),
        "label 12": (
            LABELS,
            gzip.compress(labels[:13] + b"\x0c" + labels[14:]),
            "label 5: 12 is not in 0 to 9 (1 such labels)",
        ),
    }


@pytest.mark.parametrize("fault", _faults())
def test_each_fault_is_one_sentence_naming_the_file(tmp_path: Path, fault: str) -> None:
    name, content, expected = _faults()[fault]
    idx_files.write_set(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError) as error:
        idx.local(tmp_path, UNPUBLISHED, 10)
    message = str(error.value)
    assert message.startswith(str(tmp_path / name))
    assert expected in message
    assert "\n" not in message


def test_missing_file(tmp_path: Path) -> None:
    idx_files.write_set(tmp_path)
    (tmp_path / LABELS).unlink()
    with pytest.raises(DatasetError, match=r"neither train-labels-idx1-ubyte nor train-labels-idx1-ubyte\.gz is there"):
        idx.local(tmp_path, UNPUBLISHED, 10)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder of the four files and the address of a server that gives them out."""
    folder = idx_files.write_set(tmp_path / "mirror")
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def _torchvision_set(folder: Path, address: str) -> type:
    """torchvision's MNIST with another mirror and the md5 sums of what should be there."""
    base = import_torchvision("torchvision.datasets").MNIST
    names = [f"{stem}.gz" for stem in UNPUBLISHED]
    md5 = [hashlib.md5((folder / n).read_bytes(), usedforsecurity=False).hexdigest() for n in names]
    return type("MNIST", (base,), {"mirrors": [address], "resources": list(zip(names, md5, strict=True))})


def test_download_is_kept_and_not_fetched_twice(tmp_path: Path, mirror: tuple[Path, str]) -> None:
    folder, address = mirror
    small, raw = _torchvision_set(folder, address), tmp_path / "data" / "raw"
    upstream = idx.download(Request(raw), small, UNPUBLISHED, "otherwise")
    assert len(upstream.parts[0].images) == 80
    assert sorted(f.name for f in raw.iterdir()) == sorted(f"{stem}.gz" for stem in UNPUBLISHED)
    assert list(raw.parent.iterdir()) == [raw]
    small.mirrors = ["http://127.0.0.1:9/"]
    idx.download(Request(raw), small, UNPUBLISHED, "otherwise")


def test_damaged_copy_is_fetched_again(tmp_path: Path, mirror: tuple[Path, str]) -> None:
    folder, address = mirror
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / IMAGES).write_bytes(b"half a file")
    idx.download(Request(raw), _torchvision_set(folder, address), UNPUBLISHED, "otherwise")
    assert (raw / IMAGES).read_bytes() == (folder / IMAGES).read_bytes()


@pytest.mark.parametrize("cause", ["offline", "wrong md5"])
def test_failed_download_says_how_else(
    tmp_path: Path, mirror: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    monkeypatch.setattr(downloads, "WAIT", 0)
    folder, address = mirror
    small = _torchvision_set(folder, address if cause == "wrong md5" else "http://127.0.0.1:9/")
    (folder / LABELS).write_bytes(b"something else")
    with pytest.raises(DatasetError, match=r"MNIST cannot be downloaded: .*Use source: local") as error:
        idx.download(Request(tmp_path / "raw"), small, UNPUBLISHED, "Use source: local")
    assert "\n" not in str(error.value)
    kept = [f.name for f in (tmp_path / "raw").iterdir()] if cause == "wrong md5" else []
    assert LABELS not in kept
    assert not [name for name in kept if name.startswith(".")], "something half-written"
