"""ImageNet: the 1,000 classes of ILSVRC 2012, 1,281,167 training photographs and 50,000 for validation (here: test).

Either the three archives as published (ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar, ILSVRC2012_devkit_t12.tar.gz,
unpacked into data/raw) or the folders that torchvision and others make of them: train/<WordNet id>/*.JPEG and
val/<WordNet id>/*.JPEG. Labels are the place of the WordNet id in their sorted order, as everywhere. Class names come
from the devkit where it is there, else they are the ids. `fit`, `grey` and `max_damaged` as for image_folder. The
authors' site asks for an account, so there is no download.
"""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from paragone.data import archives, image_files, image_listing
from paragone.data.base import SPLITS, DatasetError, Loader, Request, Upstream
from paragone.data.image_files import Picture
from paragone.data.torchvision_compat import import_torchvision

FOLDERS = {"train": "train", "val": "test"}
TARS = {"train": "ILSVRC2012_img_train.tar", "val": "ILSVRC2012_img_val.tar"}
DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"
FULL = {"train": 1_281_167, "test": 50_000}
LIMIT = 2**40  # bytes that a published archive may hold
WNID = re.compile(r"n\d{8}")
REMEDY = f"name the folder of train/<WordNet id> and val/<WordNet id>, or of {', '.join(TARS.values())} and {DEVKIT}"


def local(request: Request) -> Upstream:
    assert request.path is not None
    chosen = image_files.options(request, image_files.OPTIONS)
    words, val_wnids = _devkit(request.path, request.raw)
    found = [p for folder in FOLDERS for p in _split(request, folder, val_wnids)]
    wnids = sorted({wnid for _, wnid in found})
    for split in SPLITS:
        there = {wnid for picture, wnid in found if picture.split == split}
        if missing := [wnid for wnid in wnids if wnid not in there]:
            raise DatasetError(f"{request.path}: class {missing[0]} has no {split} images; {REMEDY}")
    place = {wnid: i for i, wnid in enumerate(wnids)}
    labelled = image_files.interleave(picture._replace(label=place[wnid]) for picture, wnid in found)
    counts = {split: sum(p.split == split for p in labelled) for split in SPLITS}
    notes = [f"{counts['train']:,} training and {counts['test']:,} test images; ImageNet has 1,281,167 and 50,000"]
    names = tuple(words.get(wnid, wnid) for wnid in wnids)
    notes = notes if counts != FULL else []
    return image_files.upstream(labelled, request, chosen, class_names=names, warnings=notes, published=True)


def _devkit(path: Path, raw: Path) -> tuple[dict[str, str], Sequence[str]]:
    """The first word for each WordNet id, and the id of each validation image; nothing if there is no devkit."""
    if not (path / DEVKIT).is_file():
        return {}, ()
    readers = import_torchvision("torchvision.datasets.imagenet")
    raw.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path / DEVKIT, raw / DEVKIT)  # what torchvision makes of it is written beside it
    try:
        readers.parse_devkit_archive(raw)
        words, val_wnids = readers.load_meta_file(raw)
    except (RuntimeError, *archives.DAMAGED) as error:
        reason = str(error).partition(". ")[0]
        raise DatasetError(f"{path / DEVKIT}: is not the published one ({reason}); get it again") from None
    return {wnid: names[0] for wnid, names in words.items()}, val_wnids


def _split(request: Request, folder: str, val_wnids: Sequence[str]) -> list[tuple[Picture, str]]:
    """The pictures of train or val, each with its WordNet id."""
    assert request.path is not None
    at, split = request.path / folder, FOLDERS[folder]
    if not at.is_dir() and (tar := request.path / TARS[folder]).is_file():
        left = image_listing.budget(tar)
        at = image_listing.unpacked(tar, request.raw, left)
        if folder == "train":
            _unpack_classes(at, left)
    names = image_listing.names(at) if at.is_dir() else {}
    if not names:
        raise DatasetError(f"{request.path}: holds no {folder} images; {REMEDY}")
    if not any("/" in name for name in names):  # as published: the devkit tells their classes
        if len(val_wnids) != len(names):
            known = f"knows {len(val_wnids):,}" if val_wnids else "is missing"
            raise DatasetError(
                f"{request.path}: {len(names):,} {folder} images in no class folders, and {DEVKIT} {known}"
            )
        return [(Picture(split, at, name), wnid) for name, wnid in zip(names, val_wnids, strict=True)]
    found = [(Picture(split, at, name), PurePosixPath(name).parts[0]) for name in names]
    if other := [picture.name for picture, wnid in found if not WNID.fullmatch(wnid)]:
        raise DatasetError(f"{at}: {other[0]}: is in no folder of a WordNet id (n01440764); {REMEDY}")
    return found


def _unpack_classes(at: Path, left: archives.Budget) -> None:
    """Each <WordNet id>.tar into a folder of that name; a tar goes once its folder is whole."""
    for tar in sorted(at.glob("*.tar")):
        folder = image_listing.unpacked(tar, at / ".tars", left)
        folder.rename(at / tar.stem)
        tar.unlink()
    shutil.rmtree(at / ".tars", ignore_errors=True)


LOADER = Loader(
    title="ImageNet",
    licence="for research and education only, under the terms of image-net.org",
    citation="Russakovsky et al.: ImageNet large scale visual recognition challenge, IJCV 2015, arXiv:1409.0575",
    class_names=(),  # those of its folders
    sources={"local": local},
    options=frozenset(image_files.OPTIONS),
    homepage="https://image-net.org/challenges/LSVRC/2012",
    known_problems=(
        "the test split is the published validation split: the labels of the test images were not published",
        "faces are not blurred in this release; the site offers one where they are",
        "a part of the labels is wrong or holds for one of several objects (Beyer et al. 2020, arXiv:2006.07159)",
    ),
)
