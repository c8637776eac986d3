"""Rate against distortion: what a weight on the KL divergence moves, drawn where rows of one model differ in it."""

from typing import NamedTuple

from matplotlib.figure import Figure

from paragone.project import registry
from paragone.project.params import GUEST
from paragone.report.scatter import INK, MARKERS, PALETTE
from paragone.results.runs import DataSet, Results, is_figure

FEWEST = 3  # rows of one model that make a curve
RATE, ERROR = "metrics.rate.nats", "metrics.reconstruction.mse"


class Sweep(NamedTuple):
    """Rows of one model file that have a rate and an error, by rising rate; the mean over the seeds that finished."""

    title: str  # the model's
    names: list[str]  # the rows' titles
    rate: list[float]
    error: list[float]


def sweeps(results: Results, dataset: DataSet) -> list[Sweep]:
    """The models of which at least three rows have both figures."""
    runs = results.of(dataset.name)
    if not {RATE, ERROR, "file"} <= set(runs):
        return []
    measured = runs[(runs["outcome"] == "finished") & runs[RATE].map(is_figure) & runs[ERROR].map(is_figure)]
    found = []
    for file, rows in measured[measured["file"] != GUEST].groupby("file", sort=False):
        means = rows.astype({RATE: float, ERROR: float}).groupby("title", sort=False)[[RATE, ERROR]].mean()
        if len(means) >= FEWEST:
            means = means.sort_values(RATE)
            names = [str(name) for name in means.index]
            found.append(Sweep(registry.model_class(str(file)).title, names, list(means[RATE]), list(means[ERROR])))
    return found


def draw(results: Results, dataset: DataSet) -> Figure | None:
    """Mean squared error of test images against rate; None if no model was swept."""
    found = sweeps(results, dataset)
    if not found:
        return None
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    ax = figure.subplots()
    for i, sweep in enumerate(found):
        color, marker = PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]
        ax.plot(sweep.rate, sweep.error, marker=marker, color=color, linewidth=1.2, label=sweep.title)
        for name, x, y in zip(sweep.names, sweep.rate, sweep.error, strict=True):
            text = name.removeprefix(sweep.title).lstrip(" ,") or name
            ax.annotate(text, (x, y), (5, 5), textcoords="offset points", fontsize=8, color=INK)
    ax.set(xlabel="rate: KL(posterior || prior), nats per image", ylabel="MSE of reconstructions (lower is better)")
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    ax.margins(0.15)
    if len(found) > 1:
        ax.legend()
    return figure
