"""The study of layouts: the figure is found, and samples are compared with the scenes that were asked for."""

from pathlib import Path

import numpy as np
import pytest
import torch

from paragone.data import base as datasets
from paragone.data.datasets import day_night, shapes
from paragone.evaluation.studies import layout
from paragone.project import files, paths
from paragone.project.params import Params
from paragone.stages import ingest, study

N = 30


def params(dataset: str = "scenes", **options: object) -> Params:
    model = {"plan": {"kimg": 0.1}}
    models = {"ddpm": model, "controlnet": {**model, "parents": {"ddpm": "ddpm"}}}
    scenes = {"loader": "day_night", "source": "generated", "resolution": 32}
    sets = {
        "scenes": {**scenes, "options": {"n_train": 20, "n_test": N}},
        "plain": {"loader": "shapes", "source": "generated", "options": {"n_train": 20, "n_test": N}},
    }
    small = {"about": "Scenes.", "datasets": [dataset], "seeds": [0], "samples": 40, "sample_batch": 40,
             "spaces": ["classifier"], "models": models, "studies": {"layout": options}}  # fmt: skip
    return Params.model_validate({"profile": "small", "datasets": sets, "profiles": {"small": small}})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One row draws the scenes that it is asked for, from the first again after the last; one draws others."""
    root = tmp_path_factory.mktemp("project")
    ingest.run(root, params(), "scenes")
    test = datasets.load(root / paths.prepared("scenes"), "test").images.numpy()
    for row, shift in (("controlnet", 0), ("ddpm", 7)):
        run = paths.Run("small", "scenes", row, 0)
        (root / run.folder).mkdir(parents=True)
        np.save(root / run.samples, np.concatenate([test, test])[shift : shift + 40])
    return root


def test_samples_of_the_scene_asked_for_overlap_wholly_and_others_by_chance(project: Path) -> None:
    study.run(project, params(), "small", "layout")
    found = files.read_json(project / paths.study("small", "layout"))["datasets"]["scenes"]
    (steered,), (plain,) = found["rows"]["controlnet"], found["rows"]["ddpm"]
    assert steered == {"seed": 0, "iou": 1.0, "n": 40}
    assert plain["iou"] < 0.4
    assert found["chance"] == pytest.approx(plain["iou"], abs=0.15)


def test_the_brighter_half_is_the_figure() -> None:
    values = shapes.factors(np.arange(50), 0)
    found = layout.figure(torch.from_numpy(day_night.night(values, 32)))
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
