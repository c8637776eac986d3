"""The worked examples: their terms add up to the metrics' values, and these to the run's as it was evaluated."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.studies import worked_scores
from paragone.project import files, paths
from paragone.stages import study
from support import square_images


@pytest.fixture(scope="module")
def project(squares: Path) -> Path:
    study.run(squares, square_images.params(studies={"worked_scores": {"row": "vae"}}), "small", "worked_scores")
    return squares


@pytest.fixture(scope="module")
def found(project: Path) -> dict[str, Any]:
    return files.read_json(project / paths.study("small", "worked_scores"))["datasets"]["squares"]


def test_the_terms_of_the_distance_are_the_runs(found: dict[str, Any], project: Path) -> None:
    f = found["frechet"]
    total = f["means"] + f["trace_real"] + f["trace_fake"] - 2 * f["trace_root"]
    assert total == pytest.approx(f["metric"], rel=1e-6)
    evaluated = files.read_json(project / square_images.RUN.metrics)
    assert f["metric"] == pytest.approx(evaluated["spaces"]["clf-squares"]["judges"][found["judge"]]["fd"])
    assert (found["n"], found["n_real"], found["dims"]) == (48, 200, 128)


def test_the_parts_of_the_score_are_the_runs(found: dict[str, Any], project: Path) -> None:
    parts = found["score"]["mean_kl"]
    assert len(parts) == 10
    assert np.mean(np.exp(parts)) == pytest.approx(found["score"]["metric"])
    assert found["score"]["metric"] == pytest.approx(files.read_json(project / square_images.RUN.metrics)["is"]["mean"])
    assert sum(found["score"]["marginal"]) == pytest.approx(1)


def test_the_few_samples_score_as_written(found: dict[str, Any]) -> None:
    p = np.array(found["few"]["p"])  # (4,2)
    marginal = p.mean(0)
    kl = [sum(a * math.log(a / m) for a, m in zip(row, marginal, strict=True) if a) for row in p]
    assert found["few"]["kl"] == pytest.approx(kl)
    assert found["few"]["metric"] == pytest.approx(math.exp(np.mean(kl)))


def test_the_plane_holds_the_projected_features() -> None:
    draw = torch.Generator().manual_seed(0)
    scales = torch.tensor([3.0, 0.5, 2.0])
    real, fake = (torch.randn(500, 3, generator=draw) * scales + shift for shift in (0.0, 1.0))
    plane = worked_scores.plane(Statistics.of(real), Statistics.of(fake))
    assert plane["real"]["mean"] == pytest.approx([0, 0], abs=1e-9)
    assert np.diag(plane["real"]["cov"]) == pytest.approx([9, 4], rel=0.2)  # the axes of the largest variance
    assert plane["fake"]["mean"] == pytest.approx([1, 1], abs=0.5)
    assert plane["share"] == pytest.approx(13 / 13.25, rel=0.05)


def test_a_row_without_samples_is_named(project: Path) -> None:
    work = square_images.params(studies={"worked_scores": {"row": "vae"}}).study(project, "small", "worked_scores")
    root = project / "empty"
    (root / square_images.RUN.folder).mkdir(parents=True)
    np.save(root / square_images.RUN.samples, np.zeros((0, 32, 32, 1), np.uint8))
    with pytest.raises(ValueError, match="vae on squares: no run left samples; choose another row"):
        worked_scores.measure(work._replace(root=root))
