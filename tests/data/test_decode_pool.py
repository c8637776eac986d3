"""Many image files become a prepared set: in parallel, after a kill, with damaged files among them."""

import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from paragone.data import archives, decode_pool, image_io, prepare
from paragone.data.base import DatasetError, Loader, Pictures, Upstream, load
from paragone.models.base import Spec
from paragone.project import files
from support import ROOT

LOADER = Loader(title="Noise", licence="none", citation="none", class_names=("a", "b"), sources={})
SIDE = 8
DECODE = partial(image_io.load, side=SIDE, box=(1, 0, 11, 10))


def _folder(folder: Path, count: int = 30) -> Path:
    draw = np.random.default_rng(0)
    (folder / "in").mkdir(parents=True)
    for i in range(count):
        pixels = draw.integers(0, 256, (10, 12, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "in" / f"{i:05}.png")
    return folder


def _zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        for file in sorted(folder.rglob("*.png"), reverse=True):
            archive.write(file, file.relative_to(folder))
    return folder.with_suffix(".zip")


def _pictures(path: Path, tolerated: float = 0.0) -> list[Pictures]:
    listing = archives.listing(path, lambda name: name.endswith(".png"), 10**9)
    names = list(listing)
    cut = len(names) - 10
    return [
        Pictures(split, path, names[s], list(listing.values())[s], np.arange(len(names))[s] % 2, DECODE, {}, tolerated)
        for split, s in (("train", slice(0, cut)), ("test", slice(cut, None)))
    ]


def _write(folder: Path, parts: Iterable[Pictures]) -> None:
    prepare.write(folder, Upstream(parts, exact=True), LOADER, SIDE, {"name": "noise"})


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def test_folder_and_zip_give_the_same_set(tmp_path: Path) -> None:
    source = _folder(tmp_path / "source")
    for name, path in (("folder", source), ("zip", _zip(source))):
        _write(tmp_path / "out" / name, _pictures(path))
    assert _bytes(tmp_path / "out/folder") == _bytes(tmp_path / "out/zip")
    found, labels, spec, *_ = load(tmp_path / "out/zip", "train")
    assert spec == Spec((3, SIDE, SIDE), 2)
    assert labels is not None
    assert labels.tolist() == [i % 2 for i in range(20)]
    with Image.open(source / "in/00003.png") as image:
        np.testing.assert_array_equal(found[3], image_io.resize(image, SIDE, (1, 0, 11, 10)))
    facts = files.read_json(tmp_path / "out/zip/dataset.json")
    assert facts["altered"] == "cut to 10x10 at (1, 0); resized to 8x8 (bilinear, antialiased)"
    assert facts["lossy"]
    assert facts["skipped"] == []


def test_several_processes_give_the_same_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_pool, "BLOCK", 8)
    source = _zip(_folder(tmp_path / "source", 60))
    _write(tmp_path / "out/alone", _pictures(source))
    monkeypatch.setattr(decode_pool, "FEW", 20)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    _write(tmp_path / "out/together", _pictures(source))
    assert _bytes(tmp_path / "out/alone") == _bytes(tmp_path / "out/together")


def test_damaged_files_are_left_out_and_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_pool, "BLOCK", 4)
    source = _folder(tmp_path / "source", 60)
    for name in ("00002", "00008", "00009", "00010", "00011"):  # one whole block
        (source / f"in/{name}.png").write_bytes(b"no image")
    (source / "in/00020.png").write_bytes((source / "in/00020.png").read_bytes()[:-90])
    with pytest.raises(DatasetError, match=r"source: in/00002\.png: no JPEG, PNG.*; get the file again"):
        _write(tmp_path / "out", _pictures(source))
    with pytest.raises(DatasetError, match=r"5 or more of 50 files cannot be read, a share of 8\.00% is allowed: in/0"):
        _write(tmp_path / "out", _pictures(source, tolerated=0.08))
    assert not (tmp_path / "out").exists()
    _write(tmp_path / "out", _pictures(source, tolerated=0.12))
    facts = files.read_json(tmp_path / "out/dataset.json")
    assert [entry["file"][3:8] for entry in facts["skipped"]] == ["00002", "00008", "00009", "00010", "00011", "00020"]
    assert facts["warnings"] == ["6 damaged files were left out: in/00002.png, in/00008.png, in/00009.png ..."]
    assert facts["counts"] == {"train": 44, "test": 10}
    assert not facts["exact"]
    assert load(tmp_path / "out", "train").labels.tolist()[:4] == [0, 1, 1, 0]


def test_a_member_whose_checksum_fails(tmp_path: Path) -> None:
    file = _zip(_folder(tmp_path / "source"))
    with zipfile.ZipFile(file) as archive:
        place = archive.getinfo("in/00004.png").header_offset + 100
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    with pytest.raises(DatasetError, match=r"source\.zip: in/00004\.png: damaged in the archive \(Bad CRC-32"):
        _write(tmp_path / "out", _pictures(file))


RUN = """
import sys, time
from pathlib import Path
from paragone.data import decode_pool
import test_decode_pool as t
decode_pool.BLOCK, decode_pool.FEW = 8, 20
if __name__ == "__main__":
    keep = decode_pool.Decoder._note
    def note(self, *args):
        keep(self, *args)
        Path(sys.argv[3]).write_text("one")
        time.sleep(0.05)
    decode_pool.Decoder._note = note
    t._write(Path(sys.argv[2]), t._pictures(Path(sys.argv[1])))
"""


def _start(tmp_path: Path, source: Path) -> "subprocess.Popen[bytes]":
    (tmp_path / "main.py").write_text(RUN)
    command = [sys.executable, str(tmp_path / "main.py"), *map(str, (source, tmp_path / "out", tmp_path / "begun"))]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'tests/data'}:{ROOT / 'tests'}"}
    return subprocess.Popen(command, env=environment)


def _await(found: Path) -> None:
    end = time.monotonic() + 240
    while not found.exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_kill_keeps_what_was_decoded_and_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = _folder(tmp_path / "source", 90)
    _write(tmp_path / "whole", _pictures(source))
    process = _start(tmp_path, source)
    _await(tmp_path / "begun")
    others = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert psutil.wait_procs(others, timeout=240)[1] == []
    assert not (tmp_path / "out").exists(), "a half-written set stands under its name"
    kept = (tmp_path / ".out.partial" / prepare.JOURNAL).read_text().count("\n")
    assert 0 < kept < 11

    monkeypatch.setattr(decode_pool, "BLOCK", 8)
    calls: list[int] = []
    real = decode_pool.decode_worker.decode
    monkeypatch.setattr(decode_pool.decode_worker, "decode", lambda one, sources: calls.append(1) or real(one, sources))
    _write(tmp_path / "out", _pictures(source))
    assert len(calls) == 12 - kept  # 10 blocks of 80 training images, 2 of 10 test images
    assert _bytes(tmp_path / "out") == _bytes(tmp_path / "whole")
    assert not (tmp_path / ".out.partial").exists()


@pytest.mark.parametrize("change", ["bytes", "pixels", "journal"])
def test_what_was_changed_since_is_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    source = _folder(tmp_path / "source", 40)
    _write(tmp_path / "whole", _pictures(source))
    keep = decode_pool.Decoder._note

    def note(self: decode_pool.Decoder, key: str, decoded: object) -> None:
        keep(self, key, decoded)
        if len(self._journal.read_text().splitlines()) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(decode_pool, "BLOCK", 8)
    with monkeypatch.context() as patch:
        patch.setattr(decode_pool.Decoder, "_note", note)
        with pytest.raises(KeyboardInterrupt):
            _write(tmp_path / "out", _pictures(source))
    left = tmp_path / ".out.partial"
    journal = (left / prepare.JOURNAL).read_text()
    assert len(journal.splitlines()) == 5
    if change == "bytes":  # another picture under an old name
        file = source / "in/00009.png"
        with Image.open(file) as image:
            Image.fromarray(255 - np.asarray(image)).save(file)
        _write(tmp_path / "whole", _pictures(source))
    elif change == "pixels":  # what a power cut may leave
        data = bytearray((left / "train/images.npy").read_bytes())
        data[1000] ^= 1
        (left / "train/images.npy").write_bytes(data)
    else:
        (left / prepare.JOURNAL).write_text(journal[:-40] + "\n{}\nnull")
    _write(tmp_path / "out", _pictures(source))
    assert _bytes(tmp_path / "out") == _bytes(tmp_path / "whole")


def test_two_at_once(tmp_path: Path) -> None:
    partial_folder = tmp_path / ".out.partial"
    partial_folder.mkdir()
    source = _folder(tmp_path / "source")
    with prepare.alone(partial_folder), pytest.raises(DatasetError, match="another process is writing it"):
        _write(tmp_path / "out", _pictures(source))
    _write(tmp_path / "out", _pictures(source))


LIMITED = """
import resource, sys
from pathlib import Path
import test_decode_pool as t
resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))
t._write(Path(sys.argv[2]), t._pictures(Path(sys.argv[1])))
"""


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: the same call fails in the same way."""
    source = _folder(tmp_path / "source", 60)
    command = [sys.executable, "-c", LIMITED, str(source), str(tmp_path / "out/noise")]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'tests/data'}:{ROOT / 'tests'}"}
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300).stderr
    last = printed.splitlines()[-1]
    assert last.endswith(
        "out/noise: could not be written (File too large); nothing was kept, free disk space and run again"
    )
    assert list((tmp_path / "out").iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 KiB, where this process may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting a file system is not permitted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_full_in_the_middle(tmp_path: Path, small_disk: Path) -> None:
    parts = _pictures(_folder(tmp_path / "source", 60))
    with pytest.raises(
        DatasetError, match=r"noise: could not be written \(No space left on device\); nothing was kept"
    ):
        _write(small_disk / "noise", iter(parts))  # which does not tell beforehand how many there will be
    assert list(small_disk.iterdir()) == []
    with pytest.raises(DatasetError, match=r"noise: could not be written \(11,520 bytes are needed, 8,192 are free\)"):
        _write(small_disk / "noise", parts)


def test_a_disk_that_is_too_small_is_found_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = prepare.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(prepare.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(DatasetError, match=r"out: could not be written \(5,760 bytes are needed, 1,000 are free\)"):
        _write(tmp_path / "out", _pictures(_folder(tmp_path / "source")))
    assert not (tmp_path / ".out.partial").exists()


def test_images_of_another_size_than_the_set(tmp_path: Path) -> None:
    source = _folder(tmp_path / "source")
    with pytest.raises(DatasetError, match=r"source: decoded to \(8, 8\), not 16x16"):
        prepare.write(tmp_path / "out", Upstream(_pictures(source), exact=True), LOADER, 16, {})


def test_listing_and_its_stamps(tmp_path: Path) -> None:
    source = _folder(tmp_path / "source", 3)
    before = archives.listing(source, lambda name: True, 10**6)
    assert list(before) == ["in/00000.png", "in/00001.png", "in/00002.png"]
    assert list(archives.listing(_zip(source), lambda name: "1" in name, 10**6)) == ["in/00001.png"]
    (source / "in/00001.png").write_bytes(b"other")
    after = archives.listing(source, lambda name: True, 10**6)
    assert [before[name] == after[name] for name in before] == [True, False, True]
    with pytest.raises(archives.ArchiveError, match="holds more than the 10 bytes"):
        archives.listing(source, lambda name: True, 10)


def test_a_worker_imports_no_torch() -> None:
    """It would take each process more than a second."""
    code = "import sys, paragone.data.decode_worker, paragone.data.image_io; "
    code += "sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
