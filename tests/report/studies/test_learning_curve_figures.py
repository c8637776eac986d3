"""The figure and the tables of the study of learning curves: what they show of made-up curves."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from paragone.report import figures
from paragone.report.studies import base
from paragone.results.runs import DataSet, Results

TITLES = {"gan": "GAN", "vae": "VAE", "ddpm": "DDPM", "ddim": "DDIM"}
ROWS = pd.DataFrame({"model": list(TITLES), "title": list(TITLES.values()), "dataset": "digits"})
RESULTS = Results(Path(), "p", "", [0], [DataSet("digits", "Digits", "mnist", None, None, None, None)], ROWS)


def row(
    distances: list[float], updates: int | None = 1, outcome: str = "finished", same: bool = True
) -> dict[str, Any]:
    """A point at 1,000, 10,000 ... images, of as many CPU-s as thousands."""
    points = [
        {"images": 1000 * 10**i, "generator_updates": updates and updates * 10**i,
         "seconds": 10**i, "macs": 10 ** (9 + i),
         "spaces": {"clf-digits": {"fd": fd, "fd_se": 1.0}, "lite0-64": {"fd": 10 * fd, "fd_se": 1e9}}}
        for i, fd in enumerate(distances)
    ]  # fmt: skip
    return {"outcome": outcome, "reason": None, "same_weights": same, "points": points}


@pytest.fixture
def found() -> dict[str, Any]:
    rows = {"ddpm": row([90, 1], updates=None, same=False), "gan": row([100, 10]), "vae": row([9, 8]),
            "lost": row([500], outcome="diverged")}  # fmt: skip
    return {"dataset": "digits", "n": 500, "seed": 0, "device": "a CPU", "clock": "cpu", "quality": {}, "rows": rows,
            "left_out": {"ddim": "starts from ddpm"}}  # fmt: skip


@pytest.fixture
def tables(found: dict[str, Any]) -> Any:
    del found["rows"]["lost"]
    return base.tables({"learning_curve": found}, RESULTS)["learning_curve"]


def test_a_panel_for_each_space_and_all_that_is_spent_in_the_profiles_order(found: dict[str, Any]) -> None:
    del found["rows"]["lost"]
    (plot,) = base.draw({"learning_curve": found}, RESULTS)["learning_curve"]
    assert figures.encode(plot, "svg") == figures.encode(plot, "svg")
    axes = plot.figure.axes
    assert [ax.get_ylabel() for ax in axes[:2]] == ["FD-clf (log)", "FD-Lite0 (log)"]
    spent = ["thousand images (log)", "generator updates (log)", "CPU-s (log)", "MACs (log)"]
    assert [ax.get_xlabel() for ax in axes[::2]] == spent
    assert [line.get_label() for line in axes[0].get_lines()] == ["GAN", "VAE", "DDPM"]
    assert list(axes[2].get_lines()[2].get_xdata()) == []  # nobody knows which of its updates are the generator's
    assert list(axes[0].get_lines()[0].get_xdata()) == [1, 10]
    assert list(axes[4].get_lines()[0].get_xdata()) == [1, 10]
    assert "500 samples at each point of one training run (seed 0)" in plot.caption


def test_what_a_quality_took_is_between_points_or_before_them(tables: Any) -> None:
    times, _ = tables
    gan, vae, ddpm = ([cell.text for cell in line.cells] for line in times.lines)
    assert gan[:5] == ["GAN", "10,000", "10", "10", "1.00e10"]  # 10 is the largest final distance
    assert vae[:5] == ["VAE", "≤ 1,000", "≤ 1", "≤ 1", "≤ 1.00e9"]
    assert ddpm[2] == "not reached"
    images, seconds = float(ddpm[1].replace(",", "")), float(ddpm[3])
    assert images / 1000 == pytest.approx(seconds, rel=0.01)
    assert seconds == pytest.approx(10 ** (0.9542 / 1.9542), rel=0.01)  # log 90/10 of log 90/1
    about = times.caption
    assert "until it first reached FD-clf 10.00, FD-Lite0 100.00 (the largest final distance" in about[0]
    assert "Without a curve: DDIM (starts from ddpm)." in about
    assert (
        "Weights differ from the row's own run, which was trained on other hardware or in another way: DDPM." in about
    )


def test_places_stand_beside_the_distances(tables: Any) -> None:
    _, orders = tables
    assert orders.headers[:4] == ["Model", "FD-clf at 10,000 images", "FD-clf at 10 updates", "FD-clf at 10 CPU-s"]
    assert [[cell.text for cell in line.cells[:4]] for line in orders.lines] == [
        ["GAN", "10 (3)", "10 (2)", "10 (3)"], ["VAE", "8 (2)", "8 (1)", "8 (2)"], ["DDPM", "1 (1)", "–", "1 (1)"],
    ]  # fmt: skip
    assert orders.caption[0].startswith("Of 3 pairs of rows, 0 by FD-clf and 0 by FD-Lite0 change places")
    assert "Left out of an order because nothing was measured there: DDPM (updates)." in orders.caption


def test_time_is_called_what_its_clock_says(found: dict[str, Any]) -> None:
    del found["rows"]["lost"]
    found["clock"] = "wall"  # as on a GPU
    times, orders = base.tables({"learning_curve": found}, RESULTS)["learning_curve"]
    assert (times.headers[3], orders.headers[3]) == ("seconds to FD-clf", "FD-clf at 10 seconds")
    assert "and equal seconds." in orders.caption[0]
    (plot,) = base.draw({"learning_curve": found}, RESULTS)["learning_curve"]
    assert plot.figure.axes[4].get_xlabel() == "seconds (log)"


def test_what_diverged_is_said_and_where_nothing_finished_nothing_is_shown(found: dict[str, Any]) -> None:
    titled = RESULTS._replace(runs=pd.concat([ROWS, pd.DataFrame({"model": ["lost"], "title": ["Lost"]})]))
    times, orders = base.tables({"learning_curve": found}, titled)["learning_curve"]
    assert "Diverged: Lost." in times.caption
    assert "Lost" not in [line.cells[0].text for line in orders.lines]
    found["rows"] = {"lost": row([], outcome="diverged")}
    assert base.tables({"learning_curve": found}, titled)["learning_curve"] == []
    assert base.draw({"learning_curve": found}, titled)["learning_curve"] == []
