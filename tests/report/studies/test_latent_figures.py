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
TITLES = {"large": "beta-VAE", "small": "beta-VAE", "middle": "beta-VAE", "total": "beta-TCVAE"}


def results(betas: dict[str, Any]) -> Results:
    runs = [
        {"dataset": "d", "model": row, "title": row.upper(), "seed": seed, disentanglement.BETA: beta}
        | {"train.title": TITLES[row]}
        for row, beta in betas.items()
        for seed in (0, 1)
    ]
    sets = [DataSet("d", "D", "shapes", None, None, None, None)]
    return Results(Path(), "p", "", [0, 1], sets, pd.DataFrame(runs, dtype=object))


def scores(**betas: Any) -> dict[str, Any]:
    """Error rises with beta and MIG falls; beta-TCVAE has no rate, and the highest scores."""
    same = {"sap": 0.1, "factor_vae": 0.5, "dci": 0.3, "completeness": 0.2, "informativeness": 0.6}
    seeds = {
        row: [
            {"seed": s, "mse": 0.01 * beta, "nats": None if row == "total" else 9.0, **same}
            | {"mig": 0.9 if row == "total" else s / beta}
            for s in (0, 1)
        ]
        for row, beta in ((row, beta or 1.0) for row, beta in betas.items())
    }
    left_out = [{"row": next(iter(betas)), "seed": 2, "reason": "nan"}]
    content = {"n": 7200, "n_test": 1200, "factors": {"x": 16, "y": 16}, "rows": seeds, "left_out": left_out}
    return {"datasets": {"d": content}}


def drawn(study: str, found: dict[str, Any], betas: dict[str, Any]) -> list[Plot]:
    return base.draw({study: found}, results(betas))[study]


def test_rows_stand_by_beta_and_lines_go_through_means() -> None:
    (plot,) = drawn("disentanglement", scores(**BETAS), BETAS)
    error, rate, mig, sap, votes, dci = plot.figure.axes
    line = error.get_lines()[0]
    np.testing.assert_allclose(line.get_xdata(), [1, 4, 16])
    np.testing.assert_allclose(line.get_ydata(), [0.01, 0.04, 0.16])
    np.testing.assert_allclose(mig.get_lines()[0].get_ydata(), [0.5, 0.125, 0.03125])
    assert [ax.get_title("left") for ax in (mig, sap, votes, dci)] == ["MIG", "SAP", "FactorVAE score", "DCI score"]
    assert "7,200 images. Chance level of the FactorVAE score: 0.50." in plot.caption
    assert rate.get_ylim()[0] == 0
    assert figures.encode(plot, "svg") == figures.encode(plot, "svg")


def test_each_model_has_a_line_of_its_own() -> None:
    betas = {**BETAS, "total": 4.0}
    (plot,) = drawn("disentanglement", scores(**betas), betas)
    _, rate, mig, *_ = plot.figure.axes
    labelled = {line.get_label(): line for line in mig.get_lines()}
    np.testing.assert_allclose(labelled["beta-VAE"].get_xdata(), [1, 4, 16])
    np.testing.assert_allclose(labelled["beta-TCVAE"].get_xdata(), [4])
    assert list({line.get_label(): line for line in rate.get_lines()}["beta-TCVAE"].get_xdata()) == []


@pytest.mark.parametrize("betas", [{"large": 16.0}, {"large": None, "small": 1.0, "middle": None}])
def test_a_row_alone_or_of_unknown_beta_makes_no_figure(betas: dict[str, Any]) -> None:
    assert drawn("disentanglement", scores(**betas), betas) == []


def test_scores_are_tabled_by_row_and_orders_stand_beside_published_ones() -> None:
    betas = {**BETAS, "total": 4.0}
    table, orders = base.tables({"disentanglement": scores(**betas)}, results(betas))["disentanglement"]
    assert [line.cells[0].text for line in table.lines] == ["LARGE", "SMALL", "MIDDLE", "TOTAL"]
    assert [cell.text for cell in table.lines[3].cells[1:]] == ["0.900", "0.100", "0.500", "0.300", "0.200", "0.600"]
    assert "Left out: LARGE, seed 2 (nan)." in table.caption
    by_score = {(line.cells[0].text, line.cells[3].text[:4]): line.cells[1:3] for line in orders.lines}
    ours, theirs = by_score["MIG", "Info"]
    assert ours.text == "beta-TCVAE > VAE > beta-VAE"  # 0.9; 0.5 at beta 1; 0.125 at beta 4
    assert theirs.text == "beta-TCVAE > beta-VAE > VAE"  # 0.45, 0.21, 0.1
    assert by_score["FactorVAE score", "Info"][1].text == "VAE = beta-VAE > beta-TCVAE"  # 0.63, 0.63, 0.62
    assert by_score["FactorVAE score", "Info"][0].text.count("=") == 2


def test_with_one_model_there_is_no_order() -> None:
    found = base.tables({"disentanglement": scores(large=16.0)}, results({"large": 16.0}))["disentanglement"]
    assert [grid.title for grid in found] == ["Disentanglement: D"]


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
    assert set(labelled) == {"SMALL", "perfect editor"}  # no seed of `large` was edited
    np.testing.assert_allclose(labelled["SMALL"].get_xdata(), [0.3, 0.2])
    np.testing.assert_allclose(labelled["perfect editor"].get_xdata(), [0.95, 0.85])
    np.testing.assert_allclose(every.get_lines()[0].get_xdata(), [0.6, 0.5])
    assert "Left out because the classifier reads them poorly: 'rotation' (80% read correctly)." in plot.caption
    assert figures.encode(plot, "svg") == figures.encode(plot, "svg")


def test_without_a_model_that_was_edited_there_is_no_figure() -> None:
    assert drawn("edits", {"datasets": {"d": {**EDITED, "rows": {"small": []}}}}, BETAS) == []
