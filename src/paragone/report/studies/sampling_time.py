"""How long each row takes to draw its first image and a batch, over the baseline's time."""

from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report import scatter
from paragone.report.figures import Plot
from paragone.report.scatter import INK, MARKERS, PALETTE
from paragone.report.studies.base import title
from paragone.results.runs import Json, Results

IMAGES = {"first": "first image", "batch": "batch"}
CLOCKS = {"cpu": "CPU time", "wall": "wall time"}


class Line(NamedTuple):
    """A row, or a row at its paper's number of steps."""

    label: str
    ratio: Json  # {"first" or "batch": {value, low, high, n}}


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set, one line per row, the slowest on top: the ratios with 95 % intervals over rounds."""
    return [_plot(found, dataset, content, results) for dataset, content in found["datasets"].items()]


def _plot(found: Json, dataset: str, content: Json, results: Results) -> Plot:
    timed, baseline = lines(content, results), _name(found["baseline"], results)
    figure = Figure(figsize=(7.6, 0.26 * len(timed) + 1.2), layout="constrained")
    ax = figure.subplots()
    _panel(ax, timed)
    ax.set_xlabel(f"{CLOCKS[found['clock']]} relative to {baseline} (log)")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8)
    caption = (
        f"Time to draw the first image, and a batch of {found['batch']}, relative to {baseline} (dashed). In brackets: "
        "passes of an image through the network. Rows take turns in one process; bars: 95 % intervals over rounds. "
        f"{found['device']}, {found['threads']} thread{'s' * (found['threads'] > 1)}. {title(results, dataset)}."
    )
    return Plot(f"sampling_time-{dataset}", "Sampling time", caption, figure)


def lines(content: Json, results: Results) -> list[Line]:
    """The rows of a data set, the fastest first."""
    timed = [*content["rows"].items(), *content["paper"].items()]
    made = [
        Line(f"{_name(name, results)} ({row['passes']:,} pass{'es' * (row['passes'] != 1)})", row["ratio"])
        for name, row in timed
    ]
    return sorted(made, key=lambda line: (line.ratio["first"]["value"], line.label))


def _panel(ax: Axes, rows: list[Line]) -> None:
    for i, (images, label) in enumerate(IMAGES.items()):
        ratios = [line.ratio[images] for line in rows]
        places = [place + 0.12 * (1 - 2 * i) for place in range(len(rows))]
        ax.hlines(places, [r["low"] for r in ratios], [r["high"] for r in ratios], color=PALETTE[i], linewidth=2)
        ax.plot([r["value"] for r in ratios], places, MARKERS[i], color=PALETTE[i], markersize=6, label=label)
    ax.axvline(1, color=INK, linewidth=1, linestyle="--")
    ax.set_xscale("log")
    ax.set(yticks=range(len(rows)), yticklabels=[line.label for line in rows], ylim=(-0.6, len(rows) - 0.4))
    scatter.plain_ticks(ax.xaxis)


def _name(row: str, results: Results) -> str:
    """The row's title."""
    runs = results.runs
    return str(runs.loc[runs["model"] == row, "title"].iloc[0])
