"""The figures, as PNG and SVG: sample walls, training curves, quality against time. Same input, same bytes."""

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from paragone import files, paths, sampling
from paragone.report.results import DataSet, Json, Results
from paragone.report.tables import FLOOR, Row, Table

INK, GRID = "#1f2328", "#d5d9df"  # the page replaces these two in its dark theme
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#B8A800"]  # Okabe and Ito 2008
MARKERS = "osD^vPX*"
POINTS = 200  # of a curve; more cannot be seen

_STYLE: Any = {
    "svg.hashsalt": "paragone",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
}


class Plot(NamedTuple):
    """A figure and what it shows."""

    name: str  # file name, without suffix
    title: str
    caption: str
    figure: Figure


def save(plot: Plot, folder: Path) -> None:
    """Write <name>.png and <name>.svg, without dates or versions."""
    for suffix in ("png", "svg"):
        files.write(folder / f"{plot.name}.{suffix}", partial(_put, encode(plot, suffix)))


def _put(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def encode(plot: Plot, suffix: str) -> bytes:
    """The bytes of a figure; transparent as SVG, on white as PNG."""
    buffer = io.BytesIO()
    metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}[suffix]
    with mpl.rc_context(_STYLE):
        plot.figure.savefig(
            buffer, format=suffix, dpi=160, metadata=metadata, transparent=suffix == "svg", bbox_inches="tight"
        )
    return buffer.getvalue()


def draw(results: Results, dataset: DataSet, main: Table) -> Iterator[Plot]:
    """Every figure of one data set for which something has been measured."""
    with mpl.rc_context(_STYLE):
        for make in (_walls, _curves):
            plot = make(results, dataset)
            if plot is not None:
                yield plot
        for against in ("sampling", "training"):
            plot = _trade_off(dataset, main, against)
            if plot is not None:
                yield plot


def real_wall(results: Results, dataset: DataSet) -> Image.Image | None:
    """A wall of real test images, laid out as the samples' walls are."""
    file = results.root / paths.prepared(dataset.name) / "test" / "images.npy"
    return sampling.wall(np.load(file, mmap_mode="r")[:100]) if file.exists() else None


def wall_files(results: Results, dataset: DataSet) -> list[tuple[Json, Path]]:
    """(run, wall) of the first seed of each model that finished."""
    first = {run["model"]: run for run in reversed(results.rows(dataset.name)) if run["outcome"] == "finished"}
    found = [(run, results.root / results.where(run).wall) for run in reversed(first.values())]
    return [(run, file) for run, file in found if file.exists()]


def _walls(results: Results, dataset: DataSet) -> Plot | None:
    real = real_wall(results, dataset)
    walls = [("Real test images", real)] if real is not None else []
    walls += [(f"{run['title']} (seed {run['seed']})", Image.open(file)) for run, file in wall_files(results, dataset)]
    if not walls:
        return None
    across = min(4, len(walls))
    down = -(-len(walls) // across)
    figure = Figure(figsize=(3.1 * across, 3.35 * down), layout="constrained")
    axes = figure.subplots(down, across, squeeze=False).flat
    for ax in axes:
        ax.axis("off")
    for ax, (label, image) in zip(axes, walls, strict=False):
        pixels = np.asarray(image.convert("RGB"))
        ax.imshow(pixels, interpolation="none")
        ax.set_title(label, fontsize=11)
    return Plot(
        f"walls-{dataset.name}", "Samples", f"First samples of each model, not selected. {dataset.title}.", figure
    )


def _curves(results: Results, dataset: DataSet) -> Plot | None:
    trained = [(run, curve) for run in results.rows(dataset.name) if (curve := _curve(results, run)) is not None]
    models = list(dict.fromkeys(run["model"] for run, _ in trained))
    if not models:
        return None
    across = min(3, len(models))
    down = -(-len(models) // across)
    figure = Figure(figsize=(3.5 * across, 2.6 * down), layout="constrained")
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    for ax in axes[len(models) :]:
        ax.remove()
    for model, ax in zip(models, axes, strict=False):
        own = [(run, curve) for run, curve in trained if run["model"] == model]
        _curve_panel(ax, own)
        ax.set_title(own[0][0]["title"], fontsize=11, loc="left")
    caption = (
        "Training losses by thousands of images seen; one line a loss and seed. "
        f"Losses of different models are not comparable. {dataset.title}."
    )
    return Plot(f"curves-{dataset.name}", "Training curves", caption, figure)


def _curve(results: Results, run: Json) -> pd.DataFrame | None:
    file = results.root / results.where(run).curves
    if not file.exists() or run["outcome"] == "failed":
        return None
    curve = pd.read_csv(file)
    curve = curve[["kimg", *(c for c in curve if str(c).startswith("loss/"))]]
    return curve.iloc[:: -(-len(curve) // POINTS)] if curve.shape[1] > 1 and len(curve) > 1 else None


def _curve_panel(ax: Axes, own: list[tuple[Json, pd.DataFrame]]) -> None:
    losses = list(dict.fromkeys(c for _, curve in own for c in curve if c != "kimg"))
    for run, curve in own:
        for i, loss in enumerate(losses):
            if loss in curve:
                label = str(loss).removeprefix("loss/") if run is own[0][0] else None
                ax.plot(curve["kimg"], curve[loss], color=PALETTE[i % len(PALETTE)], linewidth=1.2, label=label)
        if run["outcome"] == "diverged":
            ax.annotate(
                "diverged", (1, 1), xycoords="axes fraction", ha="right", va="top", color=PALETTE[1], fontsize=9
            )
    ax.set_xlabel("kimg")
    ax.legend(fontsize=8, loc="best")


def _trade_off(dataset: DataSet, main: Table, against: str) -> Plot | None:
    """The first space's FD against seconds: a thousand samples' drawing, or training."""
    quality = next((c for c in main.columns if c.key.startswith("fd_")), None)
    rows = [(row, x) for row in main.rows if row.kind == "model" and (x := _seconds(row, against)) is not None]
    points = [(row, x, row.cells[quality.key]) for row, x in rows if quality and quality.key in row.cells]
    if not points or quality is None:
        return None
    figure = Figure(figsize=(6.6, 4.2), layout="constrained")
    ax = figure.subplots()
    families = list(dict.fromkeys(row.family for row, _, _ in points))
    for row, x, y in points:
        i = families.index(row.family) % len(PALETTE)
        label = row.heading if row is next(r for r, _, _ in points if r.family == row.family) else None
        ax.errorbar(x, y.mean, y.half, fmt=MARKERS[i], color=PALETTE[i], markersize=8, capsize=3, label=label)
    _label_points(ax, [(row.title, x, y.mean) for row, x, y in points])
    floor = next((r.cells[quality.key].mean for r in main.rows if r.kind == "floor" and quality.key in r.cells), None)
    if floor is not None:
        ax.axhline(floor, color=INK, linewidth=1, linestyle="--")
        ax.annotate(
            FLOOR,
            (0.01, floor),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3),
            textcoords="offset points",
            fontsize=8,
        )
    ax.set(xscale="log", yscale="log", ylabel=f"{quality.label} (lower is better)", xlabel=_SECONDS[against])
    ax.margins(x=0.15, y=0.15)
    ax.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1))
    caption = f"{quality.label} against {against} time: down and left is better. {dataset.title}."
    return Plot(f"quality-{against}-{dataset.name}", f"Quality against {against} time", caption, figure)


_SECONDS = {
    "sampling": "seconds to draw 1,000 images (log)",
    "training": "seconds of training, parents' included (log)",
}


def _seconds(row: Row, against: str) -> float | None:
    if against == "sampling":
        rate = row.cells.get("images_per_second")
        return 1000 / rate.mean if rate and rate.mean > 0 else None
    seconds = row.cells.get("train_seconds_total")
    return seconds.mean if seconds and seconds.mean > 0 else None


def _label_points(ax: Axes, points: list[tuple[str, float, float]]) -> None:
    """Name the points; of two that lie close, the lower one's name goes below."""
    logs = [(name, np.log10(x), np.log10(max(y, 1e-12))) for name, x, y in points]
    spread = [max(np.ptp([p[i] for p in logs]), 1e-9) for i in (1, 2)]
    for (name, x, y), (_, lx, ly) in zip(points, logs, strict=True):
        near = [
            o for o in logs if o[0] != name and abs(o[1] - lx) < 0.2 * spread[0] and 0 <= o[2] - ly < 0.08 * spread[1]
        ]
        offset, va = ((7, -5), "top") if near else ((7, 4), "bottom")
        ax.annotate(name, (x, y), xytext=offset, textcoords="offset points", va=va, fontsize=9)
