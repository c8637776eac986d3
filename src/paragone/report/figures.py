"""The figures, as PNG and SVG: grids and pictures, training curves, quality against time. Same input, same bytes."""

import io
import textwrap
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from paragone.engine import sampling
from paragone.project import files, paths
from paragone.report import scatter, tradeoff
from paragone.report.scatter import GRID, INK, PALETTE
from paragone.report.tables import Table
from paragone.results.runs import DataSet, Json, Results

mpl.rcdefaults()  # whatever a matplotlibrc says, of the user or of the folder that this was started in

POINTS = 200  # of a curve; more cannot be seen
LABEL = 36  # characters on a line above a picture
LEFT, RIGHT, TOP, BOTTOM = 0.72, 0.1, 0.3, 0.48  # inches around the axes of a panel of curves
PICTURES = {
    "classes": ("Samples by class", "First samples of each class that was requested, one row per class, not selected."),
    "translations": (
        "Translations",
        "The first source images of the test split. Below each, its translation and, where known, its true partner.",
    ),
    "pairs": ("Reconstructions", "The first test images, each above its reconstruction."),
    "interpolation": (
        "Interpolation",
        "One row per pair of draws from the latent prior, in equal steps from one to the other.",
    ),
    "truncated": (
        "Truncation",
        "One column per draw. From the strongest truncation in the first row to none, or nearly none, in the last.",
    ),
    "tempered": (
        "Temperature",
        "One column per draw: the last row is at temperature 1, the rows above at lower ones.",
    ),
    "mixed": (
        "Style mixing",
        "The images on the left with styles of those at the top: coarse, middle and fine styles, three rows each.",
    ),
    "traversal": (
        "Traversal",
        "One row per latent, from the 1 % to the 99 % quantile of its prior, or per code, through all its values.",
    ),
}
"""What models may have in their folder `pictures`: file name without suffix -> title and caption."""

STYLE: Any = {
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
    options: dict[str, Json] = {
        "png": {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 3}},  # 6 takes twice as long for 4 %
        "svg": {"metadata": {"Date": None, "Creator": None}, "transparent": True},
    }
    with mpl.rc_context(STYLE):
        scatter.settle(plot.figure)
        plot.figure.savefig(buffer, format=suffix, dpi=160, **options[suffix])
    return buffer.getvalue()


def draw(results: Results, dataset: DataSet, main: Table) -> Iterator[Plot]:
    """Every figure of one data set for which something has been measured."""
    with mpl.rc_context(STYLE):
        yield from filter(None, [_sample_grids(results, dataset)])
        for against in ("sampling", "training"):
            figure = scatter.draw(main, against)
            if figure is not None:
                title = f"Quality against {against} time"
                caption = (
                    f"{title}; lower and further left is better. The line joins the rows that no other row beats in "
                    f"both respects. {dataset.title}."
                )
                yield Plot(f"quality-{against}-{dataset.name}", title, caption, figure)
        swept = tradeoff.draw(results, dataset)
        if swept is not None:
            caption = (
                "Reconstruction error against the information that the latents carry about a test image, one point "
                f"per row of a model. Lower is better; further left is less information. {dataset.title}."
            )
            yield Plot(f"tradeoff-{dataset.name}", "Reconstruction against KL", caption, swept)
        yield from filter(None, [_curves(results, dataset)])
        yield from filter(None, (_pictures(results, dataset, name) for name in PICTURES))


def real_grid(results: Results, dataset: DataSet) -> Image.Image | None:
    """A grid of real test images, laid out as the samples' grids are."""
    file = results.root / paths.prepared(dataset.name) / "test" / "images.npy"
    return sampling.sample_grid(np.load(file, mmap_mode="r")[:100]) if file.exists() else None


def first_seeds(results: Results, dataset: DataSet) -> list[Json]:
    """The run of the first seed of each model that finished."""
    first = {run["model"]: run for run in reversed(results.rows(dataset.name)) if run["outcome"] == "finished"}
    return list(reversed(first.values()))


def training_grid(results: Results, dataset: DataSet) -> Image.Image | None:
    """A grid of training images: ten of each of the first ten classes, one class per row, or the first hundred."""
    folder = results.root / paths.prepared(dataset.name)
    if not (folder / "train" / "images.npy").exists():
        return None
    images = np.load(folder / "train" / "images.npy", mmap_mode="r")
    classes = min(10, (dataset.about or {}).get("classes", 0))
    if not classes:
        return sampling.sample_grid(images[:100])
    rows = pd.read_parquet(folder / "manifest.parquet", columns=["split", "label"])
    labels = rows.loc[rows["split"] == "train", "label"].to_numpy()
    shown = np.concatenate([np.flatnonzero(labels == c)[:10] for c in range(classes)])
    return sampling.class_grid(images[shown], torch.from_numpy(labels[shown].astype(np.int64)), classes)


def grid_files(results: Results, dataset: DataSet) -> list[tuple[Json, Path]]:
    """(run, grid) of the first seed of each model that finished."""
    found = [(run, results.root / results.where(run).sample_grid) for run in first_seeds(results, dataset)]
    return [(run, file) for run, file in found if file.exists()]


def picture_files(results: Results, run: Json) -> list[tuple[str, Path]]:
    """(name, file) of the pictures that a run has, in the order of PICTURES."""
    folder = results.root / results.where(run).pictures
    return [(name, file) for name in PICTURES if (file := folder / f"{name}.png").exists()]


def _sample_grids(results: Results, dataset: DataSet) -> Plot | None:
    real = real_grid(results, dataset)
    grids = [("Real test images", real)] if real is not None else []
    grids += [(_label(run), Image.open(file)) for run, file in grid_files(results, dataset)]
    caption = f"First samples of each model, not selected. {dataset.title}."
    return Plot(f"samples-{dataset.name}", "Samples", caption, _panels(grids)) if grids else None


def _pictures(results: Results, dataset: DataSet, name: str) -> Plot | None:
    """The pictures of one kind, one panel per model that has one."""
    found = [(run, dict(picture_files(results, run)).get(name)) for run in first_seeds(results, dataset)]
    panels = [(_label(run), Image.open(file)) for run, file in found if file is not None]
    title, caption = PICTURES[name]
    return Plot(f"{name}-{dataset.name}", title, f"{caption} {dataset.title}.", _panels(panels)) if panels else None


def _label(run: Json) -> str:
    return f"{run['title']} (seed {run['seed']})"


def _panels(grids: Sequence[tuple[str, Image.Image]]) -> Figure:
    """Labelled pictures side by side, each in a place of one size; every place is set by hand, since automatic
    layouts drift with each drawing."""
    across = min(4, len(grids))
    down = -(-len(grids) // across)
    labels = [textwrap.wrap(label, LABEL) for label, _ in grids]
    side, gap, title = 3.0, 0.1, 0.1 + 0.2 * max(map(len, labels))  # inches
    room = max(side * image.height / max(image.size) for _, image in grids)  # fewer than a hundred samples: fewer rows
    width, height = across * (side + gap) + gap, down * (room + gap + title)
    figure = Figure(figsize=(width, height))
    for i, (label, (_, image)) in enumerate(zip(labels, grids, strict=True)):
        y, x = divmod(i, across)
        left, top = gap + x * (side + gap), height - y * (room + gap + title) - title
        scale = side / max(image.size)
        wide, tall = scale * image.width, scale * image.height
        ax = figure.add_axes((left / width, (top - tall) / height, wide / width, tall / height), frameon=False)
        ax.imshow(np.asarray(image.convert("RGB")), interpolation="none", aspect="auto")
        ax.set_axis_off()
        figure.text(left / width, (top + gap / 2) / height, "\n".join(label), fontsize=11, va="bottom")
    return figure


def _curves(results: Results, dataset: DataSet) -> Plot | None:
    figure = curves(results, results.rows(dataset.name))
    caption = (
        "Training losses against thousands of images seen, one line per loss and seed. "
        f"Losses of different models are not comparable. {dataset.title}."
    )
    if figure is None:
        return None
    return Plot(f"curves-{dataset.name}", "Training curves", caption, figure)


def curves(results: Results, runs: Sequence[Json], section: str = "loss/") -> Figure | None:
    """The losses of runs, or another section of their curves, one panel per model; None if there are none."""
    trained = [(run, curve) for run in runs if (curve := _curve(results, run, section)) is not None]
    models = list(dict.fromkeys(run["model"] for run, _ in trained))
    if not models:
        return None
    across = min(3, len(models))
    down = -(-len(models) // across)
    wide, tall = (6.4, 3.4) if len(models) == 1 else (3.5, 2.6)
    figure = Figure(figsize=(wide * across, tall * down))
    for i, model in enumerate(models):
        y, x = divmod(i, across)
        corner = ((x * wide + LEFT) / (wide * across), ((down - 1 - y) * tall + BOTTOM) / (tall * down))
        size = ((wide - LEFT - RIGHT) / (wide * across), (tall - TOP - BOTTOM) / (tall * down))
        ax = figure.add_axes((*corner, *size))  # set by hand: to lay out 25 panels takes longer than to draw them
        of_model = [(run, curve) for run, curve in trained if run["model"] == model]
        _curve_panel(ax, of_model)
        ax.set_title(of_model[0][0]["title"], fontsize=11, loc="left")
    return figure


def _curve(results: Results, run: Json, section: str) -> pd.DataFrame | None:
    file = results.root / results.where(run).curves
    if not file.exists() or run["outcome"] == "failed":
        return None
    curve = pd.read_csv(file)
    names = [str(c) for c in curve if str(c).startswith(section)]
    curve = curve[["kimg", *names]].dropna(subset=names, how="all")  # held-out scores are there in few rows
    return curve.iloc[:: -(-len(curve) // POINTS)] if curve.shape[1] > 1 and len(curve) > 1 else None


def _curve_panel(ax: Axes, runs: list[tuple[Json, pd.DataFrame]]) -> None:
    losses = list(dict.fromkeys(c for _, curve in runs for c in curve if c != "kimg"))
    for run, curve in runs:
        for i, loss in enumerate(losses):
            if loss in curve:
                label = str(loss).rpartition("/")[2] if run is runs[0][0] else None
                ax.plot(
                    curve["kimg"], curve[loss], color=PALETTE[i % len(PALETTE)], linewidth=1.2, alpha=0.8, label=label
                )
        if run["outcome"] == "diverged":
            ax.annotate(
                "diverged", (1, 1), xycoords="axes fraction", ha="right", va="top", color=PALETTE[1], fontsize=9
            )
    ax.set_xlabel("images seen (kimg)")
    ax.legend(fontsize=8, loc="best")
