"""Figures that papers published: shown apart from ours, each with its protocol, since protocols move them by factors.

published.csv: one row per figure, as its source gives it; `evidence` says whether the source was read or recalled.
protocols.csv: what each protocol compares with what, and where that is written.
"""

from pathlib import Path
from typing import NamedTuple, cast

import pandas as pd

from paragone.results.runs import Json

WARNING = "Not comparable with our figures unless the protocol is the same."
_FOLDER = Path(__file__).parent / "published"
_COLUMNS = {
    "loader", "dataset", "resolution", "model", "metric", "value", "std", "n_samples", "protocol", "note", "source",
    "evidence",
}  # fmt: skip


class Published(NamedTuple):
    """Published figures of one data set, and the protocols they follow."""

    figures: pd.DataFrame
    protocols: pd.DataFrame

    def rows(self) -> list[Json]:
        return cast(list[Json], self.figures.to_dict("records"))


def load(loader: str) -> Published:
    """What was published on the data set that `loader` (a file of paragone/data/datasets) makes; maybe nothing."""
    figures, protocols = pd.read_csv(_FOLDER / "published.csv"), pd.read_csv(_FOLDER / "protocols.csv")
    if missing := _COLUMNS - set(figures.columns):
        raise ValueError(f"published.csv: no column {', '.join(sorted(missing))}; restore the file from git")
    if unknown := set(figures["protocol"]) - set(protocols["protocol"]):
        raise ValueError(f"published.csv: protocol {', '.join(sorted(unknown))} is not in protocols.csv; add it there")
    selected = figures[figures["loader"] == loader].reset_index(drop=True)
    used = protocols[protocols["protocol"].isin(selected["protocol"])].reset_index(drop=True)
    return Published(selected, used)


def value(row: Json) -> str:
    """A published value with its deviation, as printed."""
    return f"{row['value']:g}" + ("" if pd.isna(row["std"]) else f" ± {row['std']:g}")


def markdown(title: str, published: Published) -> str:
    """The published figures of one data set, in Markdown."""
    headers = ["Model", "Data", "Metric", "Value", "Generated", "Protocol", "Source"]
    lines = [f"## Published: {title}", "", WARNING, "", f"| {' | '.join(headers)} |", "|---|---|---|---:|---|---|---|"]
    for row in published.rows():
        cells = [
            row["model"],
            row["dataset"],
            row["metric"],
            value(row),
            row["n_samples"],
            row["protocol"],
            row["source"],
        ]
        recalled = " (recalled, not verified)" if str(row["evidence"]).startswith("recalled") else ""
        lines.append(
            "| " + " | ".join("–" if pd.isna(c) else str(c).replace("|", "\\|") for c in cells) + f"{recalled} |"
        )
    lines.append("")
    for _, p in published.protocols.iterrows():
        lines.append(f"- **{p['protocol']}** ({p['name']}): {p['setting']} {p['about']} Source: {p['source']}.")
    return "\n".join(lines) + "\n"
