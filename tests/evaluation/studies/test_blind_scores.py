"""The study of what scores cannot see, on images small enough to know the answer."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from paragone.data.base import load
from paragone.evaluation.studies import blind_scores
from paragone.evaluation.studies.base import Work
from paragone.models.base import Spec
from paragone.project import files, paths
from paragone.stages import classifier, reference, study
from support import square_images


@pytest.fixture(scope="module")
def means(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    """Each set's figures, averaged over draws."""
    root = tmp_path_factory.mktemp("project")
    params = square_images.params(studies={"blind_scores": {"n": 40, "kept": 2, "draws": 3}})
    square_images.prepare(root, test=120)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("paragone.evaluation.extractors.classifier.KIMG", 2.0)
        classifier.run(root, params, "squares")
    reference.run(root, params, "small", "squares")
    study.run(root, params, "small", "blind_scores")
    found = files.read_json(root / paths.study("small", "blind_scores"))
    assert found["n"] == 40
    sets = found["datasets"]["squares"]["sets"]
    assert {len(rows) for rows in sets.values()} == {3}
    return {name: {k: float(np.mean([f[k] for f in rows])) for k in rows[0]} for name, rows in sets.items()}


def test_sets_without_classes_or_with_too_many_are_left_out_by_name(tmp_path: Path) -> None:
    square_images.prepare(tmp_path, labelled=False)
    with pytest.raises(ValueError, match="no data set is fit for it: squares: it has no labels"):
        study.run(tmp_path, square_images.params(studies={"blind_scores": {}}), "small", "blind_scores")
    labels = torch.arange(100).repeat(10)
    assert blind_scores._unfit(labels, blind_scores.Options(n=500, kept=2)) == ""
    sentence = "500 images of 100 classes leave fewer than 6 each; raise n"
    assert blind_scores._unfit(labels, blind_scores.Options(n=500, kept=3)) == sentence
    few = torch.tensor([0] * 30 + [1] * 10)
    sentence = "a class has 10 test images, and half of the classes take 20 of each; lower n"
    assert blind_scores._unfit(few, blind_scores.Options(n=20, kept=2)) == sentence


def test_the_inception_score_misses_what_coverage_sees(means: dict[str, dict[str, float]]) -> None:
    assert means["repeated"]["is"] > 0.9 * means["real"]["is"]
    assert means["repeated"]["coverage"] < 0.6 * means["real"]["coverage"]


def test_ssim_sees_the_blur_and_not_the_repeats(means: dict[str, dict[str, float]]) -> None:
    assert means["real"]["ssim"] < 0.95
    assert means["repeated"]["ssim"] == pytest.approx(means["real"]["ssim"], abs=0.05)
    assert means["blurred"]["ssim"] > means["real"]["ssim"]  # what has no detail loses none


def test_pairs_see_the_repeats_that_ssim_misses(means: dict[str, dict[str, float]]) -> None:
    assert means["repeated"]["pairs"] > means["real"]["pairs"] + 0.1


def test_half_of_the_classes_are_dropped_and_as_many_images_stay(means: dict[str, dict[str, float]]) -> None:
    assert means["dropped"]["is"] < means["real"]["is"]
    images = torch.arange(400).reshape(400, 1, 1, 1).to(torch.uint8)
    labels = torch.arange(4).repeat(100)
    test = blind_scores.ImageSet(images, labels, Spec((1, 1, 1), 4))
    sets = blind_scores._sets(test, blind_scores.Options(n=100, kept=3), 0)
    assert {name: len(group.images) for name, group in sets.items()} == dict.fromkeys(sets, 100)
    assert len(sets["dropped"].labels.unique()) == 2
    assert len(sets["repeated"].images.unique()) == 12


def test_pairs_are_of_one_class_and_of_two_places() -> None:
    noise = torch.randint(0, 256, (2, 32, 32, 1), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    apart = blind_scores.Group(noise[[0, 0, 1, 1]], torch.tensor([0, 0, 1, 1]))
    mixed = blind_scores.Group(noise[[0, 1, 0, 1]], torch.tensor([0, 0, 1, 1]))
    assert blind_scores._pairs(apart, 20) == pytest.approx(1)
    assert blind_scores._pairs(mixed, 20) < 0.3


def test_another_data_set_is_brought_to_the_same_channels(tmp_path: Path) -> None:
    colours = torch.tensor([[[[255, 0, 0], [0, 255, 0]]]], dtype=torch.uint8)
    assert blind_scores._in_channels(colours, 1).flatten().tolist() == [76, 150]
    assert blind_scores._in_channels(colours[..., :1], 3).shape == (1, 1, 2, 3)
    square_images.prepare(tmp_path)
    shutil.copytree(tmp_path / paths.prepared("squares"), tmp_path / paths.prepared("again"))
    work = Work(tmp_path, "small", {"squares": [], "again": []}, [0], blind_scores.Options(n=20, kept=2))
    test = load(tmp_path / paths.prepared("squares"), "test")
    other, images = blind_scores._foreign(work, "squares", test)
    assert other == "again"
    assert images is not None
    assert len(images) == 60
    alone = work._replace(datasets={"squares": []})
    assert blind_scores._foreign(alone, "squares", test) == (None, None)
