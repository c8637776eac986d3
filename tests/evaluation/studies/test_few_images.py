"""The study of few training images: who is trained on how many, measured against all of them."""

from pathlib import Path
from typing import Any

import pytest

from paragone.project import files, paths
from paragone.project.params import ParamsError
from paragone.report.studies import few_images as report
from paragone.stages import study
from support import square_images


def params(**options: Any) -> square_images.Params:
    given = {"rows": ["vae"], "dataset": "squares", "sizes": [100, 150], "spaces": ["classifier"], "n": 20, **options}
    return square_images.params(studies={"few_images": given})


@pytest.fixture(scope="module")
def project(squares: Path) -> Path:
    return squares


def test_few_and_all_images_are_measured_and_drawn(project: Path) -> None:
    study.run(project, params(), "small", "few_images")
    found = files.read_json(project / paths.study("small", "few_images"))
    points = found["rows"]["vae"]
    assert [p["n_train"] for p in points] == [100, 150, 200]
    assert (found["n_all"], found["diverged"]) == (200, [])
    (space,) = points[0]["spaces"]
    assert len({p["spaces"][space]["fd"] for p in points}) == 3
    (plot,) = report.plots(found, square_images.results({"vae": "VAE"}))
    (line,) = plot.figure.axes[0].get_lines()
    assert list(line.get_xdata()) == [100, 150, 200]


def test_what_cannot_be_measured_is_named(project: Path) -> None:
    with pytest.raises(ValueError, match=r"few_images\.sizes: 201 is more than the 200 training images of squares"):
        study.run(project, params(sizes=[201]), "small", "few_images")
    with pytest.raises(ValueError, match=r"few_images\.rows: 'vae' does not run on mnist-5k; take it out, or let it"):
        study.run(project, params(dataset="mnist-5k"), "small", "few_images")
    with pytest.raises(ParamsError, match="give at least 1, 1 and 2"):
        params(sizes=[1]).study(Path(), "small", "few_images")
