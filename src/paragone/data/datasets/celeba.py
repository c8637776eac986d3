"""CelebA: 202,599 photographs of 10,177 celebrities with 40 attributes each, aligned and cut to 178x218, RGB.

Every paper cuts them differently, and figures of one crop cannot be compared with those of another. So the crop is
named (`CROPS`), and resizing is bilinear with antialiasing. Options of params.yaml:

- crop: one of CROPS; centre-178 if none is named
- label: the attribute that is the label; without one, the set has no labels

The published training partition is the split `train`, the test partition `test`; the 19,867 images of the validation
partition are left out, as in most papers. All attributes and the person's number are columns of the manifest, and so
are landmarks (pixels of the aligned 178x218 image) and bounding boxes (pixels of the photograph that it was cut from).
"""

import hashlib
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pandas as pd

from paragone.data import archives, downloads, image_io
from paragone.data.base import DatasetError, Loader, Pictures, Request, Upstream
from paragone.data.celeba_annotations import ANNOTATIONS, ATTRIBUTES, SIZE, read
from paragone.data.decode_worker import Decode
from paragone.data.torchvision_compat import import_torchvision

CROPS = {  # left, upper, right, lower, of 178x218
    "centre-178": (0, 20, 178, 198),  # mimicry (Lee and Town 2020); torchvision's CenterCrop(178)
    "centre-160": (9, 29, 169, 189),  # Lucic et al. 2018; theirs was resized without antialiasing
    "box-148": (15, 40, 163, 188),  # Larsen et al. 2016, NVAE
    "centre-140": (19, 39, 159, 179),  # Song et al. 2021 (score_sde), WAE, RAE
    "box-128": (25, 57, 153, 185),  # around (89, 121): Song et al. 2021 (DDIM), StyleGAN
    "centre-108": (35, 55, 143, 163),  # Radford et al. 2016 (their code), TTUR
}
MD5 = {  # of the published files
    "img_align_celeba.zip": "00d2c5bc6d35e252742224ab0c1e8fcb",
    "list_attr_celeba.txt": "75e246fa4810816ffd6ee81facbd244c",
    "identity_CelebA.txt": "32bd1bd63d3c78cd57e08160ec5ed1e2",
    "list_bbox_celeba.txt": "00566efa6fedff7a56946cd1c10f1c16",
    "list_landmarks_align_celeba.txt": "cc24ecafdb5b50baae59b03474781f8c",
    "list_eval_partition.txt": "d32c9cbf5e040fd4025c592c306e6668",
}
SIDES = (32, 64, 128)
FULL = 202_599
PARTITIONS = {"train": 0, "valid": 1, "test": 2}
COUNTS = {"train": 162_770, "test": 19_962}  # without the 19,867 of the validation partition
LIMIT = 4 * 1024**3  # bytes that a copy of the set may take uncompressed
ZIP = "img_align_celeba.zip"
PICTURE = re.compile(r"(?:^|/)(\d{6}\.jpg)$")
TABLE = re.compile(
    r"(?:^|/)((?:list_(?:attr|bbox|landmarks_align)_celeba|list_eval_partition|identity_CelebA)\.)(txt|csv)$"
)
WEB_PAGE = (
    "A web page in place of the zip is what Google Drive sends when a file was downloaded too often: try again after a "
    "day, or by a browser that is signed in"
)
OTHERWISE = (
    "Get img_align_celeba.zip and the text files (list_attr_celeba.txt, list_eval_partition.txt, identity_CelebA.txt, "
    "list_landmarks_align_celeba.txt, list_bbox_celeba.txt) by a browser from "
    "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html, put them into {folder}, and run again; or give the data set "
    "`source: local` and `path:` to their folder in params.yaml"
)


def local(request: Request) -> Upstream:
    """What `path` holds: a folder of img_align_celeba (folder or zip) and the annotations, or a zip of the pictures.

    The annotations are the published text files or the csv files of Kaggle's copy; a zip may hold them, or stand
    beside them. Raises ValueError (DatasetError, archives.ArchiveError) naming the file and what is wrong with it.
    """
    assert request.path is not None
    crop, label = _options(request)
    path, listed, contents = _find(request.path)
    by_picture = {name.rpartition("/")[2]: name for name in listed}
    if len(by_picture) < len(listed):
        raise DatasetError(f"{path}: holds {len(listed) - len(by_picture)} pictures twice; name the folder of one copy")
    tables = {stem: read(*contents[stem], kind) for stem, kind in ANNOTATIONS.items() if stem in contents}
    for stem, kind in ANNOTATIONS.items():
        if kind.needed and stem not in tables:
            raise DatasetError(f"{path}: no {stem}.txt (or .csv) in it or beside it; put CelebA's own file there")
        if stem in tables:
            _check_rows(contents[stem][0], tables[stem], by_picture, path)
    frame = _joined(contents["list_eval_partition"][0], tables)
    notes = _notes(path, contents, len(listed))
    how = partial(image_io.load, side=request.resolution, box=CROPS[crop], formats=("JPEG",), size=SIZE)
    return Upstream(
        [_pictures(split, path, by_picture, listed, frame, label, how) for split in ("train", "test")],
        exact=not notes,
        warnings=tuple(notes),
        altered=f"crop {crop} of {SIZE[0]}x{SIZE[1]}",
        class_names=() if label is None else (f"not {label}", label),
    )


def download(request: Request) -> Upstream:
    """The published files from Google Drive, by torchvision's list of them, kept in request.raw; the zip stays whole.

    Raises DatasetError saying what Drive answered, and where else the files can be had.
    """
    _options(request)
    published = import_torchvision("torchvision.datasets").CelebA.file_list
    otherwise = OTHERWISE.format(folder=request.raw)
    for identifier, md5, name in published:
        downloads.fetch_from_drive(identifier, request.raw / name, md5, otherwise)
    return local(request._replace(path=request.raw))


def _options(request: Request) -> tuple[str, str | None]:
    """The names of crop and label, checked. Raises DatasetError."""
    where = "params.yaml: "
    options = {"crop": "centre-178", "label": None} | dict(request.options)
    if (crop := options["crop"]) not in CROPS:
        raise DatasetError(f"{where}options.crop: {crop!r} is no crop of CelebA; known: {', '.join(CROPS)}")
    if request.resolution not in SIDES:
        known = ", ".join(map(str, SIDES))
        raise DatasetError(f"{where}resolution: {request.resolution}: CelebA is prepared at one of {known}; correct it")
    box = CROPS[crop]
    if box[2] - box[0] < request.resolution:
        raise DatasetError(
            f"{where}options.crop: {crop} is smaller than the resolution {request.resolution}; take a larger crop"
        )
    if (label := options["label"]) not in (None, *ATTRIBUTES):
        raise DatasetError(f"{where}options.label: {label!r} is no attribute of CelebA; known: {', '.join(ATTRIBUTES)}")
    return crop, label


def _find(given: Path) -> tuple[Path, dict[str, str], dict[str, tuple[str, bytes]]]:
    """Where the pictures are, their names and stamps, and (place, content) of each annotation by its bare name."""
    try:
        found = archives.listing(given, _wanted, LIMIT)
        inner = [name for name in found if name.rpartition("/")[2] == ZIP]
        path = given / inner[0] if inner else given
        listed = archives.listing(path, _wanted, LIMIT) if inner else found
    except archives.ArchiveError as error:
        raise DatasetError(f"{error}. {WEB_PAGE}") from None
    pictures = {name: stamp for name, stamp in listed.items() if PICTURE.search(name)}
    if not pictures:
        raise DatasetError(
            f"{path}: holds no picture 000001.jpg, ...; name the folder that holds img_align_celeba (a folder or "
            f"{ZIP}) and CelebA's annotations"
        )
    contents: dict[str, tuple[str, bytes]] = {}
    beside = sorted(file.name for file in given.parent.iterdir() if file.is_file())
    for holder, names in ((given, found), (path, listed), (given.parent, beside)):
        tables = [name for name in names if TABLE.search(name)]
        with archives.reader(holder) as read:
            for name, content in zip(tables, read(tables), strict=True):
                if isinstance(content, Exception):
                    raise DatasetError(f"{holder}: {name}: {content}; get it again")
                data = content if isinstance(content, bytes) else content.read_bytes()
                contents.setdefault(Path(name).stem, (f"{holder}: {name}", data))
    return path, pictures, contents


def _wanted(name: str) -> bool:
    return bool(PICTURE.search(name) or TABLE.search(name)) or name.rpartition("/")[2] == ZIP


def _check_rows(where: str, table: pd.DataFrame, by_picture: Mapping[str, str], path: Path) -> None:
    """A row for each picture and a picture for each row."""
    if lost := sorted(by_picture.keys() - set(table.index)):
        raise DatasetError(f"{where}: has no row for {lost[0]} ({len(lost):,} such pictures); take both from one copy")
    if lost := sorted(set(table.index) - by_picture.keys()):
        raise DatasetError(
            f"{path}: {lost[0]} is not there, {where} has it ({len(lost):,} such); get the pictures again"
        )


def _joined(where: str, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """All annotations side by side, in the order of the pictures' names; attributes 0 or 1, as is usual."""
    tables = dict(tables) | {"list_attr_celeba": (tables["list_attr_celeba"] + 1) // 2}
    frame = pd.concat(list(tables.values()), axis=1).sort_index()
    for split in ("train", "test"):
        if not (frame["partition"] == PARTITIONS[split]).any():
            raise DatasetError(
                f"{where}: no picture is of partition {PARTITIONS[split]} ({split}), and a set needs the splits train "
                "and test; put CelebA's own file there"
            )
    return frame


def _pictures(
    split: str,
    path: Path,
    by_picture: Mapping[str, str],
    listed: Mapping[str, str],
    frame: pd.DataFrame,
    label: str | None,
    how: Decode,
) -> Pictures:
    rows = frame[frame["partition"] == PARTITIONS[split]]
    names = [by_picture[name] for name in rows.index]
    attributes = {name: rows[name].to_numpy() for name in rows.columns if name != "partition"}
    labels = None if label is None else attributes[label]
    return Pictures(split, path, names, [listed[name] for name in names], labels, how, attributes)


def _notes(path: Path, contents: Mapping[str, tuple[str, bytes]], count: int) -> list[str]:
    """How this copy differs from the published files."""
    notes = [f"{count:,} images; CelebA has {FULL:,}"] * (count != FULL)
    if missing := [stem for stem in ANNOTATIONS if stem not in contents]:
        notes.append(f"without the annotations of {', '.join(missing)}")
    if path.is_dir():
        notes.append("a folder of pictures has no published hash: damage inside of a picture may not be seen")
    elif count == FULL and downloads.md5_of(path) != MD5[ZIP]:
        notes.append(f"the md5 of {path.name} is not the published one")
    hashes = {stem: hashlib.md5(data, usedforsecurity=False).hexdigest() for stem, (_, data) in contents.items()}
    other = [stem for stem, found in hashes.items() if found != MD5[f"{stem}.txt"]] if count == FULL else []
    return [*notes, *([f"{', '.join(other)}: not the published text file (md5)"] if other else [])]


LOADER = Loader(
    title="CelebA",
    licence="for non-commercial research only, no redistribution (MMLAB, The Chinese University of Hong Kong)",
    citation="Liu, Luo, Wang, Tang: Deep learning face attributes in the wild, ICCV 2015",
    class_names=(),
    sources={"download": download, "local": local},
    options=frozenset({"crop", "label"}),
    homepage="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    known_problems=(
        "Papers cut and resize it differently, and figures of different crops cannot be compared.",
        "The 19,867 images of the validation partition are left out; some papers train on all 202,599.",
        "The attributes are noisy, and some (Attractive, Pale_Skin) are judgements of those who labelled them.",
        "Bounding boxes are in pixels of the photographs before they were aligned and cut.",
    ),
    counts=COUNTS,
    md5=MD5,
    attributes=dict.fromkeys(ATTRIBUTES, (0, 1)),
)
