"""The figures of channels, poses, styles and marks: each point is a measured one, beside what is ideal."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from paragone.report import figures
from paragone.report.figures import Plot
from paragone.report.studies import base
from paragone.results.runs import DataSet, Json, Results

TITLES = {"stylespace": "StyleSpace", "hologan": "HoloGAN", "munit": "MUNIT"}


def drawn(name: str, found: Json) -> list[Plot]:
    rows = pd.DataFrame({"model": list(TITLES), "title": list(TITLES.values()), "dataset": "drawn"})
    sets = [DataSet("drawn", "Drawn", "shapes", None, None, None, None)]
    plots = base.draw({name: found}, Results(Path(), "small", "", [0, 1], sets, rows))[name]
    for plot in plots:
        assert figures.encode(plot, "svg") == figures.encode(plot, "svg")
    return plots


def target(factor: str, success: float, psnr: float | None) -> dict[str, Any]:
    return {"factor": factor, "success": success, "psnr": psnr, "n": 200}


def test_edits_are_a_point_an_attribute_beside_what_is_claimed() -> None:
    runs = [{"targets": [target("colour", 0.9, 35.0), target("x", 0.1, 20.0)]}, {"targets": [target("x", 0.0, None)]}]
    found = {"candidates": 5, "datasets": {"drawn": {"rows": {"stylespace": runs, "idle": [{"targets": []}]}}}}
    (plot,) = drawn("channels", found)
    (ax,) = plot.figure.axes
    colour, x, claimed = ax.get_lines()
    assert (list(colour.get_xdata()), list(colour.get_ydata())) == ([35.0], [0.9])
    assert (list(x.get_xdata()), list(x.get_ydata())) == ([20.0], [0.1])
    assert claimed.get_xdata()[0] == 32
    assert ax.get_title("left") == "StyleSpace"
    assert "among the 5 top-ranked latents" in plot.caption
    assert "200 samples" in plot.caption
    assert "Not shown: 1 without a PSNR" in plot.caption


def test_poses_are_a_panel_a_code_beside_drawn_images() -> None:
    ideal, own = {"follows": 0.99, "span": 0.95, "kept": 0.9}, {"follows": 0.7, "span": 0.4, "kept": 0.5}
    codes = {"azimuth": own, "elevation": own}
    measured = {"drawn": dict.fromkeys(codes, ideal), "rows": {"hologan": [codes, codes]}}
    (plot,) = drawn("pose", {"n": 100, "steps": 9, "datasets": {"drawn": measured}})
    azimuth, elevation = plot.figure.axes
    assert [ax.get_title("left") for ax in (azimuth, elevation)] == ["Code of azimuth", "Code of elevation"]
    *bars, points = azimuth.get_lines()
    assert [bar.get_xdata()[0] for bar in bars] == [0.99, 0.95, 0.9]
    assert list(points.get_xdata()) == [0.7, 0.4, 0.5] * 2
    assert list(points.get_ydata()) == [0, 1, 2] * 2
    assert "100 latents with 9 values of the code each" in plot.caption


def test_styles_are_a_line_a_measure_beside_true_partners_and_chance() -> None:
    run = {"faithful": 0.8, "diverse": 0.6, "distance": 12.0, "reference": 0.3, "kept": 0.7}
    measured = {"real": {"content": 0.97, "style": 0.94}, "chance": 0.05, "n": 200, "rows": {"munit": [run]}}
    found = {"styles": 5, "content": ["shape", "x"], "style": ["colour"], "datasets": {"drawn": measured}}
    (plot,) = drawn("styles", found)
    (ax,) = plot.figure.axes
    *ends, points = ax.get_lines()
    assert [(bar.get_xdata()[0], round(float(bar.get_ydata().mean()))) for bar in ends] == [
        (0.97, 0), (0.97, 2), (0.94, 3), (0.05, 3)]  # fmt: skip
    labels = [tick.get_text() for tick in ax.get_yticklabels()]
    assert dict(zip(labels, points.get_xdata(), strict=True))["reference style: style taken over"] == 0.3
    assert dict(zip(labels, points.get_xdata(), strict=True))["random style: styles differ"] == 0.6
    assert "shape, x (content) and colour (style)" in plot.caption


def test_marks_in_the_noise_are_counted_over_seeds_and_their_distance_is_shown() -> None:
    counted = {"none": {"detected": 98, "n": 100, "passed": 1, "n_unmarked": 50}}
    runs = [{"seed": seed, "fd": {"marked": 9.0 + seed, "unmarked": 8.0}, "changes": counted} for seed in (0, 1)]
    found = {"n": 100, "rate": 0.01, "changes": ["none"], "datasets": {"drawn": {"runs": runs}}}
    (plot,) = drawn("noise_watermark", found)
    detection, distance = plot.figure.axes
    shares = [line.get_xdata()[0] for line in detection.get_lines() if len(line.get_xdata()) == 1]
    assert shares == [0.98, 0.02]
    assert [list(line.get_ydata()) for line in distance.get_lines()] == [[9.0, 10.0], [8.0, 8.0]]
    assert "seeds 0, 1" in plot.caption
    assert drawn("noise_watermark", {**found, "datasets": {"drawn": {"runs": []}}}) == []


@pytest.mark.parametrize("name", ["channels", "pose", "styles"])
def test_nothing_measured_draws_nothing(name: str) -> None:
    assert drawn(name, {"datasets": {"drawn": {"rows": {"munit": []}}}}) == []
