"""The figures over beta and of edits: which rows they show, in which order, and when there are none."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paragone.report import figures
from paragone.report.figures import Plot
from paragone.report.studies import base, disentanglement
from paragone.results.runs import DataSet, Results

BETAS = {"large": 16.0, "small": 1.0, "middle": 4}


def results(betas: dict[str, Any]) -> Results:
    runs = [
        {"dataset": "d", "model": row, "title": row.upper(), "seed": seed, disentanglement.BETA: beta}
        for row, beta in betas.items()
        for seed in (0, 1)
    ]
    sets = [DataSet("d", "D", "shapes", None, None, None, None)]
    return Results(Path(), "p", "", [0, 1], sets, pd.DataFrame(runs, dtype=object))


def scores(*rows: str) -> dict[str, Any]:
    """Error rises with beta and MIG falls."""
    seeds = {
        row: [
            {"seed": s, "mse": 0.01 * BETAS[row], "nats": 9.0, "mig": s / BETAS[row], "sap": 0.1, "factor_vae": 0.5}
            for s in (0, 1)
        ]
        for row in rows
    }
    return {"datasets": {"d": {"n": 7200, "factors": {"x": 16, "y": 16}, "rows": seeds}}}


def drawn(study: str, found: dict[str, Any], betas: dict[str, Any]) -> list[Plot]:
    return base.draw({study: found}, results(betas))[study]


def test_rows_stand_by_beta_and_lines_go_through_means() -> None:
    (plot,) = drawn("disentanglement", scores(*BETAS), BETAS)
    error, rate, scored = plot.figure.axes
    line = error.get_lines()[0]
    np.testing.assert_allclose(line.get_xdata(), [1, 4, 16])
    np.testing.assert_allclose(line.get_ydata(), [0.01, 0.04, 0.16])
    labelled = {line.get_label(): line for line in scored.get_lines()}
    np.testing.assert_allclose(labelled["MIG"].get_ydata(), [0.5, 0.125, 0.03125])
    assert {"MIG", "SAP", "FactorVAE score"} <= set(labelled)
    assert "7,200 images; 0.50 is chance" in plot.caption
    assert rate.get_ylim()[0] == 0
    assert figures.encode(plot, "svg") == figures.encode(plot, "svg")


@pytest.mark.parametrize("betas", [{"large": 16.0}, {"large": None, "small": 1.0, "middle": None}])
def test_a_row_alone_or_of_unknown_beta_makes_no_figure(betas: dict[str, Any]) -> None:
    assert drawn("disentanglement", scores(*betas), betas) == []


def shares(value: float) -> dict[str, Any]:
    by_factor = {name: {"success": value + lift} for name, lift in (("x", 0.0), ("colour", 0.1))}
    return {"success": value, "by_factor": by_factor}


EDITED = {
    "n": 30, "perfect": 0.95, "accuracy": {"x": 1.0, "colour": 0.99, "rotation": 0.8}, "left_out": ["rotation"],
    "perfect_by_factor": shares(0.85)["by_factor"],
    "rows": {"small": [{"seed": s, "latent": shares(0.1 + 0.2 * s), "direction": shares(0.5)} for s in (0, 1)],
             "large": []},
}  # fmt: skip


def test_edits_are_a_line_a_factor_and_a_dot_a_row() -> None:
    (plot,) = drawn("edits", {"datasets": {"d": EDITED}}, BETAS)
    one, every = plot.figure.axes
    assert [tick.get_text() for tick in one.get_yticklabels()] == ["colour", "x"]
    labelled = {line.get_label(): line for line in one.get_lines()}
    assert set(labelled) == {"SMALL", "drawn anew"}  # no seed of `large` was edited
    np.testing.assert_allclose(labelled["SMALL"].get_xdata(), [0.3, 0.2])
    np.testing.assert_allclose(labelled["drawn anew"].get_xdata(), [0.95, 0.85])
    np.testing.assert_allclose(every.get_lines()[0].get_xdata(), [0.6, 0.5])
    assert "Left out, since the classifier reads them badly: 'rotation' (80% read right)." in plot.caption
    assert figures.encode(plot, "svg") == figures.encode(plot, "svg")


def test_without_a_model_that_was_edited_there_is_no_figure() -> None:
    assert drawn("edits", {"datasets": {"d": {**EDITED, "rows": {"small": []}}}}, BETAS) == []
