"""The worked examples and the studies on Y. Zhao's page, from runs and studies that went through their stages."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.studies import worked_scores
from paragone.project import files, paths
from paragone.report import tables
from paragone.report.claims import verdicts
from paragone.report.render import Grid
from paragone.report.studies import base as studies
from paragone.report.studies.base import draw
from paragone.report.surveys import base, pages
from paragone.report.surveys import worked as survey_worked
from paragone.report.surveys.pages import SurveyPage
from paragone.results import runs as results
from paragone.stages import study
from support import square_images

STUDIES = {
    "worked_scores": {"row": "vae"},
    "sample_size": {"row": "vae", "sizes": [12, 24, 48], "draws": 3},
    "blind_scores": {"n": 24, "kept": 2, "draws": 2},
    "sharpness": {"rows": ["vae"]},
}


@pytest.fixture(scope="module")
def project(squares: Path) -> Path:
    for name in STUDIES:
        study.run(squares, square_images.params(studies=STUDIES), "small", name)
    return squares


def build(root: Path) -> dict[str, SurveyPage]:
    params = square_images.params(studies=STUDIES)
    found = results.read(root, params, "small")
    built = {d.name: tables.build(found, d) for d in found.datasets}
    assessments, studies = verdicts.assess(found, params), verdicts.studies(root, params, "small")
    return {page.survey: page for page in pages.pages(found, built, assessments, studies, draw(studies, found))}


@pytest.fixture(scope="module")
def zhao(project: Path) -> SurveyPage:
    return build(project)["zhao"]


def grid(page: SurveyPage, title: str) -> Grid:
    (found,) = (g for section in page.sections for g in section.grids if g.title.startswith(title))
    return found


def values(found: Grid) -> dict[str, float | None]:
    """The last cell of each line by the first."""
    return {line.cells[0].text: line.cells[-1].value for line in found.lines}


def evaluated(project: Path) -> dict:
    return files.read_json(project / square_images.RUN.metrics)


def test_the_distance_in_the_plane_is_what_its_numbers_give(zhao: SurveyPage, project: Path) -> None:
    found = grid(zhao, "By hand, in a plane")
    assert found.lines[-1].cells[2].text == "equal"  # to the metric's value of the same features
    shown = {line.cells[0].text: line.cells[2].text for line in found.lines}
    numbers = [np.array(re.findall(r"[-\d.e+]+", shown[key]), float)
               for key in ("Means", "Real covariance", "Generated covariance")]  # fmt: skip
    means, real, fake = numbers[0].reshape(2, 2), numbers[1].reshape(2, 2), numbers[2].reshape(2, 2)
    root = np.sqrt(np.linalg.eigvals(real @ fake)).sum()
    by_hand = ((means[0] - means[1]) ** 2).sum() + np.trace(real) + np.trace(fake) - 2 * root
    assert values(found)["Distance"] == pytest.approx(by_hand, rel=0.01)  # from printed digits


def test_the_terms_add_up_to_the_runs_distance(zhao: SurveyPage, project: Path) -> None:
    found = grid(zhao, "In all 128 dimensions")
    checks = [line for line in found.lines if line.cells[0].text == "Check"]
    assert [line.cells[1].text for line in checks] == [
        "the metric, of the same features",
        "metrics.json of the run",
    ]
    assert [line.cells[2].text for line in checks] == ["equal", "equal"]
    judge = evaluated(project)["spaces"]["clf-squares"]["judges"]["s0-w16"]
    assert values(found)["Distance (FD-clf)"] == pytest.approx(judge["fd"])
    assert "features of judge s0-w16 of clf-squares (128 dimensions)" in " ".join(found.caption)


def test_the_score_of_a_few_is_what_its_numbers_give(zhao: SurveyPage) -> None:
    found = grid(zhao, "By hand, a few samples")
    p = np.array([[c.value for c in line.cells[1:-1]] for line in found.lines[:4]])
    kl = (p * np.log(p / p.mean(0))).sum(1)
    assert [line.cells[-1].value for line in found.lines[:4]] == pytest.approx(list(kl))
    assert values(found)["exp of it: IS"] == pytest.approx(math.exp(kl.mean()))
    assert found.lines[-1].cells[0].text == "Check: the metric, of the same samples (equal)"
    assert found.headers == ["Step", "small", "large", "KL"]
    (picture,) = next(s for s in zhao.sections if s.title == "IS, worked").pictures
    assert picture.image.size == (4 * 33 - 1, 32)


def test_the_parts_average_to_the_runs_score(zhao: SurveyPage, project: Path) -> None:
    found = grid(zhao, "All samples")
    assert values(found)["Score (IS-clf)"] == pytest.approx(evaluated(project)["is"]["mean"])
    assert [line.cells[2].text for line in found.lines[-2:]] == ["equal", "equal"]
    caption = " ".join(found.caption)
    assert "48 samples, 200 real images, features of clf-squares (128 dimensions)" in caption


def test_another_value_than_the_metrics_is_said(project: Path, tmp_path: Path) -> None:
    """A study that is older than its run must not pass for it."""
    params = square_images.params(studies=STUDIES)
    found = results.read(project, params, "small")
    runs = found.runs.copy()
    runs["metrics.spaces.clf-squares.judges.s0-w16.fd"] *= 1.5
    changed = found._replace(runs=runs)
    studies = verdicts.studies(project, square_images.params(studies=STUDIES), "small")
    sources = base.gather(changed, {d.name: tables.build(changed, d) for d in found.datasets}, [], studies, {})
    terms = next(g for g in survey_worked.fid(sources).grids if g.title.startswith("In all"))
    assert terms.lines[-2].cells[2].text == "equal"
    assert terms.lines[-1].cells[2].text.startswith("differs by ")


def test_the_closed_form_holds_for_any_two_gaussians() -> None:
    draw = torch.Generator().manual_seed(1)
    real, fake = (Statistics.of(torch.randn(50, 2, generator=draw) @ torch.randn(2, 2, generator=draw)) for _ in "ab")
    plane = worked_scores.plane(real, fake)
    (a, b), (_, c) = plane["real"]["cov"]
    (d, e), (_, f) = plane["fake"]["cov"]
    root = math.sqrt(a * d + 2 * b * e + c * f + 2 * math.sqrt((a * c - b * b) * (d * f - e * e)))
    means = sum((x - y) ** 2 for x, y in zip(plane["real"]["mean"], plane["fake"]["mean"], strict=True))
    assert means + a + c + d + f - 2 * root == pytest.approx(plane["metric"])


def test_the_studies_of_the_scores_stand_with_intervals_over_draws(zhao: SurveyPage, project: Path) -> None:
    sizes = grid(zhao, "Distance by number of images")
    drawn = files.read_json(project / paths.study("small", "sample_size"))["datasets"]["squares"]
    first = next(line for line in sizes.lines if line.kind == "model")
    cell = tables.interval([f["fd"] for f in drawn["figures"]["real"] if f["n"] == 12])
    assert [c.text for c in first.cells][:2] == ["12", f"{cell.mean:,.2f} ± {cell.half:.2f}"]
    assert "60 real, 48 VAE" in " ".join(sizes.caption)
    section = next(s for s in zhao.sections if s.title == "How many samples FID needs")
    assert [plot.name for plot in section.plots] == ["sample_size-squares"]
    sets = grid(zhao, "Sets of real images")
    assert [line.cells[0].text.partition(":")[0] for line in sets.lines] == ["Real", "Repeated", "Blurred", "Dropped"]
    assert all("±" in c.text for line in sets.lines[:3] for c in line.cells[1:])  # one class alone scores 1 each time


def test_sharpness_stands_beside_the_other_figures_without_an_interval_from_one_seed(project: Path) -> None:
    found = grid(build(project)["li"], "GAN beside VAE: Squares")
    column = found.headers.index("Sharpness (of real)")
    by_model = {line.cells[0].text: line.cells[column] for line in found.lines}
    measured = files.read_json(project / paths.study("small", "sharpness"))["datasets"]["squares"]
    assert by_model["VAE"].value == pytest.approx(
        measured["rows"]["vae"][0]["sharpness"] / measured["real"]["sharpness"]
    )
    assert "±" not in by_model["VAE"].text
    assert by_model[tables.FLOOR].text == "1.00"
    assert "Sharpness: the first 48 samples of a run beside 60 real test images." in found.caption


def test_a_study_cut_short_is_named(tmp_path: Path) -> None:
    file = tmp_path / paths.study("small", "worked_scores")
    file.parent.mkdir(parents=True)
    file.write_text('{"row": "va')
    with pytest.raises(ValueError, match=r"worked_scores\.json: not JSON .*; delete it and run its stage again"):
        verdicts.studies(tmp_path, square_images.params(studies=STUDIES), "small")


def test_the_studies_have_figures_of_what_they_measured(project: Path) -> None:
    found = results.read(project, square_images.params(), "small")
    written = {name: files.read_json(project / paths.study("small", name)) for name in ("sharpness", "worked_scores")}
    (sharp,), (worked,) = studies.draw(written, found).values()
    measured = written["sharpness"]["datasets"]["squares"]
    dots = sharp.figure.axes[0].get_lines()[0]
    assert dots.get_xdata()[0] == pytest.approx(measured["rows"]["vae"][0]["sharpness"] / measured["real"]["sharpness"])
    plane = written["worked_scores"]["datasets"]["squares"]["plane"]
    ellipses = worked.figure.axes[0].patches
    assert len(ellipses) == 4
    spread = np.sqrt(np.linalg.eigvalsh(np.array(plane["fake"]["cov"])))
    assert sorted([ellipses[2].width, ellipses[2].height]) == pytest.approx(list(2 * spread))
    assert ellipses[2].center == pytest.approx(plane["fake"]["mean"])
