"""What beta moves on data of known factors: reconstruction, rate, and scores of disentanglement."""

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from paragone.report.figures import Plot
from paragone.report.scatter import MARKERS, PALETTE
from paragone.report.studies.base import title
from paragone.results.runs import Json, Results, is_figure

FEWEST = 2  # rows that make a curve
BETA = "train.config.beta"
PANELS = {
    "Mean squared error": {"mse": ""},
    "Rate, nats per image": {"nats": ""},
    "Disentanglement": {"mig": "MIG", "sap": "SAP", "factor_vae": "FactorVAE score"},
}


class Point(NamedTuple):
    """One row of the sweep: its beta, and what the study measured of each seed."""

    beta: float
    runs: list[Json]


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set: three panels over beta, one dot per seed, lines through the means."""
    drawn = []
    for dataset, measured in found["datasets"].items():
        if len(swept := points(measured["rows"], results, dataset)) < FEWEST:
            continue
        caption = (
            "What a larger weight on the KL divergence costs, and what it buys: error of reconstructed test images, "
            "the information that the latents carry, and how well single latents represent single factors (of "
            f"{measured['n']:,} images; {1 / len(measured['factors']):.2f} is chance for the FactorVAE score); a dot a "
            f"seed, lines through the means. {title(results, dataset)}."
        )
        name = f"disentanglement-{dataset}"
        drawn.append(Plot(name, "beta against reconstruction and disentanglement", caption, _figure(swept)))
    return drawn


def points(rows: dict[str, list[Json]], results: Results, dataset: str) -> list[Point]:
    """The rows that were measured, by beta; those that state none are left out."""
    runs = results.of(dataset)
    found = []
    for row, measured in rows.items():
        betas = list(runs.loc[runs["model"] == row, BETA]) if BETA in runs else []
        if measured and len(stated := {float(b) for b in betas if is_figure(b)}) == 1:
            found.append(Point(stated.pop(), measured))
    return sorted(found, key=lambda point: point.beta)


def _figure(swept: list[Point]) -> Figure:
    figure = Figure(figsize=(9.4, 3.2), layout="constrained")
    for ax, (heading, keys) in zip(figure.subplots(1, len(PANELS)), PANELS.items(), strict=True):
        for i, (key, label) in enumerate(keys.items()):
            _curve(ax, swept, key, i, label)
        ax.set_title(heading, fontsize=10, loc="left")
        ax.set(xscale="log", xlabel="beta (log)")
        ax.set_ylim(bottom=0)
        ax.xaxis.set_major_locator(FixedLocator([point.beta for point in swept]))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        if len(keys) > 1:
            ax.set_ylim(0, 1)
            ax.legend(fontsize=8)
    return figure


def _curve(ax: Axes, swept: list[Point], key: str, i: int, label: str) -> None:
    color, marker = PALETTE[i], MARKERS[i]
    means = [float(np.mean([run[key] for run in point.runs])) for point in swept]
    ax.plot([p.beta for p in swept], means, color=color, marker=marker, linewidth=1.2, label=label or None)
    for point in swept:
        ax.plot(
            [point.beta] * len(point.runs), [r[key] for r in point.runs], marker, color=color, alpha=0.4, markersize=4
        )
