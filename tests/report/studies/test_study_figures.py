"""The figures of studies: found by the study's name, drawn from its file alone, the same bytes each time."""

import pytest

from paragone import files, paths, registry
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
    assert "500 test images; 3 of each class" in drawn["blind_scores"][0].caption
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
