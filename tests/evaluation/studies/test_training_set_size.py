"""The study of training set sizes: what is trained on, what is pooled, and what cannot be trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from paragone.evaluation.studies import training_set_size
from paragone.evaluation.studies.base import Work
from paragone.project import files, paths
from paragone.project.params import Params
from paragone.stages import study, train
from support import square_images

VAE = {"plan": {"kimg": 0.4, "batch": 4}, "config": {"width": 8}}
OPTIONS = {"rows": ["vae"], "sizes": [8], "seeds": 1, "n": 24}


def params(**options: object) -> Params:
    return square_images.params(models={"vae": VAE}, studies={"training_set_size": OPTIONS | options})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A row whose samples are its training images."""
    root = tmp_path_factory.mktemp("project")
    square_images.prepare(root)
    train.run(root, params(), *square_images.ARGS)
    np.save(root / square_images.RUN.samples, square_images.squares("train", 200, False).images[:48])
    return root


@pytest.fixture(scope="module")
def sizes(project: Path) -> list[dict[str, Any]]:
    study.run(project, params(), "small", "training_set_size")
    found = files.read_json(project / paths.study("small", "training_set_size"))["datasets"]["squares"]
    assert found["n_test"] == 60
    sizes: list[dict[str, Any]] = found["sizes"]
    return sizes


def test_few_images_and_all_of_them_are_measured(sizes: list[dict[str, Any]]) -> None:
    assert [size["n_train"] for size in sizes] == [8, 200]
    for size in sizes:
        row = size["rows"]["vae"]
        assert (row["seeds"], row["n"], row["diverged"]) == ([0], 24, [])
        assert row["excess"]["low"] < row["excess"]["value"] < row["excess"]["high"]
        assert size["unseen"]["n"] == 60


def test_copies_of_all_training_images_are_counted(sizes: list[dict[str, Any]]) -> None:
    whole = sizes[-1]["rows"]["vae"]
    assert whole["near_copies"] == 24
    assert whole["excess"]["value"] == pytest.approx(1)
    assert sizes[-1]["unseen"]["near_copies"] < 6


def test_a_row_is_trained_on_the_chosen_images_alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    fit = training_set_size.fit

    def seen(model: Any, data: Any, plan: Any, **more: Any) -> Any:
        given.append((data, plan))
        return fit(model, data, plan, **more)

    monkeypatch.setattr(training_set_size, "fit", seen)
    study.run(project, params(sizes=[5, 9]), "small", "training_set_size")
    (first, plan), (second, _) = given
    assert (len(first.images), len(second.images)) == (5, 9)
    assert torch.equal(first.images, second.images[:5])
    assert (plan.kimg, plan.batch) == (0.4, 4)


def test_more_images_than_there_are_are_named(project: Path) -> None:
    with pytest.raises(
        ValueError, match=r"training_set_size\.sizes: 201 is more than the 200 training images of squares"
    ):
        study.run(project, params(sizes=[201]), "small", "training_set_size")


def test_rows_that_start_from_others_are_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = {"model": "ddim", "config": {}, "parents": {"ddpm": {}}}
    monkeypatch.setattr(training_set_size.checkpoint, "read_metadata", lambda path: {"recipe": recipe})
    with pytest.raises(ValueError, match="'vae' starts from ddpm; name rows without parents"):
        study.run(project, params(), "small", "training_set_size")


def test_data_sets_without_some_row_are_left_out(project: Path) -> None:
    options = training_set_size.Options(rows=("vae", "gan"))
    work = Work(project, "small", {"squares": ["vae"], "others": ["gan"]}, [0], options)
    with pytest.raises(
        ValueError, match=r"small\.yaml: studies\.training_set_size\.rows: vae, gan all run on no data set"
    ):
        training_set_size.measure(work)
