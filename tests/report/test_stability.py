"""The stability table and figure: shares with their intervals, seeds that diverged, and what is left out."""

import pandas as pd
import pytest

from paragone.report import figures, stability
from paragone.results import schema


@pytest.fixture(scope="module")
def data(project):
    return project.found.datasets[0]


def cells(grid, title: str) -> dict[str, str]:
    (line,) = [line for line in grid.lines if line.cells[0].text == title]
    return dict(zip(grid.headers, [c.text for c in line.cells], strict=True))


def test_a_share_comes_with_wilsons_interval(project, data):
    grid = stability.grid(project.found, data)
    wgan_gp = cells(grid, "WGAN-GP")
    assert wgan_gp["Seeds"] == "3"
    assert wgan_gp["Diverged (%)"] == "33 [6, 79]"  # scipy and Wilson (1927) agree on 1 of 3
    assert cells(grid, "DCGAN")["Diverged (%)"] == "0 [0, 56]"


def test_the_gans_missing_classes_make_it_collapsed(project, data):
    """The sample project's GAN misses 2 of 10 classes: a fifth."""
    gan = cells(stability.grid(project.found, data), "GAN")
    assert gan["Collapsed (%)"] == "100 [44, 100]"
    assert gan["Modes missing (%)"] == "20"


def test_every_role_that_was_trained_has_its_columns(project, data):
    grid = stability.grid(project.found, data)
    assert {"Gradient (adversary)", "Oscillation (adversary)", "Gradient (model)"} <= set(grid.headers)
    assert cells(grid, "VAE")["Gradient (adversary)"] == "–"
    median, _, p95 = cells(grid, "WGAN-GP")["Gradient (adversary)"].partition(" / ")
    assert float(median) < float(p95)


def test_a_row_that_never_ended_has_no_figures(project):
    second = project.found.datasets[1]
    texts = [
        c.text for c in next(x for x in stability.grid(project.found, second).lines if x.cells[0].text == "DDPM").cells
    ]
    assert set(texts[1:]) == {"–"}


def test_one_seed_says_nothing(project, data):
    one = project.found._replace(seeds=[0], runs=project.found.runs[project.found.runs["seed"] == 0])
    assert stability.grid(one, data) is None
    assert stability.plot(one, data) is None


def test_nothing_has_ended_yet(project, data):
    runs = pd.DataFrame({**project.found.runs, "stability.state": None})
    assert stability.grid(project.found._replace(runs=runs), data) is None


def test_the_figure_shows_every_seed_and_is_the_same_each_time(project, data):
    drawn = [stability.plot(project.found, data) for _ in range(2)]
    assert figures.encode(drawn[0], "svg") == figures.encode(drawn[1], "svg")
    coverage = drawn[0].figure.axes[0]
    ended = project.found.of(data.name)["stability.state"].notna().sum()
    assert sum(len(line.get_xdata()) for line in coverage.get_lines()) == ended + 2  # and the floor's line


def test_the_wide_table_holds_and_explains_the_measures(project):
    text = schema.describe(project.found.runs)
    assert "`stability.grad_p95.adversary` | the same, 95th percentile" in text
    assert "`stability.state` | healthy" in text
