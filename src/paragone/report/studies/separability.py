"""How well a linear function of the latents tells each factor of the images, row by row."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report.figures import Plot
from paragone.report.scatter import INK, MARKERS, PALETTE
from paragone.report.studies.base import row_titles, title
from paragone.results.runs import Json, Results

SPACES = {"z": "From z (latents of the prior)", "w": "From w (after the mapping network)"}
MEAN = "mean over varying factors"


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set: a panel per latent space, one line per factor, a dot per row (mean over its seeds)."""
    drawn = []
    for dataset, measured in found["datasets"].items():
        rows = {row: runs for row, runs in measured["rows"].items() if runs}
        if not rows:
            continue
        caption = (
            f"Share of each factor that a linear function of the latents explains, on {found['n']:,} samples of each "
            "run, half of which are used to fit it. 1 is a perfect prediction, 0 no better than chance. Dots: means "
            f"over the seeds whose samples vary in the factor.{_left_out(measured)} {title(results, dataset)}."
        )
        drawn.append(Plot(f"separability-{dataset}", "Factors predicted from latents", caption, _figure(rows, results)))
    return drawn


def _left_out(measured: Json) -> str:
    ended = [f"{run['row']} (seed {run['seed']})" for run in measured["diverged"]]
    parts = [
        f" Left out because the classifier reads them poorly: {', '.join(measured['left_out'])}."
        if measured["left_out"]
        else "",
        f" Diverged: {', '.join(ended)}." if ended else "",
    ]
    return "".join(parts)


def _figure(rows: dict[str, list[Json]], results: Results) -> Figure:
    spaces = [space for space in SPACES if any(run[space] for runs in rows.values() for run in runs)]
    factors = list(dict.fromkeys(name for runs in rows.values() for run in runs for name in run["z"]["by_factor"]))
    lines = [MEAN, *factors[::-1]]  # the first factor on top, the mean at the bottom
    figure = Figure(figsize=(1.2 + 4.1 * len(spaces), 1.6 + 0.3 * len(lines)), layout="constrained")
    axes = figure.subplots(1, len(spaces), sharey=True, squeeze=False)[0]
    for ax, space in zip(axes, spaces, strict=True):
        for i, (row, runs) in enumerate(rows.items()):
            lift = (i - (len(rows) - 1) / 2) * 0.6 / len(rows)
            _dots(ax, [run[space] for run in runs if run[space]], lines, lift, i, row_titles(results).get(row, row))
        ax.axhline(0.5, color=INK, linewidth=0.6)
        ax.set_title(SPACES[space], fontsize=11, loc="left")
        ax.set(xlim=(-0.02, 1.02), xlabel="share explained", ylim=(-0.6, len(lines) - 0.4))
    axes[0].set_yticks(range(len(lines)), lines)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _dots(ax: Axes, scored: list[Json], lines: list[str], lift: float, i: int, label: str) -> None:
    """The means of a row in one space; nothing where no seed has a score."""
    found = []
    for y, name in enumerate(lines):
        values = [run["score"] if name == MEAN else run["by_factor"][name] for run in scored]
        if known := [value for value in values if value is not None]:
            found.append((float(np.mean(known)), y - lift))
    marker, color = MARKERS[i % len(MARKERS)], PALETTE[i % len(PALETTE)]
    ax.plot([x for x, _ in found], [y for _, y in found], marker, color=color, markersize=6, label=label)
