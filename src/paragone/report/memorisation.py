"""How near samples come to training images, beside controls (the measures: `paragone.studies.memorisation`)."""

import base64
import io

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from paragone.report import figures, scatter
from paragone.report.figures import Plot
from paragone.report.results import DataSet, Json
from paragone.report.scatter import INK, PALETTE

MEASURES = {
    "ratio": ("distance to the nearest training image,\nof unseen images' = 1", 1.0),
    "excess": ("excess: training images are nearest\nmore often than by chance", 0.0),
    "near_copies": ("near-copies, share of samples", 0.0),
}
SPACES = {"pixels": (PALETTE[0], "o"), "features": (PALETTE[4], "s")}


def plot(found: Json, dataset: DataSet) -> Plot | None:
    """A line a row of the profile and a control, a panel a measure; None for a data set without samples."""
    measured = found["datasets"].get(dataset.name)
    if measured is None:
        return None
    lines = [*measured["controls"], *(row for row in found["rows"] if row in measured["rows"])]
    with mpl.rc_context(figures.STYLE):
        figure = Figure(figsize=(10.5, 1.6 + 0.32 * len(lines)), layout="constrained")
        axes = figure.subplots(1, len(MEASURES), sharey=True)
        for ax, (measure, (label, neutral)) in zip(axes, MEASURES.items(), strict=True):
            _panel(ax, measured, measure, lines)
            ax.axvline(neutral, color=INK, linewidth=0.8, linestyle="--")
            ax.axhline(len(measured["controls"]) - 0.5, color=INK, linewidth=0.6)
            ax.set(xlabel=label)
            ax.locator_params(axis="x", nbins=5)
        axes[0].set_yticks(range(len(lines)), lines)
        axes[0].set_ylim(len(lines) - 0.5, -0.5)
        for space, (color, marker) in SPACES.items():
            axes[0].plot([], [], marker, color=color, label=space)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8)
        scatter.settle(figure)
    caption = (
        f"Above the line, images whose history is known ({measured['controls']['copied']['n']} each; noise of "
        f"{found['noise']:g} grey levels; {100 * found['leak']:g} % of 'some copied' are copies); below, samples, a "
        f"point a seed; bars: the excess of all seeds with its 95 % interval over which of the real images "
        f"({measured['n_train']:,} and {measured['n_test']:,}) were for training. A small ratio alone may mean smooth "
        f"images, as of the blurred ones. {dataset.title}."
    )
    return Plot(f"memorisation-{dataset.name}", "Nearness to training images", caption, figure)


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


def walls(found: Json, dataset: DataSet) -> list[tuple[str, Image.Image]]:
    """(row, picture) of the samples that come nearest to one training image, each above that image."""
    measured = found["datasets"].get(dataset.name, {"walls": {}})
    return [(row, Image.open(io.BytesIO(base64.b64decode(png)))) for row, png in measured["walls"].items()]
