"""What beta moves on data of known factors: reconstruction, rate, scores of disentanglement; and how models rank."""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from paragone.report import render, tables
from paragone.report.figures import Plot
from paragone.report.render import Grid, Line, Text
from paragone.report.scatter import MARKERS, PALETTE
from paragone.report.studies.base import row_titles, title
from paragone.results import published
from paragone.results.runs import Json, Results, is_figure

FEWEST = 2  # rows that make a curve
BETA = "train.config.beta"
SCORES = {"mig": "MIG", "sap": "SAP", "factor_vae": "FactorVAE score", "dci": "DCI score"}  # as papers call them
PANELS = {"mse": "Mean squared error", "nats": "Rate, nats per image", **SCORES}
COLUMNS = {**SCORES, "completeness": "Completeness", "informativeness": "Informativeness"}
ELSEWHERE = "dSprites"
Swept = dict[str, list["Point"]]


class Point(NamedTuple):
    """One row of the sweep: its beta, and what the study measured of each seed."""

    beta: float
    runs: list[Json]


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set: panels over beta, a line through the means of each model, a dot per seed."""
    drawn = []
    for dataset, measured in found["datasets"].items():
        swept = points(measured["rows"], results, dataset)
        if sum(map(len, swept.values())) < FEWEST:
            continue
        caption = (
            "The effect of a larger weight on the KL divergence (for beta-TCVAE: on the total correlation): the "
            "reconstruction error of test images, the information that the latents carry, and how well single latents "
            f"represent single factors, on {measured['n']:,} images. Chance level of the FactorVAE score: "
            f"{1 / len(measured['factors']):.2f}. One dot per seed; lines join the means. {title(results, dataset)}."
        )
        name = f"disentanglement-{dataset}"
        drawn.append(Plot(name, "Reconstruction and disentanglement against beta", caption, _figure(swept)))
    return drawn


def points(rows: Mapping[str, list[Json]], results: Results, dataset: str) -> Swept:
    """The rows that were measured, by model and beta; those that state no beta are left out."""
    runs = results.of(dataset)
    found: Swept = {}
    for row, measured in rows.items():
        here = runs.loc[runs["model"] == row]
        betas = list(here[BETA]) if BETA in here else []
        if measured and len(stated := {float(b) for b in betas if is_figure(b)}) == 1:
            found.setdefault(str(here["train.title"].iloc[0]), []).append(Point(stated.pop(), measured))
    return {model: sorted(of, key=lambda point: point.beta) for model, of in found.items()}


def _figure(swept: Swept) -> Figure:
    figure = Figure(figsize=(9.4, 5.6), layout="constrained")
    betas = sorted({point.beta for of in swept.values() for point in of})
    for ax, (key, heading) in zip(figure.subplots(2, 3).flat, PANELS.items(), strict=True):
        for i, (model, of) in enumerate(swept.items()):
            _curve(ax, of, key, i, model)
        ax.set_title(heading, fontsize=10, loc="left")
        ax.set(xscale="log", xlabel="beta (log)")
        ax.set_ylim(bottom=0, top=1 if key in SCORES else None)
        ax.xaxis.set_major_locator(FixedLocator(betas))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _curve(ax: Axes, swept: list[Point], key: str, i: int, label: str) -> None:
    color, marker = PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]
    measured = [(p.beta, [run[key] for run in p.runs if run.get(key) is not None]) for p in swept]
    known = [(beta, values) for beta, values in measured if values]
    means = [float(np.mean(values)) for _, values in known]
    ax.plot([beta for beta, _ in known], means, color=color, marker=marker, linewidth=1.2, label=label)
    for beta, values in known:
        ax.plot([beta] * len(values), values, marker, color=color, alpha=0.4, markersize=4)


def grids(found: Json, results: Results) -> list[Grid]:
    """Of each data set the scores of every row, and the order of models beside that of papers on another set."""
    made = []
    for dataset, measured in found["datasets"].items():
        rows = {row: runs for row, runs in measured["rows"].items() if runs}
        if rows:
            made.append(_scores(measured, rows, title(results, dataset), row_titles(results)))
            made += _orders(rows, results, dataset)
    return made


def _scores(measured: Json, rows: Mapping[str, list[Json]], where: str, titles: Mapping[str, str]) -> Grid:
    lines = [Line("model", [Text(titles[row]), *(_cell(runs, key) for key in COLUMNS)]) for row, runs in rows.items()]
    about = (
        f"Means over seeds with 95 % intervals, on {measured['n']:,} images. SAP and informativeness are measured on "
        f"{measured['n_test']:,} of them that were not used to fit forests or thresholds. Chance level of the "
        f"FactorVAE score: {1 / len(measured['factors']):.2f}."
    )
    left_out = [f"Left out: {titles[r['row']]}, seed {r['seed']} ({r['reason']})." for r in measured["left_out"]]
    abouts = [
        "", "mutual information gap", "how much better the best latent predicts a factor than the second best",
        "share of votes classified correctly", "each latent represents one factor",
        "each factor is represented by one latent", "how well all latents together predict the factors",
    ]  # fmt: skip
    headers = ["Row", *COLUMNS.values()]
    return Grid(
        f"Disentanglement: {where}", headers, abouts, [False, *[True] * len(COLUMNS)], lines, [about, *left_out]
    )


def _cell(runs: list[Json], key: str) -> Text:
    values = [run[key] for run in runs if run.get(key) is not None]
    return render.figure(tables.interval(values) if values else None, lambda value: f"{value:.3f}")


def _orders(rows: Mapping[str, list[Json]], results: Results, dataset: str) -> list[Grid]:
    """The order of VAE, beta-VAE and beta-TCVAE by each score, beside the published ones; none with one model alone."""
    ours = _by_model(rows, results, dataset)
    lines = []
    for key, score in SCORES.items():
        best = {model: max(_mean(runs, key) for runs in of) for model, of in ours.items()}
        for source, theirs in _published(score).items():
            both = [model for model in best if model in theirs]
            if len(both) > 1:
                orders = (_order({model: figures[model] for model in both}) for figures in (best, theirs))
                lines.append(Line("model", [Text(score), *map(Text, orders), Text(source)]))
    about = (
        f"Best first; each model is represented by its best row. The published orders are for {ELSEWHERE}, with other "
        "networks and budgets: orders may be compared, values may not. VAE is beta = 1."
    )
    headers = ["Score", "Our order", "Published order", "Source"]
    name = f"Orders: {title(results, dataset)} and {ELSEWHERE}"
    return [Grid(name, headers, [""] * 4, [False] * 4, lines, [about])] if lines else []


def _by_model(rows: Mapping[str, list[Json]], results: Results, dataset: str) -> dict[str, list[list[Json]]]:
    """The runs of rows by the name that papers have for the model."""
    found: dict[str, list[list[Json]]] = {}
    for model, of in points(rows, results, dataset).items():
        for point in of:
            found.setdefault("VAE" if point.beta == 1 else model, []).append(point.runs)
    return found


def _mean(runs: list[Json], key: str) -> float:
    return float(np.mean([run[key] for run in runs]))


def _published(score: str) -> dict[str, dict[str, float]]:
    """Figures of a score by source and model; what the source says of a model's size is left out of its name."""
    found: dict[str, dict[str, float]] = {}
    for row in published.everything().rows():
        if row["dataset"] == ELSEWHERE and row["metric"] == score:
            found.setdefault(str(row["source"]), {})[str(row["model"]).partition(" (")[0]] = float(row["value"])
    return found


def _order(figures: Mapping[str, float]) -> str:
    """Names, best first: "A > B = C"."""
    ranked = sorted(figures, key=lambda name: -figures[name])
    said = ranked[0]
    for better, worse in pairwise(ranked):
        said += (" = " if figures[better] == figures[worse] else " > ") + worse
    return said
