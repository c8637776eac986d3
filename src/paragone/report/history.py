"""How the distances of a profile moved from report to report: a line per row, and each row's last figures."""

import matplotlib as mpl
from matplotlib.figure import Figure

from paragone.report import figures, scatter
from paragone.report.figures import Plot
from paragone.report.render import MISSING, Grid, Line, Text
from paragone.results import history
from paragone.results.columns.base import Column
from paragone.results.history import Point
from paragone.results.runs import DataSet, Results

LABELS = 12  # points that are named below a figure


def plots(points: list[Point], results: Results, dataset: DataSet) -> list[Plot]:
    """A figure for each distance that at least one row has two comparable points of."""
    drawn = ((column, _figure(points, results, dataset, column)) for column in history.shown(results, dataset))
    return [
        Plot(
            f"history-{dataset.name}-{column.key}",
            f"{column.label} over commits",
            f"{column.header}: mean over seeds of each row at each report, by date and commit (+: with uncommitted "
            f"changes). {dataset.title}.",
            figure,
        )
        for column, figure in drawn
        if figure is not None
    ]


def _figure(points: list[Point], results: Results, dataset: DataSet, column: Column) -> Figure | None:
    lines = {
        title: found
        for row, title in _titles(results, dataset).items()
        if len(found := history.series(points, (dataset.name, row, column.key))) > 1
    }
    if not lines:
        return None
    with mpl.rc_context(figures.STYLE):
        figure = Figure(figsize=(7.2, 3.4 + 0.18 * -(-len(lines) // 4)), layout="constrained")
        ax = figure.subplots()
        colors, markers = scatter.PALETTE, scatter.MARKERS
        for i, (title, found) in enumerate(lines.items()):
            at, values = zip(*found, strict=True)
            color, marker = colors[i % len(colors)], markers[(i + i // len(colors)) % len(markers)]
            ax.plot(at, values, color=color, marker=marker, markersize=5, linewidth=1.2, alpha=0.85, label=title)
        if all(value > 0 for found in lines.values() for _, value in found):
            ax.set_yscale("log")
            scatter.plain_ticks(ax.yaxis)
        every = -(-len(points) // LABELS)
        named = range(len(points) - 1, -1, -every)
        ax.set_xticks(list(named), [_label(points[i]) for i in named], fontsize=8)
        ax.set_ylabel(column.header)
        figure.legend(loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _label(point: Point) -> str:
    return f"{point.moment[:10]}\n{point.commit[:7]}{'+' * point.dirty}"


def _titles(results: Results, dataset: DataSet) -> dict[str, str]:
    runs = results.of(dataset.name)
    return {str(row): str(title) for row, title in zip(runs["model"], runs["title"], strict=True)}


def grid(points: list[Point], results: Results, dataset: DataSet) -> Grid:
    """The last figure of each row, and how it changed since the comparable one before."""
    shown = history.shown(results, dataset)
    lines = [
        Line("model", [Text(title), *(_cell(points, (dataset.name, row, column.key), column) for column in shown)])
        for row, title in _titles(results, dataset).items()
    ]
    headers, numeric = ["Model", *(column.header for column in shown)], [False, *(True for _ in shown)]
    caption = ["In brackets the change since the report before under the same protocol, data and number of samples."]
    return Grid(f"Last figures: {dataset.title}", headers, ["", *(c.about for c in shown)], numeric, lines, caption)


def _cell(points: list[Point], key: history.Key, column: Column) -> Text:
    if not any(key in point.figures for point in points):
        return Text(MISSING)
    *before, (_, now) = history.series(points, key)
    change = f" ({now - before[-1][1]:+.{column.digits}f})" if before else ""
    return Text(column.number(now) + change, value=now)


def listed(points: list[Point]) -> Grid:
    """The points, newest first."""
    lines = [
        Line(
            "model",
            [
                Text(point.moment.replace("T", " ").removesuffix("Z")),
                Text(point.commit[:12] or MISSING),
                Text("yes" if point.dirty else "no"),
                Text(str(len({key[:2] for key in point.figures}))),
            ],
        )
        for point in reversed(points)
    ]
    headers = ["Report of (UTC)", "Commit", "Uncommitted changes", "Rows measured"]
    return Grid("Reports", headers, [""] * 4, [False, False, False, True], lines, [])
