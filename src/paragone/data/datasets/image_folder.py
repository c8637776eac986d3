"""Image folder: any folder, zip or tar of images, with class folders or without, as it is found.

Its content decides: folders that hold everything else are passed through; `train` beside `test` (or `val`) are
the splits, otherwise a seeded share of each class is held out; the folders below are the classes, whatever is nested in
them, and images outside of them have no labels. Options of params.yaml:

- classes: auto, folders (there must be some) or none (folders mean nothing)
- test_share, seed: of each class, where there is no test folder
- fit: crop (to the centre square), pad (with black) or stretch; grey: true for one channel
- max_damaged: the share of images that may be left out because they cannot be read
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from paragone.data import image_files as pictures
from paragone.data import image_listing as listing
from paragone.data.base import SPLITS, DatasetError, Loader, Request, Upstream
from paragone.data.image_files import Picture

FOLDERS = {"train": ("train", "training"), "test": ("test", "testing", "val", "valid", "validation")}
DEFAULTS: Mapping[str, Any] = {"classes": "auto", **pictures.OPTIONS, **pictures.SPLIT}


class Layout(NamedTuple):
    """How the files of a folder are meant."""

    pictures: list[Picture]
    class_names: tuple[str, ...]  # empty: no labels
    notes: tuple[str, ...]


def local(request: Request) -> Upstream:
    """Raises DatasetError (or archives.ArchiveError) for a folder or archive that holds no set of images."""
    assert request.path is not None
    chosen = pictures.options(request, DEFAULTS)
    path = listing.unpacked(request.path, request.raw)
    names, others = listing.contents(path)
    found = layout(request.path, list(names), chosen, others)
    here = [picture._replace(at=path) for picture in found.pictures]  # a tar was unpacked
    notes = [*found.notes, *listing.left_out(others)]
    if jpegs := sum(p.name.lower().endswith(listing.JPEG) for p in here):
        notes.append(f"{jpegs:,} images are JPEG (lossy): figures are not comparable with those on lossless copies")
    return pictures.upstream(here, request, chosen, class_names=found.class_names, warnings=notes, listed={path: names})


def layout(path: Path, names: Sequence[str], chosen: Mapping[str, Any], others: Sequence[str] = ()) -> Layout:
    """The splits and classes of these files of `path`. Raises DatasetError saying what cannot be told.

    others: files that are no images; where they are all that a class folder holds, it is no class without a word.
    """
    if not names:
        known = " ".join(listing.SUFFIXES)
        raise DatasetError(f"{path}: holds no images ({known}); name the folder or archive that does")
    inner = _without_wrappers(names)
    if chosen["classes"] != "none":
        _check_classes(path, inner, others)
    tops = {p[0].lower(): p[0] for p in inner.values() if len(p) > 1}
    folders = {s: tops[next(f for f in known if f in tops)] for s, known in FOLDERS.items() if tops.keys() & {*known}}
    if len(folders) == len(SPLITS):
        split_of = {folder: split for split, folder in folders.items()}
        below = {n: (split_of[p[0]], p[1:]) for n, p in inner.items() if p[0] in split_of and len(p) > 1}
        left_out = len(names) - len(below)
        warning = f"{left_out:,} images that are not in {' or '.join(folders.values())} were left out"
        labels, class_names = _classes(path, {n: p for n, (_, p) in below.items()}, chosen["classes"])
        found = [Picture(split, path, n, labels.get(n)) for n, (split, _) in below.items()]
        _check_splits(path, found, class_names)
        return Layout(pictures.interleave(found), class_names, (warning,) if left_out else ())
    labels, class_names = _classes(path, inner, chosen["classes"])
    test = pictures.test_split(path, {n: "/".join(p) for n, p in inner.items()}, labels, class_names, chosen)
    found = [Picture("test" if n in test else "train", path, n, labels.get(n)) for n in inner]
    warning = f"no published split: {len(test):,} of {len(names):,} images held out for test (seed {chosen['seed']})"
    return Layout(pictures.interleave(found), class_names, (warning,))


def _check_classes(path: Path, inner: Mapping[str, tuple[str, ...]], others: Sequence[str]) -> None:
    """Raise DatasetError for a folder beside those of classes of which nothing is read, unless it holds notes alone."""
    read = {parent for name in inner for parent in PurePosixPath(name).parents}
    name, parts = next(iter(inner.items()))
    deepest = len(name.split("/")) - len(parts) + 1  # where class folders are
    splits = {folder for known in FOLDERS.values() for folder in known}
    unread: dict[PurePosixPath, list[str]] = defaultdict(list)
    for other in others:
        file = PurePosixPath(other)
        above = [*([file] if other.endswith("/") else []), *file.parents]
        highest = [folder for folder in above if folder not in read][-1:]
        if any(part.startswith(".") for part in file.parts) or file.suffix.lower() in listing.BESIDE or not highest:
            continue
        if len(highest[0].parts) <= deepest + any(part.lower() in splits for part in highest[0].parts[:-1]):
            unread[highest[0]].append(other)
    for folder, held in sorted(unread.items()):
        raise DatasetError(
            f"{path}: of the folder '{folder}' beside class folders nothing is read ({listing.count_by_kind(held)}); "
            "convert its images to PNG, take it away, or set options.classes to none for a set without labels"
        )


def _without_wrappers(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The parts of each name below the folders that hold everything."""
    inner = {name: tuple(name.split("/")) for name in names}
    while len({p[0] for p in inner.values()}) == 1 and all(len(p) > 1 for p in inner.values()):
        inner = {name: p[1:] for name, p in inner.items()}
    return inner


def _classes(path: Path, inner: Mapping[str, tuple[str, ...]], asked: str) -> tuple[dict[str, int], tuple[str, ...]]:
    """The label of each name, and the classes: the first folder of each."""
    folder = {name: p[0] for name, p in inner.items() if len(p) > 1}
    if asked == "none" or (asked == "auto" and not folder):
        return {}, ()
    remedy = "set options.classes to none for a set without labels"
    class_names = tuple(sorted(set(folder.values())))
    if not class_names:
        raise DatasetError(f"{path}: holds no two class folders beside each other; add some, or {remedy}")
    if loose := sorted(inner.keys() - folder.keys()):
        beside = f", as do {len(loose) - 1:,} others" if len(loose) > 1 else ""
        raise DatasetError(f"{path}: {loose[0]}: is beside class folders, not in one{beside}; move it, or {remedy}")
    if len(class_names) == 1:
        raise DatasetError(f"{path}: holds the one class folder '{class_names[0]}'; add a second class, or {remedy}")
    return {name: class_names.index(f) for name, f in folder.items()}, class_names


def _check_splits(path: Path, found: Sequence[Picture], class_names: Sequence[str]) -> None:
    """Every class is in both splits."""
    there = Counter((p.split, p.label) for p in found)
    for split in SPLITS:
        if missing := [name for label, name in enumerate(class_names) if not there[split, label]]:
            raise DatasetError(
                f"{path}: class '{missing[0]}' has no images in the {split} split; add some, or take the class out of "
                "the other"
            )


LOADER = Loader(
    title="Image folder",
    licence="that of the images, which their owner knows",
    citation="images of one's own",
    class_names=(),
    sources={"local": local},
    options=frozenset(DEFAULTS),
)
