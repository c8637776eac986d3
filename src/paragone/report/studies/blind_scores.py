"""What scores say of real images, and of sets of them that lack something."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report.figures import Plot
from paragone.report.scatter import INK, PALETTE
from paragone.report.studies.base import title
from paragone.results.runs import Json, Results

SETS = {
    "real": PALETTE[2],
    "repeated": PALETTE[1],
    "blurred": PALETTE[0],
    "dropped": PALETTE[3],
    "foreign": PALETTE[4],
}
SCORES = {
    "is": "Inception Score\n(higher is better)",
    "fd": "Fréchet distance\n(lower is better)",
    "coverage": "coverage\n(higher is better)",
    "ssim": "SSIM to blurred copies",
    "pairs": "MS-SSIM of pairs\nwithin a class",
}


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set: every draw of every set by every score."""
    return [_plot(found, dataset, content, results) for dataset, content in found["datasets"].items()]


def _plot(found: Json, dataset: str, content: Json, results: Results) -> Plot:
    figure = Figure(figsize=(11.4, 3.0), layout="constrained")
    sets = [name for name in SETS if name in content["sets"]]
    axes = figure.subplots(1, len(SCORES))
    for ax, (score, label) in zip(axes, SCORES.items(), strict=True):
        _panel(ax, {name: content["sets"][name] for name in sets}, score)
        ax.set_xlabel(label)
    axes[0].set_yticks(range(len(sets)), sets)
    caption = (
        f"Sets of {found['n']:,} images. Real: test images. Repeated: {found['kept']} of each class, over and over. "
        f"Blurred: test images under a Gaussian blur ({found['sigma']:g} px). Dropped: only half of the classes. "
        f"Foreign: {_other(content, results)}. One point per draw ({found['draws']} draws); bars: means. Compared "
        f"with {content['n_real']:,} real images in {content['space']}. {title(results, dataset)}."
    )
    return Plot(f"blind_scores-{dataset}", "What scores cannot see", caption, figure)


def _other(content: Json, results: Results) -> str:
    other = content["foreign"]
    return "no other data set of this size" if other is None else f"test images of {title(results, other)}"


def _panel(ax: Axes, sets: Json, score: str) -> None:
    for y, (name, drawn) in enumerate(sets.items()):
        colour, values = SETS[name], [draw[score] for draw in drawn]
        ax.plot(values, [y] * len(values), "o", color=colour, alpha=0.5, markersize=5)
        ax.plot([sum(values) / len(values)] * 2, [y - 0.25, y + 0.25], color=INK, linewidth=1.4)
    ax.set(ylim=(len(sets) - 0.5, -0.5), yticks=[])
    ax.margins(x=0.15)
