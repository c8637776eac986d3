"""The surveys' own lists: every system that each names, with our figures where there are any, and its claims.

systems.csv holds what the surveys name, and which row of the profiles represents it.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from paragone.report import render
from paragone.report.claims.verdicts import Assessment
from paragone.report.render import Grid, Line, Text
from paragone.report.tables import Row, Table
from paragone.results.claims.base import SURVEYS
from paragone.results.runs import DataSet, Results

NO_ROW = "no row yet"
SHOWN = ("coverage", "kimg", "train_seconds_total", "images_per_second")  # beside the first distance, by column key


def systems() -> pd.DataFrame:
    """What the surveys name: system, family, surveys, paper, row, note."""
    return pd.read_csv(Path(__file__).with_name("systems.csv"), dtype=str).fillna("")


def grids(results: Results, tables: dict[str, list[Table]], assessments: list[Assessment]) -> list[Grid]:
    """For each survey a table of its systems on each data set, and one of its claims."""
    found = []
    for survey in SURVEYS:
        found += [system_grid(survey, dataset, tables[dataset.name][0]) for dataset in results.datasets]
        found.append(sentence_grid(survey, results, assessments))
    return found


def system_grid(survey: str, dataset: DataSet, main: Table) -> Grid:
    """Every system that a survey names, on one data set."""
    named = systems()
    named = named[[survey in surveys.split() for surveys in named["surveys"]]]
    columns = [c for c in main.columns if c.key.startswith("fd_")][:1]
    columns += [c for key in SHOWN for c in main.columns if c.key == key]
    rows = {row.model: row for row in main.rows if row.kind == "model"}
    lines = []
    for system in named.to_dict("records"):
        placed: list[Row | None] = [*standing(system["row"], rows)]
        for row in placed or [None]:
            figures = [render.figure(row.cells.get(c.key) if row else None, c.number) for c in columns]
            ended = Text(row.seeds if row else render.MISSING)
            stands = Text(status(row, system["row"], system["note"]))
            name = Text(row.title if row and len(placed) > 1 else system["system"])
            lines.append(Line("model", [name, Text(system["paper"]), *figures, ended, stands]))
    measured = sum(bool(standing(system, rows)) for system in named["row"])
    caption = [f"{measured} of the {len(named)} systems that the survey names have a row here.", *main.caption]
    headers = ["System", "Paper", *(c.header for c in columns), "Seeds", "Status"]
    numeric = [False, False, *(True for _ in columns), False, False]
    abouts = ["", "", *(c.about for c in columns), "finished of planned", ""]
    return Grid(f"Systems that {survey} names: {dataset.title}", headers, abouts, numeric, lines, caption)


def standing(name: str, rows: Mapping[str, Row]) -> list[Row]:
    """The rows of a system: the one of that name, or else all of that model under names of their own."""
    return [rows[name]] if name in rows else [row for row in rows.values() if name and row.file == name]


def status(row: Row | None, name: str, note: str = "") -> str:
    """Whether it was measured here, and what a reader must know of it."""
    absent = "not in this profile" if name else NO_ROW
    state = absent if row is None else row.outcome or "measured"
    return f"{state}; {note}" if note else state


def sentence_grid(survey: str, results: Results, assessments: list[Assessment]) -> Grid:
    """Every claim of a survey, with its verdict."""
    lines = [
        Line("model", [Text(j.id), Text(j.finding.verdict), Text(j.claim.sentence), Text(j.finding.reason)])
        for j in assessments
        if survey in j.claim.surveys
    ]
    caption = [
        f"{SURVEYS[survey]}.",
        f"Profile {results.profile}, seeds {', '.join(map(str, results.seeds))}.",
        "Intervals are at 95 %, paired by seed; of studies over draws or rounds, of crashes over runs.",
    ]
    headers = ["No.", "Verdict", "Claim", "Evidence"]
    return Grid(f"Claims of {survey}", headers, [""] * 4, [False] * 4, lines, caption)
