"""Quality against what a sample costs: a line for each sampler, a point for each row that is sampled in one way."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report.figures import Plot
from paragone.report.scatter import MARKERS, PALETTE
from paragone.report.studies.base import title
from paragone.results.runs import Json, Results
from paragone.results.space_names import fd_label

COSTS = {
    "passes": "network evaluations (log)",
    "macs": "MACs per image (log)",
    "seconds": "seconds per image (log)",
}


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure: the Frechet distance in every space against evaluations of the network, work and time."""
    spaces = list(next(iter(points for points in found["rows"].values() if points))[0]["spaces"])
    figure = Figure(figsize=(12.4, 3.2 * len(spaces) + 0.7), layout="constrained")
    axes = figure.subplots(len(spaces), len(COSTS), squeeze=False)
    for line, space in zip(axes, spaces, strict=True):
        for ax, (cost, label) in zip(line, COSTS.items(), strict=True):
            _panel(ax, found, results, space, cost)
            ax.set(xscale="log", yscale="log", xlabel=label, ylabel=f"{fd_label(space)} (log)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=8)
    caption = (
        f"Means over seeds {', '.join(map(str, found['seeds']))} of {found['n']:,} samples. Along a line, the same "
        f"weights are sampled in different numbers of steps{_relays(found)}. {found['device']}. "
        f"{title(results, found['dataset'])}."
    )
    return [Plot("sampling_curve", "Quality against the cost of a sample", caption, figure)]


def _panel(ax: Axes, found: Json, results: Results, space: str, cost: str) -> None:
    for i, (row, start, points) in enumerate(_lines(found)):
        steps = sorted({p["steps"] for p in points}, key=lambda k: k or 0)
        own = [[p for p in points if p["steps"] == k] for k in steps]
        x = [sum(p[cost] for p in part) / len(part) for part in own]
        y = [sum(p["spaces"][space]["fd"] for p in part) / len(part) for part in own]
        colour, marker = PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]
        ax.plot(x, y, marker=marker, color=colour, markersize=4.5, linewidth=1.2, label=_name(row, start, results))


def _lines(found: Json) -> list[tuple[str, float | None, list[Json]]]:
    """The row, where its sampling starts (None: where the row's own does), and the points of each line."""
    lines = []
    for row, points in found["rows"].items():
        for start in dict.fromkeys(p.get("start") for p in points):
            lines.append((row, start, [p for p in points if p.get("start") == start]))
    return lines


def _relays(found: Json) -> str:
    started = any(start is not None for _, start, _ in _lines(found))
    return "; a relay also starts at other times t_0 of its T" if started else ""


def _name(row: str, start: float | None, results: Results) -> str:
    """The row's title."""
    runs = results.runs
    title = str(runs.loc[runs["model"] == row, "title"].iloc[0])
    return title if start is None else f"{title}, t_0 = {start:g} T"
