"""How often an edit of each factor does what it is asked to, in either way, model by model."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report.figures import Plot
from paragone.report.scatter import INK, MARKERS, PALETTE
from paragone.report.studies.base import row_titles, title
from paragone.results.runs import Json, Results

WAYS = {"latent": "One latent moved", "direction": "All latents moved"}


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set: one line per factor, one dot per row of the profile, the mean over its seeds."""
    drawn = []
    for dataset, measured in found["datasets"].items():
        rows = {row: runs for row, runs in measured["rows"].items() if runs}
        if not rows:
            continue
        caption = (
            f"Share of edits of {measured['n']} test images after which the classifier reads the factor as requested "
            "and the others as in the unedited reconstruction; means over seeds. Crosses: images drawn anew with that "
            f"factor, that is, the score of a perfect editor ({measured['perfect']:.0%} overall)."
            f"{_left_out(measured)} {title(results, dataset)}."
        )
        drawn.append(Plot(f"edits-{dataset}", "Successful edits", caption, _figure(measured, rows, results)))
    return drawn


def _left_out(measured: Json) -> str:
    names = [f"'{name}' ({measured['accuracy'][name]:.0%} read correctly)" for name in measured["left_out"]]
    return f" Left out because the classifier reads them poorly: {', '.join(names)}." if names else ""


def _figure(measured: Json, rows: dict[str, list[Json]], results: Results) -> Figure:
    factors = list(measured["perfect_by_factor"])[::-1]  # the first on top
    figure = Figure(figsize=(9.4, 1.6 + 0.3 * len(factors)), layout="constrained")
    axes = figure.subplots(1, len(WAYS), sharey=True)
    for ax, (way, heading) in zip(axes, WAYS.items(), strict=True):
        for i, (row, runs) in enumerate(rows.items()):
            shares = [np.mean([run[way]["by_factor"][name]["success"] for run in runs]) for name in factors]
            _dots(ax, shares, (i - (len(rows) - 1) / 2) * 0.6 / len(rows), i, row_titles(results).get(row, row))
        perfect = [measured["perfect_by_factor"][name]["success"] for name in factors]
        ax.plot(perfect, range(len(factors)), "x", color=INK, label="perfect editor")
        ax.set_title(heading, fontsize=11, loc="left")
        ax.set(xlim=(-0.02, 1.02), xlabel="share of successful edits", ylim=(-0.6, len(factors) - 0.4))
    axes[0].set_yticks(range(len(factors)), factors)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _dots(ax: Axes, shares: list[float], lift: float, i: int, label: str) -> None:
    places = [place - lift for place in range(len(shares))]
    marker, color = MARKERS[i % len(MARKERS)], PALETTE[i % len(PALETTE)]
    ax.plot(shares, places, marker, color=color, markersize=6, label=label)
