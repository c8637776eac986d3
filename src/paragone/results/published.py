"""Figures that papers published: shown apart from ours, each with its protocol, since protocols move them by factors.

published.csv: one row per figure, as its source gives it; `evidence` says whether the source was read or recalled, and
`key` names a figure that a row of the profile `reproduce` stands beside.
protocols.csv: what each protocol compares with what, and where that is written.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple, cast

import pandas as pd

from paragone.results.runs import Json

WARNING = "Not comparable with our figures unless the protocol is the same."
RECALLED = "recalled, not verified"
FIELDS = (
    "key", "loader", "dataset", "resolution", "model", "metric", "unit", "value", "std", "n_samples", "protocol",
    "note", "source", "evidence",
)  # fmt: skip
UNITS = (
    "none", "nats", "bits", "modes", "%", "times", "s", "minutes", "hours", "days", "weeks", "s per 1000 images",
    "steps/s", "million",
)  # fmt: skip
EVIDENCE = ("read in source or a table quoting it", RECALLED)
_FOLDER = Path(__file__).parent / "published"


class Published(NamedTuple):
    """Published figures, and the protocols they follow."""

    figures: pd.DataFrame
    protocols: pd.DataFrame

    def rows(self) -> list[Json]:
        return cast(list[Json], self.figures.to_dict("records"))


def load(loader: str) -> Published:
    """What was published on the data set that `loader` (a file of paragone/data/datasets) makes; maybe nothing."""
    found = everything()
    return _chosen(found, found.figures["loader"] == loader)


def by_key(keys: list[str]) -> Published:
    """The figures of these keys. Raises ValueError for a key that no figure has."""
    found = everything()
    known = set(found.figures["key"].dropna())
    if unknown := [key for key in keys if key not in known]:
        raise ValueError(f"published.csv: there is no figure with the key '{unknown[0]}'; give a figure that key")
    return _chosen(found, found.figures["key"].isin(keys))


def everything() -> Published:
    """All figures. Raises ValueError for a field, unit, protocol, evidence or value that is not known."""
    return _read(_FOLDER)


def _chosen(found: Published, which: "pd.Series[bool]") -> Published:
    selected = found.figures[which].reset_index(drop=True)
    used = found.protocols[found.protocols["protocol"].isin(selected["protocol"])].reset_index(drop=True)
    return Published(selected, used)


@cache
def _read(folder: Path) -> Published:
    figures = pd.read_csv(folder / "published.csv", dtype={"n_samples": str, "resolution": str})
    protocols = pd.read_csv(folder / "protocols.csv")
    if missing := [field for field in FIELDS if field not in figures]:
        raise ValueError(f"published.csv: no column {', '.join(missing)}; restore the file from git")
    if extra := [field for field in figures if field not in FIELDS]:
        raise ValueError(f"published.csv: column '{extra[0]}' is not known; the columns are {', '.join(FIELDS)}")
    for field, known, remedy in (
        ("unit", UNITS, f"the units are {', '.join(UNITS)}"),
        ("protocol", tuple(protocols["protocol"]), "add it to protocols.csv"),
        ("evidence", EVIDENCE, f"it is '{EVIDENCE[0]}' or '{EVIDENCE[1]}'"),
    ):
        if len(wrong := figures[~figures[field].isin(known)]):
            raise ValueError(f"published.csv: {_line(wrong)}{field} '{wrong.iloc[0][field]}' is not known; {remedy}")
    for field in ("value", "std"):
        numbers = pd.to_numeric(figures[field], errors="coerce")
        if len(wrong := figures[numbers.isna() & (figures[field].notna() | (field == "value"))]):
            raise ValueError(f"published.csv: {_line(wrong)}{field} '{wrong.iloc[0][field]}' is no number; correct it")
    keys = figures["key"].dropna()
    if len(twice := keys[keys.duplicated()]):
        raise ValueError(f"published.csv: two figures have the key '{twice.iloc[0]}'; give each its own")
    return Published(figures, protocols)


def _line(wrong: pd.DataFrame) -> str:
    """Where the first of these figures stands in the file."""
    return f"line {int(wrong.index[0]) + 2}, {wrong.iloc[0]['model']}: "  # after the header, from 1


def value(row: Json) -> str:
    """A published value with its deviation, as printed."""
    return f"{row['value']:g}" + ("" if pd.isna(row["std"]) else f" ± {row['std']:g}")


def metric(row: Json) -> str:
    """What was measured, with its unit."""
    return str(row["metric"]) if row["unit"] in ("none", "modes", "bits") else f"{row['metric']} ({row['unit']})"


def markdown(title: str, published: Published) -> str:
    """The published figures of one data set, in Markdown."""
    headers = ["Model", "Data", "Metric", "Value", "Generated", "Protocol", "Source"]
    lines = [f"## Published: {title}", "", WARNING, "", f"| {' | '.join(headers)} |", "|---|---|---|---:|---|---|---|"]
    for row in published.rows():
        cells = [
            row["model"],
            row["dataset"],
            metric(row),
            value(row),
            row["n_samples"],
            row["protocol"],
            row["source"],
        ]
        recalled = f" ({RECALLED})" if row["evidence"] == RECALLED else ""
        lines.append(
            "| " + " | ".join("–" if pd.isna(c) else str(c).replace("|", "\\|") for c in cells) + f"{recalled} |"
        )
    lines.append("")
    for _, p in published.protocols.iterrows():
        lines.append(f"- **{p['protocol']}** ({p['name']}): {p['setting']} {p['about']} Source: {p['source']}.")
    return "\n".join(lines) + "\n"
