"""How far samples have the layout that was asked for: row by row, beside what chance gives."""

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report.figures import Plot
from paragone.report.scatter import INK, PALETTE
from paragone.report.studies.base import row_titles, title
from paragone.results.runs import Json, Results

NAMES = {"shape": "class", "scale": "size", "x": "horizontal position", "y": "vertical position", "all": "all factors"}


def plots(found: Json, results: Results) -> list[Plot]:
    """Of each data set of which any run left samples, a figure for each measure taken: every seed of every row."""
    shown = {dataset: content for dataset, content in found["datasets"].items() if content["rows"]}
    overlaps = [_overlap(name, content, results) for name, content in shown.items() if "chance" in content]
    return overlaps + [_read(name, found, content, results) for name, content in shown.items() if "read" in content]


def _overlap(dataset: str, content: Json, results: Results) -> Plot:
    figure = Figure(figsize=(6.4, 1.3 + 0.34 * len(content["rows"])), layout="constrained")
    ax = figure.subplots()
    _panel(ax, content["rows"], lambda run: run["iou"])
    ax.axvline(content["chance"], color=INK, linewidth=1, linestyle="--", label="chance")
    ax.set(xlabel="IoU with the requested layout")
    _name(ax, content["rows"], results)
    figure.legend(loc="outside lower center", fontsize=8)
    caption = (
        f"One point per seed (its first {_samples(content):,} samples); bars: means. Intersection over union of the "
        "bright figure in a sample and in the true partner of its source; 1 means the same position and shape. "
        f"Dashed: {content['n_test']:,} true partners, each compared with the next. "
        f"{title(results, dataset)}."
    )
    return Plot(f"layout-{dataset}", "Samples with the requested layout", caption, figure)


def _read(dataset: str, found: Json, content: Json, results: Results) -> Plot:
    factors = [*found["factors"], "all"]
    figure = Figure(figsize=(2.1 * len(factors) + 1.2, 1.5 + 0.34 * len(content["rows"])), layout="constrained")
    axes = figure.subplots(1, len(factors), sharey=True, squeeze=False)[0]
    for ax, factor in zip(axes, factors, strict=True):
        _panel(ax, content["rows"], _share(factor))
        for key, style, label in (("chance", "--", "chance"), ("real", ":", "true partners")):
            ax.axvline(content["read"][key][factor], color=INK, linewidth=1, linestyle=style, label=label)
        ax.set(xlabel=NAMES.get(factor, factor))
    _name(axes[0], content["rows"], results)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8)
    caption = (
        f"Share of samples in which a network reads what the source requests. One point per seed (its first "
        f"{_samples(content):,} samples); bars: means. Size and position count as correct within "
        f"{found['tolerance']:g} of their range. Dotted: true partners, read by the same network. Dashed: each of them "
        f"compared with the next ({content['n_test']:,}). {title(results, dataset)}."
    )
    return Plot(f"layout-read-{dataset}", "Requested class, size and position", caption, figure)


def _share(factor: str) -> Callable[[Json], float]:
    return lambda run: float(run["read"][factor])


def _panel(ax: Axes, rows: Mapping[str, list[Json]], of: Callable[[Json], float]) -> None:
    for y, runs in enumerate(rows.values()):
        values = [of(run) for run in runs]
        ax.plot(values, [y] * len(values), "o", color=PALETTE[0], alpha=0.5, markersize=5)
        ax.plot([np.mean(values)] * 2, [y - 0.25, y + 0.25], color=INK, linewidth=1.4)
    ax.set(xlim=(-0.02, 1.02), ylim=(len(rows) - 0.5, -0.5))


def _name(ax: Axes, rows: Mapping[str, list[Json]], results: Results) -> None:
    names = row_titles(results)
    ax.set_yticks(range(len(rows)), [names.get(row, row) for row in rows])


def _samples(content: Json) -> int:
    return max(run["n"] for runs in content["rows"].values() for run in runs)
