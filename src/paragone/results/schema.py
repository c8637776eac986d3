"""The wide table of runs (runs.parquet): write it, read it, check it.

`wide_columns.py` says what its columns are. The file carries the unit of each column as metadata of its schema. A table
with a column, a type or a unit that is not known there is refused by the column's name: no verdict rests on figures
that may mean something else.
"""

import json
from collections.abc import Iterator, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from paragone.evaluation.protocol_number import PROTOCOL
from paragone.project import suggest
from paragone.results import wide_columns
from paragone.results.wide_columns import Meaning

REMEDY = "write the table again with `paragone report`, or take the column out"


class TableError(ValueError):
    """A results table that cannot be used: the message names the column and the remedy."""


KEYS = ("name", "profile", "dataset", "dataset_title", "model", "seed", "title", "outcome", "reason")
"""The columns that no table can do without."""


def as_table(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs with one type per column, fit for parquet: where a key's values differ in type, they are JSON text."""
    table = runs.copy()
    for column in table:
        kinds = {type(v) for v in table[column].dropna()}
        if kinds == {int}:
            table[column] = table[column].astype("Int64")
        elif kinds == {int, float} or kinds == {float}:
            table[column] = table[column].astype("float64")
        elif len(kinds) > 1:
            table[column] = table[column].map(lambda v: None if pd.isna(v) else json.dumps(v))
    return table


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """The same with Python's own values, None where there is none: what `as_table` was made from."""
    columns = {column: [_plain(value) for value in table[column]] for column in table}
    return pd.DataFrame(columns, dtype=object)


def _plain(value: Any) -> Any:
    if value is None or value is pd.NA or value != value:  # NaN differs from itself
        return None
    return value.item() if hasattr(value, "item") else value


def write(table: pd.DataFrame, path: Path) -> None:
    """Write a table as parquet, the unit of each column in its schema. Raises TableError, as `check` does."""
    check(table)
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    fields = [field.with_metadata({"unit": _known(field.name).unit}) for field in arrow.schema]
    pq.write_table(arrow.cast(pa.schema(fields, arrow.schema.metadata)), path)


def read(path: Path) -> pd.DataFrame:
    """Read a table of runs and check it. Raises TableError naming the file, the column and the remedy."""
    try:
        arrow = pq.read_table(path)
    except FileNotFoundError:
        raise TableError(f"{path}: no such file; `paragone report` writes one as tables/runs.parquet") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise TableError(f"{path}: not a whole parquet file ({error}); write it again with `paragone report`") from None
    table = arrow.to_pandas()
    if "stability.state" in table:
        table["stability.state"] = table["stability.state"].replace({"unlearned": "undertrained"})  # its earlier name
    check(
        table, {f.name: f.metadata[b"unit"].decode() for f in arrow.schema if b"unit" in (f.metadata or {})}, str(path)
    )
    return table


def check(table: pd.DataFrame, units: Mapping[str, str] | None = None, source: str = "results table") -> None:
    """Raise TableError unless every column is known and of its type and unit, and the rows are runs of one profile.

    units: what a file says of its columns; one that says nothing is taken at its columns' names.
    """
    if missing := [key for key in KEYS if key not in table]:
        raise TableError(f"{source}: has no column '{missing[0]}'; write the table again with `paragone report`")
    for column in map(str, table):
        known = _known(column, source)
        unit = (units or {}).get(column, known.unit)
        if unit != known.unit:
            fault = f"is in {unit or 'no unit'}, not in {known.unit or 'no unit'}"
            raise TableError(f"{source}: column '{column}' {fault}; convert it, or {REMEDY}")
        if wrong := next(_wrong(table[column], known), None):
            raise TableError(f"{source}: column '{column}' {wrong}; correct it, or {REMEDY}")
    finished = table[table["outcome"] == "finished"]
    protocols = finished["metrics.protocol"].fillna(1) if "metrics.protocol" in table else finished["seed"] * 0 + 1
    if (others := protocols[protocols != PROTOCOL].unique()).size:
        raise TableError(
            f"{source}: column 'metrics.protocol' has {int(others[0])}, and figures are compared under protocol "
            f"{PROTOCOL} here; run the profile again, and write the table again with `paragone report`"
        )
    if (profiles := table["profile"].unique()).size > 1:
        raise TableError(
            f"{source}: column 'profile' has {', '.join(map(str, profiles))}; keep the runs of one profile"
        )
    if (twice := table["name"][table["name"].duplicated()]).size:
        raise TableError(f"{source}: column 'name' has {twice.iloc[0]} twice; keep one row per run")


def _known(column: str, source: str = "results table") -> Meaning:
    if found := wide_columns.meaning(column):
        return found
    near = suggest.near(column, [name for name in wide_columns.COLUMNS if "*" not in name])
    remedy = f"take it out, or describe it in {wide_columns.__name__}.COLUMNS"
    raise TableError(f"{source}: column '{column}' is not known; {near}{remedy}")


def _wrong(values: pd.Series, known: Meaning) -> Iterator[str]:
    """What is wrong with a column, value by value."""
    for value in values.dropna():
        if known.kind == "any":
            return
        if not _is(value, known.kind):
            yield f"holds {value!r}, which is no {known.kind}"
        elif known.unit == "share" and not 0 <= value <= 1:
            yield f"holds {value:g}, which is not in 0..1: it is a share, not a percentage"


def _is(value: Any, kind: str) -> bool:
    if kind in ("text", "flag"):
        return isinstance(value, str) if kind == "text" else isinstance(value, bool) or type(value).__name__ == "bool"
    number = isinstance(value, Real) and not isinstance(value, bool)
    return number and (kind == "number" or isinstance(value, Integral) or float(value).is_integer())


def describe(table: pd.DataFrame) -> str:
    """The wide table's columns, their meaning and unit, in Markdown."""
    lines = [
        "# Columns of runs.parquet",
        "",
        "One row per run (data set, model, seed).",
        "",
        "| column | meaning | unit |",
        "|---|---|---|",
    ]
    for column in map(str, table.columns):
        known = _known(column)
        lines.append(f"| `{column}` | {known.about} | {known.unit} |")
    return "\n".join(lines) + "\n"
