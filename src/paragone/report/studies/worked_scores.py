"""The two Gaussians of the worked Frechet distance, in the plane that it is computed in by hand."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from paragone.report.figures import Plot
from paragone.report.scatter import PALETTE
from paragone.report.studies.base import title
from paragone.results.runs import Json, Results

DEVIATIONS = (1, 2)


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set: mean and spread of the real and of the generated features."""
    titles = dict(zip(results.runs["model"], results.runs["title"], strict=True))
    name = str(titles.get(found["row"], found["row"]))
    return [_plot(dataset, content, name, results) for dataset, content in found["datasets"].items()]


def _plot(dataset: str, content: Json, name: str, results: Results) -> Plot:
    plane = content["plane"]
    figure = Figure(figsize=(5.2, 4.8), layout="constrained")
    ax = figure.subplots()
    _gaussian(ax, plane["real"], PALETTE[2], "real images")
    _gaussian(ax, plane["fake"], PALETTE[1], f"samples of {name}, seed {content['seed']}")
    ax.set(xlabel="first principal component", ylabel="second principal component", aspect="equal")
    ax.autoscale_view()
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    caption = (
        f"Features of {content['space']} in the plane of the real features' first two principal components: the means, "
        "and the Gaussians' ellipses at one and two standard deviations. Fréchet distance in this plane "
        f"{plane['metric']:.3g}, in all {content['dims']} dimensions {content['frechet']['metric']:.3g}. "
        f"{title(results, dataset)}."
    )
    return Plot(f"worked_scores-{dataset}", "Two Gaussians and their distance", caption, figure)


def _gaussian(ax: Axes, of: Json, colour: str, label: str) -> None:
    """The mean as a point; an ellipse's half-axes are multiples of the roots of the covariance's eigenvalues."""
    values, vectors = np.linalg.eigh(np.array(of["cov"]))  # rising
    angle = float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))
    wide, narrow = 2 * np.sqrt(values[::-1].clip(0))
    for times in DEVIATIONS:
        ax.add_patch(Ellipse(of["mean"], times * wide, times * narrow, angle=angle, fill=False, color=colour))
    ax.plot(*of["mean"], "o", color=colour, label=label)
