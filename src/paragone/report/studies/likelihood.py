"""Likelihoods of test images by row: exact values, bounds and estimates under marks of their own."""

from collections.abc import Mapping, Sequence
from math import log

import numpy as np
from matplotlib.figure import Figure

from paragone.report.figures import Plot
from paragone.report.scatter import PALETTE
from paragone.report.studies.base import row_titles, title
from paragone.results import published
from paragone.results.runs import Json, Results, is_missing

KINDS = {"exact": ("exact", "o"), "bound": ("bound", ">"), "importance": ("importance-weighted estimate", "D")}
BESIDE = {  # the published figures that a binarised set is shown beside: drawn once, or for every batch
    False: ("binarised_mnist", "MNIST (static binarised)", "the static draw of H. Larochelle"),
    True: ("mnist", "MNIST (dyn. binarised)", "dynamic binarisation, by Burda et al. 2016"),
}


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set: nats of a binarised set, bits per dimension of an 8-bit one; published figures of the
    same protocol beside the former."""
    return [_plot(found, dataset, content, results) for dataset, content in found["datasets"].items()]


def nats(runs: Sequence[Json], kind: str) -> list[float]:
    """The figures of a row's finished runs, in nats per image."""
    values = [run.get(kind) for run in runs]
    return [v["nats"] if kind == "importance" else v for v in values if v is not None]


def _plot(found: Json, dataset: str, content: Json, results: Results) -> Plot:
    rows: Mapping[str, Sequence[Json]] = content["rows"]
    binary = content["levels"] == 2
    scale = 1.0 if binary else 1 / (content["dims"] * log(2))
    dynamic = bool(content.get("dynamic"))
    beside = _published(dynamic) if binary else []
    figure = Figure(figsize=(8, 0.34 * (len(rows) + len(beside)) + 1.5), layout="constrained")
    ax = figure.subplots()
    for i, (kind, (label, marker)) in enumerate(KINDS.items()):
        points = [(v * scale, place) for place, runs in enumerate(rows.values()) for v in nats(runs, kind)]
        ax.plot(*np.array(points).reshape(-1, 2).T, marker, color=PALETTE[i], label=label, linestyle="")
    for y, row in enumerate(beside, start=len(rows)):
        ax.plot(row["value"], y, "s", color=PALETTE[6], markerfacecolor="none", label="published" * (y == len(rows)))
    names = [row_titles(results)[row] for row in rows]
    ax.set_yticks(np.arange(len(rows) + len(beside)), [*names, *(f"{r['model']}, published" for r in beside)])
    ax.invert_yaxis()
    ax.set_xlabel("nats per image, lower is better" if binary else "bits per dimension, lower is better")
    figure.legend(loc="outside lower center", ncols=4, fontsize=8)
    caption = (
        f"{content['n']:,} test images of {title(results, dataset)}, one mark per seed. A bound lies above the true "
        f"value by an amount that is not known; an importance-weighted estimate ({found['k']} draws per image) comes "
        "near it from above. Exact values compare with exact ones alone."
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
