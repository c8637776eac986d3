"""The study of what scores cannot see, on images small enough to know the answer."""

import numpy as np
import pytest

import squares
from paragone import files, paths
from paragone.stages import classifier, reference, study


@pytest.fixture(scope="module")
def means(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    """Each set's figures, averaged over draws."""
    root = tmp_path_factory.mktemp("project")
    params = squares.params(studies={"blind_scores": {"n": 40, "kept": 2, "draws": 3}})
    squares.prepare(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("paragone.extractors.classifier.KIMG", 2.0)
        classifier.run(root, params, "squares")
    reference.run(root, params, "small", "squares")
    study.run(root, params, "small", "blind_scores")
    found = files.read_json(root / paths.study("small", "blind_scores"))
    assert found["n"] == 40
    sets = found["datasets"]["squares"]["sets"]
    assert {len(rows) for rows in sets.values()} == {3}
    return {name: {k: float(np.mean([f[k] for f in rows])) for k in rows[0]} for name, rows in sets.items()}


def test_the_inception_score_misses_what_coverage_sees(means: dict[str, dict[str, float]]) -> None:
    assert means["repeated"]["is"] > 0.9 * means["real"]["is"]
    assert means["repeated"]["coverage"] < 0.5 * means["real"]["coverage"]


def test_ssim_sees_the_blur_and_not_the_repeats(means: dict[str, dict[str, float]]) -> None:
    assert means["real"]["ssim"] < 0.95
    assert means["repeated"]["ssim"] == pytest.approx(means["real"]["ssim"], abs=0.05)
    assert means["blurred"]["ssim"] > means["real"]["ssim"]  # what has no detail loses none
