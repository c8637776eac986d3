"""Read the files of a folder, a tar (plain, gzip, bzip2, xz) or a zip, never extracting to disk: `members` one after
the other, `listing` and `reader` by name (a tar cannot be).

What an archive may do to whoever reads it is refused: names that leave it, links, devices, sparse files, a name that
appears twice, and more bytes than the caller allows, whether declared or streamed. Archives that are cut short or whose
checksums fail are refused too; so is a tar with a broken header, which `tarfile` takes for its end.
"""

import bz2
import gzip
import io
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from paragone.data import folders

CHUNK = 1 << 20  # bytes read at a time
HEADER = 1 << 20  # bytes that an extended tar header may hold
NAME = 255  # bytes of a file's name, of which no file system takes more
MEMBERS = 2**24  # of an archive
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # that unpack piece by piece, in bounded memory
TAR_BLOCK = 512
FILE_TYPES = (tarfile.REGTYPE, tarfile.AREGTYPE)
DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError)
Wanted = Callable[[str], bool]
Read = Callable[[Sequence[str]], list[bytes | Path | Exception]]


class ArchiveError(ValueError):
    """An archive is damaged, or asks for something that no data set needs."""


@dataclass
class Budget:
    """What an archive and those that it holds may take together, unpacked."""

    size: int  # bytes that are left
    members: int = MEMBERS

    def take(self, path: Path, size: int) -> None:
        """Account for one more member of the archive `path`. Raises ArchiveError."""
        self.size -= size
        self.members -= 1
        if self.size < 0 or self.members < 0:
            raise ArchiveError(
                f"{path}: unpacks, with the archives that it is among, to more than its data set can hold"
            )


def members(path: Path, wanted: Wanted, limit: int) -> Iterator[tuple[str, bytes]]:
    """(name, content) of each file of `path` whose name is wanted: by name in a folder, in stored order in an archive.

    limit: bytes that everything in it may take uncompressed. Raises ArchiveError naming path, fault and remedy; an
    archive's last bytes are checked when the iteration ends, so use nothing of it before.
    """
    try:
        yield from _reader(path)(path, wanted, limit)
    except ArchiveError as error:
        raise ArchiveError(f"{path}: {error}; nothing of it was kept: get it again from its publisher") from None
    except DAMAGED as error:
        raise ArchiveError(f"{path}: is damaged or cut short ({error}); get it again") from None


def listing(path: Path, wanted: Wanted, limit: int) -> dict[str, str]:
    """The wanted files of a folder or zip by name, in the order of names, each with a stamp that changes when it does.

    limit as for `members`. Of a folder, what `folders.walk` lists. Raises ArchiveError or FolderError naming path,
    fault and remedy.
    """
    try:
        if path.is_dir():
            return _list_folder(path, wanted, limit)
        if _reader(path) is _of_tar:
            raise ArchiveError("a tar has no table of contents; unpack it into a folder, or make a zip of it")
        with zipfile.ZipFile(path) as archive:
            found = [(name, f"{info.CRC:08x} {info.file_size}") for name, info in _zipped(archive, limit)]
    except ArchiveError as error:
        raise ArchiveError(f"{path}: {error}") from None
    except DAMAGED as error:
        raise ArchiveError(f"{path}: is damaged or cut short ({error}); get it again") from None
    return dict(sorted((name, stamp) for name, stamp in found if wanted(name)))


def _list_folder(path: Path, wanted: Wanted, limit: int) -> dict[str, str]:
    found = {}
    left = limit
    for file in folders.walk(path):
        if wanted(file.name):
            left -= file.size
            _check_size(left, limit)
            found[file.name] = file.stamp
    return dict(sorted(found.items()))


@contextmanager
def reader(path: Path) -> Iterator[Read]:
    """A function that gives the content of members of a zip by name, or the paths of files of a folder.

    In place of a damaged member is the error.
    """
    if path.is_dir():
        yield lambda names: [path / name for name in names]
        return
    with zipfile.ZipFile(path) as archive:
        infos = {str(PurePosixPath(info.filename)): info for info in archive.infolist()}
        yield lambda names: [_try_zipped(archive, infos[name]) for name in names]


def _try_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes | Exception:
    try:
        return _read_zipped(archive, info)
    except (ArchiveError, *DAMAGED) as error:
        return ArchiveError(f"damaged in the archive ({error})")


def _reader(path: Path) -> Callable[[Path, Wanted, int], Iterator[tuple[str, bytes]]]:
    if path.is_dir():
        return _of_folder
    with path.open("rb") as file:
        start = file.read(TAR_BLOCK)
    if start.startswith(b"PK\x03\x04"):
        return _of_zip
    for magic in _OPENERS:
        if start.startswith(magic):
            return _of_tar
    if start[257:262] == b"ustar":
        return _of_tar
    page = "a web page, not " if start.lstrip().lower().startswith((b"<!doctype", b"<html")) else "no "
    raise ArchiveError(f"first bytes {start[:6].hex(' ') or 'none'}: it is {page}tar or zip archive")


_OPENERS: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ\0": lzma.open, b"BZh": bz2.open}


def _of_folder(path: Path, wanted: Wanted, limit: int) -> Iterator[tuple[str, bytes]]:
    left = limit
    for file in sorted(file for file in folders.walk(path) if file.stamp and wanted(file.name)):
        left -= file.size
        _check_size(left, limit)
        try:
            content = folders.read(path / file.name, limit)
        except folders.FolderError as error:
            raise ArchiveError(f"{file.name} {error}") from None
        yield file.name, content


def _of_zip(path: Path, wanted: Wanted, limit: int) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for name, info in _zipped(archive, limit):
            if wanted(name):
                yield name, _read_zipped(archive, info)


def _zipped(archive: zipfile.ZipFile, limit: int) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """The files of a zip. Each is read up to its declared size, so those bound everything."""
    _check_size(limit - sum(info.file_size for info in archive.infolist()), limit)
    names = _Names()
    for info in archive.infolist():
        name = names.check(info.filename, info.is_dir())
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise ArchiveError(f"member {name!r} is a link or a device")
        if info.flag_bits & 1:
            raise ArchiveError(f"member {name!r} is encrypted")
        if info.compress_type not in METHODS:
            raise ArchiveError(
                f"member {name!r} is packed by method {info.compress_type}; pack it by deflate, or not at all"
            )
        if not info.is_dir():
            yield name, info


def _read_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """In pieces: `ZipFile.read` unpacks all that there is before it looks at the declared size."""
    content = bytearray()
    try:
        with archive.open(info) as file:
            while piece := file.read(CHUNK):
                content += piece
    except NotImplementedError as error:
        raise ArchiveError(f"member {info.filename!r}: {error}") from None
    if len(content) != info.file_size:
        raise ArchiveError(
            f"member {info.filename!r} has {len(content):,} bytes, not the {info.file_size:,} it declares"
        )
    return bytes(content)


def _of_tar(path: Path, wanted: Wanted, limit: int) -> Iterator[tuple[str, bytes]]:
    with path.open("rb") as file:
        start = file.read(TAR_BLOCK)
    opener = next((o for magic, o in _OPENERS.items() if start.startswith(magic)), open)
    with opener(path, "rb") as uncompressed:
        stream = _Limited(uncompressed, limit)
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as tar:
            names = _Names()
            while (info := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # kept for a second reading
                name = names.check(info.name, info.isdir())
                if info.issparse() or not (info.isreg() or info.isdir()):
                    raise ArchiveError(f"member {name!r} is a link, a device or a sparse file")
                _check_size(limit - info.size, limit)
                if info.isreg() and wanted(name):
                    content = tar.extractfile(info)
                    assert content is not None
                    yield name, content.read()
        while stream.read(CHUNK):  # to the end, where the checksum stands
            pass


class _Limited(io.RawIOBase):
    """A stream that ends in an error beyond `limit` bytes."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream, self._limit, self._left = stream, limit, limit

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        _check_size(self._left, self._limit)
        return data


class _Header(tarfile.TarInfo):
    """A tar header that is broken is a fault, not the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Header":
        header = super().frombuf(buf, encoding, errors)
        if header.type not in FILE_TYPES and header.size > HEADER:
            raise ArchiveError(f"an extended header of {header.size} bytes")
        return header

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> "_Header":
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the block of zeros that ends a tar
            raise
        except tarfile.HeaderError as error:
            raise ArchiveError(f"is damaged or cut short ({error})") from None


class _Names:
    """The names of an archive's members so far: each once, and as a file or as a folder."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()  # those that are listed
        self._above: set[str] = set()  # those that files and folders are in

    def check(self, name: str, folder: bool) -> str:
        """The name without a leading ./, if it stays inside of the archive, is new and can be a file's."""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or re.search(r"[\\\0]|^[A-Za-z]:", name):
            raise ArchiveError(f"member {name!r} names a place outside of the archive")
        if any(len(part.encode(errors="surrogateescape")) > NAME for part in path.parts):
            raise ArchiveError(f"member {name[:20]!r}... has a name of more than {NAME} bytes")
        if not path.parts and not folder:
            raise ArchiveError(f"member {name!r} is a file without a name")
        member, above = str(path), {str(parent) for parent in path.parents}
        if member in self._files or member in self._folders:
            raise ArchiveError(f"member {member!r} appears in it twice")
        if above & self._files or (not folder and member in self._above):
            raise ArchiveError(f"member {member!r} makes one name a file and a folder")
        (self._folders if folder else self._files).add(member)
        self._above |= above
        if len(self._files) + len(self._folders) > MEMBERS:
            raise ArchiveError(f"has more than {MEMBERS:,} members")
        return member


def _check_size(left: int, limit: int) -> None:
    if left < 0:
        raise ArchiveError(f"holds more than the {limit:,} bytes that its data set can have")
