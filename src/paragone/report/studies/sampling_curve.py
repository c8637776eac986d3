"""Quality against what a sample costs: a line for each sampler, a point for each row that is sampled in one way."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report.figures import Plot
from paragone.report.scatter import MARKERS, PALETTE
from paragone.report.studies.base import title
from paragone.results import columns
from paragone.results.runs import Json, Results

COSTS = {"macs": "multiply-accumulates an image (log)", "seconds": "seconds an image (log)"}


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure: the Frechet distance in every space against multiply-accumulates and against seconds."""
    spaces = list(next(iter(points for points in found["rows"].values() if points))[0]["spaces"])
    figure = Figure(figsize=(9.6, 3.2 * len(spaces) + 0.7), layout="constrained")
    axes = figure.subplots(len(spaces), len(COSTS), squeeze=False)
    for line, space in zip(axes, spaces, strict=True):
        for ax, (cost, label) in zip(line, COSTS.items(), strict=True):
            _panel(ax, found, results, space, cost)
            ax.set(xscale="log", yscale="log", xlabel=label, ylabel=f"{columns.fd_label(space)} (log)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=8)
    caption = (
        f"Means over seeds {', '.join(map(str, found['seeds']))} of {found['n']:,} samples; along a line the number of "
        f"steps of the same weights. {found['device']}. {title(results, found['dataset'])}."
    )
    return [Plot("sampling_curve", "Quality against the cost of a sample", caption, figure)]


def _panel(ax: Axes, found: Json, results: Results, space: str, cost: str) -> None:
    for i, (row, points) in enumerate((r, p) for r, p in found["rows"].items() if p):
        steps = sorted({p["steps"] for p in points}, key=lambda k: k or 0)
        own = [[p for p in points if p["steps"] == k] for k in steps]
        x = [sum(p[cost] for p in part) / len(part) for part in own]
        y = [sum(p["spaces"][space]["fd"] for p in part) / len(part) for part in own]
        colour, marker = PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]
        ax.plot(x, y, marker=marker, color=colour, markersize=4.5, linewidth=1.2, label=_name(row, results))


def _name(row: str, results: Results) -> str:
    """The row's title."""
    runs = results.runs
    return str(runs.loc[runs["model"] == row, "title"].iloc[0])
