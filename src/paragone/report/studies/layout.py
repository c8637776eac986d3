"""How far samples have the layout that was asked for: row by row, beside what chance gives."""

import numpy as np
from matplotlib.figure import Figure

from paragone.report.figures import Plot
from paragone.report.scatter import INK, PALETTE
from paragone.report.studies.base import row_titles, title
from paragone.results.runs import Json, Results


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set of which any run left samples: every seed of every row."""
    return [_plot(dataset, content, results) for dataset, content in found["datasets"].items() if content["rows"]]


def _plot(dataset: str, content: Json, results: Results) -> Plot:
    rows = content["rows"]
    names = row_titles(results)
    figure = Figure(figsize=(6.4, 1.3 + 0.34 * len(rows)), layout="constrained")
    ax = figure.subplots()
    for y, runs in enumerate(rows.values()):
        values = [run["iou"] for run in runs]
        ax.plot(values, [y] * len(values), "o", color=PALETTE[0], alpha=0.5, markersize=5)
        ax.plot([np.mean(values)] * 2, [y - 0.25, y + 0.25], color=INK, linewidth=1.4)
    ax.axvline(content["chance"], color=INK, linewidth=1, linestyle="--", label="two partners at random")
    ax.set(xlim=(0, 1.02), ylim=(len(rows) - 0.5, -0.5), xlabel="intersection over union with the layout asked for")
    ax.set_yticks(range(len(rows)), [names.get(row, row) for row in rows])
    figure.legend(loc="outside lower center", fontsize=8)
    n = max(run["n"] for runs in rows.values() for run in runs)
    caption = (
        f"One point per seed (its first {n:,} samples), the bar their mean: overlap of the bright figure of a sample "
        "with that of the true partner of the source that it was asked to translate; 1 is the same place and form. "
        f"Dashed: {content['n_test']:,} true partners, each against the next. {title(results, dataset)}."
    )
    return Plot(f"layout-{dataset}", "Layout that was asked for", caption, figure)
