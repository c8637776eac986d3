"""What the sets of image files share: options, held-out splits, and what becomes of the pixels.

A loader decides which file belongs to which split and class (`Picture`); `upstream` hands them on as
`datasets.base.Pictures`, which are read and decoded on all cores in bounded memory.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np

from paragone.data import image_listing
from paragone.data.base import SPLITS, DatasetError, Pictures, Request, Upstream
from paragone.data.image_io import FITS, Mode, square

OPTIONS: Mapping[str, Any] = {"fit": "crop", "grey": False, "max_damaged": 0.0}  # what every set of image files takes
SPLIT: Mapping[str, Any] = {"test_share": 0.1, "seed": 0}  # and those whose authors gave no test split
CHOICES: Mapping[str, tuple[str, ...]] = {
    "fit": FITS,
    "classes": ("auto", "folders", "none"),
    "label": ("object", "none"),
    "direction": ("AtoB", "BtoA"),
    "how": ("edges", "grey", "low", "mask", "boxes"),
    "hole": ("centre", "random"),
}


class Picture(NamedTuple):
    """An image file of a data set."""

    split: str
    at: Path  # the folder or zip that holds it
    name: str  # its path in there
    label: int | None = None
    attributes: tuple[int, ...] = ()
    source: bool = False  # what a translation starts from


def options(request: Request, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The options of params.yaml over their defaults. Raises DatasetError naming one that cannot be."""
    found = {**defaults, **request.options}
    for name, value in found.items():
        if fault := _fault(name, value, defaults[name]):
            raise DatasetError(f"params.yaml: options.{name}: {value!r} {fault}; correct it")
    return found


def _fault(name: str, value: Any, default: Any) -> str:
    if name in CHOICES:
        return "" if value in CHOICES[name] else f"is not one of {', '.join(CHOICES[name])}"
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "is not true or false"
    if isinstance(default, float):
        low = name == "test_share" and not value
        fits = type(value) in (int, float) and 0 <= value < 1 and not low
        return "" if fits else f"is not a share {'above' if name == 'test_share' else 'from'} 0 and below 1"
    return "" if type(value) is int and 0 <= value < 2**63 else "is not a whole number from 0"


def test_split(
    path: Path,
    inner: Mapping[str, str],
    labels: Mapping[str, int],
    class_names: Sequence[str],
    chosen: Mapping[str, Any],
) -> set[str]:
    """The names that make up the test split: of each class options.test_share, at least one image and not all.

    By a keyed hash of inner[name], the part of a name that does not depend on where the set was put. Raises
    DatasetError for a class that cannot be split.
    """
    by_class: dict[int | None, list[str]] = defaultdict(list)
    for name in inner:
        by_class[labels.get(name)].append(name)
    key = f"paragone split {chosen['seed']}".encode()
    test: set[str] = set()
    for label, members in by_class.items():
        if len(members) < 2:
            which = f"class '{class_names[label]}' has" if label is not None else "holds"
            raise DatasetError(
                f"{path}: {which} one image, and train and test need one each; add images, or take it away"
            )
        ranked = sorted(members, key=lambda name: hashlib.blake2b(inner[name].encode(), key=key).digest())
        test.update(ranked[: min(max(1, round(chosen["test_share"] * len(ranked))), len(ranked) - 1)])
    return test


def by_class(
    where: Path,
    tree: Path,
    folder: str,
    request: Request,
    chosen: Mapping[str, Any],
    class_name: Callable[[str], str | None],
) -> Upstream:
    """A published set whose tree holds folder/<class folder>/<image>, split by `test_split`.

    where: what errors name. class_name: of a class folder; None for one to be left out.
    """
    inner: dict[str, str] = {}
    folders: dict[str, str] = {}
    stamps = image_listing.names(tree)
    for name in stamps:
        parts = (tree.name, *name.split("/"))
        if folder in parts[:-2] and class_name(part := parts[parts.index(folder) + 1]) is not None:
            inner[name], folders[name] = "/".join(parts[parts.index(folder) :]), part
    if not inner:
        raise DatasetError(f"{where}: holds no images in {folder}/<class>; name the folder or archive of that set")
    ordered = sorted(set(folders.values()))
    class_names = tuple(str(class_name(part)) for part in ordered)
    labels = {name: ordered.index(part) for name, part in folders.items()}
    test = test_split(where, inner, labels, class_names, chosen)
    found = interleave(Picture("test" if n in test else "train", tree, n, labels[n]) for n in inner)
    warning = f"no published split: {len(test):,} of {len(inner):,} images held out for test (seed {chosen['seed']})"
    listed = {tree: stamps}
    return upstream(found, request, chosen, class_names=class_names, warnings=[warning], published=True, listed=listed)


def interleave(found: Iterable[Picture]) -> list[Picture]:
    """The first of each class by name, the second of each, and so on: no run of one class in the prepared set."""
    seen: Counter[tuple[str, int | None]] = Counter()
    ranked = []
    for picture in sorted(found, key=lambda p: p.name):
        ranked.append((seen[picture.split, picture.label], -1 if picture.label is None else picture.label, picture))
        seen[picture.split, picture.label] += 1
    return [picture for *_, picture in sorted(ranked, key=lambda r: r[:2])]


def shared_classes(
    found: Sequence[Picture], class_names: tuple[str, ...]
) -> tuple[list[Picture], tuple[str, ...], list[str]]:
    """The labelled pictures of the classes that both splits have, relabelled; these classes; and a note on others."""
    there = [{p.label for p in found if p.split == split} for split in SPLITS]
    kept = [label for label in range(len(class_names)) if all(label in labels for labels in there)]
    place = {label: i for i, label in enumerate(kept)}
    left = [p._replace(label=place[p.label]) for p in found if p.label in place]
    lost = ", ".join(name for label, name in enumerate(class_names) if label not in place)
    note = f"{len(found) - len(left):,} images were left out: their label is not in both splits ({lost})"
    return left, tuple(class_names[label] for label in kept), [note] * (len(left) < len(found))


def upstream(
    found: Sequence[Picture],
    request: Request,
    chosen: Mapping[str, Any],
    *,
    class_names: tuple[str, ...] | None = None,
    attributes: Sequence[str] = (),
    warnings: Iterable[str] = (),
    published: bool = False,
    sources: Literal["", "unpaired"] = "",
    listed: Mapping[Path, Mapping[str, str]] = MappingProxyType({}),
) -> Upstream:
    """The pictures as request and options ask for them.

    published: as JPEG by the set's authors, so nobody's loss. listed: their names and stamps by
    folder or zip, as `image_listing.names` gives them, where they are known already.
    """
    return Upstream(
        list(_groups(found, request.resolution, chosen, attributes, published, listed)),
        exact=False,
        warnings=tuple(warnings),
        class_names=class_names,
        sources=sources,
    )


def _groups(
    found: Sequence[Picture],
    side: int,
    chosen: Mapping[str, Any],
    attributes: Sequence[str],
    published: bool,
    listed: Mapping[Path, Mapping[str, str]],
) -> Iterator[Pictures]:
    mode: Mode = "L" if chosen["grey"] else "RGB"
    decode = partial(square, side=side, fit=chosen["fit"], mode=mode, published=published)
    stamps = {at: listed.get(at) or image_listing.names(at) for at in {p.at for p in found}}
    ordered = sorted(found, key=lambda p: (SPLITS.index(p.split), p.source, str(p.at)))  # stable
    for (split, source, at), group in groupby(ordered, key=lambda p: (p.split, p.source, p.at)):
        members = list(group)
        yield Pictures(
            split,
            at,
            [p.name for p in members],
            [stamps[at][p.name] for p in members],
            None if members[0].label is None else np.array([p.label for p in members]),
            decode,
            {name: np.array([p.attributes[i] for p in members]) for i, name in enumerate(attributes)},
            chosen["max_damaged"],
            source,
        )
