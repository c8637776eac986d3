"""The board and the claims' pages: effects with their data sets, figures, and why something is not measured."""

import pytest

from paragone.evaluation.intervals import Interval
from paragone.report.pages import claims
from paragone.report.pages.base import Site
from paragone.results.claims.base import Effect, above, at_least, below
from support.page_reader import read


@pytest.fixture
def board(report, tmp_path):
    return claims.board(Site(tmp_path, report))


def test_a_measured_claim_has_its_effects_data_sets_and_figure(board, report_folder):
    c32 = next(c for c in board["claims"] if c["id"] == "C32")
    size, what, slug = c32["effects"][0]
    assert size.startswith("1.01 times [")
    assert (what, slug) == ("IS-clf of different real images over that of repeated ones, MNIST-5K", "supported")
    assert c32["more"] == 1
    assert [title for title, _ in c32["datasets"]] == ["MNIST-5K", "FASHION-MNIST"]
    assert c32["repeats"] == "3 draws"
    assert (report_folder / c32["plot"].path).exists()


def test_counts_add_up(board):
    assert sum(n for _, _, n in board["counts"]) == board["total"] == 35


def test_a_title_within_another_is_not_named(report, tmp_path):
    longer = report.results.datasets[0]._replace(name="long", title="MNIST-5K, half")
    found = report.results._replace(datasets=[*report.results.datasets, longer])
    effect = Effect("FD of a over b, MNIST-5K, half", "", Interval(1, 1, 1, 3), above(0))
    site = Site(tmp_path, report._replace(results=found))
    assert claims._datasets(site, (effect,)) == [("MNIST-5K, half", "site/data/long.html")]


def test_a_page_has_every_effect_and_what_it_rests_on(report_folder):
    assert read(report_folder / "site/claims/c32.html").words.count("times [") == 4  # two sets, two data sets
    page = read(report_folder / "site/claims/c03.html")
    assert {"../../site/models/gan.html", "../../site/models/dcgan.html"} <= {a for _, a in page.addresses}


def test_a_page_says_how_many_images_each_row_has_seen(report, tmp_path):
    runs = report.results.runs.copy()
    first = (runs["model"] == "dcgan") & (runs["dataset"] == "mnist-5k") & (runs["seed"] == 0)
    runs.loc[first, "train.images"] = 1
    site = Site(tmp_path, report._replace(results=report.results._replace(runs=runs)))
    seen = dict(claims._seen(site, report.assessments[2]))
    other = int(runs.loc[(runs["model"] == "dcgan") & ~first, "train.images"].iloc[0])
    assert list(seen) == ["MNIST-5K", "FASHION-MNIST"]
    assert f"DCGAN 1 to {other:,}" in seen["MNIST-5K"]
    assert f"DCGAN {other:,}" in seen["FASHION-MNIST"]


def test_a_claim_of_a_study_shows_the_studys_figures(report_folder):
    page = read(report_folder / "site/claims/c31.html")
    assert [i["src"] for i in page.images if i.get("src")] == [
        f"../../site/figures/{name}.svg" for name in ("claim-c31", "sample_size-mnist-5k", "sample_size-fashion-mnist")
    ]
    assert ("a", "../../site/studies.html#study-sample_size") in page.addresses


def test_one_that_is_not_measured_says_why(report_folder):
    page = read(report_folder / "site/claims/c06.html")
    assert "not yet measured" in page.words
    assert "study 'collapse' of profile quick has not run" in page.words
    assert "wgan (not in this profile)" in page.words
    assert page.count["table"] == 0


def test_what_an_effect_leaves_out_or_counts_together_stands_with_it(project):
    found = Effect("Runs that crash", "%", Interval(0.5, 0.2, 0.8, 6), at_least(0.3, neutral=0.0), "runs", "")
    noted = found._replace(note="GAN 1 of 3 on MNIST-5K, 2 of 3 on FASHION-MNIST")
    assert claims._effects((found,)).lines[0].cells[0].text == "Runs that crash"
    line = claims._effects((noted,)).lines[0]
    assert [cell.text for cell in line.cells[2:4]] == ["0 (-30 to 30)", "at least 30"]
    assert claims.claimed(found._replace(bounds=below(0.1))) == "below 10"
    assert claims.equivalent(found._replace(bounds=below(0.1))) == ""
    assert line.cells[0].text == "Runs that crash (GAN 1 of 3 on MNIST-5K, 2 of 3 on FASHION-MNIST)"
