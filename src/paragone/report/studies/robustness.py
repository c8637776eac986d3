"""Accuracy under attack against the size of the attack, with each defence and without."""

import statistics

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report import scatter
from paragone.report.figures import Plot
from paragone.report.scatter import MARKERS, PALETTE
from paragone.report.studies.base import title
from paragone.results.runs import Json, Results


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure: one panel per network, one line per defence."""
    networks = found["networks"]
    figure = Figure(figsize=(9.4, 4.0), layout="constrained")
    axes = list(figure.subplots(1, len(networks), sharey=True, squeeze=False).ravel())
    for ax, name in zip(axes, sorted(networks, reverse=True), strict=True):
        _panel(ax, networks[name])
        ax.set_title(name, fontsize=11, loc="left")
        ax.set(xlabel="eps (fraction of the pixel range)")
    axes[0].set(ylabel="accuracy on test images", ylim=(-0.02, 1.02))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=8)
    seeds = ", ".join(map(str, found["seeds"]))
    caption = (
        f"Share of {found['n']} test images still classified correctly after PGD with {found['steps']} steps, against "
        f"the largest change per pixel. Lines: means over seeds ({seeds}); thin lines: single seeds. Large markers: "
        "images that survive every attack at the eps of adversarial training (dotted), including longer PGD and "
        f"attacks transferred from another network. The discriminator tells real images from samples of "
        f"'{found['row']}'. {title(results, found['dataset'])}."
    )
    return [Plot(f"robustness-{found['dataset']}", "Accuracy under attack", caption, figure)]


def _panel(ax: Axes, network: Json) -> None:
    eps, defences = [0.0, *network["eps_curve"]], network["defences"]
    order = sorted(defences, key=lambda defence: (defence != "plain", defence))
    for i, defence in enumerate(order):
        color, lines = PALETTE[i % len(PALETTE)], [[row["clean"], *row["pgd"]] for row in defences[defence]]
        for line in lines:
            ax.plot(eps, line, color=color, linewidth=0.6, alpha=0.5)
        ax.plot(eps, [statistics.mean(values) for values in zip(*lines, strict=True)], color=color, label=defence)
        at = network["eps"] * (1 + 0.06 * (i - (len(order) - 1) / 2))  # side by side
        survived = statistics.mean(row["survived"] for row in defences[defence])
        ax.plot([at], [survived], MARKERS[i % len(MARKERS)], color=color, markersize=8)
    ax.axvline(network["eps"], color=scatter.INK, linewidth=0.8, linestyle=":")
