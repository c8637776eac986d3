"""Gradients by loss and by depth: the figure of the study `gradients`."""

from collections.abc import Callable, Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report import scatter
from paragone.report.figures import STYLE, Plot
from paragone.report.results import Json
from paragone.report.scatter import MARKERS, PALETTE

SMALLEST = float(np.finfo(np.float32).tiny)  # a norm below is drawn as that
LOSSES = {
    "minimax": "minimax",
    "non_saturating": "non-saturating",
    "least_squares": "least squares",
    "clipping": "Wasserstein, clipping",
    "penalty": "Wasserstein, penalty",
}
NETWORKS = {"tanh": "tanh, N(0, 0.01)", "glorot": "tanh, Glorot", "relu": "ReLU, He"}


def plot(studies: Mapping[str, Json]) -> Plot | None:
    """Four panels a data set: the gradient of an untrained and of a trained generator under each loss as a new
    discriminator learns, what reaches a VAE's first layer by its depth, and the bound that it reaches. None if the
    study has not run."""
    study = studies.get("gradients")
    if study is None:
        return None
    found = study["datasets"]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 6.6 * len(found)), layout="constrained")
        panels = figure.subplots(2 * len(found), 2, squeeze=False)
        for own, upper, lower in zip(found.values(), panels[::2], panels[1::2], strict=True):
            for ax, age in zip(upper, ("untrained", "trained"), strict=True):
                _losses(ax, own["losses"][age])
                ax.set_title(f"{age.capitalize()} generator, {own['title']}", fontsize=11, loc="left")
            _depth(lower[0], own["depth"], _reach)
            lower[0].set(yscale="log", ylabel="first layer's gradient over the last's (log)")
            _depth(lower[1], own["depth"], _bound)
            lower[1].set_ylabel("bound on test images (nats)")
            lower[0].set_title(f"VAEs by depth, {own['title']}", fontsize=11, loc="left")
        scatter.settle(figure)
    caption = (
        "Above: norm of the generator's gradient while a new discriminator learns against a fixed DCGAN generator, "
        "before and after its training. Below left: how much of the gradient reaches a VAE's first layer before "
        f"training; right: the bound on test images after {study['vae_kimg']:g} thousand images, higher is better. "
        f"Lines: medians over the seeds {', '.join(map(str, study['seeds']))}; bands: their range."
    )
    return Plot("gradients", "Gradients by loss and by depth", caption, figure)


def _losses(ax: Axes, losses: Mapping[str, Sequence[Json]]) -> None:
    for i, (name, label) in enumerate(LOSSES.items()):
        if not losses[name]:  # no generator of the profile finished
            continue
        steps = losses[name][0]["step"]
        norms = np.maximum([curve["norm"] for curve in losses[name]], SMALLEST)  # (seeds, points)
        ax.plot(steps, np.median(norms, 0), color=PALETTE[i], linewidth=1.4, label=label)
        ax.fill_between(steps, norms.min(0), norms.max(0), color=PALETTE[i], alpha=0.15, linewidth=0)
    ax.set(yscale="log", xlabel="steps of the discriminator", ylabel="norm of the generator's gradient (log)")
    if ax.get_lines():
        ax.legend(fontsize=8)


def _reach(run: Json) -> float:
    """The first layer's gradient norm over the last's."""
    first, *_, last = (max(norm, SMALLEST) for norm in run["before"])
    return first / last


def _bound(run: Json) -> float | None:
    return run.get("bound")  # a diverged run has none


def _depth(ax: Axes, networks: Mapping[str, Sequence[Json]], figure: Callable[[Json], float | None]) -> None:
    """A line a network: the median over seeds at each depth, and their range."""
    for i, (name, label) in enumerate(NETWORKS.items()):
        own = [(run["depth"], value) for run in networks.get(name, ()) if (value := figure(run)) is not None]
        depths = sorted({depth for depth, _ in own})
        values = [[v for d, v in own if d == depth] for depth in depths]
        ax.plot(depths, [np.median(v) for v in values], MARKERS[i], linestyle="-", color=PALETTE[i], label=label)
        low, high = [min(v) for v in values], [max(v) for v in values]
        ax.fill_between(depths, low, high, color=PALETTE[i], alpha=0.15, linewidth=0)
    ax.set(xscale="log", xlabel="hidden layers a side (log)")
    scatter.plain_ticks(ax.xaxis)
    ax.set_xticks(sorted({run["depth"] for runs in networks.values() for run in runs}))
    ax.legend(fontsize=8)
