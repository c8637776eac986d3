"""The figure over beta: which rows it shows, in which order, and when there is none."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paragone import files, paths
from paragone.report import disentanglement, figures
from paragone.report.results import DataSet, Results

DATASET = DataSet("d", "D", "shapes", None, None, None, None)
BETAS = {"large": 16.0, "small": 1.0, "middle": 4}


def project(root: Path, betas: dict[str, Any]) -> Results:
    runs = [
        {"dataset": "d", "model": row, "seed": seed, disentanglement.BETA: beta}
        for row, beta in betas.items()
        for seed in (0, 1)
    ]
    return Results(root, "p", "", [0, 1], [DATASET], pd.DataFrame(runs, dtype=object))


def write(root: Path, study: str, rows: dict[str, list[dict[str, Any]]]) -> None:
    files.write_json(root / paths.study("p", study), {"datasets": {"d": {"rows": rows}}})


def scores(*rows: str) -> dict[str, list[dict[str, Any]]]:
    """Error rises and MIG falls by row, whatever their order."""
    return {
        row: [
            {"seed": s, "mse": 0.01 * BETAS[row], "nats": 9.0, "mig": s / BETAS[row], "sap": 0.1, "factor_vae": 0.5}
            for s in (0, 1)
        ]
        for row in rows
    }


def test_rows_stand_by_beta_and_lines_go_through_means(tmp_path: Path) -> None:
    write(tmp_path, "disentanglement", scores(*BETAS))
    plot = disentanglement.plot(project(tmp_path, BETAS), DATASET)
    assert plot is not None
    error, rate, scored = plot.figure.axes
    line = error.get_lines()[0]
    np.testing.assert_allclose(line.get_xdata(), [1, 4, 16])
    np.testing.assert_allclose(line.get_ydata(), [0.01, 0.04, 0.16])
    labelled = {line.get_label(): line for line in scored.get_lines()}
    np.testing.assert_allclose(labelled["MIG"].get_ydata(), [0.5, 0.125, 0.03125])
    assert {"MIG", "SAP", "FactorVAE score"} <= set(labelled)
    assert "edits" not in plot.caption
    assert rate.get_ylim()[0] == 0
    assert figures.encode(plot, "svg") == figures.encode(plot, "svg")


def test_edits_are_a_panel_where_they_were_measured(tmp_path: Path) -> None:
    write(tmp_path, "disentanglement", scores(*BETAS))
    write(tmp_path, "edits", {r: [{"latent": {"success": 0.2}, "direction": {"success": 0.4}}] for r in BETAS})
    plot = disentanglement.plot(project(tmp_path, BETAS), DATASET)
    assert plot is not None
    labelled = {line.get_label(): line for line in plot.figure.axes[3].get_lines()}
    np.testing.assert_allclose(labelled["all latents moved"].get_ydata(), [0.4] * 3)
    assert "edits" in plot.caption


@pytest.mark.parametrize("betas", [{"large": 16.0}, {"large": None, "small": 1.0, "middle": None}])
def test_a_row_alone_or_of_unknown_beta_makes_no_figure(tmp_path: Path, betas: dict[str, Any]) -> None:
    write(tmp_path, "disentanglement", scores(*betas))
    assert disentanglement.plot(project(tmp_path, betas), DATASET) is None


def test_without_the_study_there_is_no_figure(tmp_path: Path) -> None:
    assert disentanglement.plot(project(tmp_path, BETAS), DATASET) is None
