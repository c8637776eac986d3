"""Quality against the number of training images: a line for each row, a panel for each space and measure."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report import scatter
from paragone.report.figures import Plot
from paragone.report.scatter import MARKERS, PALETTE
from paragone.report.studies.base import row_titles, title
from paragone.results.runs import Json, Results
from paragone.results.space_names import fd_label

SHOWN = ("fd", "recall")


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure."""
    first = next((points[0] for points in found["rows"].values() if points), None)
    if first is None:
        return []
    spaces = list(first["spaces"])
    figure = Figure(figsize=(9.6, 3.0 * len(spaces) + 0.6), layout="constrained")
    axes = figure.subplots(len(spaces), len(SHOWN), squeeze=False)
    for line, space in zip(axes, spaces, strict=True):
        for ax, key in zip(line, SHOWN, strict=True):
            _panel(ax, found, results, space, key)
            label = f"{fd_label(space)} (log)" if key == "fd" else f"{key} in {space}"
            ax.set(xscale="log", xlabel="training images (log)", ylabel=label)
            if key == "fd":
                ax.set_yscale("log")
            scatter.plain_ticks(ax.xaxis)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=8)
    caption = (
        f"{found['n']:,} samples of each trained model compared with all {found['n_all']:,} training images; means "
        f"over seeds. Lower FD and higher recall are better. {title(results, found['dataset'])}."
    )
    return [Plot("few_images", "Quality against the number of training images", caption, figure)]


def _panel(ax: Axes, found: Json, results: Results, space: str, key: str) -> None:
    for i, (row, points) in enumerate((r, p) for r, p in found["rows"].items() if p):
        by_size: dict[int, list[float]] = {}
        for point in points:
            by_size.setdefault(point["n_train"], []).append(point["spaces"][space][key])
        sizes = sorted(by_size)
        color, marker = PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]
        means = [sum(by_size[n]) / len(by_size[n]) for n in sizes]
        label = row_titles(results).get(row, row)
        ax.plot(sizes, means, color=color, marker=marker, markersize=4.5, linewidth=1.2, label=label)
