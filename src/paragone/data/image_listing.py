"""Which image files a folder or an archive holds, what else is there, and how much an archive may unpack to."""

import shutil
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from paragone.data import archives

JPEG = (".jfif", ".jpe", ".jpeg", ".jpg", ".mpo")
SUFFIXES = (
    *(".apng", ".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx"),
    *(".mpo", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
LITTER = (".ds_store", "desktop.ini", "thumbs.db")  # that systems leave in folders of images
BESIDE = (  # what describes images and is none
    *(".bib", ".csv", ".doc", ".docx", ".htm", ".html", ".json", ".jsonl", ".lst", ".log", ".m", ".mat", ".md", ".npy"),
    *(".npz", ".parquet", ".pdf", ".pkl", ".py", ".rst", ".sh", ".tsv", ".txt", ".xls", ".xlsx", ".xml"),
    *(".yaml", ".yml"),
)
RATIO, LEAST = 100, 2**30  # an archive may unpack to so many times its size, or to so many bytes: more is a bomb


def names(path: Path) -> dict[str, str]:
    """The image files, by their suffix, of a folder or zip, each with a stamp; hidden ones are passed over.

    Raises ValueError (archives.ArchiveError) for an archive that is damaged or asks for what none needs.
    """
    return contents(path)[0]


def contents(path: Path) -> tuple[dict[str, str], list[str]]:
    """The same, and the names of all else but for what systems leave: other files, and folders (`name/`) without any.

    Raises as `names` does.
    """
    found = archives.listing(path, lambda name: not _is_litter(name), _limit(path))
    images = {name: stamp for name, stamp in found.items() if is_image(name)}
    return images, [name for name in found if name not in images]


def _is_litter(name: str) -> bool:
    parts = name.rstrip("/").split("/")
    return parts[-1].lower() in LITTER or parts[-1].startswith("._") or "__MACOSX" in parts


def left_out(names: Sequence[str]) -> list[str]:
    """A note on the files that are no images by their suffix, counted by it; none if there are none."""
    return [f"{len(names):,} files are not read as images and were left out: {count_by_kind(names)}"] * bool(names)


def count_by_kind(names: Iterable[str]) -> str:
    """How many of these files have which suffix, the most first."""
    kinds = Counter(map(_kind, names))
    return ", ".join(f"{kind} {count:,}" for kind, count in sorted(kinds.items(), key=lambda item: (-item[1], item[0])))


def _kind(name: str) -> str:
    last = name.rstrip("/").rpartition("/")[2]
    if name.endswith("/"):
        return "empty folders or further links to one"
    if is_image(last):  # so that one of the folders above is hidden
        return "in hidden folders"
    if last.startswith("."):
        return "hidden"
    return PurePosixPath(last).suffix.lower() or "without a suffix"


def is_image(name: str) -> bool:
    parts = name.split("/")  # a PurePosixPath each takes seconds for 100,000 of them
    return parts[-1].lower().endswith(SUFFIXES) and not any(p.startswith(".") or p == "__MACOSX" for p in parts)


def budget(archive: Path) -> archives.Budget:
    """What may come out of an archive, and out of archives in it."""
    return archives.Budget(_limit(archive))


def _limit(path: Path) -> int:
    return 2**63 if path.is_dir() else max(LEAST, RATIO * path.stat().st_size)


def unpacked(archive: Path, raw: Path, left: archives.Budget | None = None) -> Path:
    """A folder or zip as it is; a tar unpacked, whole or not at all, into a folder of raw that later calls find again.

    left: the budget of the archive that this one was in. Raises ValueError (archives.ArchiveError) for an archive that
    is damaged or asks for what none needs.
    """
    if archive.is_dir() or zipfile.is_zipfile(archive):
        return archive
    status = archive.stat()
    folder = raw / f"{archive.name}.{status.st_size:x}-{status.st_mtime_ns:x}"  # another file, another folder
    if folder.is_dir():
        return folder
    partial_ = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial_, ignore_errors=True)
    partial_.mkdir(parents=True)
    left = left or budget(archive)
    try:
        for name, data in archives.members(archive, lambda name: True, left.size):
            left.take(archive, len(data))
            (partial_ / name).parent.mkdir(parents=True, exist_ok=True)
            (partial_ / name).write_bytes(data)
        partial_.replace(folder)
    finally:
        shutil.rmtree(partial_, ignore_errors=True)
    return folder
