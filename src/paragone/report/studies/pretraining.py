"""Training from another data set's weights and from scratch, side by side."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report.figures import Plot
from paragone.report.scatter import INK, PALETTE
from paragone.report.studies.base import title
from paragone.report.tables import FLOOR
from paragone.results.runs import Json, Results

ARMS = {"scratch": ("from scratch", PALETTE[1]), "pretrained": ("pre-trained", PALETTE[0])}


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure: Frechet distance, classes shown, gradient norm and loss by images seen, one line per seed."""
    figure = Figure(figsize=(9.6, 6.0), layout="constrained")
    distance, classes, gradient, loss = figure.subplots(2, 2).ravel()
    for arm, (label, color) in ARMS.items():
        for i, run in enumerate(found["arms"][arm]):
            _points(distance, run, "fd", color, label if i == 0 else None)
            _points(classes, run, "classes", color)
            _curve(gradient, run, "grad/generator", color)
            _curve(loss, run, "loss/discriminator", color)
    distance.axhline(found["floor"]["fd"], color=INK, linewidth=1, linestyle="--", label=FLOOR)
    classes.axhline(found["floor"]["classes"], color=INK, linewidth=1, linestyle="--")
    for ax, label in (
        (distance, "FD-clf (log, lower is better)"),
        (classes, "classes present"),
        (gradient, "generator gradient norm (log)"),
        (loss, "discriminator loss"),
    ):
        ax.set(xlabel="images seen (kimg)", ylabel=label)
        ax.axvline(found["early_kimg"], color=INK, linewidth=0.8, linestyle=":")
    for ax in (distance, gradient):
        ax.set_yscale("log")
    figure.legend(*distance.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    seeds = ", ".join(map(str, found["seeds"]))
    caption = (
        f"'{found['row']}' from scratch, and pre-trained on {found['pretrained_kimg']:g} kimg of "
        f"{title(results, found['source'])}, which are not part of the budget shown. One line per seed ({seeds}), "
        f"{found['n']:,} samples per point. Dotted: the end of the early phase. "
        f"{title(results, found['target'])}."
    )
    return [Plot(f"pretraining-{found['target']}", "Pre-trained and from scratch", caption, figure)]


def _points(ax: Axes, run: Json, key: str, color: str, label: str | None = None) -> None:
    points = run["points"]
    ax.plot([p["kimg"] for p in points], [p[key] for p in points], "o-", color=color, markersize=4, label=label)


def _curve(ax: Axes, run: Json, key: str, color: str) -> None:
    ax.plot(run["curve"]["kimg"], run["curve"][key], color=color, linewidth=0.8, alpha=0.7)
