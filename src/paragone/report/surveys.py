"""The surveys' own lists: every system that each names, with our figures where there are some, and its sentences.

surveys.csv holds what the surveys name, and which row of params.yaml stands for it.
"""

from pathlib import Path

import pandas as pd

from paragone.claims.base import SURVEYS
from paragone.report import render
from paragone.report.claims import Judged
from paragone.report.render import Grid, Line, Text
from paragone.report.results import DataSet, Results
from paragone.report.tables import Row, Table

NO_ROW = "no row yet"
SHOWN = ("coverage", "images_per_second", "train_seconds_total")  # beside the first distance, by column key


def systems() -> pd.DataFrame:
    """What the surveys name: system, family, surveys, paper, row, note."""
    return pd.read_csv(Path(__file__).with_name("surveys.csv"), dtype=str).fillna("")


def grids(results: Results, tables: dict[str, list[Table]], judged: list[Judged]) -> list[Grid]:
    """For each survey a table of its systems on each data set, and one of its sentences."""
    found = []
    for survey, title in SURVEYS.items():
        named = systems()
        named = named[[survey in surveys.split() for surveys in named["surveys"]]]
        found += [_systems(survey, named, dataset, tables[dataset.name][0]) for dataset in results.datasets]
        found.append(_sentences(survey, title, judged))
    return found


def _systems(survey: str, named: pd.DataFrame, dataset: DataSet, main: Table) -> Grid:
    columns = [c for c in main.columns if c.key.startswith("fd_")][:1]
    columns += [c for c in main.columns if c.key in SHOWN]
    rows = {row.model: row for row in main.rows if row.kind == "model"}
    lines = []
    for system in named.to_dict("records"):
        row = rows.get(system["row"])
        figures = [render.figure(row.cells.get(c.key) if row else None, c.number) for c in columns]
        status = _status(row, system["row"], system["note"])
        lines.append(Line("model", [Text(system["system"]), Text(system["paper"]), *figures, Text(status)]))
    measured = sum(system in rows for system in named["row"])
    caption = [f"{measured} of the {len(named)} systems that the survey names have a row here.", *main.caption]
    headers = ["System", "Paper", *(c.header for c in columns), "Status"]
    numeric = [False, False, *(True for _ in columns), False]
    title = f"Systems that {survey} names: {dataset.title}"
    return Grid(title, headers, ["", "", *(c.about for c in columns), ""], numeric, lines, caption)


def _status(row: Row | None, name: str, note: str) -> str:
    """Whether it was measured here, and what a reader must know of it."""
    absent = "not in this profile" if name else NO_ROW
    state = absent if row is None else row.outcome or "measured"
    return f"{state}; {note}" if note else state


def _sentences(survey: str, title: str, judged: list[Judged]) -> Grid:
    lines = [
        Line("model", [Text(j.id), Text(j.finding.verdict), Text(j.claim.sentence), Text(j.finding.reason)])
        for j in judged
        if survey in j.claim.surveys
    ]
    headers = ["Claim", "Verdict", "Sentence", "Evidence"]
    return Grid(f"Sentences of {survey}", headers, [""] * 4, [False] * 4, lines, [f"{title}."])
