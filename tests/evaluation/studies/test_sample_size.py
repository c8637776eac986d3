"""The study of sample counts: subsets are measured as evaluations measure, and the line over 1 / n is numpy's."""

from pathlib import Path

import numpy as np
import pytest
import torch

from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.metrics.frechet import frechet_distance
from paragone.evaluation.studies import sample_size
from paragone.evaluation.studies.base import Work
from paragone.project import files, paths
from paragone.project.params import ParamsError
from paragone.stages import study
from support import square_images

OPTIONS = {"row": "vae", "sizes": [12, 24, 48], "draws": 3}


@pytest.fixture(scope="module")
def project(squares: Path) -> Path:
    return squares


def params(**options: object) -> square_images.Params:
    return square_images.params(studies={"sample_size": OPTIONS | options})


def test_the_largest_subset_is_the_run_as_it_was_evaluated(project: Path) -> None:
    study.run(project, params(), "small", "sample_size")
    found = files.read_json(project / paths.study("small", "sample_size"))["datasets"]["squares"]
    assert found["available"] == {"row": 48, "real": 60}
    whole = [f["fd"] for f in found["figures"]["row"] if f["n"] == 48]
    evaluated = files.read_json(project / square_images.RUN.metrics)["spaces"]["clf-squares"]["fd"]
    assert whole == pytest.approx([evaluated] * 3)
    assert len(found["figures"]["real"]) == 9


def test_fewer_real_images_seem_farther(project: Path) -> None:
    found = files.read_json(project / paths.study("small", "sample_size"))["datasets"]["squares"]
    by_size = {n: np.mean([f["fd"] for f in found["figures"]["real"] if f["n"] == n]) for n in (12, 24, 48)}
    assert by_size[12] > by_size[24] > by_size[48] > found["limit"]["real"]


def test_the_frechet_distance_of_gaussians_is_a_line_over_one_over_n() -> None:
    """In D dimensions and from the true distribution: about D (1 + D / 4 ...) / n, so its limit is 0."""
    draw = torch.Generator().manual_seed(0)
    real = Statistics.of(torch.randn(20_000, 8, generator=draw))
    sizes = (100, 200, 400, 800)
    figures = [
        {"n": n, "fd": frechet_distance(real, Statistics.of(torch.randn(n, 8, generator=draw)))}
        for n in sizes
        for _ in range(20)
    ]
    assert abs(sample_size._limit(figures)) < 0.02 < np.mean([f["fd"] for f in figures if f["n"] == 800])


def test_a_row_that_does_not_exist_is_named(project: Path) -> None:
    with pytest.raises(ValueError, match=r"profiles/small\.yaml: studies: there is no row 'gan'"):
        study.run(project, params(row="gan"), "small", "sample_size")


def test_an_unknown_option_is_named(project: Path) -> None:
    with pytest.raises(
        ParamsError, match=r"profiles/small\.yaml: studies\.sample_size\.sises: no such key; did you mean"
    ):
        study.run(project, params(sises=[3]), "small", "sample_size")


def test_further_rows_have_the_same_figures(project: Path) -> None:
    study.run(project, params(rows=["vae"]), "small", "sample_size")
    found = files.read_json(project / paths.study("small", "sample_size"))["datasets"]["squares"]
    assert found["others"] == {}  # the row itself is no further one
    work = Work(project, "small", {"squares": ["vae"]}, [0], sample_size.Options(row="vae", rows=("vae", "gan")))
    assert sample_size._rows(work) == ["vae", "gan"]
