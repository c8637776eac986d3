"""The site: every page whole and valid, every link leads somewhere, nothing asks the network; whole or not at all."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

from paragone.report import site, tables
from paragone.report.pages.base import Report
from paragone.results import runs
from support import sample_project
from support.page_reader import Reader, read

WEIGHT = {"start": 400_000, "whole": 15_000_000}  # bytes at most


@pytest.fixture(scope="module")
def pages(report_folder) -> dict[str, Reader]:
    """Every page by its path."""
    files = [report_folder / "index.html", *(report_folder / "site").rglob("*.html")]
    return {str(f.relative_to(report_folder)): read(f) for f in sorted(files)}


def test_there_is_a_page_for_everything(pages, report):
    models = {f"site/models/{model}.html" for model in sample_project.MODELS}
    data = {f"site/data/{name}.html" for name in sample_project.DATASETS}
    compared = {f"site/compare/{name}.html" for name in sample_project.DATASETS}
    claims = {f"site/claims/{j.id.lower()}.html" for j in report.assessments}
    surveys = {f"site/surveys/{page.survey}.html" for page in report.surveys}
    assert (
        set(pages)
        == {"index.html", "site/studies.html", "site/history.html"} | models | data | compared | claims | surveys
    )
    assert len(claims) == 35


def test_every_link_leads_to_something_that_is_there(pages, report_folder):
    broken = []
    for page, reader in pages.items():
        for _, address in reader.addresses:
            if re.match(r"https?:|data:", address):
                continue
            path, anchor = urldefrag(address)
            target = (report_folder / page).parent / unquote(path) if path else report_folder / page
            name = str(target.resolve().relative_to(report_folder.resolve()))
            if not target.is_file() or (anchor and anchor not in pages[name].ids):
                broken.append(f"{page}: {address}")
    assert broken == []


def test_every_page_is_reached_from_the_start_page(pages, report_folder):
    seen, left = set(), ["index.html"]
    while left:
        page = left.pop()
        if page in seen or page not in pages:
            continue
        seen.add(page)
        for tag, address in pages[page].addresses:
            if tag == "a" and (path := urldefrag(address)[0]) and "://" not in path:
                left.append(str(((report_folder / page).parent / path).resolve().relative_to(report_folder.resolve())))
    assert seen == set(pages)


def test_no_request_leaves_the_site(pages, report_folder):
    """But for links that a reader follows."""
    asked = {address for r in pages.values() for tag, address in r.addresses if tag != "a"}
    assert not [a for a in asked if re.match(r"\w+:", a) and not a.startswith("data:")]
    policy = "default-src 'none'; img-src 'self' file: data:; style-src 'self' file:; script-src 'self' file:;"
    for page, reader in pages.items():
        assert policy in (report_folder / page).read_text()
        assert "style" not in reader.attributes, page  # which the policy would ignore
        assert not any(name.startswith("on") for name in reader.attributes), page
    for file in (report_folder / "site").rglob("*.[cs][sv][sg]"):
        assert not re.search(r"@import|url\((?!#)|https?://(?!www\.w3\.org)", file.read_text()), file


def test_pages_have_one_title_headings_in_order_and_ids_of_their_own(pages):
    for page, reader in pages.items():
        assert reader.headings.count(1) == 1, page
        assert all(after - before <= 1 for before, after in pairwise(reader.headings)), page
        assert [i for i, n in Counter(reader.ids).items() if n > 1] == [], page
        assert reader.count["main"] == reader.count["footer"] == reader.count["dialog"] == 1, page


def test_every_picture_says_what_it_shows_and_how_large_it_is(pages):
    for page, reader in pages.items():
        shown = [i for i in reader.images if i.get("src")]
        assert all(i["width"] and i["height"] for i in shown if not str(i["src"]).startswith("data:")), page
        assert all(i["alt"] for i in shown), page
    dcgan = {str(i["alt"]) for i in pages["site/models/dcgan.html"].images}
    assert {"First samples of DCGAN, seed 1: MNIST-5K", "Real test images: MNIST-5K"} <= dcgan
    assert any("quantile of its prior" in alt for alt in dcgan)
    data = [str(i["alt"]) for i in pages["site/data/mnist-5k.html"].images]
    assert sum(alt.startswith("First samples of") for alt in data) == 8


def test_the_start_page_has_tables_first_then_the_board_then_everything_else(pages):
    start = pages["index.html"]
    parts = ["tables", "on-mnist-5k", "on-fashion-mnist", "claims", "c01", "c35", "models", "data", "surveys",
             "reading", "files"]  # fmt: skip
    assert [i for i in start.ids if i in parts] == parts
    for phrase in ("Runs finished 32 of 48", "RuntimeError: <codebook> is empty & lost", "MNIST-5K: FD-clf 9.45",
                 "Real images (floor)", "What each column means"):  # fmt: skip
        assert phrase in start.words


def test_the_boards_counts_are_those_of_its_claims(pages, report):
    counts = Counter(str(j.finding.verdict) for j in report.assessments)
    assert len(counts) >= 3  # what can be measured from the project's few runs has verdicts of several kinds
    for verdict, n in counts.items():
        assert f"{n} {verdict}" in pages["index.html"].words
    assert pages["index.html"].count["details"] >= 35
    assert "make demo PROFILE=claims-quick runs" in pages["index.html"].words  # the project's profile is another


def test_markup_in_a_file_does_not_become_markup(pages, report_folder):
    assert "&lt;codebook&gt;" in (report_folder / "index.html").read_text()
    assert not any("<codebook>" in (report_folder / page).read_text() for page in pages)


def test_it_weighs_little(report_folder):
    files = [report_folder / "index.html", *(f for f in (report_folder / "site").rglob("*") if f.is_file())]
    assert files[0].stat().st_size < WEIGHT["start"]
    assert sum(f.stat().st_size for f in files) < WEIGHT["whole"]


def test_the_start_page_and_all_that_it_shows_weigh_little(pages, report_folder):
    """But for the claims' figures, which are loaded when a claim is opened."""
    asked = {
        address for tag, address in pages["index.html"].addresses if tag != "a" and not address.startswith("data:")
    }
    shown = {report_folder / address for address in asked if "/figures/claim-" not in address}
    assert sum(file.stat().st_size for file in {*shown, report_folder / "index.html"}) < WEIGHT["start"]
    assert len([file for file in shown if file.stem.endswith("-strip")]) == 2 + 8 + 3  # real images, and what finished


def test_claims_that_wait_are_folded_into_one_line(report_folder, report):
    text = (report_folder / "index.html").read_text()
    before, _, after = text.partition('<details class="waiting">')
    waiting = [j.id.lower() for j in report.assessments if j.finding.verdict == "not yet measured"]
    assert waiting
    assert f"{len(waiting)} claims that the runs of this profile cannot settle" in after
    assert all(f'id="{name}"' in after for name in waiting)
    assert before.count('<details class="claim"') == len(report.assessments) - len(waiting)


def test_a_project_without_runs_has_a_site(project, tmp_path):
    found = runs.read(tmp_path, project.params, "quick")
    built = {d.name: tables.build(found, d) for d in found.datasets}
    none = {d.name: None for d in found.datasets}
    site.write(
        Report(found, built, {d.name: [] for d in found.datasets}, [], {}, {}, [], none, none, []),
        tmp_path,
    )
    start = read(tmp_path / "index.html")
    assert "0 of 48" in start.words
    assert start.count["table"] == 2
    assert "Not validated yet" in read(tmp_path / "site/data/mnist-5k.html").words
    assert "its training has not run yet" in read(tmp_path / "site/models/gan.html").words
    assert not (tmp_path / "site/studies.html").exists()
    assert not (tmp_path / "site/history.html").exists()


def put(folder: Path, text: str) -> None:
    for part in site.PARTS:
        (folder / part).mkdir(parents=True)
        (folder / part / f"{text}.md").write_text(text)
    (folder / "index.html").write_text(text)


def names(folder: Path) -> set[str]:
    return {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}


def test_a_report_takes_the_place_of_the_earlier_one_and_of_nothing_else(tmp_path):
    put(tmp_path, "old")
    put(tmp_path / "other", "of another profile")
    with site.replacing(tmp_path) as folder:
        put(folder, "new")
    others = {f"other/{part}/of another profile.md" for part in site.PARTS} | {"other/index.html"}
    assert names(tmp_path) - others == {"index.html", *(f"{part}/new.md" for part in site.PARTS)}
    assert others < names(tmp_path)


def _fail(into: Path) -> None:
    with site.replacing(into) as folder:
        put(folder, "new")
        raise OSError("disk full")


def test_one_that_fails_leaves_the_earlier_one_as_it_was(tmp_path):
    put(tmp_path, "old")
    before = names(tmp_path)
    with pytest.raises(OSError, match="disk full"):
        _fail(tmp_path)
    assert names(tmp_path) == before


def test_what_a_killed_one_left_does_not_get_in(tmp_path):
    (tmp_path / ".report.partial/tables").mkdir(parents=True)
    (tmp_path / ".report.partial/tables/stale.md").write_text("stale")
    with site.replacing(tmp_path) as folder:
        put(folder, "new")
    assert names(tmp_path) == {"index.html", *(f"{part}/new.md" for part in site.PARTS)}
