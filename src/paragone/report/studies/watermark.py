"""What a watermark survives, and what it costs."""

import statistics

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.evaluation import intervals
from paragone.report.figures import Plot
from paragone.report.scatter import INK, MARKERS, PALETTE
from paragone.report.studies.base import title
from paragone.results.runs import Json, Results


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set: detection after each change, PSNR and SSIM, one colour per mark."""
    return [_plot(found, name, measured, results) for name, measured in found["datasets"].items()]


def _plot(found: Json, dataset: str, measured: Json, results: Results) -> Plot:
    rows = [row for row in found["rows"] if row in measured["sheets"]]
    figure = Figure(figsize=(9.6, 4.8), layout="constrained")
    detection, psnr, ssim = figure.subplots(1, 3, width_ratios=[3, 1, 1])
    marks = measured["sheets"]["real"]
    for i, mark in enumerate(marks):
        marked = [measured["sheets"][row][i] for row in rows]
        place = 0.16 * (i - (len(marks) - 1) / 2)
        _detection(detection, found["changes"], marked, place, i)
        _cost(psnr, [v for m in marked for v in m["psnr"]], mark["psnr"], i)
        _cost(ssim, [v for m in marked for v in m["ssim"]], mark["ssim"], i)
        detection.plot([], [], MARKERS[i], color=PALETTE[i], label=f"{mark['method']}, strength {mark['strength']}")
    changes = ["unchanged" if change == "none" else change for change in found["changes"]]
    detection.set_yticks(range(len(changes)), changes)
    detection.set(xlabel="share of sheets detected", xlim=(-0.02, 1.02), ylim=(len(changes) - 0.5, -0.5))
    detection.axvline(found["rate"], color=INK, linewidth=0.8, linestyle="--")
    psnr.set(xlabel="PSNR (dB)", yticks=[])
    ssim.set(xlabel="SSIM", yticks=[])
    figure.legend(*detection.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    caption = _caption(found, measured, rows, title(results, dataset))
    return Plot(f"watermark-{dataset}", "Watermarks: robustness and cost", caption, figure)


def _caption(found: Json, measured: Json, rows: list[str], of: str) -> str:
    tile, threshold = measured["tile"], found["threshold"]
    sheets = sum(len(measured["sheets"][row][0]["psnr"]) for row in rows)
    return (
        f"Sheets of {tile['tiles']} samples ({tile['sheet']} px; {sheets} sheets of {', '.join(rows)}), each with "
        f"{found['bits']} bits of its own; bars: Wilson's 95 % intervals. Detected: at least {threshold['bits']} bits "
        f"are read correctly, which {100 * threshold['false_positives']:.2g} % of {threshold['n']:,} comparisons of "
        f"unmarked sheets with random bits achieve (dashed: the target of {100 * found['rate']:g} %). Crop: the number "
        "is the share of each side that is kept; the sheet is enlarged again unless cropped in place. "
        f"Right: means; thin lines: real test images. {of}."
    )


def _detection(ax: Axes, changes: list[str], marked: list[Json], place: float, i: int) -> None:
    for y, change in enumerate(changes):
        share = intervals.share(
            sum(m["changes"][change]["detected"] for m in marked), sum(m["changes"][change]["n"] for m in marked)
        )
        ax.plot([share.low, share.high], [y + place] * 2, color=PALETTE[i], linewidth=1.2)
        ax.plot([share.value], [y + place], MARKERS[i], color=PALETTE[i], markersize=5)


def _cost(ax: Axes, generated: list[float], real: list[float], i: int) -> None:
    ax.barh([-i], [statistics.mean(generated)], height=0.7, color=PALETTE[i])
    ax.plot([statistics.mean(real)] * 2, [-i - 0.45, -i + 0.45], color=INK, linewidth=1)
