"""Binarised MNIST: two levels, on as often as the grey level says, the same each time."""

from pathlib import Path

import numpy as np
import pytest

from paragone.data.base import DatasetError, load
from paragone.project import files, paths
from paragone.project.params import Dataset, Params, ParamsError
from paragone.stages import ingest


def _ingest(root: Path, **options: object) -> Path:
    entry = Dataset(loader="binarised_mnist", source="packaged", resolution=28, options=options)
    grey = Dataset(loader="mnist", source="packaged", resolution=28)
    params = Params.model_construct(profile="none", profiles={}, datasets={"binary": entry, "grey": grey})
    for name in ("binary", "grey"):
        ingest.run(root, params, name)
    return root / paths.prepared("binary")


def test_a_pixel_is_on_as_often_as_its_grey_level_says(tmp_path: Path) -> None:
    folder = _ingest(tmp_path)
    binary, grey = load(folder, "train"), load(tmp_path / paths.prepared("grey"), "train")
    assert binary.spec.levels == 2
    assert grey.spec.levels == 256
    assert binary.labels.tolist() == grey.labels.tolist()
    on = binary.images.numpy() == 255
    assert set(np.unique(binary.images)) == {0, 255}
    level = grey.images.numpy()
    assert not on[level == 0].any()
    assert on[level == 255].all()
    for low, high in ((1, 64), (64, 128), (128, 192), (192, 255)):
        some = (level >= low) & (level < high)
        assert on[some].mean() == pytest.approx(level[some].mean() / 255, abs=4 / np.sqrt(some.sum()))
    facts = files.read_json(folder / "dataset.json")
    assert facts["levels"] == 2
    assert not facts["exact"]
    assert "255 with the probability of its grey level (seed 0)" in facts["altered"]


def test_bits_follow_from_the_seed(tmp_path: Path) -> None:
    hashes = {files.read_json(_ingest(tmp_path, **o) / "dataset.json")["content_hash"] for o in ({}, {"seed": 0})}
    assert hashes == {"4384b5bae9cdc89026b0a5a782d70f161648c7131a47ba66d1a34afd6cf85c04"}
    assert files.read_json(_ingest(tmp_path, seed=1) / "dataset.json")["content_hash"] not in hashes


def test_dynamic_binarisation_keeps_the_grey_levels_of_training_images_alone(tmp_path: Path) -> None:
    folder = _ingest(tmp_path, dynamic=True)
    train, test = load(folder, "train"), load(folder, "test")
    assert (train.dynamic, test.dynamic, train.spec.levels) == (True, False, 2)
    assert np.array_equal(train.images, load(tmp_path / paths.prepared("grey"), "train").images)
    facts = files.read_json(folder / "dataset.json")
    assert "drawn anew for every batch" in facts["altered"]
    static = _ingest(tmp_path)
    assert np.array_equal(test.images, load(static, "test").images)
    assert not load(static, "train").dynamic
    assert "dynamic" not in files.read_json(static / "dataset.json")


def test_dynamic_that_is_neither_true_nor_false_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"options.dynamic: 1 is neither true nor false; correct it"):
        _ingest(tmp_path, dynamic=1)


@pytest.mark.parametrize("loader", ["stacked_mnist", "cifar10"])
def test_binarisation_asked_of_a_set_with_colours_is_one_sentence(tmp_path: Path, loader: str) -> None:
    source = "packaged" if loader == "stacked_mnist" else "download"
    entry = Dataset(loader=loader, source=source, resolution=32, options={"dynamic": True})
    params = Params.model_construct(profile="none", profiles={}, datasets={"coloured": entry})
    with pytest.raises(ParamsError, match=rf"options.dynamic: loader '{loader}' takes no such option; known: "):
        ingest.run(tmp_path, params, "coloured")


def test_an_option_that_is_no_whole_number_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"options.seed: 0.5 is not a whole number from 0; correct it"):
        _ingest(tmp_path, seed=0.5)
