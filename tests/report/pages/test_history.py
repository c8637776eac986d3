"""The page of how figures moved: the change of each row, a figure for each distance, and nothing before two reports."""

from pathlib import Path

from paragone.report import history as drawn
from paragone.report.pages import history
from paragone.report.pages.base import Report, Site
from paragone.results.runs import is_figure
from support.page_reader import read
from support.sample_project import Project


def test_the_page_shows_the_change_and_the_commits(report_folder: Path, project: Project) -> None:
    page = read(report_folder / "site/history.html")
    first = project.found.runs.query("dataset == 'mnist-5k' and model == 'dcgan'")["metrics.spaces.clf-mnist-5k.fd"]
    mean = first[first.map(is_figure)].mean()
    assert f"DCGAN {mean:.2f} ({-0.1 * mean:+.2f})" in page.words
    for phrase in ("FD-clf over commits", "2026-01-01 03:00:00", "1" * 12, "2" * 12):
        assert phrase in page.words
    assert any(address == "site/history.html" for _, address in read(report_folder / "index.html").addresses)


def test_each_distance_has_a_figure_of_the_rows_that_have_two_points(report: Report) -> None:
    dataset = report.results.datasets[0]
    plots = {plot.name: plot for plot in drawn.plots(report.history, report.results, dataset)}
    assert set(plots) == {f"history-mnist-5k-{key}" for key in ("fd_clf", "kid_clf", "fd_lite0", "kid_lite0")}
    titles = [text.get_text() for text in plots["history-mnist-5k-fd_clf"].figure.legends[0].get_texts()]
    assert "DCGAN" in titles
    assert "VQ-VAE" not in titles  # it crashed


def test_one_report_has_no_history(report: Report, tmp_path: Path) -> None:
    site = Site(tmp_path, report._replace(history=report.history[:1]))
    history.write(site)
    assert not (tmp_path / "site").exists()
    assert drawn.plots(report.history[:1], report.results, report.results.datasets[0]) == []
