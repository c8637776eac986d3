"""The gradient of each group of a hierarchical VAE, from the top to the bottom, before and after training."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report.figures import Plot
from paragone.report.scatter import MARKERS, PALETTE
from paragone.report.studies.base import row_titles, title
from paragone.results.runs import Json, Results

SMALLEST = float(np.finfo(np.float32).tiny)  # a norm below is drawn as that


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set: a line per row through the medians over its seeds, and a dot per seed."""
    drawn = []
    for dataset, content in found["datasets"].items():
        rows = {row: runs for row, runs in content["rows"].items() if runs}
        if not rows:
            continue
        figure = Figure(figsize=(9.4, 3.4), layout="constrained")
        axes = figure.subplots(1, 2, sharey=True)
        for ax, age in zip(axes, ("before", "after"), strict=True):
            _norms(ax, rows, age, row_titles(results))
            ax.set_title(f"{age.capitalize()} training", fontsize=11, loc="left")
        axes[0].set_ylabel("gradient norm (log)")
        axes[0].legend(fontsize=8)
        lost = ", ".join(f"{run['row']} (seed {run['seed']})" for run in content["diverged"])
        caption = (
            "Norm of the ELBO's gradient with respect to the weights of each group of latents, on "
            f"{found['probe']} training images. The top group is farthest from the image. One dot per seed; lines join "
            f"the medians. {f'Diverged: {lost}. ' if lost else ''}{title(results, dataset)}."
        )
        drawn.append(Plot(f"hierarchy-{dataset}", "Gradients through the hierarchy", caption, figure))
    return drawn


def _norms(ax: Axes, rows: Mapping[str, Sequence[Json]], age: str, titles: Mapping[str, str]) -> None:
    for i, (row, runs) in enumerate(rows.items()):
        norms = np.maximum([run[age] for run in runs], SMALLEST)  # (seeds,groups)
        places, color, marker = np.arange(1, norms.shape[1] + 1), PALETTE[i], MARKERS[i]
        ax.plot(places, np.median(norms, 0), color=color, marker=marker, linewidth=1.2, label=titles.get(row, row))
        for seed in norms:
            ax.plot(places, seed, marker, color=color, alpha=0.4, markersize=4)
    ax.set(yscale="log", xlabel="group of latents (1: top)")
    ax.set_xticks(range(1, 1 + max(len(run[age]) for runs in rows.values() for run in runs)))
