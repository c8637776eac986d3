"""Images from elsewhere: every form in which they come, and everything that is refused."""

import csv
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from paragone.data import guests
from paragone.data.base import Pixels
from paragone.data.guests import GuestError
from paragone.data.split_writer import fit
from paragone.project import files, paths
from support import square_images

GREY = {"name": "digits", "shape": [1, 8, 8], "classes": 3, "upstream_size": [8, 8], "altered": "", "padding": "none"}
RGB = {**GREY, "name": "shapes", "shape": [3, 8, 8], "classes": 0}


def drawn(channels: int, n: int = 20, side: int = 8) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (n, side, side, channels), dtype=np.uint8)


def folder(path: Path, images: Pixels, suffix: str = "png") -> Path:
    path.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image.squeeze()).save(path / f"{i:05}.{suffix}")
    return path


@pytest.mark.parametrize("facts", [GREY, RGB])
def test_every_form_gives_the_same_images(tmp_path: Path, facts: dict[str, Any]) -> None:
    images = drawn(facts["shape"][0])
    pictures = folder(tmp_path / "pictures", images)
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        for file in sorted(pictures.iterdir()):
            archive.write(file, f"inner/{file.name}")
    np.savez(tmp_path / "adm.npz", arr_0=images)
    np.savez(tmp_path / "named.npz", samples=images)
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "floats.npy", images / 255)
    np.save(tmp_path / "first.npy", images.transpose(0, 3, 1, 2))
    np.save(tmp_path / "wide.npy", images.astype(np.int64))
    for place in sorted(tmp_path.iterdir()):
        assert np.array_equal(guests.read(place, facts).images, images), place


def test_grey_images_saved_as_rgb_are_grey_and_it_is_said(tmp_path: Path) -> None:
    images = drawn(1)
    found = guests.read(folder(tmp_path / "x", images.repeat(3, 3)), GREY)
    assert np.array_equal(found.images, images)
    assert "three equal channels" in found.notes[0]


def test_images_are_padded_as_the_data_were(tmp_path: Path) -> None:
    facts = {**GREY, "shape": [1, 12, 12], "padding": "zero-padded from 8x8 to 12x12"}
    np.save(tmp_path / "x.npy", drawn(1))
    found = guests.read(tmp_path / "x.npy", facts)
    assert np.array_equal(found.images, fit(drawn(1), 12))
    assert found.notes == ("zero-padded from 8x8 to 12x12, as the data were",)


def test_labels_come_beside_the_images(tmp_path: Path) -> None:
    images, labels = drawn(1), np.arange(20) % 3
    np.savez(tmp_path / "adm.npz", arr_0=images, arr_1=labels)
    assert guests.read(tmp_path / "adm.npz", GREY).labels.tolist() == labels.tolist()
    pictures = folder(tmp_path / "x", images)
    Image.new("L", (90, 90)).save(pictures / "wall.png")  # as `paragone sample --run` leaves a folder
    with (pictures / "labels.csv").open("w") as file:
        csv.writer(file).writerows([("file", "label"), *((f"{i:05}.png", n) for i, n in enumerate(labels))])
    found = guests.read(pictures, GREY)
    assert (found.labels.tolist(), found.notes) == (labels.tolist(), ())


def test_what_was_lost_before_is_said(tmp_path: Path) -> None:
    assert guests.read(folder(tmp_path / "x", drawn(3), "jpg"), RGB).notes == (
        "20 files are stored as JPEG, whose loss is measured with them",
    )


@pytest.mark.parametrize(
    ("array", "facts", "message"),
    [
        (drawn(1, side=16), GREY, r"images are 16x16x1, those of digits 8x8x1; draw them at that size, or resize"),
        (drawn(3), GREY, r"images are 8x8x3, those of digits 8x8x1; draw grey images, or convert"),
        (drawn(1), RGB, r"images are 8x8x1, those of shapes 8x8x3; draw them in colour"),
        (drawn(1) / 127.5 - 1, GREY, r"holds float64 from -1 to 1; .*\(of floats from -1 to 1: x / 2 \+ 0.5\)"),
        (np.full((20, 8, 8), np.nan), GREY, "holds NaN or infinity"),
        (drawn(1).astype(int) * 2, GREY, "holds int64 from 0 to 510"),
        (np.zeros(5, np.uint8), GREY, "holds an array of 5, not images"),
        (np.zeros((0, 8, 8, 1), np.uint8), GREY, "holds an array of 0x8x8x1, not images"),
        (np.array([["a"]]), GREY, "values of type <U1, not images"),
    ],
)
def test_an_array_that_does_not_fit_is_refused(tmp_path: Path, array: Any, facts: dict[str, Any], message: str) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(GuestError, match=message):
        guests.read(tmp_path / "x.npy", facts)


def test_files_that_are_no_images_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", a=drawn(1), b=drawn(1))
    np.save(tmp_path / "pickled.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "two.npz").read_bytes()[:100])
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/readme.txt").write_text("none")
    folder(tmp_path / "broken", drawn(1))
    (tmp_path / "broken/00003.png").write_bytes(b"\x89PNG no more")
    folder(tmp_path / "mixed", drawn(1))
    Image.new("L", (9, 8)).save(tmp_path / "mixed/00007.png")
    for name, message in (
        ("two.npz", "holds the arrays a, b, and which of them are the images nothing says"),
        ("pickled.npy", "holds pickled objects, which may run any code"),
        ("cut.npz", "is not a whole .npy or .npz file"),
        ("notes", r"holds no image files \(it has: .txt 1\)"),
        ("broken", "00003.png is no image"),
        ("mixed", "00000.png is 8x8 and 00007.png 8x9; draw all at one size"),
        ("broken/00001.png", "is no zip, .npz or .npy; name one of these, or the folder that its images are in"),
        ("nowhere", "is not there"),
    ):
        with pytest.raises(GuestError, match=message):
            guests.read(tmp_path / name, GREY)


@pytest.mark.parametrize(
    ("labels", "facts", "message"),
    [
        (np.arange(20), GREY, "labels go to 19, those of digits from 0 to 2: they are of another set"),
        (
            np.zeros(19, int),
            GREY,
            "labels are an array of 19 of type int64 for 20 images; give each image one whole number",
        ),
        (np.zeros(20), GREY, "labels are an array of 20 of type float64"),
        (np.zeros(20, int), {**GREY, "classes": 0}, "has labels, and digits has none"),
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, labels: Any, facts: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "x.npz", arr_0=drawn(1), arr_1=labels)
    with pytest.raises(GuestError, match=message):
        guests.read(tmp_path / "x.npz", facts)


def test_labels_csv_lists_every_image(tmp_path: Path) -> None:
    pictures = folder(tmp_path / "x", drawn(1))
    (pictures / "labels.csv").write_text("file,label\n00000.png,1\n")
    with pytest.raises(GuestError, match=r"labels\.csv does not list every image"):
        guests.read(pictures, GREY)


def test_constants_repeats_and_copies_are_counted(tmp_path: Path) -> None:
    square_images.prepare(tmp_path)
    prepared = tmp_path / paths.prepared("squares")
    images = np.load(prepared / "train/images.npy")[:20].copy()
    images[0], images[1] = 7, images[2]
    found = guests.take("x", images, None, files.read_json(prepared / "dataset.json"))
    assert guests.inspect(found, prepared / "manifest.parquet") == [
        "1 of 20 images are of one colour all over",
        "1 of 20 images have the pixels of an earlier one",
        "19 of 20 images have the pixels of a training image",
    ]
