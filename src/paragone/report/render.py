"""Write tables as Markdown, CSV and LaTeX; `Grid` is the printed form that the page shares."""

import re
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import pandas as pd

from paragone.evaluation.protocol_number import PRINTED, PROTOCOL
from paragone.project import texts
from paragone.report.tables import DISPUTED, OVER_SAMPLES, Cell, Row, Table
from paragone.results.runs import Json, Results, is_figure, is_missing

MISSING = "–"


class Text(NamedTuple):
    """A printed cell."""

    text: str
    bold: bool = False
    value: float | None = None  # for sorting
    note: str = ""  # why, where the text is an outcome


class Line(NamedTuple):
    """A printed row; a heading has one cell."""

    kind: Literal["heading", "floor", "model"]
    cells: list[Text]
    family: str = ""


class Grid(NamedTuple):
    """A table as printed."""

    title: str
    headers: list[str]
    abouts: list[str]  # what each column means, "" where its header says it
    numeric: list[bool]
    lines: list[Line]
    caption: list[str]

    @property
    def sentences(self) -> list[str]:
        """What stands below the table: its caption, and the protocol of all figures."""
        return [*self.caption, PRINTED]


def grid(table: Table) -> Grid:
    """Lay a table out: columns that nothing fills (or the floor alone, once a model has finished) are left out, a
    heading is above each family."""
    models = [row for row in table.rows if row.kind == "model"]
    filled = models if any(not row.outcome for row in models) else table.rows
    shown = [c for c in table.columns if any(c.key in row.cells for row in filled)]
    lines: list[Line] = []
    headings = set[str]()
    for row in table.rows:
        if row.kind == "model" and row.heading not in headings:
            headings.add(row.heading)
            lines.append(Line("heading", [Text(row.heading)]))
        figures = [figure(row.cells.get(c.key), c.number) for c in shown]
        lines.append(
            Line(
                row.kind, [Text(row.title), *figures, Text(row.seeds), outcome(row)], row.heading if row.family else ""
            )
        )
    return Grid(
        title=table.title,
        headers=["Model", *(c.header for c in shown), "Seeds", "Outcome"],
        abouts=["", *(c.about for c in shown), "finished of planned", ""],
        numeric=[False, *(True for _ in shown), False, False],
        lines=lines,
        caption=table.caption,
    )


def figure(cell: Cell | None, number: Callable[[float], str]) -> Text:
    """A figure as printed, with its interval if it has one; a dash for what was not measured."""
    if cell is None:
        return Text(MISSING)
    half = "" if cell.half is None else f" ± {number(cell.half)}{OVER_SAMPLES * (cell.over == 'samples')}"
    return Text(number(cell.mean) + half + DISPUTED * cell.disputed, cell.best, cell.mean)


def outcome(row: Row) -> Text:
    """How a row ended, and why."""
    return Text("" if row.kind == "floor" else row.outcome or "finished", note=row.reason)


def lineage(results: Results, dataset: str, title: str, judges: list[str]) -> Grid:
    """Where each row's figures come from, run by run. judges: sentences on who judged them."""
    sources = {
        "MLflow run": "name",
        "Commit": "train.commit",
        "Uncommitted changes": "train.dirty",
        "Code": "train.code",
        "Data": "train.data",
        "Seed": "seed",
        "Parents": "parents",
        "Started": "train.started",
        "Outcome": "outcome",
    }
    hashes = ("Commit", "Code", "Data")
    lines = []
    for run in results.rows(dataset):
        values = {label: run.get(source) for label, source in sources.items()}
        cells = [plain(v)[:12] if label in hashes else plain(v) for label, v in values.items()]
        lines.append(Line("model", [*map(Text, cells), Text(_settings(run))]))
    caption = [
        f"MLflow experiment: paragone/{results.profile}.",
        "Hashes are cut to 12 characters; runs.parquet has them whole.",
        *judges,
    ]
    abouts = [
        "",
        "git commit of the code",
        "whether tracked files differed from the commit",
        "fingerprint of the code it used",
        "content hash of the prepared data",
        "",
        "models it starts from",
        "",
        "",
        "what differs from the paper's defaults, and the plan",
    ]
    headers = [*sources, "Settings"]
    return Grid(f"Lineage: {title}", headers, abouts, [h == "Seed" for h in headers], lines, caption)


def plain(value: object) -> str:
    """A value of a file, as printed."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return MISSING if is_missing(value) or value == "" else str(value)


def _settings(run: Json) -> str:
    """The run's config overrides and plan; what the plan leaves off is left out."""
    parts = []
    for prefix in ("train.config.", "train.plan."):
        for key, value in run.items():
            if key.startswith(prefix) and not is_missing(value) and value not in (0, False, "none"):
                shown = f"{value:g}" if is_figure(value) else value
                parts.append(f"{key.removeprefix(prefix)}={shown}")
    return ", ".join(parts) or MISSING


def markdown(grids: Iterable[Grid], level: int = 2) -> str:
    """Tables as GitHub's Markdown, each with its caption, under headings of a level."""
    parts = []
    for g in grids:
        rule = ["---:" if numeric else "---" for numeric in g.numeric]
        rows = [[*map(escape, g.headers)], rule, *([_markdown_cell(line, t) for t in line.cells] for line in g.lines)]
        padded = [row + [""] * (len(g.headers) - len(row)) for row in rows]
        body = "\n".join(f"| {' | '.join(row)} |" for row in padded)
        parts.append(f"{'#' * level} {escape(g.title)}\n\n{body}\n\n{' '.join(g.sentences)}\n")
    return "\n".join(parts)


def escape(text: str) -> str:
    """A line of text that Markdown prints as it stands: no cell, tag, link or image begins in it."""
    return re.sub(r"[\\|<[]", r"\\\g<0>", " ".join(text.split()))


def _markdown_cell(line: Line, cell: Text) -> str:
    text = escape(f"{cell.text}: {cell.note}" if cell.note else cell.text)
    return f"**{text}**" if cell.bold and text else f"*{text}*" if line.kind == "heading" else text


def csv(tables: Iterable[Table]) -> str:
    """Figures as numbers: `<key>` is the mean over seeds, `<key>_ci95` the half-width of its interval over them.

    `<key>_ci95_samples` is that over samples, of what has an error but a single seed.
    """
    records = []
    for table in tables:
        for row in table.rows:
            record: dict[str, object] = {
                "dataset": table.dataset,
                "family": row.family,
                "model": row.model or "floor",
                "title": row.title,
            }
            for column in table.columns:
                cell = row.cells.get(column.key)
                record[column.key] = cell.mean if cell else None
                record[f"{column.key}_ci95"] = cell.half if cell and cell.over == "seeds" else None
                if column.error:
                    record[f"{column.key}_ci95_samples"] = cell.half if cell and cell.over == "samples" else None
            outcome = "" if row.kind == "floor" else row.outcome or "finished"
            records.append(record | {"seeds": row.seeds, "outcome": outcome, "reason": row.reason})
    return pd.DataFrame(records).assign(protocol=PROTOCOL).map(texts.cell).to_csv(index=False, float_format="%.10g")


def text_csv(grids: Iterable[Grid]) -> str:
    """A table of text, as CSV."""
    frames = [pd.DataFrame([[t.text for t in line.cells] for line in g.lines], columns=g.headers) for g in grids]
    return pd.concat(frames).map(texts.cell).to_csv(index=False)
