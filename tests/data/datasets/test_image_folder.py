import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from paragone.data import decode_pool
from paragone.data.base import load
from paragone.data.datasets import image_folder
from paragone.project import paths
from paragone.project.params import Params
from paragone.stages import validate
from support import picture_files
from support.picture_files import class_folders, image, pixels, prepare, rows, tar_bytes, write_folder, write_zip

SPLITS = {f"{split}/{name}": data for split in ("train", "test") for name, data in class_folders().items()}


def _folder(root: Path, content: picture_files.Files, **options: object) -> dict[str, object]:
    path = write_folder(root / "own", content)
    return prepare(root, loader="image_folder", path=str(path), resolution=16, options=options)


def test_split_and_class_folders(tmp_path: Path) -> None:
    """Classes stand in turn, PNG of the asked size is copied bit by bit, and the set validates."""
    test = {f"val/{name}": data for name, data in class_folders(n=3).items()}
    train = {f"train/{name}": data for name, data in class_folders(n=5).items()}
    facts = _folder(tmp_path, {**train, **test})
    assert facts["class_names"] == ["cat", "dog"]
    assert facts["counts"] == {"train": 10, "test": 6}
    assert not facts["altered"]
    assert not facts["lossy"]
    found = rows(tmp_path, "train", "label", "file")
    assert found[:3] == [(0, "train/cat/000.png"), (1, "train/dog/000.png"), (0, "train/cat/001.png")]
    first = Image.open(io.BytesIO(train["train/dog/000.png"]))
    np.testing.assert_array_equal(pixels(tmp_path, "train")[1], np.asarray(first))


def test_an_ingested_folder_validates(tmp_path: Path) -> None:
    entry = Params.model_construct(profile="none", profiles={}, datasets={"photos": None})
    message = r"the test split holds at least 16 images, as an evaluation needs: it holds 6; add images, or raise"
    _folder(tmp_path, class_folders(n=30))
    with pytest.raises(ValueError, match=message):
        validate.run(tmp_path, entry, "photos")
    _folder(tmp_path, class_folders(n=30), test_share=0.3)
    validate.run(tmp_path, entry, "photos")
    assert (tmp_path / paths.validation("photos")).is_file()


@pytest.mark.parametrize("form", ["folder", "zip", "tar", "tar.xz"])
def test_forms_hold_the_same_set(tmp_path: Path, form: str) -> None:
    """Whatever wraps it, what system files stand beside it, and whatever the order in an archive."""
    content = class_folders()
    litter = {"__MACOSX/cat/._000.png": b"x", ".DS_Store": b"x", "README.txt": b"x"}
    path = tmp_path / f"set.{form}"
    wrapped = {f"pets/images/{name}": data for name, data in reversed(content.items())} | litter
    if form == "folder":
        write_folder(path, wrapped)
    elif form == "zip":
        write_zip(path, wrapped)
    else:
        path.write_bytes(tar_bytes(wrapped, "w:xz" if form == "tar.xz" else "w"))
    plain = _folder(tmp_path / "plain", content)
    facts = prepare(tmp_path, loader="image_folder", path=str(path), resolution=16)
    assert facts["content_hash"] == plain["content_hash"]
    assert facts["counts"] == {"train": 18, "test": 2}


def test_a_tar_is_unpacked_once_and_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "set.tar"
    path.write_bytes(tar_bytes(class_folders()))
    for n in (10, 10, 11):
        path.write_bytes(tar_bytes(class_folders(n=n)))
        os.utime(path, (n, n))
        facts = prepare(tmp_path, loader="image_folder", path=str(path), resolution=16)
        assert sum(facts["counts"].values()) == 2 * n
    assert len(list((tmp_path / paths.raw("photos")).iterdir())) == 2


def test_flat_folder_has_no_labels(tmp_path: Path) -> None:
    facts = _folder(tmp_path, {f"{i}.png": image(i, 16, 16, "PNG") for i in range(20)})
    assert facts["classes"] == 0
    assert facts["counts"] == {"train": 18, "test": 2}
    assert load(tmp_path / paths.prepared("photos"), "train").labels is None


def test_nested_folders_belong_to_the_first(tmp_path: Path) -> None:
    content = {f"{c}/{sub}/{i}.png": image(i, 16, 16, "PNG") for c in "ab" for sub in "xy" for i in range(3)}
    assert _folder(tmp_path, content)["class_names"] == ["a", "b"]
    assert _folder(tmp_path, content, classes="none")["class_names"] == []


def test_split_by_share_follows_seed_and_class(tmp_path: Path) -> None:
    content = class_folders(n=20)
    held = []
    for options in ({"test_share": 0.25}, {"test_share": 0.25}, {"test_share": 0.25, "seed": 1}):
        facts = _folder(tmp_path, content, **options)
        assert facts["counts"] == {"train": 30, "test": 10}
        assert "10 of 40 images held out for test" in facts["warnings"][0]
        labels = [label for (label,) in rows(tmp_path, "test", "label")]
        assert sorted(labels) == [0] * 5 + [1] * 5
        held.append({file for (file,) in rows(tmp_path, "test", "file")})
    assert held[0] == held[1] != held[2]


def _modes() -> dict[str, bytes]:
    """Red images in every mode, upright only by their tag, animated, or half transparent."""
    red = Image.new("RGB", (16, 16), (255, 0, 0))
    out = {}

    def save(name: str, picture: Image.Image, **options: object) -> None:
        buffer = io.BytesIO()
        picture.save(buffer, Image.registered_extensions()[Path(name).suffix], **options)
        out[name] = buffer.getvalue()

    save("palette.png", red.convert("P"))
    save("cmyk.tif", Image.merge("CMYK", [Image.new("L", (16, 16), v) for v in (0, 255, 255, 0)]))
    save("animated.gif", red, save_all=True, append_images=[Image.new("RGB", (16, 16), (0, 0, 255))])
    save("lossless.webp", red, lossless=True)
    save("upper.BMP".lower(), red)
    clear = Image.new("RGBA", (16, 16), (255, 0, 0, 255))
    clear.paste((9, 9, 9, 0), (0, 0, 16, 8))
    save("clear.png", clear)
    save("deep.png", Image.fromarray(np.full((16, 16), 0x80FF, np.uint16)))
    save("two.png", Image.new("1", (16, 16), 1))
    turned = Image.new("RGB", (16, 16), (255, 0, 0))
    turned.paste((0, 0, 255), (0, 0, 16, 8))  # blue above red
    exif = Image.Exif()
    exif[0x0112] = 3  # stored upside down
    save("turned.png", turned, exif=exif)
    return out


def test_modes(tmp_path: Path) -> None:
    content = _modes()
    _folder(tmp_path, content, test_share=0.01)
    found = {
        file: array
        for split in ("train", "test")
        for (file,), array in zip(rows(tmp_path, split, "file"), pixels(tmp_path, split), strict=True)
    }
    red = np.tile(np.uint8([255, 0, 0]), (16, 16, 1))
    for name in ("palette.png", "cmyk.tif", "animated.gif", "lossless.webp", "upper.bmp"):
        np.testing.assert_array_equal(found[name], red, name)
    assert (found["clear.png"][:8] == 255).all()
    np.testing.assert_array_equal(found["clear.png"][8:], red[8:])
    assert (found["deep.png"] == 0x80).all()
    assert (found["two.png"] == 255).all()
    np.testing.assert_array_equal(found["turned.png"][:8], red[:8])
    assert (found["turned.png"][8:] == (0, 0, 255)).all()


def test_grey(tmp_path: Path) -> None:
    facts = _folder(tmp_path, class_folders(), grey=True)
    assert facts["shape"] == [1, 16, 16]


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_fit(tmp_path: Path, fit: str) -> None:
    """A 64x32 image, white but for 16 columns of black at either end."""
    wide = np.full((32, 64, 3), 255, np.uint8)
    wide[:, :16] = wide[:, -16:] = 0
    buffer = io.BytesIO()
    Image.fromarray(wide).save(buffer, "PNG")
    facts = _folder(tmp_path, {f"{i}.png": buffer.getvalue() for i in range(2)}, fit=fit)
    assert facts["lossy"]
    how = {"crop": "cut to the centre square", "pad": "padded to a square", "stretch": "stretched"}[fit]
    assert facts["altered"] == "; ".join(sorted([how, "resized to 16x16 (bilinear, antialiased)"]))
    middle = {"crop": slice(0, 16), "pad": slice(5, 11), "stretch": slice(5, 11)}[fit]
    shown = pixels(tmp_path, "train")[0]
    assert (shown[6:10, middle] == 255).all()
    if fit != "crop":
        assert not shown[8, :3].any()
    if fit == "pad":
        assert not shown[:3].any()


def test_jpeg_is_lossy(tmp_path: Path) -> None:
    facts = _folder(tmp_path, class_folders(kind="JPEG"))
    assert facts["lossy"]
    assert facts["altered"] == "stored as JPEG (lossy)"
    assert any("20 images are JPEG (lossy)" in note for note in facts["warnings"])


def test_damaged_files_up_to_a_share(tmp_path: Path) -> None:
    content = dict(class_folders(n=25))
    content["cat/003.png"] = content["cat/003.png"][:60]
    content["dog/007.png"] = b"<html>not found</html>"
    facts = _folder(tmp_path, content, max_damaged=0.1)
    assert facts["counts"]["train"] + facts["counts"]["test"] == 48
    assert {s["file"] for s in facts["skipped"]} == {"cat/003.png", "dog/007.png"}
    assert all(s["reason"] for s in facts["skipped"])
    assert any("2 damaged files were left out" in note for note in facts["warnings"])


def test_damaged_files_are_listed_where_no_image_follows_them(tmp_path: Path) -> None:
    """They fill the last block of files that is decoded."""
    good = image(0, 16, 16, "PNG")
    content = {f"train/{i:03d}.png": good for i in range(decode_pool.BLOCK)} | {"test/0.png": good}
    facts = _folder(tmp_path, content | {f"train/z{i}.png": b"" for i in range(5)}, max_damaged=0.05)
    assert facts["counts"] == {"train": decode_pool.BLOCK, "test": 1}
    assert [s["file"] for s in facts["skipped"]] == [f"train/z{i}.png" for i in range(5)]


def _with(**more: bytes) -> dict[str, bytes]:
    return {**class_folders(), **more}


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ({"README.txt": b"x"}, {}, r"own: holds no images \(\.apng .*\); name the folder or archive that does$"),
        ({"train/a/1.png": b"", "test/a/1.png": b""}, {}, "holds the one class folder 'a'; add a second class, or set"),
        ({"1.png": b"", "2.png": b""}, {"classes": "folders"}, "no two class folders beside each other; add some, or"),
        (_with(**{"x.png": b""}), {}, r"own: x\.png: is beside class folders, not in one; move it, or set options"),
        (SPLITS | {"train/owl/1.png": b""}, {}, "class 'owl' has no images in the test split; add some, or take"),
        (_with(**{"owl/1.png": b""}), {}, "class 'owl' has one image, and train and test need one each; add images"),
        ({"1.png": b""}, {}, "own: holds one image, and train and test need one each; add images, or take it away"),
        (_with(**{"cat/000.png": b"GIF89a"}), {}, r"own: cat/000\.png: .*; get the file again"),
        (
            _with(**{"cat/000.png": b""}),
            {"max_damaged": 0.01},
            r"cannot be read, a share of 1\.00% is allowed: cat/000",
        ),
        (SPLITS, {"fit": "zoom"}, r"^params\.yaml: options\.fit: 'zoom' is not one of crop, pad, stretch; correct it$"),
        (SPLITS, {"classes": 3}, r"^params\.yaml: options\.classes: 3 is not one of auto, folders, none; correct it$"),
        (SPLITS, {"test_share": 0}, r"options\.test_share: 0 is not a share above 0 and below 1; correct it$"),
        (SPLITS, {"max_damaged": 2}, r"options\.max_damaged: 2 is not a share from 0 and below 1; correct it$"),
        (SPLITS, {"grey": "yes"}, r"options\.grey: 'yes' is not true or false; correct it$"),
        (SPLITS, {"seed": -1}, r"options\.seed: -1 is not a whole number from 0; correct it$"),
        (SPLITS, {"crop": 3}, r"datasets\.photos\.options\.crop: loader 'image_folder' takes no such option; known: "),
    ],
)
def test_what_cannot_be_told_is_said_and_leaves_nothing(
    tmp_path: Path, content: dict[str, bytes], options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        _folder(tmp_path, content, **options)
    assert not (tmp_path / paths.prepared("photos")).exists()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("empty", b"", "first bytes none: it is no tar or zip archive"),
        ("page.zip", b"<!DOCTYPE html><p>Quota exceeded", "it is a web page, not tar or zip archive"),
        ("cut.zip", b"PK\x03\x04" + bytes(90), "is damaged or cut short"),
        ("cut.tar.gz", tar_bytes(class_folders(), "w:gz")[:-30], "is damaged or cut short"),
        ("out.tar", tar_bytes({"../a/1.png": b"x"}), "names a place outside of the archive"),
    ],
)
def test_archives_that_are_none(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=rf"{name}: .*{message}"):
        prepare(tmp_path, loader="image_folder", path=name, resolution=16)
    assert not (tmp_path / paths.prepared("photos")).exists()
    assert not list((tmp_path / paths.raw("photos")).glob("*"))


def test_a_member_whose_checksum_fails_is_damaged(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", class_folders())
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("cat/004.png")
    whole = bytearray(path.read_bytes())
    whole[info.header_offset + 80] ^= 255
    path.write_bytes(whole)
    facts = prepare(tmp_path, loader="image_folder", path="set.zip", resolution=16, options={"max_damaged": 0.2})
    assert [s["file"] for s in facts["skipped"]] == ["cat/004.png"]
    assert "damaged in the archive" in facts["skipped"][0]["reason"]


def test_options_are_those_of_the_documentation() -> None:
    assert image_folder.__doc__ is not None
    assert all(name in image_folder.__doc__ for name in image_folder.LOADER.options)


def _bird(suffix: str, n: int = 4) -> dict[str, bytes]:
    return {f"bird/{i}{suffix}": image(i, 16, 16, "PNG") for i in range(n)}


@pytest.mark.parametrize("suffix", [".jfif", ".avif", ".jp2", ".dib", ".apng", ".JPE", ".mpo"])
def test_what_pillow_reads_is_read(tmp_path: Path, suffix: str) -> None:
    """By the content: a suffix only says that it is an image."""
    kind = {".avif": "AVIF", ".jp2": "JPEG2000", ".dib": "DIB", ".apng": "PNG"}.get(suffix, "JPEG")
    bird = {name: image(i, 16, 16, kind) for i, name in enumerate(_bird(suffix))}
    facts = _folder(tmp_path, {**class_folders(n=4), **bird})
    assert facts["class_names"] == ["bird", "cat", "dog"]
    assert sum(facts["counts"].values()) == 12
    assert not facts["skipped"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_bird(".heic"), r"of the folder 'bird' beside class folders nothing is read \(\.heic 4\); convert"),
        (_bird(""), r"the folder 'bird' .* \(without a suffix 4\)"),
        (_bird(".png.crdownload") | {"bird/notes.txt": b""}, r"the folder 'bird' .* \(\.crdownload 4\)"),
        ({f"bird/nest/{i}.tga": b"" for i in range(3)}, r"the folder 'bird' .* \(\.tga 3\)"),
        ({"bird/set.zip": b""}, r"the folder 'bird' .* \(\.zip 1\)"),
    ],
)
@pytest.mark.parametrize("form", ["folder", "zip", "wrapped", "split"])
def test_a_class_folder_of_which_nothing_is_read_is_an_error(
    tmp_path: Path, content: dict[str, bytes], message: str, form: str
) -> None:
    whole = {**class_folders(n=4), **content}
    if form == "wrapped":
        whole = {f"pets/all/{name}": data for name, data in whole.items()}
        message = message.replace("'bird'", "'pets/all/bird'")
    if form == "split":
        whole = {f"{split}/{name}": data for split in ("train", "test") for name, data in whole.items()}
        message = message.replace("'bird'", "'test/bird'")
    path = write_zip(tmp_path / "own.zip", whole) if form == "zip" else write_folder(tmp_path / "own", whole)
    with pytest.raises(ValueError, match=message):
        prepare(tmp_path, loader="image_folder", path=str(path), resolution=16)


def test_all_but_one_class_unread_is_an_error_too(tmp_path: Path) -> None:
    """The one class that is left would count as a folder around everything, and its images as a set without labels."""
    cats = {name: data for name, data in class_folders().items() if name.startswith("cat")}
    with pytest.raises(ValueError, match=r"the folder 'bird' .* \(\.heic 4\)"):
        _folder(tmp_path, {**cats, **_bird(".heic")})


def test_an_empty_class_folder_is_an_error(tmp_path: Path) -> None:
    write_folder(tmp_path / "own", class_folders(n=4))
    (tmp_path / "own/bird").mkdir()
    with pytest.raises(ValueError, match=r"the folder 'bird' .* \(empty folders or further links to one 1\)"):
        _folder(tmp_path, {})


def test_files_that_are_not_read_are_counted_by_kind(tmp_path: Path) -> None:
    beside = {"cat/a.heic": b"", "cat/b.HEIC": b"", "dog/x": b"", "cat/.hidden.png": b"", "cat/.cache/1.png": b""}
    notes = {"labels.csv": b"", "about/README.md": b"", "Thumbs.db": b"", "cat/._000.png": b"", "dog/.DS_Store": b""}
    facts = _folder(tmp_path, {**class_folders(n=4), **beside, **notes})
    assert facts["class_names"] == ["cat", "dog"]
    assert facts["warnings"][-1] == (
        "7 files are not read as images and were left out: "
        ".heic 2, .csv 1, .md 1, hidden 1, in hidden folders 1, without a suffix 1"
    )


@pytest.mark.parametrize("link", ["cat/up", "cat/deep/up", "loop"])
def test_links_that_lead_back_up_add_no_copies(tmp_path: Path, link: str) -> None:
    path = write_folder(tmp_path / "own", class_folders())
    (path / link).parent.mkdir(exist_ok=True)
    (path / link).symlink_to(path)
    assert _folder(tmp_path, {"cat/deep/a.png": image(99, 16, 16, "PNG")})["counts"] == {"train": 19, "test": 2}


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("make", "reason"), [(_dangling, "is a link to nothing"), (os.mkfifo, "is not a regular file but a pipe")]
)
def test_what_is_no_file_counts_as_damaged(tmp_path: Path, make: Callable[[Path], None], reason: str) -> None:
    path = write_folder(tmp_path / "own", class_folders())
    make(path / "cat/x.png")
    with pytest.raises(ValueError, match=rf"cat/x\.png: {reason}"):
        _folder(tmp_path, {})
    facts = _folder(tmp_path, {}, max_damaged=0.1)
    assert [found["file"] for found in facts["skipped"]] == ["cat/x.png"]  # type: ignore[index]
    assert sum(facts["counts"].values()) == 20
