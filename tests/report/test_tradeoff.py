"""The trade-off figure: which rows make a curve, in which order, and what is left out."""

from pathlib import Path

import pandas as pd

from paragone.report import tradeoff
from paragone.results.runs import DataSet, Results

DATASET = DataSet("d", "D", "mnist", None, None, None, None)


def results(*rows: tuple[str, str, float | None, float, str]) -> Results:
    columns = ["file", "title", tradeoff.RATE, tradeoff.ERROR, "outcome"]
    runs = pd.DataFrame(rows, columns=columns, dtype=object).assign(dataset="d")
    return Results(Path(), "p", "", [0], [DATASET], runs)


SWEPT = (
    ("beta_vae", "beta-VAE, beta = 4", 10.0, 0.03, "finished"),
    ("beta_vae", "beta-VAE, beta = 1", 20.0, 0.02, "finished"),
    ("beta_vae", "beta-VAE, beta = 1", 22.0, 0.01, "finished"),
    ("beta_vae", "beta-VAE, beta = 16", 2.0, 0.05, "finished"),
)


def test_rows_of_one_model_make_a_curve_of_seed_means() -> None:
    (sweep,) = tradeoff.sweeps(results(*SWEPT), DATASET)
    assert sweep.title == "beta-VAE"
    assert sweep.names == ["beta-VAE, beta = 16", "beta-VAE, beta = 4", "beta-VAE, beta = 1"]
    assert sweep.rate == [2.0, 10.0, 21.0]
    assert sweep.error == [0.05, 0.03, 0.015]
    figure = tradeoff.draw(results(*SWEPT), DATASET)
    assert figure is not None
    assert [text.get_text() for text in figure.axes[0].texts] == ["beta = 16", "beta = 4", "beta = 1"]


def test_fewer_than_three_rows_make_none() -> None:
    other = ("vae", "VAE", 15.0, 0.02, "finished")
    lost = ("beta_vae", "beta-VAE, beta = 8", None, 0.04, "finished")
    diverged = ("beta_vae", "beta-VAE, beta = 9", 5.0, 0.04, "diverged")
    assert tradeoff.sweeps(results(*SWEPT[:2], other, lost, diverged), DATASET) == []
    assert tradeoff.draw(results(*SWEPT[:2], other), DATASET) is None


def test_a_report_without_rates_has_none(project) -> None:
    assert tradeoff.draw(project.found, project.found.datasets[0]) is None
