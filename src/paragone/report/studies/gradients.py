"""The generator's gradient under each loss, and what depth does to a VAE's."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report import scatter
from paragone.report.figures import Plot
from paragone.report.scatter import MARKERS, PALETTE
from paragone.report.studies.base import title
from paragone.results.runs import Json, Results

SMALLEST = float(np.finfo(np.float32).tiny)  # a norm below is drawn as that
LOSSES = {
    "minimax": "minimax",
    "non_saturating": "non-saturating",
    "least_squares": "least squares",
    "clipping": "Wasserstein, clipping",
    "penalty": "Wasserstein, penalty",
}
NETWORKS = {"tanh": "tanh, N(0, 0.01)", "glorot": "tanh, Glorot", "relu": "ReLU, He"}


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set: the gradient of an untrained and of a trained generator under each loss as a new
    discriminator learns, what reaches a VAE's first layer by its depth, and the bound that it reaches."""
    return [_plot(found, dataset, content, results) for dataset, content in found["datasets"].items()]


def _plot(found: Json, dataset: str, content: Json, results: Results) -> Plot:
    figure = Figure(figsize=(9, 6.6), layout="constrained")
    *upper, reach, bound = figure.subplots(2, 2).ravel()
    for ax, age in zip(upper, ("untrained", "trained"), strict=True):
        _losses(ax, content["losses"][age])
        ax.set_title(f"{age.capitalize()} generator", fontsize=11, loc="left")
    _depth(reach, content["depth"], _reach)
    reach.set(yscale="log", ylabel="gradient norm, first / last layer (log)")
    reach.set_title("VAEs by depth", fontsize=11, loc="left")
    _depth(bound, content["depth"], lambda run: run.get("bound"))  # a diverged run has none
    bound.set_ylabel("ELBO of test images (nats)")
    bound.legend(fontsize=8)
    figure.legend(*upper[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(LOSSES), fontsize=8)
    caption = (
        "Top: norm of the generator's gradient while a new discriminator learns against a fixed DCGAN generator, "
        "untrained (left) and trained (right). Bottom left: how much of the gradient reaches the first layer of an "
        f"untrained VAE. Bottom right: the ELBO of test images after {found['vae_kimg']:g} thousand training images; "
        "higher is better. "
        f"Lines: medians over seeds {', '.join(map(str, found['seeds']))}; bands: their range. "
        f"{title(results, dataset)}."
    )
    return Plot(f"gradients-{dataset}", "Gradients by loss and by depth", caption, figure)


def _losses(ax: Axes, losses: Mapping[str, Sequence[Json]]) -> None:
    for i, (name, label) in enumerate(LOSSES.items()):
        if not losses[name]:  # no generator of the profile finished
            continue
        steps = losses[name][0]["step"]
        norms = np.maximum([curve["norm"] for curve in losses[name]], SMALLEST)  # (seeds, points)
        ax.plot(steps, np.median(norms, 0), color=PALETTE[i], linewidth=1.4, label=label)
        ax.fill_between(steps, norms.min(0), norms.max(0), color=PALETTE[i], alpha=0.15, linewidth=0)
    ax.set(yscale="log", xlabel="discriminator steps", ylabel="generator gradient norm (log)")


def _reach(run: Json) -> float:
    """The first layer's gradient norm over the last's."""
    first, *_, last = (max(norm, SMALLEST) for norm in run["before"])
    return first / last


def _depth(ax: Axes, networks: Mapping[str, Sequence[Json]], figure: Callable[[Json], float | None]) -> None:
    """A line a network: the median over seeds at each depth, and their range."""
    for i, (name, label) in enumerate(NETWORKS.items()):
        points = [(run["depth"], value) for run in networks.get(name, ()) if (value := figure(run)) is not None]
        depths = sorted({depth for depth, _ in points})
        values = [[v for d, v in points if d == depth] for depth in depths]
        ax.plot(depths, [np.median(v) for v in values], MARKERS[i], linestyle="-", color=PALETTE[i], label=label)
        low, high = [min(v) for v in values], [max(v) for v in values]
        ax.fill_between(depths, low, high, color=PALETTE[i], alpha=0.15, linewidth=0)
    ax.set(xscale="log", xlabel="hidden layers of encoder and decoder each (log)")
    scatter.plain_ticks(ax.xaxis)
    ax.set_xticks(sorted({run["depth"] for runs in networks.values() for run in runs}))
