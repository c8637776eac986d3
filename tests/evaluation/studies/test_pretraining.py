"""The study of pre-training: what the arms share, where they differ, and what cannot be compared."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from paragone.engine import checkpoint
from paragone.evaluation.studies import pretraining
from paragone.project import files, paths
from paragone.project.params import Params
from paragone.stages import classifier, reference, study, train
from support import square_images

DCGAN = {"plan": {"kimg": 0.5, "batch": 16}, "config": {"width": 4, "z_dim": 8, "kernel": 4}}
OPTIONS = {
    "source": "squares", "target": "squares", "kimg": 0.8, "early_kimg": 0.4, "points": [0.0, 0.4, 0.8], "n": 48,
    "batch": 16,
}  # fmt: skip


def params(**options: object) -> Params:
    models = {"vae": square_images.VAE, "dcgan": DCGAN}
    return square_images.params(models=models, studies={"pretraining": OPTIONS | options})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    square_images.prepare(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("paragone.evaluation.extractors.classifier.KIMG", 2.0)
        classifier.run(root, params(), "squares")
    reference.run(root, params(), "small", "squares")
    train.run(root, params(), "small", "squares", "dcgan", 0)
    return root


@pytest.fixture(scope="module")
def found(project: Path) -> dict[str, Any]:
    study.run(project, params(), "small", "pretraining")
    return files.read_json(project / paths.study("small", "pretraining"))


def weights(project: Path) -> Path:
    return project / paths.Run("small", "squares", "dcgan", 0).weights


def test_both_arms_are_measured_at_every_point(found: dict[str, Any]) -> None:
    assert found["pretrained_kimg"] == pytest.approx(0.5, abs=0.02)
    for arm in pretraining.ARMS:
        (run,) = found["arms"][arm]
        assert run["outcome"] == "finished"
        assert [point["kimg"] for point in run["points"][:3]] == [0.0, 0.4, 0.8]
        assert {1, 2} >= {point["classes"] for point in run["points"]}
        assert run["peaks"] >= 1
        assert run["oscillation"] > 0
        assert len(run["curve"]["kimg"]) == len(run["curve"]["grad/generator"]) >= 50


def test_from_scratch_goes_on_until_both_have_seen_as_many_images(found: dict[str, Any]) -> None:
    scratch, pretrained = (found["arms"][arm][0] for arm in pretraining.ARMS)
    assert len(pretrained["points"]) == 3
    assert scratch["points"][-1]["kimg"] == pytest.approx(0.8 + found["pretrained_kimg"])
    assert max(scratch["curve"]["kimg"]) > max(pretrained["curve"]["kimg"]) + 0.3


def test_the_arms_start_apart(found: dict[str, Any]) -> None:
    first = [found["arms"][arm][0]["points"][0]["fd"] for arm in pretraining.ARMS]
    assert first[0] != pytest.approx(first[1], rel=1e-3)  # both far from the data after so little training
    assert found["floor"]["fd"] < min(first)


def test_one_starts_with_the_rows_weights_and_one_with_its_first_ones(project: Path) -> None:
    spec = pretraining.datasets.load(project / paths.prepared("squares"), "train").spec
    tensors, _ = checkpoint.load(weights(project))
    scratch, pretrained = (pretraining._start(weights(project), spec, 0, arm) for arm in pretraining.ARMS)
    assert all(torch.equal(value, tensors[key]) for key, value in pretrained.state_dict().items())
    assert not torch.equal(scratch.state_dict()["G.project.weight"], tensors["G.project.weight"])
    assert all(p.requires_grad for p in pretrained.parameters())


def test_measuring_on_the_way_changes_nothing_of_the_training(project: Path, found: dict[str, Any]) -> None:
    study.run(project, params(points=[0.0, 0.2, 0.4, 0.6, 0.8]), "small", "pretraining")
    again = files.read_json(project / paths.study("small", "pretraining"))
    for arm in pretraining.ARMS:
        a, b = (f["arms"][arm][0]["curve"]["loss/generator"] for f in (found, again))
        np.testing.assert_array_equal(a, b)
        assert found["arms"][arm][0]["points"][-1] == again["arms"][arm][0]["points"][-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "shapes"}, r"pretraining\.source: 'dcgan' does not run on 'shapes'; let it, or name another"),
        ({"target": "shapes"}, r"pretraining\.target: 'shapes' is not a data set of the profile; add it"),
        ({"early_kimg": 0.3}, r"pretraining\.points: \[0\.0, 0\.4, 0\.8\] lack 0\.3; add it"),
        ({"row": "gan"}, r"profiles/small\.yaml: studies: there is no row 'gan'"),
    ],
)
def test_what_cannot_be_compared_is_named(project: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        study.run(project, params(**options), "small", "pretraining")


def test_images_of_another_shape_are_named(project: Path) -> None:
    with pytest.raises(ValueError, match=r"draws images of \[1, 32, 32\], the target's are \[3, 32, 32\]"):
        pretraining._start(weights(project), pretraining.Spec((3, 32, 32), 2), 0, "pretrained")


def test_a_part_too_short_to_assess_is_named(project: Path) -> None:
    with pytest.raises(
        ValueError,
        match=r"^profiles/small\.yaml: studies\.pretraining\.early_kimg: the first 0\.1 kimg of 'dcgan' leave 6 rows",
    ):
        study.run(project, params(early_kimg=0.1, points=[0.0, 0.1, 0.8]), "small", "pretraining")
