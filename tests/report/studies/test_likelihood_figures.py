"""The figure of likelihoods: a mark for each kind, and published figures beside a binarised set alone."""

from pathlib import Path

import pandas as pd
import pytest

from paragone.report.studies import base
from paragone.results.runs import DataSet, Results

SETS = [DataSet("here", "HERE", "binarised_mnist", None, None, None, None)]
ROWS = pd.DataFrame({"model": ["vae", "pixel_cnn"], "title": ["VAE", "PixelCNN"], "dataset": "here"})
RESULTS = Results(Path(), "p", "", [0], SETS, ROWS)


def study(levels, dynamic=False):
    estimate = {"nats": 90.0, "se": 0.1, "elbo": 95.0, "bits_per_dimension": 0.2, "k": 50}
    rows = {
        "vae": [
            {"seed": 0, "outcome": "finished", "exact": None, "bound": 95.0, "importance": estimate},
            {"seed": 1, "outcome": "diverged", "reason": "loss"},
        ],
        "pixel_cnn": [{"seed": 0, "outcome": "finished", "exact": 81.0, "bound": None, "importance": None}],
    }
    return {"k": 50, "datasets": {"here": {"n": 100, "dims": 784, "levels": levels, "dynamic": dynamic, "rows": rows}}}


@pytest.mark.parametrize("levels", [2, 256])
def test_kinds_are_kept_apart(levels):
    (plot,) = base.draw({"likelihood": study(levels)}, RESULTS)["likelihood"]
    exact, bound, estimate, *beside = plot.figure.axes[0].get_lines()
    scale = 1 if levels == 2 else 1 / (784 * 0.6931471805599453)
    for line, value, y in ((exact, 81, 1), (bound, 95, 0), (estimate, 90, 0)):
        assert list(line.get_xdata()) == pytest.approx([value * scale])
        assert list(line.get_ydata()) == [y]
    assert bool(beside) == (levels == 2)
    assert ("H. Larochelle" in plot.caption) == (levels == 2)
    assert "50 draws per image" in plot.caption


@pytest.mark.parametrize(("dynamic", "kept", "shown"), [(False, "once", 4), (True, "dynamically", 2)])
def test_static_and_dynamic_binarisation_stand_apart(dynamic, kept, shown):
    (plot,) = base.draw({"likelihood": study(2, dynamic)}, RESULTS)["likelihood"]
    assert plot.title == f"Likelihoods of test images, binarised {kept}"
    assert len(plot.figure.axes[0].get_lines()) == 3 + shown  # the published figures of the same protocol alone
    assert ("H. Larochelle" in plot.caption) == (not dynamic)
    assert ("Burda et al. 2016" in plot.caption) == dynamic
