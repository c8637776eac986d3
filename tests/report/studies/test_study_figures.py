"""The figures of studies: found by the study's name, drawn from its file alone, the same bytes each time."""

import pytest

from paragone.project import files, paths, registry
from paragone.report import figures
from paragone.report.studies import base


@pytest.fixture(scope="module")
def found(project):
    return {
        name: files.read_json(project.root / paths.study("quick", name)) for name in ("sample_size", "blind_scores")
    }


def test_every_file_of_figures_belongs_to_a_study():
    assert set(registry.names(base.KIND)) <= set(registry.names("studies"))


def test_each_study_has_a_figure_a_data_set(project, found):
    drawn = base.draw(found, project.found)
    assert {name: [plot.name for plot in plots] for name, plots in drawn.items()} == {
        name: [f"{name}-mnist-5k", f"{name}-fashion-mnist"] for name in found
    }
    assert "Sets of 500 images. Real: test images. Repeated: 3 of each class" in drawn["blind_scores"][0].caption
    again = base.draw(found, project.found)
    for name, plots in drawn.items():
        for one, two in zip(plots, again[name], strict=True):
            assert figures.encode(one, "svg") == figures.encode(two, "svg")


def test_the_figures_hold_what_was_measured(project, found):
    plot = base.draw(found, project.found)["sample_size"][0]
    distance, kernel = plot.figure.axes
    means = [line for line in distance.get_lines() if line.get_label() == "DCGAN"]
    assert list(means[0].get_xdata()) == [50, 200, 800]
    assert means[0].get_ydata()[0] == pytest.approx(8 + 400 / 50 + 0.05)
    assert kernel.get_lines()[-1].get_ydata()[0] == pytest.approx(0.2)  # x 1000


def test_a_study_without_such_a_file_has_no_figures(project):
    assert base.draw({"of_no_name": {}}, project.found) == {"of_no_name": []}


def test_the_modes_that_runs_miss_stand_row_by_row(project):
    runs = [{"seed": 0, "outcome": "finished", "missing_share": 0.25}, {"seed": 1, "outcome": "diverged"}]
    rows = {"dcgan": runs, "gan": runs[:1]}
    study = {"dataset": "mnist-5k", "classes": 1000, "n": 10_000, "real": {"missing": 2}, "rows": rows}
    (plot,) = base.draw({"mode_coverage": study}, project.found)["mode_coverage"]
    ax = plot.figure.axes[0]
    points = [(x, y) for line in ax.get_lines()[:-1] for x, y in zip(*line.get_data(), strict=True)]
    assert points == [(25, 0), (25, 1), (100, 1)]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["GAN", "DCGAN"]
    assert "The same number of real test images misses 2 modes. MNIST-5K." in plot.caption
