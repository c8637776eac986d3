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
    """A row of panels a data set: the generator's gradient under each loss as a new discriminator learns, what reaches
    a VAE's first layer by its depth, and the bound that it reaches. None if the study has not run."""
    study = studies.get("gradients")
    if study is None:
        return None
    found = study["datasets"]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 3.6 * len(found) + 0.4), layout="constrained")
        for (losses, reach, bound), own in zip(
            figure.subplots(len(found), 3, squeeze=False), found.values(), strict=True
        ):
            losses.set_title(own["title"], fontsize=11, loc="left")
            _losses(losses, own["losses"])
            _depth(reach, own["depth"], _reach)
            reach.set(yscale="log", ylabel="first layer's gradient over the last's (log)")
            _depth(bound, own["depth"], _bound)
            bound.set_ylabel("bound on test images (nats)")
        scatter.settle(figure)
    caption = (
        "Left: norm of the generator's gradient while a new discriminator learns against a fixed DCGAN generator. "
        "Middle: how much of the gradient reaches a VAE's first layer before training. Right: the bound on test images "
        f"after {study['vae_kimg']:g} thousand images; higher is better. Lines: medians over the seeds "
        f"{', '.join(map(str, study['seeds']))}; bands: their range."
    )
    return Plot("gradients", "Gradients by loss and by depth", caption, figure)


def _losses(ax: Axes, losses: Mapping[str, Sequence[Json]]) -> None:
    for i, (name, label) in enumerate(LOSSES.items()):
        if not losses[name]:
            continue
        steps = losses[name][0]["step"]
        norms = np.maximum([curve["norm"] for curve in losses[name]], SMALLEST)  # (seeds, points)
        ax.plot(steps, np.median(norms, 0), color=PALETTE[i], linewidth=1.4, label=label)
        ax.fill_between(steps, norms.min(0), norms.max(0), color=PALETTE[i], alpha=0.15, linewidth=0)
    ax.set(yscale="log", xlabel="steps of the discriminator", ylabel="norm of the generator's gradient (log)")
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
