import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from paragone.data.base import Request, load
from paragone.data.celeba_annotations import ANNOTATIONS, ATTRIBUTES
from paragone.data.datasets import celeba
from paragone.data.torchvision_compat import import_torchvision
from paragone.project import files, paths
from paragone.project.params import Dataset, Params
from paragone.stages import ingest
from support import celeba_files


def _ingest(root: Path, path: Path, resolution: int = 64, **options: Any) -> Path:
    entry = Dataset(loader="celeba", source="local", path=str(path), resolution=resolution, options=options)
    ingest.run(root, Params.model_construct(profile="none", profiles={}, datasets={"faces": entry}), "faces")
    return root / paths.prepared("faces")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of 20 pictures as a folder; who changes it takes a copy of its own."""
    return celeba_files.write(tmp_path_factory.mktemp("celeba") / "copy")


@pytest.fixture
def folder(copy: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(copy, tmp_path / "own"))


def test_pixels_labels_attributes_and_facts(copy: Path, tmp_path: Path) -> None:
    folder = _ingest(tmp_path, copy, label="Smiling")
    train = load(folder, "train")
    images, labels = train.images, train.labels
    assert train.spec[:2] == ((3, 64, 64), 2)
    assert len(images) == 16
    assert len(load(folder, "test").images) == 2
    with Image.open(copy / "img_align_celeba/000004.jpg") as image:
        transforms = import_torchvision("torchvision.transforms")
        expected = transforms.Resize(64)(transforms.CenterCrop(178)(image))
    np.testing.assert_array_equal(images[3], expected)
    table = pq.read_table(folder / "manifest.parquet").to_pandas()
    assert table["file"].tolist()[-2:] == ["img_align_celeba/000019.jpg", "img_align_celeba/000020.jpg"]
    published = {
        line.split()[0]: line.split()[1:] for line in (copy / "list_attr_celeba.txt").read_text().splitlines()[2:]
    }
    for i in (0, 5, 17):
        row = [int(v == "1") for v in published[table["file"][i][-10:]]]
        assert [table[f"attribute_{name}"][i] for name in ATTRIBUTES] == row
    assert labels is not None
    assert labels.tolist() == table["attribute_Smiling"].tolist()[:16]
    identity = dict(line.split() for line in (copy / "identity_CelebA.txt").read_text().splitlines())
    assert table["attribute_identity"].tolist()[:3] == [int(identity[f"{i:06}.jpg"]) for i in (1, 2, 3)]
    assert {"attribute_lefteye_x", "attribute_bbox_width"} < set(table.columns)
    facts = files.read_json(folder / "dataset.json")
    assert facts["class_names"] == ["not Smiling", "Smiling"]
    assert facts["altered"] == (
        "crop centre-178 of 178x218; cut to 178x178 at (0, 20); resized to 64x64 (bilinear, antialiased)"
    )
    assert facts["padding"] == "none"
    assert not facts["exact"]
    assert facts["warnings"] == [
        "20 images; CelebA has 202,599",
        "a folder of pictures has no published hash: damage inside of a picture may not be seen",
    ]


def test_every_layout_gives_the_same_images(copy: Path, tmp_path: Path) -> None:
    expected = _ingest(tmp_path / "0", copy)
    texts = {file.name: file.read_text() for file in copy.glob("*.txt")}
    zipped = celeba_files.write(tmp_path / "zipped", zipped=True)

    kaggle = tmp_path / "kaggle"
    shutil.copytree(copy / "img_align_celeba", kaggle / "img_align_celeba/img_align_celeba")
    for name, text in celeba_files.kaggle(texts).items():
        (kaggle / name).write_text(text)

    official = tmp_path / "official"
    for folder, name in (("Img", "img_align_celeba.zip"), ("Eval", "list_eval_partition.txt")):
        (official / folder).mkdir(parents=True)
        shutil.copy(zipped / name, official / folder)
    shutil.copytree(zipped, official / "Anno", ignore=shutil.ignore_patterns("*.zip", "*partition*"))

    one = tmp_path / "archive.zip"
    with zipfile.ZipFile(one, "w") as archive:
        for file in sorted(kaggle.rglob("*.*"), reverse=True):
            archive.write(file, file.relative_to(kaggle))

    layouts = (zipped, zipped / celeba.ZIP, copy / "img_align_celeba", kaggle, official, one)
    for i, path in enumerate(layouts, 1):
        found = _ingest(tmp_path / str(i), path)
        for split in ("train", "test"):
            file = f"{split}/images.npy"
            assert (found / file).read_bytes() == (expected / file).read_bytes(), path
        columns = pq.read_table(found / "manifest.parquet").drop(["file"])
        same = pq.read_table(expected / "manifest.parquet").drop(["file"])
        assert columns == (same.drop(["attribute_identity"]) if "identity" not in str(columns.schema) else same)
    facts = files.read_json(found / "dataset.json")
    assert "without the annotations of identity_CelebA" in facts["warnings"]
    assert facts["classes"] == 0
    assert load(found, "train").labels is None


CUTS = {  # as the papers' code cuts them
    "centre-178": lambda t, image: t.CenterCrop(178)(image),
    "centre-160": lambda t, image: t.CenterCrop(160)(image),
    "box-148": lambda t, image: image.crop((15, 40, 163, 188)),
    "centre-140": lambda t, image: t.CenterCrop(140)(image),
    "box-128": lambda t, image: image.crop((89 - 64, 121 - 64, 89 + 64, 121 + 64)),
    "centre-108": lambda t, image: t.CenterCrop(108)(image),
}


@pytest.mark.parametrize("crop", celeba.CROPS)
def test_crops_are_those_of_the_field(copy: Path, crop: str) -> None:
    train = celeba.local(Request(copy / "none", copy, 32, {"crop": crop})).parts[0]
    found, _ = train.decode((copy / train.names[0]).read_bytes())
    transforms = import_torchvision("torchvision.transforms")
    with Image.open(copy / train.names[0]) as image:
        np.testing.assert_array_equal(found, transforms.Resize(32)(CUTS[crop](transforms, image)))


@pytest.mark.parametrize(
    ("resolution", "options", "message"),
    [
        (64, {"crop": "face"}, r"params\.yaml: options\.crop: 'face' is no crop of CelebA; known: centre-178, "),
        (64, {"label": "smiling"}, r"params\.yaml: options\.label: 'smiling' is no attribute of CelebA; known: 5_o_"),
        (48, {}, r"params\.yaml: resolution: 48: CelebA is prepared at one of 32, 64, 128"),
        (128, {"crop": "centre-108"}, r"options\.crop: centre-108 is smaller than the resolution 128; take a larger"),
    ],
)
def test_options_that_cannot_be(copy: Path, tmp_path: Path, resolution: int, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _ingest(tmp_path, copy, resolution, **options)
    assert not (tmp_path / "data").exists()


def _edit(folder: Path, name: str, old: str, new: str, count: int = 1) -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, count))


def _cut_line(folder: Path, name: str, line: int) -> None:
    lines = (folder / name).read_text().splitlines(keepends=True)
    (folder / name).write_text("".join(lines[:line] + lines[line + 1 :]))


PICTURE = "img_align_celeba/000003.jpg"
FAULTS = {
    "no pictures": (lambda f: shutil.rmtree(f / "img_align_celeba"), r"own: holds no picture 000001\.jpg, "),
    "no attributes": (lambda f: (f / "list_attr_celeba.txt").unlink(), r"own: no list_attr_celeba\.txt \(or \.csv\)"),
    "no partition": (lambda f: (f / "list_eval_partition.txt").unlink(), r"own: no list_eval_partition\.txt"),
    "a picture without annotations": (
        lambda f: shutil.copy(f / PICTURE, f / "img_align_celeba/000999.jpg"),
        r"list_eval_partition\.txt: has no row for 000999\.jpg \(1 such pictures\)",
    ),
    "annotations without a picture": (
        lambda f: (f / PICTURE).unlink(),
        r"own: 000003\.jpg is not there, .*list_eval_partition\.txt has it \(1 such\)",
    ),
    "a picture twice": (
        lambda f: (f / "again").mkdir() or shutil.copy(f / PICTURE, f / "again/000003.jpg"),
        "own: holds 1 pictures twice; name the folder of one copy",
    ),
    "a missing row of attributes": (
        lambda f: _cut_line(f, "list_attr_celeba.txt", 5),
        r"list_attr_celeba\.txt: declares 20 rows, holds 19; get it again",
    ),
    "a missing row of partitions": (
        lambda f: _cut_line(f, "list_eval_partition.txt", 5),
        r"list_eval_partition\.txt: has no row for 000006\.jpg",
    ),
    "a missing row of identities": (
        lambda f: _cut_line(f, "identity_CelebA.txt", 0),
        r"identity_CelebA\.txt: has no row for 000001\.jpg",
    ),
    "a row twice": (
        lambda f: _edit(f, "list_eval_partition.txt", "000002.jpg", "000001.jpg"),
        r"list_eval_partition\.txt: 000001\.jpg appears in it twice",
    ),
    "an attribute of 0": (
        lambda f: (
            _edit(f, "list_attr_celeba.txt", "000001.jpg -1", "000001.jpg  0")
            if "000001.jpg -1" in (f / "list_attr_celeba.txt").read_text()
            else _edit(f, "list_attr_celeba.txt", "000001.jpg  1", "000001.jpg  0")
        ),
        r"list_attr_celeba\.txt: 000001\.jpg: 5_o_Clock_Shadow: 0 is not -1 or 1; get the file again",
    ),
    "an attribute that is no number": (
        lambda f: _edit(f, "list_attr_celeba.txt", "000002.jpg ", "000002.jpg x"),
        r"list_attr_celeba\.txt: 000002\.jpg: 5_o_Clock_Shadow: x.* is not -1 or 1",
    ),
    "an attribute too many": (
        lambda f: _edit(f, "list_attr_celeba.txt", "\n000003.jpg", " 1\n000003.jpg"),
        r"list_attr_celeba\.txt: cannot be read \(.*Expected 41 fields in line 4, saw 42\); get it again",
    ),
    "an attribute too few": (
        lambda f: _edit(f, "list_attr_celeba.txt", "000002.jpg ", "000002.jpg"),
        r"list_attr_celeba\.txt: 000002\.jpg.*: Young: nan is not -1 or 1; get the file again",
    ),
    "attributes in another order": (
        lambda f: _edit(f, "list_attr_celeba.txt", "Male", "Female"),
        r"list_attr_celeba\.txt: its header does not name 5_o_Clock_Shadow \.\.\.; put CelebA's own file there",
    ),
    "a partition of 3": (
        lambda f: _edit(f, "list_eval_partition.txt", "000001.jpg  0", "000001.jpg  3"),
        r"list_eval_partition\.txt: 000001\.jpg: partition: 3 is not a whole number from 0 to 2",
    ),
    "no partition of test": (
        lambda f: _edit(f, "list_eval_partition.txt", "  2\n", "  1\n", -1),
        r"list_eval_partition\.txt: no picture is of partition 2 \(test\), and a set needs the splits train and test",
    ),
    "an identity of 0": (
        lambda f: (f / "identity_CelebA.txt").write_text(
            "".join(f"{i + 1:06}.jpg {0 if i == 3 else 9}\n" for i in range(20))
        ),
        r"identity_CelebA\.txt: 000004\.jpg: identity: 0 is not a whole number from 1 to 10177",
    ),
    "landmarks far outside": (
        lambda f: (f / "list_landmarks_align_celeba.txt").write_text(
            (f / "list_landmarks_align_celeba.txt").read_text().replace("000001.jpg ", "000001.jpg 9", 1)
        ),
        r"list_landmarks_align_celeba\.txt: 000001\.jpg: lefteye_x: 9\d+ is not a whole number from -218 to 436",
    ),
    "an annotation that is a web page": (
        lambda f: (f / "list_attr_celeba.txt").write_text("<!DOCTYPE html><html>Quota</html>"),
        r"list_attr_celeba\.txt: its header does not name 5_o_Clock_Shadow",
    ),
    "an empty annotation": (
        lambda f: (f / "list_eval_partition.txt").write_text(""),
        r"list_eval_partition\.txt: ",
    ),
    "a picture of another size": (
        lambda f: Image.new("RGB", (64, 64)).save(f / PICTURE),
        r"own: img_align_celeba/000003\.jpg: is 64x64, the images of this set are 178x218; get the file again",
    ),
    "a truncated picture": (
        lambda f: (f / PICTURE).write_bytes((f / PICTURE).read_bytes()[:3000]),
        r"own: img_align_celeba/000003\.jpg: image file is truncated.*; get the file again",
    ),
    "a PNG under the name of a JPEG": (
        lambda f: Image.new("RGB", (178, 218)).save(f / PICTURE, "PNG"),
        r"own: img_align_celeba/000003\.jpg: no JPEG file \(it begins 89 50 4e 47\)",
    ),
    "an empty picture": (
        lambda f: (f / PICTURE).write_bytes(b""),
        r"own: img_align_celeba/000003\.jpg: no JPEG file \(it begins empty\)",
    ),
    "a flipped bit in a picture's header": (
        lambda f: _flip(f / PICTURE, 5),
        r"own: img_align_celeba/000003\.jpg: ",
    ),
}


def _flip(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 0x80
    file.write_bytes(data)


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_one_sentence_and_leave_nothing(folder: Path, tmp_path: Path, fault: str) -> None:
    inject, message = FAULTS[fault]
    inject(folder)
    with pytest.raises(ValueError, match=message) as error:
        _ingest(tmp_path, folder)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "data/prepared").exists() or not list((tmp_path / "data/prepared").iterdir())


ZIP_FAULTS = {
    "a web page": (
        lambda data: b"<!DOCTYPE html><html>Quota exceeded</html>",
        r"it is a web page, not tar or zip.*Drive",
    ),
    "cut short": (lambda data: data[: len(data) // 2], r"img_align_celeba\.zip: is damaged or cut short"),
    "a flipped bit": (
        lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:],
        r"img_align_celeba\.zip: img_align_celeba/00000\d\.jpg: damaged in the archive",
    ),
    "empty": (lambda data: b"", r"first bytes none: it is no tar or zip archive"),
}


@pytest.mark.parametrize("fault", ZIP_FAULTS)
def test_a_zip_that_is_damaged(tmp_path: Path, fault: str) -> None:
    change, message = ZIP_FAULTS[fault]
    folder = celeba_files.write(tmp_path / "own", zipped=True)
    file = folder / celeba.ZIP
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(ValueError, match=message):
        _ingest(tmp_path, folder)
    assert not (tmp_path / "data/prepared").exists() or not list((tmp_path / "data/prepared").iterdir())


def test_a_zip_that_leaves_its_folder(tmp_path: Path) -> None:
    folder = celeba_files.write(tmp_path / "own", zipped=True)
    with zipfile.ZipFile(folder / celeba.ZIP, "a") as archive:
        archive.writestr("../000021.jpg", b"")
    with pytest.raises(ValueError, match=r"member '\.\./000021\.jpg' names a place outside of the archive"):
        _ingest(tmp_path, folder)


def test_annotations_know_torchvisions_list() -> None:
    published = {name: md5 for _, md5, name in import_torchvision("torchvision.datasets").CelebA.file_list}
    assert published == celeba.MD5
    assert {f"{stem}.txt" for stem in ANNOTATIONS} | {celeba.ZIP} == set(published)
    assert len(ATTRIBUTES) == 40


def test_torchvision_reads_the_drawn_files_alike(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The layout that the tests draw is the published one: torchvision's own reader takes it."""
    CelebA = import_torchvision("torchvision.datasets").CelebA
    monkeypatch.setattr(CelebA, "_check_integrity", lambda self: True)
    (tmp_path / "celeba").symlink_to(copy)
    theirs = CelebA(str(tmp_path), "test", ["attr", "identity", "landmarks", "bbox"])
    table = pq.read_table(_ingest(tmp_path / "ours", copy) / "manifest.parquet").to_pandas()
    table = table[table["split"] == "test"].reset_index()
    for i in range(len(theirs)):
        attributes, identity, points, box = theirs[i][1]
        row = table.loc[i]
        assert attributes.tolist() == [row[f"attribute_{name}"] for name in ATTRIBUTES]
        assert identity == row["attribute_identity"]
        names = [*ANNOTATIONS["list_landmarks_align_celeba"].names, *ANNOTATIONS["list_bbox_celeba"].names]
        assert [*points.tolist(), *box.tolist()] == [row[f"attribute_{name}"] for name in names]


def test_request_of_download_is_checked_before_anything_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"options\.crop"):
        celeba.download(Request(tmp_path / "raw", None, 64, {"crop": "none"}))
    assert not (tmp_path / "raw").exists()
