"""The stability of training over seeds: a table and a figure of one data set (the measures: evaluation.stability)."""

import statistics
from collections.abc import Callable
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from paragone.evaluation import intervals
from paragone.report import figures, scatter
from paragone.report.figures import Plot
from paragone.report.render import MISSING, Grid, Line, Text
from paragone.report.scatter import PALETTE
from paragone.report.tables import FLOOR
from paragone.results.runs import DataSet, Results, is_figure

SEEDS = 2  # at least: one seed says nothing about stability
STATES = {
    "healthy": (PALETTE[2], "o"),
    "undertrained": (PALETTE[4], "s"),
    "collapsed": (PALETTE[1], "v"),
    "diverged": (PALETTE[6], "X"),
}
ROLES = ("adversary", "generator", "model")


class Measure(NamedTuple):
    """A column that is averaged over seeds."""

    header: str
    key: str  # column of the wide table
    number: Callable[[float], str]
    about: str


def _short(value: float) -> str:
    return f"{value:.2g}" if value < 100 else f"{value:,.0f}"


_ABOUT = {
    "collapsed": "share of seeds whose samples lack variety: more than 10 % repeats or, unless undertrained, at "
    "least a tenth of the classes missing beyond chance, or coverage below half of the floor's in both spaces",
    "undertrained": "share of seeds with few repeats and precision below half of the floor's in both spaces, or in one "
    "while there are other signs of collapse, which cannot be assessed then",
    "diverged": "share of seeds whose loss became NaN or infinite",
    "missing": "mean share of the classes missing beyond chance",
    "coverage": "mean coverage of the samples, relative to that of real test images",
    "grad": "gradient norm: median and 95th percentile over the training (medians over seeds)",
    "trend": "gradient norm in the last tenth divided by that in the first: far from 1 means exploding or vanishing",
    "oscillation": "spread of the loss around a straight line in the last half, divided by its mean absolute value; "
    "only rows with the same loss are comparable",
}


def grid(results: Results, dataset: DataSet) -> Grid | None:
    """One row per model, over its seeds; None with fewer than two seeds, or while nothing has ended."""
    runs = _runs(results, dataset)
    if runs is None:
        return None
    roles = [r for r in ROLES if f"stability.grad_median.{r}" in runs]
    means = [
        Measure("Modes missing (%)", "stability.missing_share", lambda v: f"{100 * v:.0f}", _ABOUT["missing"]),
        Measure("Coverage (of floor)", "stability.coverage", lambda v: f"{v:.2f}", _ABOUT["coverage"]),
    ]
    shown = ["Seeds", "Collapsed (%)", "Undertrained", "Diverged (%)", *(m.header for m in means)]
    abouts = [
        "that ended",
        *(_ABOUT[key] for key in ("collapsed", "undertrained", "diverged")),
        *(m.about for m in means),
    ]
    for role in roles:
        shown += [f"{h} ({role})" for h in ("Gradient", "Gradient trend", "Oscillation")]
        abouts += [_ABOUT[key] for key in ("grad", "trend", "oscillation")]
    lines = []
    for _, of_model in runs.groupby("model", sort=False):
        ended = of_model[of_model["stability.state"].notna()]
        lines.append(Line("model", [Text(str(of_model.iloc[0]["title"])), *_cells(ended, means, roles)]))
    return Grid(
        f"Stability: {dataset.title}",
        ["Model", *shown],
        ["", *abouts],
        [False, *(True for _ in shown)],
        lines,
        [
            f"Collapsed: {_ABOUT['collapsed']}; in brackets, Wilson's 95 % interval.",
            f"Undertrained: {_ABOUT['undertrained']}. Diverged: {_ABOUT['diverged']}.",
            f"Gradient: {_ABOUT['grad']}; trend: {_ABOUT['trend']}. Oscillation: {_ABOUT['oscillation']}.",
            "Each point of a curve is a mean over 1/200 of the training, so faster oscillations are not seen.",
        ],
    )


def _runs(results: Results, dataset: DataSet) -> pd.DataFrame | None:
    """What the table and the figure need of the runs; None where neither can be given."""
    runs = results.of(dataset.name)
    kept = [c for c in map(str, runs) if c in ("model", "title", "outcome") or c.startswith("stability.")]
    if len(results.seeds) < SEEDS or "stability.state" not in kept or not runs["stability.state"].notna().any():
        return None
    return runs[kept]


def _cells(ended: pd.DataFrame, means: list[Measure], roles: list[str]) -> list[Text]:
    if ended.empty:
        return [Text(MISSING)] * (4 + len(means) + 3 * len(roles))
    states = list(ended["stability.state"])
    cells = [Text(str(len(states)), value=len(states)), _share(states, "collapsed")]
    cells += [Text(str(states.count("undertrained")), value=states.count("undertrained")), _share(states, "diverged")]
    for measure in means:
        values = _values(ended[ended["outcome"] == "finished"], measure.key)
        cells.append(_number(statistics.mean(values), measure.number) if values else Text(MISSING))
    for role in roles:
        median, p95, trend, swing = (
            _values(ended, f"stability.{key}.{role}")
            for key in ("grad_median", "grad_p95", "grad_trend", "oscillation")
        )
        if not median:
            cells += [Text(MISSING)] * 3
            continue
        middle = statistics.median(median)
        cells.append(Text(f"{_short(middle)} / {_short(statistics.median(p95))}", value=middle))
        cells += [_number(statistics.median(values), _short) for values in (trend, swing)]
    return cells


def _share(states: list[str], state: str) -> Text:
    found = intervals.share(states.count(state), len(states))
    low, high = 100 * found.low, 100 * found.high
    return Text(f"{100 * found.value:.0f} [{low:.0f}, {high:.0f}]", value=found.value)


def _number(value: float, number: Callable[[float], str]) -> Text:
    return Text(number(value), value=value)


def _values(runs: pd.DataFrame, key: str) -> list[float]:
    return [float(v) for v in runs[key] if is_figure(v)] if key in runs else []


def plot(results: Results, dataset: DataSet) -> Plot | None:
    """One line per model: the coverage, gradient norm and oscillation of each seed. None where the table is."""
    runs = _runs(results, dataset)
    if runs is None:
        return None
    runs = runs[runs["stability.state"].notna()]
    models = list(dict.fromkeys(runs["model"]))[::-1]  # the first on top
    with mpl.rc_context(figures.STYLE):
        figure = Figure(figsize=(10.5, 1.5 + 0.28 * len(models)), layout="constrained")
        coverage, gradient, swing = figure.subplots(1, 3, sharey=True)
        _panel(coverage, runs, models, ["stability.coverage"])
        coverage.set_xlabel("coverage, relative to real test images")
        for axes, key, roles, label in (
            (
                gradient,
                "grad_p95",
                ("adversary", "model"),
                "gradient norm of the adversary\n(or model), 95th percentile",
            ),
            (swing, "oscillation", ("generator", "model"), "loss oscillation of the\ngenerator (or model)"),
        ):
            _panel(axes, runs, models, [f"stability.{key}.{role}" for role in roles])
            axes.set_xlabel(f"{label} (log)")
            _logarithmic(axes)
        coverage.axvline(1, color=scatter.INK, linewidth=1, linestyle="--", label=FLOOR)
        coverage.set_yticks(range(len(models)), [str(runs[runs["model"] == m].iloc[0]["title"]) for m in models])
        coverage.set_ylim(-0.6, len(models) - 0.4)
        for state, (color, marker) in STATES.items():
            coverage.plot([], [], marker, color=color, label=state)
        figure.legend(*coverage.get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=8)
    caption = f"Every seed of every model. Diverged runs have no coverage and are shown at 0. {dataset.title}."
    return Plot(f"stability-{dataset.name}", "Stability over seeds", caption, figure)


def _panel(axes: Axes, runs: pd.DataFrame, models: list[str], keys: list[str]) -> None:
    """A point a run, by the first of the keys that it has; without coverage, as of a diverged run, at 0."""
    for place, model in enumerate(models):
        of_model = runs[runs["model"] == model]
        for i, run in enumerate(of_model.to_dict("records")):
            value = next((v for key in keys if is_figure(v := run.get(key))), None)
            if value is None and keys != ["stability.coverage"]:
                continue
            color, marker = STATES[run["stability.state"]]
            height = place + 0.5 * ((i + 0.5) / len(of_model) - 0.5)
            axes.plot(value or 0.0, height, marker, color=color, markersize=6, alpha=0.8, clip_on=False)


def _logarithmic(axes: Axes) -> None:
    values = [v for line in axes.get_lines() for v in np.atleast_1d(line.get_xdata()) if v > 0]
    if not values:
        return
    axes.set(xscale="log", xlim=(min(values) / 2, max(values) * 2))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(values) < 30 * min(values) else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
