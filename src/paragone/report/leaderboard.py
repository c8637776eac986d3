"""Saved tables of one protocol as one site: the rows of all of them in one table a data set.

Tables go together where protocol, data, feature spaces and the number of samples are the same; another one is refused
by name. Rows of one name keep it with the table's name added.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from paragone.engine import inference
from paragone.evaluation.protocol_number import PROTOCOL
from paragone.project import files
from paragone.report import render, tables
from paragone.report.render import Grid
from paragone.results import runs, schema
from paragone.results.runs import Results, is_missing
from paragone.results.wide_columns import FLOOR

NAME = "leaderboard"  # the profile of the merged table
ALIKE = {"train.data": "data hash", "metrics.protocol": "protocol", "metrics.n": "number of samples"}
_TEMPLATES = Path(__file__).parent / "templates"


class LeaderboardError(ValueError):
    """Tables do not go into one."""


def merge(saved: Mapping[str, pd.DataFrame]) -> Results:
    """The finished rows of saved tables, by the tables' names, as one. Raises LeaderboardError."""
    parts = {name: schema.plain(table[table["outcome"] == "finished"]) for name, table in saved.items()}
    if empty := [name for name, table in parts.items() if not len(table)]:
        raise LeaderboardError(f"{empty[0]}: has no finished run; leave it out")
    _check_alike(parts)
    names = pd.concat([table["model"].drop_duplicates() for table in parts.values()])
    twice = set(names[names.duplicated()])
    found = pd.concat([_named(table, name, twice) for name, table in parts.items()], ignore_index=True)
    found["profile"] = NAME
    found["name"] = [f"{r['dataset']}/{r['model']}/{r['seed']}" for r in found.to_dict("records")]
    merged = runs.of_table(schema.as_table(found.astype(object)))
    datasets = [d._replace(floor=_floor(merged.of(d.name))) for d in merged.datasets]
    about = (
        f"{len(found)} run{'s' * (len(found) > 1)} of {len(parts)} table{'s' * (len(parts) > 1)}: {', '.join(parts)}."
    )
    return merged._replace(datasets=datasets, about=about)


def _check_alike(parts: Mapping[str, pd.DataFrame]) -> None:
    """Every table against the first one that has the data set."""
    first: dict[tuple[str, str], tuple[str, set[Any]]] = {}
    for name, table in parts.items():
        hashes = [c for c in map(str, table) if c.startswith("metrics.spaces.") and c.endswith(".hash")]
        for dataset, rows in table.groupby("dataset", sort=False):
            for column in (*(c for c in ALIKE if c in table), *hashes):
                values = {v for v in rows[column] if not is_missing(v)}
                other, wanted = first.setdefault((str(dataset), column), (name, values))
                if values and wanted and values != wanted:
                    what = ALIKE.get(column, f"hash of the feature space {column.split('.')[-2]}")
                    theirs, ours = (", ".join(str(v)[:12] for v in sorted(vs)) for vs in (values, wanted))
                    raise LeaderboardError(
                        f"{name}: its {what} of {dataset} is {theirs}, that of {other} {ours}; leave it out"
                    )


def _named(table: pd.DataFrame, name: str, twice: set[str]) -> pd.DataFrame:
    """With the table's name added to rows that another table has too."""
    found = table.copy()
    clash = found["model"].isin(twice)
    found.loc[clash, "title"] = found.loc[clash, "title"] + f" ({name})"
    found.loc[clash, "model"] = found.loc[clash, "model"] + f"-{name}"
    return found


def _floor(rows: pd.DataFrame) -> runs.Json | None:
    """floor.json, from the columns that the table keeps of it."""
    found: runs.Json = {}
    for column in (c for c in map(str, rows) if c.startswith(FLOOR)):
        values = rows[column].dropna()
        *above, last = column.removeprefix(FLOOR).split(".")
        place = found
        for part in above if len(values) else ():
            place = place.setdefault(part, {})
        if len(values):
            place[last] = values.iloc[0]
    return found or None


def write(folder: Path, results: Results) -> None:
    """Write index.html, its style, leaderboard.md, leaderboard.csv and runs.parquet into a new folder, or nothing."""
    built = [table for d in results.datasets for table in tables.build(results, d)[:2]]
    grids = [render.grid(table) for table in built]
    with inference.new_folder(folder) as partial_:
        files.write_text(partial_ / "leaderboard.md", render.markdown(grids))
        files.write_text(partial_ / "leaderboard.csv", render.csv([t for t in built if t.name == "main"]))
        files.write(partial_ / "runs.parquet", partial(schema.write, schema.as_table(results.runs)))
        for name in ("report.css", "report.js"):
            files.write_text(partial_ / f"site/{name}", (_TEMPLATES / name).read_text(encoding="utf-8"))
        files.write_text(partial_ / "index.html", _page(results, grids))


def _page(results: Results, grids: list[Grid]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["protocol_number"] = PROTOCOL
    page = environment.get_template("leaderboard.html")
    return page.render(about=results.about, grids=grids, links={}, up="")
