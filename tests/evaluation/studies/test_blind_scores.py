"""The study of what scores cannot see, on images small enough to know the answer."""

from pathlib import Path

import numpy as np
import pytest
import torch

from paragone.evaluation.studies import blind_scores
from paragone.project import files, paths
from paragone.stages import classifier, reference, study
from support import square_images


@pytest.fixture(scope="module")
def means(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    """Each set's figures, averaged over draws."""
    root = tmp_path_factory.mktemp("project")
    params = square_images.params(studies={"blind_scores": {"n": 40, "kept": 2, "draws": 3}})
    square_images.prepare(root)
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
    labels = torch.arange(100).repeat(5)
    assert blind_scores._unfit(labels, blind_scores.Options(n=500, kept=2)) == ""
    sentence = "500 images of 100 classes leave fewer than 6 each; raise n"
    assert blind_scores._unfit(labels, blind_scores.Options(n=500, kept=3)) == sentence


def test_the_inception_score_misses_what_coverage_sees(means: dict[str, dict[str, float]]) -> None:
    assert means["repeated"]["is"] > 0.9 * means["real"]["is"]
    assert means["repeated"]["coverage"] < 0.5 * means["real"]["coverage"]


def test_ssim_sees_the_blur_and_not_the_repeats(means: dict[str, dict[str, float]]) -> None:
    assert means["real"]["ssim"] < 0.95
    assert means["repeated"]["ssim"] == pytest.approx(means["real"]["ssim"], abs=0.05)
    assert means["blurred"]["ssim"] > means["real"]["ssim"]  # what has no detail loses none
