"""A data set's page: its card, its facts, its checks, and published figures by protocol."""

import pytest

from paragone.project import registry
from paragone.report.pages import data
from support.page_reader import read


@pytest.mark.parametrize("loader", registry.names("datasets"))
def test_every_card_becomes_html_below_the_pages_own_headings(loader):
    card = data.card(loader)
    assert "<strong>Licence:</strong>" in card
    assert "<h3>Known problems</h3>" in card
    assert "<h2" not in card
    assert "&lt;!--" not in card
    assert "\n|" not in card  # tables are tables


def test_a_page_has_facts_checks_images_and_published_figures(report_folder):
    page = read(report_folder / "site/data/mnist-5k.html")
    for part in ("train 4,000, test 1,000", "CC BY-SA 3.0", "d" * 64, "3 of 3 checks passed", "labels are in 0..9",
                 "First training images, as prepared, one class per row: 0, 1, 2",
                 "Reconstruction, translation and likelihood",
                 "Not comparable with our figures unless the protocol is the same.", "Protocols",
                 "mnist-5k/ddim/2", "Feature spaces: FD-clf"):  # fmt: skip
        assert part in page.words


def test_published_figures_stand_under_their_protocol(project):
    grid = data._published(project.found.datasets[0])["grid"]
    assert grid.lines[0].kind == "heading"
    assert {line.kind for line in grid.lines} == {"heading", "model"}
    assert all(line.cells[0].note for line in grid.lines if line.kind == "heading")
