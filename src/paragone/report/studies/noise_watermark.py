"""Whether a mark in the noise can be traced in the image, and what it costs the images."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.evaluation import intervals
from paragone.report.figures import Plot
from paragone.report.scatter import INK, MARKERS, PALETTE
from paragone.report.studies.base import title
from paragone.results.runs import Json, Results

IMAGES = {"marked": "detected", "unmarked": "passed"}  # by the key of their count


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set: what passes as marked after each change, and the distance of marked images."""
    return [_plot(found, name, part, results) for name, part in found["datasets"].items() if part["runs"]]


def _plot(found: Json, dataset: str, measured: Json, results: Results) -> Plot:
    runs, changes = measured["runs"], found["changes"]
    figure = Figure(figsize=(8.6, 3.6), layout="constrained")
    detection, distance = figure.subplots(1, 2, width_ratios=[3, 1])
    for i, (which, count) in enumerate(IMAGES.items()):
        of = "n" if which == "marked" else "n_unmarked"
        for y, change in enumerate(changes):
            parts = [run["changes"][change] for run in runs]
            _share(detection, sum(p[count] for p in parts), sum(p[of] for p in parts), y + 0.16 * (2 * i - 1), i)
        detection.plot([], [], MARKERS[i], color=PALETTE[i], label=f"{which} images")
        distance.plot([i] * len(runs), [run["fd"][which] for run in runs], MARKERS[i], color=PALETTE[i], alpha=0.7)
    detection.axvline(found["rate"], color=INK, linewidth=0.8, linestyle="--")
    detection.set_yticks(range(len(changes)), ["unchanged" if change == "none" else change for change in changes])
    detection.set(xlabel="share detected as marked", xlim=(-0.02, 1.02), ylim=(len(changes) - 0.5, -0.5))
    distance.set_xticks(range(len(IMAGES)), list(IMAGES))
    distance.set(ylabel="FD-clf (lower is better)", xlim=(-0.5, 1.5), ylim=(0, None))
    figure.legend(*detection.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8)
    caption = (
        f"{found['n']:,} marked images per run (seeds {', '.join(str(run['seed']) for run in runs)}), and half as many "
        f"unmarked ones that were not used to set the threshold. Bars: Wilson's 95 % intervals. Dashed: the "
        f"{100 * found['rate']:g} % of unmarked images that may be detected. Right: one point per seed, from "
        f"{found['n']:,} images. "
        f"{title(results, dataset)}."
    )
    return Plot(f"noise_watermark-{dataset}", "A watermark in the noise", caption, figure)


def _share(ax: Axes, count: int, n: int, y: float, i: int) -> None:
    share = intervals.share(count, n)
    ax.plot([share.low, share.high], [y, y], color=PALETTE[i], linewidth=1.2)
    ax.plot([share.value], [y], MARKERS[i], color=PALETTE[i], markersize=5)
