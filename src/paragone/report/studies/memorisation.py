"""How near samples come to training images, beside controls; and the nearest pairs."""

import base64
import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from paragone.report.figures import Plot
from paragone.report.scatter import INK, PALETTE
from paragone.report.studies.base import row_titles, title
from paragone.results.runs import Json, Results

MEASURES = {
    "ratio": ("distance to nearest training image\n(unseen images: 1)", 1.0),
    "excess": ("excess: training images are nearest\nmore often than chance predicts", 0.0),
    "near_copies": ("near-copies (share of samples)", 0.0),
}
SPACES = {"pixels": (PALETTE[0], "o"), "features": (PALETTE[4], "s")}


def plots(found: Json, results: Results) -> list[Plot]:
    """Two figures per data set: one line per control and row, one panel per measure; and each row's nearest pairs."""
    titles = row_titles(results)
    made = []
    for dataset, measured in found["datasets"].items():
        made += [_measures(found, dataset, measured, results, titles), _grids(dataset, measured, results, titles)]
    return made


def _measures(found: Json, dataset: str, measured: Json, results: Results, titles: dict[str, str]) -> Plot:
    lines = [*measured["controls"], *(row for row in found["rows"] if row in measured["rows"])]
    figure = Figure(figsize=(10.5, 1.6 + 0.32 * len(lines)), layout="constrained")
    axes = figure.subplots(1, len(MEASURES), sharey=True)
    for ax, (measure, (label, neutral)) in zip(axes, MEASURES.items(), strict=True):
        _panel(ax, measured, measure, lines)
        ax.axvline(neutral, color=INK, linewidth=0.8, linestyle="--")
        ax.axhline(len(measured["controls"]) - 0.5, color=INK, linewidth=0.6)
        ax.set(xlabel=label)
        ax.locator_params(axis="x", nbins=5)
    axes[0].set_yticks(range(len(lines)), [titles.get(line, line) for line in lines])
    axes[0].set_ylim(len(lines) - 0.5, -0.5)
    for space, (color, marker) in SPACES.items():
        axes[0].plot([], [], marker, color=color, label=space)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8)
    caption = (
        f"Above the line: images of known origin ({measured['controls']['copied']['n']} each; noise of "
        f"{found['noise']:g} grey levels; {100 * found['leak']:g} % of 'some copied' are copies). Below it: samples, "
        "one point per seed. Bars: 95 % intervals of the excess over all seeds, with respect to which of the real "
        f"images ({measured['n_train']:,} and {measured['n_test']:,}) were used for training. A small ratio alone may "
        f"only mean smooth images, as the blurred ones show. {title(results, dataset)}."
    )
    return Plot(f"memorisation-{dataset}", "Distance to training images", caption, figure)


def _panel(ax: Axes, measured: Json, measure: str, lines: list[str]) -> None:
    for y, line in enumerate(lines):
        row = measured["rows"].get(line)
        runs = row["runs"] if row else [measured["controls"][line]]
        for i, (space, (color, marker)) in enumerate(SPACES.items()):
            height = y + 0.3 * (i - 0.5)
            ax.plot([run[space][measure] for run in runs], [height] * len(runs), marker, color=color, markersize=5)
            if row and measure == "excess":
                pooled = row["pooled"][space]
                ax.plot([pooled["low"], pooled["high"]], [height] * 2, color=color, linewidth=1.2)


def _grids(dataset: str, measured: Json, results: Results, titles: dict[str, str]) -> Plot:
    figure = Figure(figsize=(8.4, 1.95 * len(measured["grids"])), layout="constrained")
    axes = figure.subplots(len(measured["grids"]), 1, squeeze=False).ravel()
    for ax, (row, png) in zip(axes, measured["grids"].items(), strict=True):
        with Image.open(io.BytesIO(base64.b64decode(png))) as image:
            ax.imshow(np.asarray(image.convert("RGB")), interpolation="none")
        ax.set_title(titles.get(row, row), fontsize=11, loc="left")
        ax.set_axis_off()
    caption = (
        "The samples of each row's first seed that are closest to a single training image, by the criterion for "
        f"near-copies, each above that image. {title(results, dataset)}."
    )
    return Plot(f"memorisation-pairs-{dataset}", "Nearest pairs", caption, figure)
