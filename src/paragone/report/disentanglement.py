"""What beta moves on data of known factors: reconstruction, rate, scores of disentanglement, and edits that succeed."""

from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from paragone import files, paths
from paragone.report import figures, scatter
from paragone.report.figures import Plot
from paragone.report.results import DataSet, Json, Results, is_figure
from paragone.report.scatter import MARKERS, PALETTE

FEWEST = 2  # rows that make a curve
BETA = "train.config.beta"
SCORES = {"mig": "MIG", "sap": "SAP", "factor_vae": "FactorVAE score"}
WAYS = {"latent": "one latent moved", "direction": "all latents moved"}


class Point(NamedTuple):
    """One row of the sweep: its beta, and what the studies measured of each seed."""

    beta: float
    scores: list[Json]  # of study disentanglement
    edits: list[Json]  # of study edits; empty where it has not run


def points(results: Results, dataset: str) -> list[Point]:
    """The rows that the study of disentanglement measured on a data set, by beta; rows that state none are left out."""
    runs = results.of(dataset)
    scored, edited = (_study(results, name, dataset) for name in ("disentanglement", "edits"))
    found = []
    for row, scores in scored.items():
        betas = list(runs.loc[runs["model"] == row, BETA]) if BETA in runs else []
        if scores and len(stated := {float(b) for b in betas if is_figure(b)}) == 1:
            found.append(Point(stated.pop(), scores, edited.get(row, [])))
    return sorted(found, key=lambda point: point.beta)


def _study(results: Results, name: str, dataset: str) -> dict[str, list[Json]]:
    """The rows that a study measured on a data set, none if it has not run."""
    file = results.root / paths.study(results.profile, name)
    measured: Any = files.read_json(file)["datasets"] if file.exists() else {}
    rows: dict[str, list[Json]] = measured.get(dataset, {}).get("rows", {})
    return rows


def plot(results: Results, dataset: DataSet) -> Plot | None:
    """Panels over beta, a dot a seed and a line through the means; None where fewer than two weights were measured."""
    found = points(results, dataset.name)
    if len(found) < FEWEST:
        return None
    with mpl.rc_context(figures.STYLE):
        edited = all(point.edits for point in found)
        figure = Figure(figsize=(3.1 * (3 + edited), 3.2), layout="constrained")
        error, rate, scores, *more = figure.subplots(1, 3 + edited)
        _curve(error, found, [[run["mse"] for run in p.scores] for p in found], 0)
        error.set_title("Mean squared error", fontsize=10, loc="left")
        _curve(rate, found, [[run["nats"] for run in p.scores] for p in found], 0)
        rate.set_title("Rate, nats an image", fontsize=10, loc="left")
        for i, (key, label) in enumerate(SCORES.items()):
            _curve(scores, found, [[run[key] for run in p.scores] for p in found], i, label)
        scores.set_title("Disentanglement", fontsize=10, loc="left")
        for ax in more:
            for i, (way, label) in enumerate(WAYS.items()):
                _curve(ax, found, [[run[way]["success"] for run in p.edits] for p in found], i, label)
            ax.set_title("Edits that succeed", fontsize=10, loc="left")
        for ax in (error, rate, scores, *more):
            _settle(ax, [point.beta for point in found])
        for ax in (scores, *more):
            ax.set_ylim(0, 1)
            ax.legend(fontsize=8)
        scatter.settle(figure)
    caption = (
        "What a larger weight on the KL divergence costs, and what it buys: error of reconstructed test images, the "
        "information that the latents carry, how well single latents stand for single factors"
        f"{', and edits that do what they are asked to' * edited}; a dot a seed, lines through the means. "
        f"{dataset.title}."
    )
    return Plot(f"disentanglement-{dataset.name}", "beta against reconstruction and disentanglement", caption, figure)


def _curve(ax: Axes, found: list[Point], seeds: list[list[float]], i: int, label: str = "") -> None:
    betas, color, marker = [point.beta for point in found], PALETTE[i], MARKERS[i]
    ax.plot(betas, [float(np.mean(s)) for s in seeds], color=color, marker=marker, linewidth=1.2, label=label or None)
    for beta, own in zip(betas, seeds, strict=True):
        ax.plot([beta] * len(own), own, marker, color=color, alpha=0.4, markersize=4)


def _settle(ax: Axes, betas: list[float]) -> None:
    ax.set(xscale="log", xlabel="beta (log)")
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(FixedLocator(betas))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
