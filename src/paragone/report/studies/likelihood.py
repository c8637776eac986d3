"""Likelihoods of test images by row: exact values, bounds and estimates under marks and headings of their own."""

from collections.abc import Mapping, Sequence
from math import log
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from paragone.evaluation import intervals
from paragone.report.figures import Plot
from paragone.report.render import MISSING, Grid, Line, Text
from paragone.report.scatter import PALETTE
from paragone.report.studies.base import row_titles, title
from paragone.results import published
from paragone.results.runs import Json, Results, is_missing


class Kind(NamedTuple):
    """A way to a figure."""

    label: str  # in the figure
    marker: str
    heading: str  # in the table
    how: str  # with what, of one run


KINDS = {
    "exact": Kind("exact", "o", "Exact", ""),
    "bound": Kind("bound", ">", "Bounds: the true value is lower", "one draw per image"),
    "importance": Kind("importance-weighted estimate", "D", "Estimates by importance weighting", "{k} draws per image"),
    "estimate": Kind(
        "adversary's estimate, no bound", "P", "An adversary's estimates: no bounds", "one draw per image"
    ),
    "annealed": Kind(
        "annealed estimate",
        "s",
        "Estimates by annealed importance sampling",
        "{steps} steps, {chains} chains, {n} images",
    ),
    "parzen": Kind(
        "Parzen window", "x", "Parzen windows: a poor guide", "{samples} samples, bandwidth {bandwidth}, {n} images"
    ),
}
HEADERS = ["Row", "nats", "Bits per dimension", "Seeds", "With"]
BESIDE = {  # the published figures that a binarised set is shown beside: drawn once, or for every batch
    False: ("binarised_mnist", "MNIST (static binarised)", "the static draw of H. Larochelle"),
    True: ("mnist", "MNIST (dyn. binarised)", "dynamic binarisation, by Burda et al. 2016"),
}


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set: nats of a binarised set, bits per dimension of an 8-bit one; published figures of the
    same protocol beside the former."""
    return [_plot(found, dataset, content, results) for dataset, content in found["datasets"].items()]


def grids(found: Json, results: Results) -> list[Grid]:
    """One table per data set, the ways to a figure under headings of their own."""
    return [_grid(found, dataset, content, results) for dataset, content in found["datasets"].items()]


def _grid(found: Json, dataset: str, content: Json, results: Results) -> Grid:
    lines: list[Line] = []
    for name, kind in KINDS.items():
        measured = {row: runs for row, runs in content["rows"].items() if nats(runs, name)}
        best = sorted(measured, key=lambda row: sum(nats(measured[row], name)) / len(nats(measured[row], name)))
        lines += [Line("heading", [Text(kind.heading)])] if measured else []
        lines += [_line(row_titles(results)[row], measured[row], name, content) for row in best]
    binary, dynamic = content["levels"] == 2, bool(content.get("dynamic"))
    if binary:
        lines.append(Line("heading", [Text(f"Published: {BESIDE[dynamic][2]}; see each source for its method")]))
        lines += [_published_line(row, content) for row in _published(dynamic)]
    levels = f"binarised {'anew for every training batch' if dynamic else 'once'}" if binary else "256 levels"
    caption = [
        f"{content['n']:,} test images, {levels}, unless a line names another number. Lower is better.",
        "Figures may only be compared under the same heading and on the same data set.",
        "±: the 95 % interval of the mean over seeds; with one seed, of the mean over test images, where known.",
    ]
    if any(nats(runs, name) for runs in content["rows"].values() for name in ("annealed", "parzen")) and not binary:
        caption.append(
            "Annealing and Parzen windows give densities, which are multiplied by the width of a grey level's bin."
        )
    numeric = [False, True, True, True, False]
    abouts = ["", "per image", "nats / (dimensions x ln 2)", "that finished", ""]
    return Grid(f"Likelihoods: {title(results, dataset)}", HEADERS, abouts, numeric, lines, caption)


def _line(name: str, runs: Sequence[Json], kind: str, content: Json) -> Line:
    values = nats(runs, kind)
    mean, half, unit = sum(values) / len(values), _half(runs, values, kind), 1 / (content["dims"] * log(2))
    about = next(run[kind] for run in runs if run.get(kind) is not None)
    counts = {k: f"{v:,}" if isinstance(v, int) else v for k, v in about.items()} if isinstance(about, dict) else {}
    how = KINDS[kind].how.format(**counts)
    if counts.get("std"):
        how += f", noise of {counts['std']:.3g}"
    cells = [
        Text(name),
        Text(f"{mean:,.2f}" + ("" if half is None else f" ± {half:,.2f}"), value=mean),
        Text(f"{mean * unit:.3f}" + ("" if half is None else f" ± {half * unit:.3f}"), value=mean * unit),
        Text(str(len(values))),
        Text(how or MISSING),
    ]
    return Line("model", cells)


def _half(runs: Sequence[Json], values: list[float], kind: str) -> float | None:
    """Half the width of the interval beside a mean; None where there is none."""
    if len(values) > 1:
        over = intervals.mean(values)
        return over.high - over.value if over.finite else None
    figure = next(run[kind] for run in runs if run.get(kind) is not None)
    if not isinstance(figure, dict) or not figure.get("se"):
        return None
    over = intervals.normal(values[0], figure["se"])
    return over.high - over.value


def _published_line(row: Json, content: Json) -> Line:
    value = float(row["value"])
    way = str(row["metric"]) + (f" ({published.RECALLED})" if row["evidence"] == published.RECALLED else "")
    bits = f"{value / (content['dims'] * log(2)):.3f}"
    return Line(
        "model",
        [Text(str(row["model"])), Text(published.value(row), value=value), Text(bits), Text(MISSING), Text(way)],
    )


def nats(runs: Sequence[Json], kind: str) -> list[float]:
    """The figures of a row's finished runs, in nats per image."""
    values = [run.get(kind) for run in runs]
    return [v["nats"] if isinstance(v, dict) else v for v in values if v is not None]


def _plot(found: Json, dataset: str, content: Json, results: Results) -> Plot:
    rows: Mapping[str, Sequence[Json]] = content["rows"]
    binary = content["levels"] == 2
    scale = 1.0 if binary else 1 / (content["dims"] * log(2))
    dynamic = bool(content.get("dynamic"))
    beside = _published(dynamic) if binary else []
    figure = Figure(figsize=(8, 0.34 * (len(rows) + len(beside)) + 1.5), layout="constrained")
    ax = figure.subplots()
    for i, (name, kind) in enumerate(KINDS.items()):
        points = [(v * scale, place) for place, runs in enumerate(rows.values()) for v in nats(runs, name)]
        if points:
            ax.plot(*np.array(points).T, kind.marker, color=PALETTE[i], label=kind.label, linestyle="")
    for y, row in enumerate(beside, start=len(rows)):
        ax.plot(row["value"], y, "s", color=PALETTE[6], markerfacecolor="none", label="published" * (y == len(rows)))
    names = [row_titles(results)[row] for row in rows]
    ax.set_yticks(np.arange(len(rows) + len(beside)), [*names, *(f"{r['model']}, published" for r in beside)])
    ax.invert_yaxis()
    ax.set_xlabel("nats per image (lower is better)" if binary else "bits per dimension (lower is better)")
    figure.legend(loc="outside lower center", ncols=4, fontsize=8)
    caption = (
        f"{content['n']:,} test images of {title(results, dataset)}, one mark per seed. A bound lies above the true "
        f"value by an unknown amount. An importance-weighted estimate ({found['k']} draws per image) approaches it "
        "from above, and so does an annealed one. Compare exact values only with exact values."
    )
    if any(run.get("estimate") is not None for runs in rows.values() for run in runs):
        caption += (
            " An adversary's estimate (AVB's own) may lie on either side of the true value, and lies below it while "
            "the adversary is not optimal. It cannot be used to rank models."
        )
    if beside:
        caption += (
            f" Binarised {'anew for every training batch' if dynamic else 'once'}. Published figures are for 28 x 28 "
            f"pixels and {BESIDE[dynamic][2]}, after the papers' own schedules."
        )
    kind = f", binarised {'dynamically' if dynamic else 'once'}" * binary
    return Plot(f"likelihood-{dataset}", f"Likelihoods of test images{kind}", caption, figure)


def _published(dynamic: bool) -> list[Json]:
    """Figures of the same protocol; of the many under dynamic binarisation, those that a row of ours stands beside."""
    loader, dataset, _ = BESIDE[dynamic]
    rows = [row for row in published.load(loader).rows() if row["dataset"] == dataset]
    return [row for row in rows if not is_missing(row["key"])] if dynamic else rows
