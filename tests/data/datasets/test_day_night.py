"""Two styles of the same scenes: pairs where they are asked for, and hidden ones where they are not."""

from pathlib import Path

import numpy as np
import pytest

from paragone.data.base import DatasetError, ImageSet, Request, load
from paragone.data.datasets import day_night, shapes
from paragone.project import paths
from paragone.project.params import Dataset, Params
from paragone.stages import ingest, validate


def _prepare(root: Path, **options: object) -> tuple[ImageSet, ImageSet]:
    counts = {"n_train": 36, "n_test": 12}
    entry = Dataset(loader="day_night", source="generated", resolution=16, options=counts | options)
    params = Params.model_construct(profile="none", profiles={}, datasets={"styles": entry})
    ingest.run(root, params, "styles")
    validate.run(root, params, "styles")
    folder = root / paths.prepared("styles")
    return load(folder, "train"), load(folder, "test")


def test_pairs_show_one_scene_in_two_styles(tmp_path: Path) -> None:
    train, test = _prepare(tmp_path)
    assert train.paired
    assert test.paired
    values = shapes.factors(np.arange(48), 0)
    for data, part in ((train, slice(0, 36)), (test, slice(36, 48))):
        of_split = {name: factor[part] for name, factor in values.items()}
        np.testing.assert_array_equal(data.images, day_night.night(of_split, 16))
        np.testing.assert_array_equal(data.sources, day_night.day(of_split, 16))
        np.testing.assert_array_equal(data.labels, of_split["shape"])


def test_without_pairs_no_training_source_shows_the_scene_of_a_training_image(tmp_path: Path) -> None:
    paired, _ = _prepare(tmp_path / "a")
    train, test = _prepare(tmp_path / "b", paired=False)
    assert not train.paired
    assert test.paired
    np.testing.assert_array_equal(train.images, paired.images)
    partners = {image.tobytes() for image in day_night.day(shapes.factors(np.arange(48), 0), 16)}
    assert not partners & {image.tobytes() for image in train.sources.numpy()}
    np.testing.assert_array_equal(test.sources, day_night.day(shapes.factors(np.arange(36, 48), 0), 16))


def test_the_ground_is_pale_by_day_and_dark_by_night_in_one_hue() -> None:
    assert day_night.DAY.mean(2).min() > 200
    assert day_night.NIGHT.mean(2).max() < 60
    day, night = (colours - colours.mean(2, keepdims=True) for colours in (day_night.DAY, day_night.NIGHT))
    cosine = (day * night).sum(2) / np.linalg.norm(day, axis=2) / np.linalg.norm(night, axis=2)
    assert cosine.min() > 0.8


def test_a_halo_grows_to_all_sides() -> None:
    point = np.zeros((1, 9, 9), np.int32)
    point[0, 4, 4] = 256
    grown = day_night._grown(point, 2)[0] > 0
    assert grown.sum(0).tolist() == [0, 0, 3, 5, 5, 5, 3, 0, 0]
    np.testing.assert_array_equal(grown, grown.T)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"paired": "no"}, "options.paired: 'no' is neither true nor false"),
        ({"n_train": 0}, "options.n_train: 0 is not a whole number from 1"),
        ({"n_train": 10**9, "paired": False}, "scenes, there are 1,811,939,328; ask for less"),
    ],
)
def test_options_that_cannot_be_are_named(tmp_path: Path, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(DatasetError, match=sentence):
        day_night.generated(Request(raw=tmp_path, options=options))
