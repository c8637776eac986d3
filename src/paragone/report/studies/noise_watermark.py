"""What a mark in the noise survives, and what it costs."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.evaluation import intervals
from paragone.report.figures import Plot
from paragone.report.scatter import INK, PALETTE
from paragone.report.studies.base import title
from paragone.results.runs import Json, Results

KINDS = {"marked": (PALETTE[0], "o"), "unmarked": (PALETTE[1], "s")}


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set on which a run was marked."""
    return [_plot(found, name, m, results) for name, m in found["datasets"].items() if m["runs"]]


def _plot(found: Json, dataset: str, measured: Json, results: Results) -> Plot:
    figure = Figure(figsize=(9.6, 3.2), layout="constrained")
    detection, distance = figure.subplots(1, 2, width_ratios=[3, 2])
    _detection(detection, found["changes"], measured["runs"])
    detection.axvline(found["rate"], color=INK, linewidth=0.8, linestyle="--")
    for y, (kind, (color, marker)) in enumerate(KINDS.items()):
        values = [run["fd"][kind] for run in measured["runs"]]
        distance.plot(values, [y] * len(values), marker, color=color, alpha=0.7, markersize=5)
    distance.set_yticks(range(len(KINDS)), list(KINDS))
    distance.set(xlabel="FD-clf", ylim=(len(KINDS) - 0.5, -0.5))
    caption = (
        f"{found['n']} images of each of {len(measured['runs'])} runs of '{found['row']}' from noise whose "
        f"Fourier rings {found['inner']} to {found['radius']} hold a key, and as many from unmarked noise; bars: "
        f"Wilson's 95 % intervals; dashed: the {100 * found['rate']:g} % that may pass. Right: Frechet distance, a "
        f"point a run. {title(results, dataset)}."
    )
    return Plot(f"noise_watermark-{dataset}", "A mark in the noise", caption, figure)


def _detection(ax: Axes, changes: list[str], runs: list[Json]) -> None:
    for y, change in enumerate(changes):
        for kind, (hits, n) in (("marked", ("detected", "n")), ("unmarked", ("passed", "n_unmarked"))):
            counts = [run["changes"][change] for run in runs]
            share = intervals.share(sum(c[hits] for c in counts), sum(c[n] for c in counts))
            color, marker = KINDS[kind]
            ax.plot([share.low, share.high], [y] * 2, color=color, linewidth=1.2)
            ax.plot([share.value], [y], marker, color=color, markersize=5, label=kind if y == 0 else None)
    ax.set_yticks(range(len(changes)), ["as drawn" if change == "none" else change for change in changes])
    ax.set(xlabel="share of images detected", xlim=(-0.02, 1.02), ylim=(len(changes) - 0.5, -0.5))
    ax.legend(fontsize=8, loc="center")
