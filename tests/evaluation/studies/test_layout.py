"""The study of layouts: figures are found and read, and samples are compared with the scenes that were asked for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from paragone.data import base as datasets
from paragone.data.datasets import day_night, shapes
from paragone.evaluation.factor_classifier import FactorClassifier
from paragone.evaluation.studies import layout
from paragone.project import files, paths
from paragone.project.params import Params
from paragone.stages import ingest, study

N = 30


def params(dataset: str = "scenes", **options: object) -> Params:
    model = {"plan": {"kimg": 0.1}}
    models = {"ddpm": model, "controlnet": {**model, "parents": {"ddpm": "ddpm"}}}
    scenes = {"loader": "day_night", "source": "generated", "resolution": 32}
    counts = {"options": {"n_train": 20, "n_test": N}}
    sets = {
        "scenes": {**scenes, **counts},
        "plain": {"loader": "shapes", "source": "generated", "resolution": 32, **counts},
        "boxes": {"loader": "paired", "source": "local", "path": "data/prepared/plain", "resolution": 32,
                  "options": {"how": "boxes"}},
    }  # fmt: skip
    options = {"kimg": 2.0, **options}
    small = {"about": "Scenes.", "datasets": [dataset], "seeds": [0], "samples": 40, "sample_batch": 40,
             "spaces": ["classifier"], "models": models, "studies": {"layout": options}}  # fmt: skip
    return Params.model_validate({"profile": "small", "datasets": sets, "profiles": {"small": small}})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One row draws the scenes that it is asked for, from the first again after the last; one draws others."""
    root = tmp_path_factory.mktemp("project")
    for name in ("scenes", "plain", "boxes"):
        ingest.run(root, params(), name)
    for dataset in ("scenes", "boxes"):
        test = datasets.load(root / paths.prepared(dataset), "test").images.numpy()
        for row, shift in (("controlnet", 0), ("ddpm", 7)):
            run = paths.Run("small", dataset, row, 0)
            (root / run.folder).mkdir(parents=True)
            np.save(root / run.samples, np.concatenate([test, test])[shift : shift + 40])
    return root


def measured(root: Path, dataset: str, **options: object) -> dict[str, Any]:
    study.run(root, params(dataset, **options), "small", "layout")
    found: dict[str, Any] = files.read_json(root / paths.study("small", "layout"))["datasets"][dataset]
    return found


def test_samples_of_the_scene_asked_for_overlap_wholly_and_others_by_chance(project: Path) -> None:
    found = measured(project, "scenes")
    (steered,), (plain,) = found["rows"]["controlnet"], found["rows"]["ddpm"]
    assert (steered["seed"], steered["iou"], steered["n"]) == (0, 1.0, 40)
    assert plain["iou"] < 0.4
    assert found["chance"] == pytest.approx(plain["iou"], abs=0.15)


def test_pairs_made_from_a_drawn_set_are_read_and_have_no_bright_figure(project: Path) -> None:
    found = measured(project, "boxes", factors=["background", "x"], kimg=6.0)
    (steered,), (plain,) = found["rows"]["controlnet"], found["rows"]["ddpm"]
    assert "chance" not in found
    assert "iou" not in steered
    assert set(steered["read"]) == set(found["read"]["real"]) == {"background", "x", "all"}
    assert steered["read"]["background"] > plain["read"]["background"] + 0.3
    assert found["read"]["real"]["background"] == pytest.approx(steered["read"]["background"], abs=0.15)  # some twice


def test_shares_are_counts_of_what_is_read(shapes_classifier: FactorClassifier) -> None:
    values = np.stack(list(shapes.factors(np.arange(60), 0).values()), 1)
    names = shapes_classifier.factors.names
    images = torch.from_numpy(shapes.draw(shapes_classifier.factors.of(values), 32))
    reader = layout.Reader(shapes_classifier, ("x", "colour"), values)
    asked = np.roll(np.arange(60), 1)
    read = shapes_classifier.predict(images)
    x = np.abs(read[:, names.index("x")] - values[asked, names.index("x")] / 255) <= 0.125
    colour = read[:, names.index("colour")] == values[asked, names.index("colour")]
    assert reader.shares(images, asked) == {"x": x.mean(), "colour": colour.mean(), "all": (x & colour).mean()}
    right = reader.shares(images, np.arange(60))
    assert right["all"] > 0.7
    same = np.abs(values[:, names.index("x")] - np.roll(values[:, names.index("x")], 1)) <= 0.125 * 255
    assert reader.chance()["x"] == same.mean()


def test_a_factor_that_a_set_does_not_have_is_named(project: Path) -> None:
    with pytest.raises(
        ValueError, match=r"studies\.layout\.factors: boxes has no 'size'; it has: shape, colour, scale"
    ):
        measured(project, "boxes", factors=["size"])


def test_the_brighter_half_is_the_figure() -> None:
    values = shapes.factors(np.arange(50), 0)
    found = torch.from_numpy(day_night.figure(day_night.night(values, 32)))
    drawn = torch.from_numpy(shapes.coverage(values, 32) > 0.5)
    assert layout.overlap(found, drawn).mean() > 0.75  # edges are smooth


def test_masks_without_pixels_do_not_overlap() -> None:
    empty = torch.zeros(2, 4, 4, dtype=torch.bool)
    assert layout.overlap(empty, empty).tolist() == [0, 0]


def test_a_profile_without_pairs_is_named(tmp_path: Path) -> None:
    ingest.run(tmp_path, params("plain"), "plain")
    with pytest.raises(
        ValueError, match=r"profiles/small\.yaml: studies\.layout: no data set has pairs; add day-night"
    ):
        study.run(tmp_path, params("plain"), "small", "layout")
