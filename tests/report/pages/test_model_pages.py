"""A model's page: its figures beside the floor's with its rank, what differs from the paper, where it comes from."""

import pytest

from paragone.report import stability
from paragone.report.pages import models


@pytest.fixture(scope="module")
def dcgan(project):
    return [run for run in project.found.rows("mnist-5k") if run["model"] == "dcgan"]


def lines(grid):
    return {line.cells[0].text: [c.text for c in line.cells[1:]] for line in grid.lines if line.kind == "model"}


def test_figures_stand_beside_the_floors_with_their_rank(project, report):
    steady = stability.grid(project.found, project.found.datasets[0])
    grid = models.figures_of(report.tables["mnist-5k"], "dcgan", steady, "DCGAN")
    found = lines(grid)
    assert found["FD-clf ↓"][:3] == [
        "9.45 ± 1.12",
        "0.80 ± 0.08†",
        "3 of 7",
    ]  # behind DDPM and DDIM; WGAN-GP lost a seed
    assert found["Sampling (images/s) ↑"][2] == "3 of 7"
    assert found["Samples (n)"][2] == ""  # a setting has no rank
    assert found["Diverged (%)"][0] == "0 [0, 56]"
    headings = [line.cells[0].text for line in grid.lines if line.kind == "heading"]
    assert headings == ["Quality in every feature space", "Cost", "Stability over seeds"]


def test_every_figure_of_the_main_table_is_among_them(project, report):
    for row in report.tables["mnist-5k"][0].rows:
        if row.kind == "model":
            shown = models.figures_of(report.tables["mnist-5k"], row.model, None, row.title)
            sources = {c.source for t in report.tables["mnist-5k"] for c in t.columns}
            assert {c.source for c in report.tables["mnist-5k"][0].columns} <= sources
            values = {line.cells[1].value for line in shown.lines if line.kind == "model"}
            assert {cell.mean for cell in row.cells.values()} <= values


def test_a_row_that_lost_a_seed_has_no_rank(report):
    found = lines(models.figures_of(report.tables["mnist-5k"], "wgan_gp", None, "WGAN-GP"))
    assert found["FD-clf ↓"][2] == ""


def test_settings_list_what_differs_from_the_paper_alone(dcgan):
    found = lines(models.settings(dcgan, ""))
    assert found == {
        "width": ["128", "32", "config"],
        "kimg": ["15,000", "100", "plan"],
        "batch": ["128", "64", "plan"],
    }


def test_settings_of_what_never_trained_are_unknown(project):
    runs = [run for run in project.found.rows("fashion-mnist") if run["model"] == "ddpm"]
    assert models.settings(runs, "") is None


def test_lineage_has_a_column_a_seed(dcgan):
    grid = models.lineage(dcgan, "quick", "MNIST-5K")
    assert grid.headers == ["Fact", "Seed 0", "Seed 1", "Seed 2"]
    found = lines(grid)
    assert found["MLflow run"] == [f"mnist-5k/dcgan/{seed}" for seed in range(3)]
    assert found["Commit"] == ["c0ffee000000"] * 3
    assert found["Code"] == ["eeeeeeeeeeee"] * 3
    assert found["Images seen"] == ["100,000"] * 3
    assert "Why" not in found  # nothing went wrong


def test_a_model_names_its_parents_and_children(report_folder):
    page = (report_folder / "site/models/ddpm.html").read_text()
    assert 'is the start of <a href="../../site/models/ddim.html">DDIM</a>' in page
    page = (report_folder / "site/models/ddim.html").read_text()
    assert 'starts from <a href="../../site/models/ddpm.html">DDPM</a>' in page


def test_its_claims_are_those_whose_rows_hold_it(report_folder, report):
    page = (report_folder / "site/models/vae.html").read_text()
    for j in report.assessments:
        assert (f'">{j.id}</a>' in page) == ("vae" in j.claim.rows), j.id
