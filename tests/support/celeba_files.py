"""CelebA's files in their published layout, drawn: every file and annotation of the true set, none of its photographs.

benchmarks/celeba.py measures on them too.
"""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from paragone.data.celeba_annotations import ANNOTATIONS, PEOPLE, SIZE

SEED = 0


def pictures(count: int) -> dict[str, bytes]:
    """count JPEGs by name, about as large as CelebA's (7 kB): smooth blobs under noise."""
    draw = np.random.default_rng(SEED)
    width, height = SIZE
    found = {}
    for i in range(count):
        coarse = Image.fromarray(draw.integers(0, 256, (7, 6, 3), np.uint8)).resize(SIZE, Image.Resampling.BICUBIC)
        noise = draw.normal(0, 3.5, (height, width, 1))
        file = io.BytesIO()
        pixels = (np.asarray(coarse) + noise).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(file, "JPEG", quality=85)
        found[f"{i + 1:06}.jpg"] = file.getvalue()
    return found


def annotations(names: list[str]) -> dict[str, str]:
    """The published text files, drawn; 8 of 10 pictures are for training, one for validation, one for test."""
    draw = np.random.default_rng(SEED)
    n = len(names)
    values = {
        "list_eval_partition": np.searchsorted([0.8 * n, 0.9 * n], np.arange(n), "right")[:, None],
        "list_attr_celeba": draw.choice([-1, 1], (n, 40)),
        "identity_CelebA": draw.integers(1, PEOPLE + 1, (n, 1)),
        "list_landmarks_align_celeba": draw.integers(50, 150, (n, 10)),
        "list_bbox_celeba": draw.integers(0, 400, (n, 4)),
    }
    found = {}
    for stem, kind in ANNOTATIONS.items():
        head = [str(n), " ".join(kind.columns) if stem != "list_bbox_celeba" else "image_id " + " ".join(kind.columns)]
        rows = [f"{name} {' '.join(f'{v:2}' for v in row)}" for name, row in zip(names, values[stem], strict=True)]
        found[f"{stem}.txt"] = "\n".join([*(head if kind.headed else []), *rows]) + "\n"
    return found


def kaggle(texts: dict[str, str]) -> dict[str, str]:
    """The same as the csv files of Kaggle's copy, which has no identities."""
    found = {}
    for name, text in texts.items():
        stem = name.removesuffix(".txt")
        if stem == "identity_CelebA":
            continue
        kind = ANNOTATIONS[stem]
        rows = text.splitlines()[2 * kind.headed :]
        lines = [",".join(["image_id", *kind.columns]), *(",".join(row.split()) for row in rows)]
        found[f"{stem}.csv"] = "\n".join(lines) + "\n"
    return found


def write(folder: Path, count: int = 20, zipped: bool = False) -> Path:
    """A folder of img_align_celeba (folder, or zip in its published layout) and the text files."""
    folder.mkdir(parents=True)
    made = pictures(count)
    for name, text in annotations(list(made)).items():
        (folder / name).write_text(text)
    if zipped:
        with zipfile.ZipFile(folder / "img_align_celeba.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("img_align_celeba/", b"")
            for name, data in made.items():
                archive.writestr(f"img_align_celeba/{name}", data)
    else:
        (folder / "img_align_celeba").mkdir()
        for name, data in made.items():
            (folder / "img_align_celeba" / name).write_bytes(data)
    return folder
