"""How long each row takes to draw, over the baseline's time: the figure of the study `sampling_time`."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report import scatter
from paragone.report.figures import STYLE, Plot
from paragone.report.results import Json
from paragone.report.scatter import INK, MARKERS, PALETTE

IMAGES = {"first": "first image", "batch": "batch"}
CLOCKS = {"cpu": "processor time", "wall": "wall time"}


class Line(NamedTuple):
    """A row, or a row at its paper's number of steps."""

    label: str
    ratio: Json  # {"first" or "batch": {value, low, high, n}}


def plot(studies: Mapping[str, Json]) -> Plot | None:
    """A panel a data set, a line a row, slowest first: the times of its first image and of a batch over the baseline's,
    with 95 % intervals over rounds. None if the study has not run."""
    study = studies.get("sampling_time")
    if study is None:
        return None
    baseline = next(iter(study["datasets"].values()))["rows"][study["baseline"]]["title"]
    panels = [(found["title"], lines(found)) for found in study["datasets"].values()]
    heights = [0.26 * len(own) + 0.7 for _, own in panels]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.6, sum(heights) + 0.5), layout="constrained")
        axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights, sharex=True).ravel()
        for ax, (title, own) in zip(axes, panels, strict=True):
            _panel(ax, own)
            ax.set_title(title, fontsize=11, loc="left")
        axes[-1].set_xlabel(f"{CLOCKS[study['clock']]} over that of {baseline} (log)")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8)
        scatter.settle(figure)
    caption = (
        "Time to draw the first image, and a batch of "
        f"{study['batch']}, over that of {baseline} (dashed); in brackets the passes through the network "
        f"that an image takes. Rows in turn in one process, 95 % intervals over rounds: {study['device']}, "
        f"{study['threads']} thread{'s' * (study['threads'] > 1)}."
    )
    return Plot("sampling-time", "Sampling time", caption, figure)


def lines(found: Json) -> list[Line]:
    """The rows of a data set, the fastest first; a title that several rows have is followed by the row's name."""
    timed = [*found["rows"].items(), *found["paper"].items()]
    rows_of = Counter(row["title"] for row in found["rows"].values())
    made = []
    for name, row in timed:
        title = row["title"] if rows_of[row["title"]] < 2 else f"{row['title']}, {name}"
        passes = f"{row['passes']:,} pass{'es' * (row['passes'] != 1)}"
        made.append(Line(f"{title} ({passes})", row["ratio"]))
    return sorted(made, key=lambda line: (line.ratio["first"]["value"], line.label))


def _panel(ax: Axes, own: list[Line]) -> None:
    for i, (images, label) in enumerate(IMAGES.items()):
        ratios = [line.ratio[images] for line in own]
        places = [place + 0.12 * (1 - 2 * i) for place in range(len(own))]
        ax.hlines(places, [r["low"] for r in ratios], [r["high"] for r in ratios], color=PALETTE[i], linewidth=2)
        ax.plot([r["value"] for r in ratios], places, MARKERS[i], color=PALETTE[i], markersize=6, label=label)
    ax.axvline(1, color=INK, linewidth=1, linestyle="--")
    ax.set_xscale("log")
    ax.set(yticks=range(len(own)), yticklabels=[line.label for line in own], ylim=(-0.6, len(own) - 0.4))
    scatter.plain_ticks(ax.xaxis)
