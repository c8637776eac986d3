"""The Frechet and the kernel distance against the number of images that they were measured from."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report import scatter
from paragone.report.figures import Plot
from paragone.report.scatter import MARKERS, PALETTE
from paragone.report.studies.base import title
from paragone.results.runs import Json, Results

NUMBERS = {"fd": "Fréchet distance", "kid": "kernel distance × 10³"}


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set: every draw, the mean of each size, and the distance at endless n."""
    return [_plot(found, dataset, content, results) for dataset, content in found["datasets"].items()]


def _plot(found: Json, dataset: str, content: Json, results: Results) -> Plot:
    figure = Figure(figsize=(9.6, 3.6), layout="constrained")
    for ax, (key, label) in zip(figure.subplots(1, 2), NUMBERS.items(), strict=True):
        for i, (images, figures) in enumerate(content["figures"].items()):
            name = "real test images" if images == "real" else _name(found["row"], results)
            _line(ax, figures, key, name, i)
            if key == "fd":
                ax.axhline(content["limit"][images], color=PALETTE[i], linewidth=1, linestyle="--")
        if key == "fd":
            for i, (row, figures) in enumerate(content["others"].items(), len(content["figures"])):
                _line(ax, figures, key, _name(row, results), i)
        ax.set(xscale="log", xlabel="number of images (log)", ylabel=label)
        scatter.plain_ticks(ax.xaxis)
    figure.axes[0].legend(fontsize=8)
    caption = (
        f"Subsets of growing size, compared with the same {content['n_real']:,} real images in {content['space']}. "
        "Points: draws; lines: their means; dashed: a + b / n extrapolated to infinite n (Chong and Forsyth 2020). "
        f"{title(results, dataset)}."
    )
    return Plot(f"sample_size-{dataset}", "Distance against sample size", caption, figure)


def _line(ax: Axes, figures: list[Json], key: str, name: str, i: int) -> None:
    factor = 1000 if key == "kid" else 1
    sizes = sorted({f["n"] for f in figures})
    draws = [[factor * f[key] for f in figures if f["n"] == n] for n in sizes]
    style: Any = {"color": PALETTE[i % len(PALETTE)], "marker": MARKERS[i % len(MARKERS)], "markersize": 3.5}
    for n, values in zip(sizes, draws, strict=True):
        ax.plot([n] * len(values), values, linestyle="none", alpha=0.4, **style)
    ax.plot(sizes, [sum(values) / len(values) for values in draws], label=name, **style)


def _name(row: str, results: Results) -> str:
    """The row's title."""
    runs = results.runs
    return str(runs.loc[runs["model"] == row, "title"].iloc[0])
