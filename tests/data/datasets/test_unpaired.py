from pathlib import Path

import numpy as np
import pytest

from paragone.data.base import load
from paragone.project import paths
from paragone.project.params import Params
from paragone.stages import validate
from support import picture_files
from support.picture_files import image, prepare, tar_bytes, write_folder, write_zip

COUNTS = {"trainA": 5, "trainB": 3, "testA": 2, "testB": 4}
CONTENT = {
    f"horse2zebra/{folder}/n{i:04d}.jpg": image(10 * k + i, 24, 16)
    for k, (folder, count) in enumerate(COUNTS.items())
    for i in range(count)
}


def _prepare(root: Path, form: str = "folder", **options: object) -> dict[str, object]:
    path = root / f"horse2zebra.{form}"
    if form == "folder":
        write_folder(path, CONTENT)
    elif form == "zip":
        write_zip(path, CONTENT)
    else:
        path.write_bytes(tar_bytes(CONTENT, "w:gz"))
    return prepare(root, loader="unpaired", path=path.name, resolution=16, options=options)


@pytest.mark.parametrize("form", ["folder", "zip", "tar.gz"])
def test_images_are_b_and_sources_a(tmp_path: Path, form: str) -> None:
    facts = _prepare(tmp_path, form)
    assert facts["counts"] == {"train": 3, "test": 4}
    assert facts["source_counts"] == {"train": 5, "test": 2}
    assert facts["sources"] == "unpaired"
    train = load(tmp_path / paths.prepared("photos"), "train")
    assert not train.paired
    assert train.sources is not None
    assert train.labels is None
    for array, seed in ((train.images, 10), (train.sources, 0)):
        picture_files.write_folder(tmp_path / "one", {"x.jpg": image(seed, 24, 16), "y.jpg": image(99, 16, 16)})
        prepare(tmp_path / "other", loader="image_folder", path=str(tmp_path / "one"), resolution=16)
        alone = [np.load(f) for f in (tmp_path / "other").rglob("images.npy")]
        assert any(np.array_equal(array[0], single) for stack in alone for single in stack)


def test_direction_turns_it_round(tmp_path: Path) -> None:
    ahead, back = _prepare(tmp_path), _prepare(tmp_path, direction="BtoA")
    assert back["counts"] == ahead["source_counts"]
    assert back["source_counts"] == ahead["counts"]
    assert ahead["content_hash"] != back["content_hash"]


def test_it_validates(tmp_path: Path) -> None:
    _prepare(tmp_path)
    entry = Params.model_construct(profile="none", profiles={}, datasets={"photos": None})
    validate.run(tmp_path, entry, "photos")
    assert (tmp_path / paths.validation("photos")).is_file()


@pytest.mark.parametrize("missing", list(COUNTS))
def test_a_missing_folder_is_named(tmp_path: Path, missing: str) -> None:
    write_folder(tmp_path / "set", {name: data for name, data in CONTENT.items() if missing not in name})
    with pytest.raises(
        ValueError, match=rf"set: {missing} is missing or holds no images; a set of two collections has"
    ):
        prepare(tmp_path, loader="unpaired", path="set", resolution=16)
    assert not (tmp_path / paths.prepared("photos")).exists()
