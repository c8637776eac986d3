"""The surveys' claims with their verdicts: a board, one figure per claim, and what is missing for the rest."""

import math
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from paragone.evaluation.protocol_number import PROTOCOL as NUMBER
from paragone.evaluation.protocol_number import problem
from paragone.project import files, paths, registry, texts
from paragone.project.params import Params
from paragone.report import scatter
from paragone.report.figures import STYLE, Plot
from paragone.report.render import Grid, Line, Text
from paragone.report.scatter import INK, PALETTE
from paragone.results import schema
from paragone.results.claims.base import SURVEYS, Claim, Effect, Evidence, Finding, Json, Verdict, find, number
from paragone.results.evidence import PROTOCOL
from paragone.results.runs import Results, of_table

PROFILE = "claims-quick"  # runs whatever the claims need that can be measured on two cores
COLOURS = {
    Verdict.SUPPORTED: PALETTE[2],
    Verdict.SMALLER: PALETTE[0],
    Verdict.NO_EFFECT: INK,
    Verdict.CONTRADICTED: PALETTE[1],
    Verdict.UNCERTAIN: PALETTE[6],
}
LABEL = 112  # characters per line above an interval
KEY = (
    "Dots: estimates; bars: 95 % intervals; dashed: no effect, or the bound; shaded: the margin within which it is no "
    "effect; dotted: the size that the claim needs."
)


class Assessment(NamedTuple):
    """A claim, and what the runs say about it."""

    id: str  # "C03"
    claim: Claim
    finding: Finding


def assess(results: Results, params: Params) -> list[Assessment]:
    """Every claim, tested on what one profile has so far: `assess_table` of its table of runs and its studies."""
    return assess_table(schema.as_table(results.runs), studies(results.root, params, results.profile))


def assess_table(table: pd.DataFrame, measured: Mapping[str, Json]) -> list[Assessment]:
    """Every claim, in order, tested on the table of runs and what studies measured, and on nothing else.

    Raises schema.TableError for a table that cannot be used: the message names the column and the remedy.
    """
    evidence = Evidence(of_table(table), measured)
    assessments = []
    for name in registry.names("claims"):
        module = registry.load("claims", name)
        assessments.append(Assessment(number_of(name), module.CLAIM, find(module.CLAIM, module.effects, evidence)))
    return assessments


def number_of(name: str) -> str:
    """The claim's number, from its file's name."""
    return name.partition("_")[0].upper()


def studies(root: Path, params: Params, profile: str) -> dict[str, Json]:
    """What each study of the profile that has run under this protocol measured. Raises ValueError for a file that is
    not whole."""
    written = {name: root / paths.study(profile, name) for name in params.get_profile(profile).studies}
    found = {name: files.read_json(file) for name, file in written.items() if file.exists()}
    return {name: content for name, content in found.items() if problem(written[name], content, "") is None}


def assess_file(path: Path, folder: Path | None) -> tuple[Results, list[Assessment]]:
    """The results and verdicts of a saved table (runs.parquet) and of the studies' files (<name>.json) in a folder.

    Raises ValueError: as `assess_table`; for runs of one data set under several protocols, or that name none; and for a
    study of another protocol.
    """
    table = schema.read(path)
    finished = table[table["outcome"] == "finished"]
    for key in PROTOCOL:
        if key not in table or finished[key].isna().any():
            raise schema.TableError(
                f"{path}: column '{key}' is missing or empty, so the protocol is not known; write the table again with "
                "`paragone report`"
            )
        for dataset, group in finished.groupby("dataset", sort=False):
            if (kinds := group[key].unique()).size > 1:
                raise schema.TableError(
                    f"{path}: column '{key}' has {' and '.join(map(str, kinds))} for {dataset}: figures under two "
                    "protocols are not comparable; keep the runs of one"
                )
    if folder is not None and not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; studies are in runs/<profile>/studies")
    measured = {} if folder is None else {f.stem: files.read_json(f) for f in sorted(folder.glob("*.json"))}
    for name, content in measured.items():
        if wrong := problem(f"{folder}/{name}.json", content, "measure it again, or take it out of the folder"):
            raise ValueError(wrong)
    return of_table(table), assess_table(table, measured)


def records(assessments: list[Assessment]) -> list[Json]:
    """The verdicts for machines: one record per claim, with its effects."""
    return [
        {
            "claim": j.id,
            "verdict": str(j.finding.verdict),
            "sentence": j.claim.sentence,
            "surveys": list(j.claim.surveys),
            "reason": j.finding.reason,
            "parts": {part: str(verdict) for part, verdict in j.finding.parts.items()},
            "effects": [_record(e) for e in j.finding.effects],
        }
        for j in assessments
    ]


def _record(effect: Effect) -> Json:
    """An effect; ends that a claim does not name are null, since JSON knows no infinity."""
    neutral, low, high, equal = effect.bounds
    claimed = [end if math.isfinite(end) else None for end in (low, high)]
    said = {"neutral": neutral, "claimed": claimed, "equal": None if equal is None else list(equal)}
    about = effect._asdict() | {"size": effect.size._asdict(), "verdict": str(effect.verdict)}
    del about["bounds"]
    return about | said


def effects_csv(assessments: list[Assessment]) -> str:
    """The same as CSV, one line per effect; a claim without effects has one line."""
    lines = []
    for record in records(assessments):
        about = {key: record[key] for key in ("claim", "verdict", "sentence", "reason")}
        for effect in record["effects"] or [{"size": {}, "verdict": None}]:
            rest = {key: value for key, value in effect.items() if key not in ("size", "verdict", "claimed", "equal")}
            for key in ("claimed", "equal"):
                rest[f"{key}_low"], rest[f"{key}_high"] = effect.get(key) or (None, None)
            lines.append(about | rest | effect["size"] | {"effect_verdict": effect["verdict"]})
    return pd.DataFrame(lines).assign(protocol=NUMBER).map(texts.cell).to_csv(index=False, float_format="%.10g")


def grid(assessments: list[Assessment], results: Results) -> Grid:
    """The board: one line per claim."""
    headers = ["No.", "Verdict", "Claim", "Survey", "Evidence"]
    lines = [
        Line("model", [
            Text(j.id), Text(j.finding.verdict), Text(j.claim.sentence), Text(", ".join(j.claim.surveys)),
            Text(j.finding.reason),
        ])
        for j in assessments
    ]  # fmt: skip
    caption = [
        f"Profile {results.profile}, seeds {', '.join(map(str, results.seeds))}.",
        "Intervals are at 95 %, paired by seed; for studies over draws or rounds, for crashes over runs.",
        "Each rule was stated before the runs that decide it.",
        *(f"{key}: {title}." for key, title in SURVEYS.items()),
    ]
    return Grid("The surveys' claims, re-measured", headers, [""] * 5, [False] * 5, lines, caption)


def rules(assessments: list[Assessment]) -> Grid:
    """What is measured for each claim, and when it counts as supported."""
    lines = [Line("model", [Text(j.id), Text(j.claim.measured), Text(j.claim.rule)]) for j in assessments]
    return Grid("How each claim is tested", ["No.", "Measured", "Rule"], [""] * 3, [False] * 3, lines, [])


def plots(assessments: list[Assessment]) -> Iterator[Plot]:
    """A figure for each claim that was measured: its effects with their intervals."""
    with mpl.rc_context(STYLE):
        for j in assessments:
            if j.finding.effects:
                title = f"{j.id}: {j.finding.verdict}"
                yield Plot(f"claim-{j.id.lower()}", title, f"{j.claim.sentence} {KEY}", forest(j.finding.effects))


def forest(effects: tuple[Effect, ...]) -> Figure:
    """Effects below each other, one axis per unit."""
    units = list(dict.fromkeys(e.unit for e in effects))
    groups = [[e for e in effects if e.unit == unit] for unit in units]
    labels = [[_label(e) for e in group] for group in groups]
    heights = [(0.35 + 0.25 * max(map(len, texts))) * len(texts) + 0.75 for texts in labels]
    figure = Figure(figsize=(7.2, sum(heights)), layout="constrained")
    axes = figure.subplots(len(groups), 1, squeeze=False, height_ratios=heights).ravel()
    for ax, unit, group, names in zip(axes, units, groups, labels, strict=True):
        _panel(ax, unit, group, names)
    return figure


def _label(effect: Effect) -> list[str]:
    whole = number(effect).replace(" ", "\N{NO-BREAK SPACE}")  # an interval is not broken
    return textwrap.wrap(f"{effect.what}: {whole}", LABEL)


def _panel(ax: mpl.axes.Axes, unit: str, group: list[Effect], labels: list[list[str]]) -> None:
    factor = 100 if unit == "%" else 1
    for y, (effect, label) in enumerate(zip(reversed(group), reversed(labels), strict=True)):
        colour, (value, low, high) = COLOURS[effect.verdict], (factor * v for v in effect.size[:3])
        ax.plot([low, high], [y, y], color=colour, linewidth=2)
        ax.plot([value], [y], "o", color=colour)
        _bounds(ax, y, effect, factor)
        where: Any = ("axes fraction", "data")
        note = ax.annotate("\n".join(label), (0, y + 0.34), xycoords=where, fontsize=7.5, va="bottom")
        note.set_in_layout(False)  # it is wrapped to fit the axes, which would otherwise be narrowed for it
    if unit == "times" and all(e.size.low > 0 for e in group):
        ax.set_xscale("log")
        scatter.plain_ticks(ax.xaxis)
    ax.set(yticks=[], ylim=(-0.5, len(group) - 0.2), xlabel={"times": "ratio (log)", "": "difference"}.get(unit, unit))
    ax.spines["left"].set_visible(False)


def _bounds(ax: mpl.axes.Axes, y: int, effect: Effect, factor: float) -> None:
    """Where no effect, the margin around it, and the sizes that the claim needs lie."""
    neutral, low, high, equal = effect.bounds
    if equal is not None:
        ax.fill_betweenx([y - 0.3, y + 0.3], factor * equal[0], factor * equal[1], color=INK, alpha=0.07, linewidth=0)
    ax.plot([factor * neutral] * 2, [y - 0.3, y + 0.3], color=INK, linewidth=1, linestyle="--")
    for end in (low, high):
        if math.isfinite(end):
            ax.plot([factor * end] * 2, [y - 0.3, y + 0.3], color=INK, linewidth=1, linestyle=":")
