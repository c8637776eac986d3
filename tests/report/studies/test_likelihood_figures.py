"""The figure and the table of likelihoods: each kind apart, and published figures beside a binarised set alone."""

from pathlib import Path

import pandas as pd
import pytest

from paragone.report.studies import base
from paragone.results.runs import DataSet, Results

SETS = [DataSet("here", "HERE", "binarised_mnist", None, None, None, None)]
ROWS = pd.DataFrame({"model": ["vae", "pixel_cnn", "avb"], "title": ["VAE", "PixelCNN", "AVB"], "dataset": "here"})
RESULTS = Results(Path(), "p", "", [0], SETS, ROWS)


def study(levels, dynamic=False):
    estimate = {"nats": 90.0, "se": 0.1, "elbo": 95.0, "bits_per_dimension": 0.2, "k": 50}
    rows = {
        "vae": [
            {"seed": 0, "outcome": "finished", "exact": None, "bound": 95.0, "importance": estimate},
            {"seed": 1, "outcome": "diverged", "reason": "loss"},
        ],
        "pixel_cnn": [{"seed": 0, "outcome": "finished", "exact": 81.0, "bound": None, "importance": None}],
        "avb": [{"seed": 0, "outcome": "finished", "exact": None, "bound": 92.0, "importance": None, "estimate": 70.0}],
    }
    return {"k": 50, "datasets": {"here": {"n": 100, "dims": 784, "levels": levels, "dynamic": dynamic, "rows": rows}}}


@pytest.mark.parametrize("levels", [2, 256])
def test_kinds_are_kept_apart(levels):
    (plot,) = base.draw({"likelihood": study(levels)}, RESULTS)["likelihood"]
    exact, bound, estimate, own, *beside = plot.figure.axes[0].get_lines()
    scale = 1 if levels == 2 else 1 / (784 * 0.6931471805599453)
    marks = ((exact, [81], [1]), (bound, [95, 92], [0, 2]), (estimate, [90], [0]), (own, [70], [2]))
    for line, values, places in marks:
        assert list(line.get_xdata()) == pytest.approx([value * scale for value in values])
        assert list(line.get_ydata()) == places
    assert "(AVB's own) may lie on either side of the true value" in plot.caption
    assert bool(beside) == (levels == 2)
    assert ("H. Larochelle" in plot.caption) == (levels == 2)
    assert "50 draws per image" in plot.caption


@pytest.mark.parametrize(("dynamic", "kept", "shown"), [(False, "once", 4), (True, "dynamically", 2)])
def test_static_and_dynamic_binarisation_stand_apart(dynamic, kept, shown):
    (plot,) = base.draw({"likelihood": study(2, dynamic)}, RESULTS)["likelihood"]
    assert plot.title == f"Likelihoods of test images, binarised {kept}"
    assert len(plot.figure.axes[0].get_lines()) == 4 + shown  # the published figures of the same protocol alone
    assert ("H. Larochelle" in plot.caption) == (not dynamic)
    assert ("Burda et al. 2016" in plot.caption) == dynamic


def cells(grid, heading):
    """The rows' cells under a heading."""
    texts = [[cell.text for cell in line.cells] for line in grid.lines]
    start = texts.index([heading]) + 1
    ends = [i for i in range(start, len(texts)) if len(texts[i]) == 1]
    return texts[start : min(ends, default=len(texts))]


def test_the_table_has_each_way_to_a_figure_under_a_heading_of_its_own():
    found = study(256)
    annealed = {"nats": 900.0, "se": 5.0, "steps": 1000, "chains": 16, "n": 100, "std": 0.1, "accepted": 0.6}
    window = {"nats": 3000.0, "se": 10.0, "bandwidth": 0.2, "samples": 10000, "n": 500}
    found["datasets"]["here"]["rows"]["vae"][0] |= {"annealed": annealed, "parzen": window}
    (grid,) = base.tables({"likelihood": found}, RESULTS)["likelihood"]
    assert cells(grid, "Exact") == [["PixelCNN", "81.00", "0.149", "1", "–"]]
    assert cells(grid, "Bounds: the true value is lower") == [
        ["AVB", "92.00", "0.169", "1", "one draw per image"], ["VAE", "95.00", "0.175", "1", "one draw per image"]
    ]  # fmt: skip
    assert cells(grid, "An adversary's estimates: no bounds") == [["AVB", "70.00", "0.129", "1", "one draw per image"]]
    assert cells(grid, "Estimates by importance weighting") == [
        ["VAE", "90.00 ± 0.20", "0.166 ± 0.000", "1", "50 draws per image"]
    ]
    assert cells(grid, "Estimates by annealed importance sampling") == [
        ["VAE", "900.00 ± 9.80", "1.656 ± 0.018", "1", "1,000 steps, 16 chains, 100 images, noise of 0.1"]
    ]
    assert cells(grid, "Parzen windows: a poor guide") == [
        ["VAE", "3,000.00 ± 19.60", "5.521 ± 0.036", "1", "10,000 samples, bandwidth 0.2, 500 images"]
    ]
    assert not [line for line in grid.lines if line.cells[0].text.startswith("Published")]
    assert any("densities" in sentence for sentence in grid.caption)
    (plot,) = base.draw({"likelihood": found}, RESULTS)["likelihood"]
    assert len(plot.figure.axes[0].get_lines()) == 6


def test_the_table_of_a_binarised_set_ends_with_published_figures_and_seeds_give_an_interval():
    found = study(2)
    found["datasets"]["here"]["rows"]["pixel_cnn"] = [
        {"seed": i, "outcome": "finished", "exact": value, "bound": None, "importance": None}
        for i, value in enumerate((80.0, 82.0, 84.0))
    ]
    (grid,) = base.tables({"likelihood": found}, RESULTS)["likelihood"]
    assert cells(grid, "Exact") == [["PixelCNN", "82.00 ± 4.97", "0.151 ± 0.009", "3", "–"]]
    names = [
        row[0] for row in cells(grid, "Published: the static draw of H. Larochelle; see each source for its method")
    ]
    assert "VAE (40-d, 784-400-40 MLP) (Pythae reproduction)" in names
    assert "binarised once" in grid.caption[0]
