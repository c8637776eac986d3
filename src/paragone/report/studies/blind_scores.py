"""What scores say of real images, of a few repeated ones and of blurred ones."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report import scatter
from paragone.report.figures import Plot
from paragone.report.scatter import INK, PALETTE
from paragone.report.studies.base import title
from paragone.results.runs import Json, Results

SETS = {"real": PALETTE[2], "repeated": PALETTE[1], "blurred": PALETTE[0]}
SCORES = {
    "is": "Inception Score\n(higher is better)",
    "fd": "Fréchet distance\n(lower is better)",
    "coverage": "coverage\n(higher is better)",
    "ssim": "SSIM to blurred copies",
}


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set: every draw of every set by every score."""
    return [_plot(found, dataset, content, results) for dataset, content in found["datasets"].items()]


def _plot(found: Json, dataset: str, content: Json, results: Results) -> Plot:
    figure = Figure(figsize=(9.6, 2.6), layout="constrained")
    axes = figure.subplots(1, len(SCORES))
    for ax, (score, label) in zip(axes, SCORES.items(), strict=True):
        _panel(ax, content["sets"], score)
        ax.set_xlabel(label)
    axes[0].set_yticks(range(len(SETS)), list(SETS))
    scatter.settle(figure)
    caption = (
        f"{found['n']:,} test images; {found['kept']} of each class, repeated; the first without their detail "
        f"(Gaussian blur, {found['sigma']:g} px). A point a draw of {found['draws']}; the bar is their mean; against "
        f"{content['n_real']:,} real images in {content['space']}. {title(results, dataset)}."
    )
    return Plot(f"blind_scores-{dataset}", "What scores cannot see", caption, figure)


def _panel(ax: Axes, sets: Json, score: str) -> None:
    for y, (name, colour) in enumerate(SETS.items()):
        values = [draw[score] for draw in sets[name]]
        ax.plot(values, [y] * len(values), "o", color=colour, alpha=0.5, markersize=5)
        ax.plot([sum(values) / len(values)] * 2, [y - 0.25, y + 0.25], color=INK, linewidth=1.4)
    ax.set(ylim=(len(SETS) - 0.5, -0.5), yticks=[])
    ax.margins(x=0.15)
