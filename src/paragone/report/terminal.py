"""The compact comparison table, for a terminal."""

import os
import sys

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text as RichText

from paragone.report import render, tables
from paragone.report.render import Grid
from paragone.results.runs import DataSet, Results

LOGGED = 150  # characters per line where there is no terminal to ask


def print_table(results: Results, console: Console | None = None) -> None:
    """Print the compact table of each data set: models by family, the best in bold, failures with their reason."""
    console = console or Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else LOGGED)
    for dataset in results.datasets:
        _print(results, dataset, console)


def _print(results: Results, dataset: DataSet, console: Console) -> None:
    table = tables.compact(results, dataset)
    grid = render.grid(table)
    kept = [i for i, header in enumerate(grid.headers) if header != "Seeds"]  # the outcome counts those that failed
    left: list[str] = []
    shown = _table(grid, kept)
    while _cut(shown, console) and (figures := [i for i in kept[2:] if grid.numeric[i]]):
        left.insert(0, grid.headers[figures[-1]])
        kept.remove(figures[-1])
        shown = _table(grid, kept)
    console.print(shown)
    notes: dict[str, list[str]] = {}  # what is said of several models is said once
    for line in grid.lines:
        if note := line.cells[-1].note:
            notes.setdefault(f"{line.cells[-1].text}: {note}", []).append(line.cells[0].text)
    for note, models in notes.items():
        console.print(RichText(f"{'; '.join(models)}: {note}", style="yellow"))
    console.print(RichText(" ".join(grid.sentences), style="dim"))
    if best := best_of_families(table):
        console.print(RichText(best))
    if left:
        console.print(RichText(f"Too narrow for: {', '.join(left)}. They are in the report.", style="dim"))
    console.print()


def best_of_families(table: tables.Table) -> str:
    """The best row of each family by the table's first distance, in a sentence; empty where nothing was measured."""
    distance = next((c for c in table.columns if c.key.startswith("fd_")), None)
    best: dict[str, tuple[float, str]] = {}
    for row in table.rows:
        if distance is not None and row.kind == "model" and not row.outcome and distance.key in row.cells:
            mean = row.cells[distance.key].mean
            best[row.heading] = min(best.get(row.heading, (mean, row.title)), (mean, row.title))
    if distance is None or not best:
        return ""
    parts = [
        f"{title} ({distance.number(mean)}; {family[0].lower()}{family[1:]})" for family, (mean, title) in best.items()
    ]
    return f"Best {distance.label} in each family: {', '.join(parts)}."


def _cut(table: RichTable, console: Console) -> bool:
    """Whether the console is too narrow for a word of the table."""
    return any("\N{HORIZONTAL ELLIPSIS}" in segment.text for segment in console.render(table))


def _table(grid: Grid, kept: list[int]) -> RichTable:
    """Some columns of a grid."""
    shown = RichTable(title=grid.title, title_justify="left", header_style="", box=None, pad_edge=False)
    for i in kept:
        name, _, unit = grid.headers[i].partition(" (")
        header = RichText(f"{name}\n({unit}" if unit else name)
        shown.add_column(header, justify="right" if grid.numeric[i] else "left", no_wrap=i == 0)
    for line in grid.lines:
        if line.kind == "heading":
            shown.add_row(RichText(line.cells[0].text, style="italic dim"))
            continue
        style = "dim" if line.kind == "floor" else ""
        cells = [line.cells[i] for i in kept]
        shown.add_row(*(RichText(c.text, style="bold green" if c.bold else style) for c in cells))
    return shown
