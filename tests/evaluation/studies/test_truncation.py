"""The study of truncation: the same draws at several strengths, measured beside each other."""

from pathlib import Path
from typing import Any

import pytest

from paragone.evaluation.studies import truncation
from paragone.project import files, paths
from paragone.project.params import ParamsError
from paragone.report.studies import truncation as report
from paragone.stages import study, train
from support import square_images

SMALL = {"z_dim": 8, "w_dim": 8, "depth": 1, "width": 64, "max_width": 8}
STYLEGAN2 = {"plan": {"kimg": 0.1, "ema_kimg": 0.1}, "config": SMALL}
MODELS: dict[str, Any] = {"vae": square_images.VAE, "stylegan2": STYLEGAN2}


def params(**options: Any) -> square_images.Params:
    given = {"rows": ["stylegan2"], "dataset": "squares", "spaces": ["classifier"], "n": 20, **options}
    return square_images.params(models=MODELS, studies={"truncation": given})


@pytest.fixture(scope="module")
def project(squares: Path) -> Path:
    train.run(squares, params(), "small", "squares", "stylegan2", 0)
    return squares


def test_points_are_measured_and_drawn(project: Path) -> None:
    study.run(project, params(), "small", "truncation")
    found = files.read_json(project / paths.study("small", "truncation"))
    points = found["rows"]["stylegan2"]
    assert [p["value"] for p in points] == [0.0, 0.25, 0.5, 0.75, 1.0]
    (space,) = points[0]["spaces"]
    for point in points:
        assert point["spaces"][space]["fd"] > 0
        assert all(point["spaces"][space][key] >= 0 for key in ("precision", "recall", "density", "coverage"))
    assert len({p["spaces"][space]["fd"] for p in points}) == 5
    results = square_images.results({"stylegan2": "StyleGAN2"})
    (plot,) = report.plots(found, results)
    assert [text.get_text() for text in plot.figure.axes[0].texts] == ["0", "0.25", "0.5", "0.75", "1"]
    (grid,) = report.grids(found, results)
    assert [line.cells[1].value for line in grid.lines] == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_rows_that_truncate_nothing_or_run_elsewhere_are_named(project: Path) -> None:
    with pytest.raises(ValueError, match="row 'vae' is a VAE, which truncates nothing; take it out"):
        study.run(project, params(rows=["vae"]), "small", "truncation")
    with pytest.raises(ValueError, match="row 'stylegan2' does not run on mnist-5k; take it out, or let it run there"):
        study.run(project, params(dataset="mnist-5k"), "small", "truncation")


def test_options_that_cannot_be_are_named() -> None:
    with pytest.raises(ParamsError, match=r"n and values are 20 and \[-1.0\]; give at least 2, and none below 0"):
        params(values=[-1.0]).study(Path(), "small", "truncation")
    assert truncation.Options().rows == ("biggan",)
