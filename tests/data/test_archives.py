import gzip
import io
import re
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from paragone.data import archives
from paragone.data.archives import ArchiveError
from support import cifar10_files

CONTENT = {f"set/{name}": np.random.default_rng(i).bytes(3000) for i, name in enumerate("abcdef")}
LIMIT = 200_000


def _all(path: Path, limit: int = LIMIT) -> dict[str, bytes]:
    return dict(archives.members(path, lambda _: True, limit))


def _zip(file: Path, content: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return file


@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz", "x.tar.xz", "x.tar.bz2", "x.zip", "folder"])
def test_every_form_gives_the_same_files(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "folder":
        cifar10_files.write_folder(path, CONTENT)
    elif name == "x.zip":
        _zip(path, CONTENT)
    else:
        cifar10_files.write_tar(path, CONTENT)
    assert _all(path) == CONTENT
    assert list(dict(archives.members(path, lambda n: n > "set/c", LIMIT))) == ["set/d", "set/e", "set/f"]
    assert sorted(f.name for f in tmp_path.iterdir()) == [name], "nothing is extracted"


@pytest.mark.parametrize("suffix", ["tar.gz", "tar.xz", "zip"])
def test_a_leading_dot_and_long_names(tmp_path: Path, suffix: str) -> None:
    name = f"{'long/' * 60}x"
    write = _zip if suffix == "zip" else cifar10_files.write_tar
    file = write(tmp_path / f"x.{suffix}", {f"./{name}": b"1"})
    assert _all(file) == {name: b"1"}


def _tar(member: Callable[[tarfile.TarInfo], None], mode: str = "w:gz") -> bytes:
    """A tar with a good file and one that `member` makes."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as tar:  # type: ignore[call-overload]
        for name in ("good", "bad"):
            info = tarfile.TarInfo(name)
            info.size = 4
            if name == "bad":
                member(info)
            tar.addfile(info, io.BytesIO(bytes(info.size)) if info.isreg() else None)
    return file.getvalue()


def _named(name: str) -> bytes:
    return _tar(lambda info: setattr(info, "name", name))


def _typed(kind: bytes, target: str = "good") -> bytes:
    def member(info: tarfile.TarInfo) -> None:
        info.type, info.size, info.linkname = kind, 0, target

    return _tar(member)


def _zipped(name: str, mode: int = 0) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, b"data")
    return file.getvalue()


def _plain_tar() -> bytearray:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, data in CONTENT.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return bytearray(file.getvalue())


def _flipped(data: bytes, place: int) -> bytes:
    spoilt = bytearray(data)
    spoilt[place] ^= 0x40
    return bytes(spoilt)


def _stored_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in CONTENT.items():
            archive.writestr(name, data)
    return file.getvalue()


def _huge_header() -> bytes:
    """A pax header that claims 2 GB of names."""
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 2 << 30
    return gzip.compress(info.tobuf() + bytes(10_000))


def _liar() -> bytes:
    """A member that declares a terabyte and streams little."""
    info = tarfile.TarInfo("liar")
    info.size = 1 << 40
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(10_000))


def _lying_zip() -> bytes:
    """A bomb that declares few bytes: the size in both headers is overwritten."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(50_000_000))
    return file.getvalue().replace(struct.pack("<I", 50_000_000), struct.pack("<I", 100))


def _hostile() -> dict[str, tuple[bytes, str]]:
    plain, whole = _plain_tar(), gzip.compress(_plain_tar())
    header = 3584  # of the second member: 512 and 3,000 bytes padded to 3,072 come before
    truncated_header, broken_header = bytes(plain[: header + 100]), _flipped(plain, header + 3)
    return {
        "parent": (_named("../../etc/cron.d/x"), "'../../etc/cron.d/x' names a place outside"),
        "parent within": (_named("a/../../x"), "names a place outside"),
        "absolute": (_named("/etc/passwd"), "'/etc/passwd' names a place outside"),
        "backslash": (_named("..\\x"), "names a place outside"),
        "drive": (_named("C:x"), "names a place outside"),
        "twice": (_named("./good"), "'good' appears in it twice"),
        "symlink": (_typed(tarfile.SYMTYPE, "/etc/passwd"), "'bad' is a link, a device or a sparse file"),
        "hard link": (_typed(tarfile.LNKTYPE), "is a link, a device"),
        "device": (_typed(tarfile.CHRTYPE), "is a link, a device"),
        "pipe": (_typed(tarfile.FIFOTYPE), "is a link, a device"),
        "bomb": (_tar(lambda info: setattr(info, "size", 50_000_000)), "holds more than the 200,000 bytes"),
        "bomb after the end": (gzip.compress(bytes(plain) + bytes(50_000_000)), "holds more than the 200,000 bytes"),
        "declared": (_liar(), "holds more than the 200,000 bytes"),
        "huge header": (_huge_header(), "an extended header of 2147483648 bytes"),
        "zip parent": (_zipped("../x"), "'../x' names a place outside"),
        "zip absolute": (_zipped("/x"), "names a place outside"),
        "zip symlink": (_zipped("x", 0o120777), "'x' is a link or a device"),
        "zip bomb": (_zip_of({"bomb": bytes(50_000_000)}), "holds more than the 200,000 bytes"),
        "zip bomb in pieces": (_zip_of({str(i): bytes(100_000) for i in range(9)}), "holds more than the 200,000"),
        "zip bomb that lies": (_lying_zip(), "is damaged or cut short"),
        "zip encrypted": (
            _stored_zip().replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"),
            "is encrypted",
        ),
        "gzip cut short": (whole[: len(whole) // 2], "is damaged or cut short"),
        "gzip without its checksum": (whole[:-8], "is damaged or cut short"),
        "gzip flipped": (_flipped(whole, len(whole) // 2), "is damaged or cut short"),
        "gzip checksum flipped": (_flipped(whole, len(whole) - 6), "is damaged or cut short"),
        "tar cut in a file": (bytes(plain[: header + 1000]), "is damaged or cut short"),
        "tar cut in a header": (truncated_header, "is damaged or cut short (truncated header)"),
        "tar cut between files": (bytes(plain[:header]), "is damaged or cut short (empty header)"),
        "tar header flipped": (broken_header, "is damaged or cut short (bad checksum)"),
        "zip cut short": (_stored_zip()[:-30], "is damaged or cut short"),
        "zip flipped": (_flipped(_stored_zip(), 1000), "is damaged or cut short (Bad CRC-32"),
        "web page": (b"<!DOCTYPE html><html>quota exceeded</html>", "it is a web page, not tar or zip"),
        "text": (b"hello", "first bytes 68 65 6c 6c 6f: it is no tar or zip archive"),
        "empty": (b"", "first bytes none: it is no tar or zip"),
    }


def _zip_of(content: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize("case", _hostile())
def test_refused_in_one_sentence_with_nothing_left_behind(tmp_path: Path, case: str) -> None:
    data, expected = _hostile()[case]
    file = tmp_path / "x"
    file.write_bytes(data)
    with pytest.raises(ArchiveError) as error:
        _all(file)
    message = str(error.value)
    assert message.startswith(f"{file}: ")
    assert expected in message
    assert "\n" not in message
    assert "get it again" in message
    assert list(tmp_path.iterdir()) == [file]


def test_folder_beyond_the_limit(tmp_path: Path) -> None:
    cifar10_files.write_folder(tmp_path, CONTENT)
    with pytest.raises(ArchiveError, match="holds more than the 17,999 bytes"):
        _all(tmp_path, 17_999)
    assert len(_all(tmp_path, 18_000)) == 6


def _peak(code: str, *args: object) -> tuple[str, int]:
    """What a process of this code prints, and the most memory that it took beyond its imports, in MB."""
    before = "import resource; base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    after = "\nprint((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) // 1024)"
    imports = "import sys\nfrom pathlib import Path\nfrom paragone.data import archives, idx\n"
    command = [sys.executable, "-c", imports + before + code + after, *map(str, args)]
    *printed, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return "\n".join(printed), int(peak)


READ = """
try:
    found = dict(archives.members(Path(sys.argv[1]), lambda name: True, 10**6))
    print({name: len(data) for name, data in found.items()})
except archives.ArchiveError as error:
    print(error)
"""


def _declare(file: Path, size: int) -> None:
    """Let a zip of one member declare another size of it, in both of its headers."""
    data = bytearray(file.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = data.index(mark) + offset
        data[start : start + 4] = size.to_bytes(4, "little")
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        (zipfile.ZIP_DEFLATED, "damaged|declares"),
        (zipfile.ZIP_BZIP2, "'x' is packed by method 12; pack it by deflate, or not at all"),
        (zipfile.ZIP_LZMA, "'x' is packed by method 14"),
    ],
)
def test_a_member_that_unpacks_to_more_than_it_declares_takes_no_memory(
    tmp_path: Path, kind: int, pattern: str
) -> None:
    file = _zip(tmp_path / "x.zip", {"x": bytes(300_000_000)}, kind)
    _declare(file, 10)
    found, peak = _peak(READ, file)
    assert re.search(pattern, found)
    assert peak < 60


NAMES = {
    "a file and a folder": ({"x": b"1", "x/y": b"2"}, "'x/y' makes one name a file and a folder"),
    "a folder and a file": ({"x/y": b"2", "x": b"1"}, "'x' makes one name a file and a folder"),
    "a folder far below a file": ({"a": b"1", "a/b/c/d": b"2"}, "'a/b/c/d' makes one name"),
    "a name of 300 bytes": ({"x" * 300: b""}, "has a name of more than 255 bytes"),
    "a name of 300 bytes in 150 letters": ({"a/" + "é" * 150: b""}, "has a name of more than 255 bytes"),
    "a file called .": ({".": b"1"}, "'.' is a file without a name"),
    "a file called ./.": ({"./.": b"1"}, "is a file without a name"),
}


@pytest.mark.parametrize("what", NAMES)
@pytest.mark.parametrize("form", ["x.zip", "x.tar"])
def test_names_that_no_folder_could_hold(tmp_path: Path, what: str, form: str) -> None:
    content, pattern = NAMES[what]
    write = _zip if form == "x.zip" else cifar10_files.write_tar
    with pytest.raises(ArchiveError, match=pattern):
        _all(write(tmp_path / form, content))
    if form == "x.zip":
        with pytest.raises(ArchiveError, match=pattern):
            archives.listing(tmp_path / form, lambda name: True, LIMIT)


def test_a_gzipped_idx_file_takes_what_it_declares_and_no_more(tmp_path: Path) -> None:
    header = bytes([0, 0, 8, 3]) + struct.pack(">3I", 1, 28, 28)
    (tmp_path / "x.gz").write_bytes(gzip.compress(header + bytes(300_000_000), 1))
    code = "try: idx.read(Path(sys.argv[1]), 3)\nexcept idx.DatasetError as error: print(error)"
    printed, peak = _peak(code, tmp_path / "x.gz")
    assert "declare 784 bytes, 785 follow: the file has trailing bytes" in printed
    assert peak < 60
