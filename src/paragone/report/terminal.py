"""The compact comparison table, for a terminal."""

import os
import sys

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text as RichText

from paragone.report import render, tables
from paragone.report.results import DataSet, Results

LOGGED = 150  # characters a line where there is no terminal to ask


def print_table(results: Results, console: Console | None = None) -> None:
    """Print the compact table of each data set: models by family, the best in bold, failures with their reason."""
    console = console or Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else LOGGED)
    for dataset in results.datasets:
        _print(results, dataset, console)


def _print(results: Results, dataset: DataSet, console: Console) -> None:
    table = tables.compact(results, dataset)
    grid = render.grid(table)
    kept = [i for i, header in enumerate(grid.headers) if header != "Seeds"]  # the outcome counts those that failed
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
    console.print(shown)
    for line in grid.lines:
        if note := line.cells[-1].note:
            console.print(RichText(f"{line.cells[0].text}: {line.cells[-1].text}: {note}", style="yellow"))
    console.print(RichText(" ".join(table.caption), style="dim"))
    console.print()
