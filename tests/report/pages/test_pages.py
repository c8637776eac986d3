"""Pictures and figures as files: exact where that is cheap, in the page's colours, and each written once."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from paragone.report.pages import base
from paragone.report.scatter import GRID, INK


def noise(size: int = 329) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (size, size, 3), np.uint8))


def test_a_picture_is_exact_if_that_fits_and_else_the_best_that_does():
    exact = Image.open(io.BytesIO(base.encode(noise(), 10**6)))
    assert np.array_equal(np.asarray(exact), np.asarray(noise()))
    small = base.encode(noise(), 60_000)
    assert 20_000 < len(small) < 60_000
    assert Image.open(io.BytesIO(small)).size == (329, 329)


def test_a_figures_ink_follows_the_page_and_its_shape_stays():
    svg = (
        '<?xml version="1.0"?>\n<svg width="460.8pt" height="331.2pt" viewBox="0 0 460.8 331.2">'
        "<metadata>date</metadata>"
        f'<path d="M 1.23456 -0.00001 L 603 0.5" style="stroke: {INK}" transform="scale(0.015625)"/>'
        f'<path d="M 0 0" style="stroke: {GRID}"/></svg>'
    )
    themed = base.themed(svg)
    assert themed.startswith('<svg width="460.8pt" height="331.2pt" viewBox="0 0 460.8 331.2"><style>')
    assert 'd="M 1.23 0 L 603 0.5" style="stroke: currentColor" transform="scale(0.015625)"' in themed
    assert "stroke: var(--grid)" in themed
    assert "metadata" not in themed
    assert "prefers-color-scheme: dark" in themed


def test_every_figure_of_the_site_is_one_of_the_reports(report_folder):
    shown = {f.stem for f in (report_folder / "site/figures").iterdir()}
    kept = {f.stem for f in (report_folder / "figures").glob("*.svg")}
    of_models = {name for name in shown if re.fullmatch(r"curves-(mnist-5k|fashion-mnist)-\w+", name)}
    assert len(of_models) == 7 + 4  # what trained something: DDIM did not, and on the second set half did not run
    of_history = {name for name in shown if name.startswith("history-")}
    assert len(of_history) == 4 * 2  # the distances of two spaces
    assert shown - of_models - of_history <= kept
    assert {name.partition("-")[0] for name in kept - shown} == {"samples", "pairs", "interpolation", "traversal"}


@pytest.mark.parametrize("name", ["quality-sampling-mnist-5k", "claim-c32"])
def test_drawing_anew_gives_what_the_saved_figure_gave(report, report_folder, tmp_path, name):
    plots = [p for group in report.plots.values() for p in group] + list(report.claims.values())
    plot = next(p for p in plots if p.name == name)
    shown = base.Site(tmp_path, report).plot(plot)
    assert (tmp_path / shown.path).read_bytes() == (report_folder / shown.path).read_bytes()
    assert shown.width / shown.height == pytest.approx(np.divide(*plot.figure.get_size_inches()), rel=0.01)
