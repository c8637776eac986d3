"""H. Hu's page: table 1, each model's strength and limit, and table 2, the challenges of each family, with our figures.

hu_models.csv holds what table 1 says, hu_challenges.csv what table 2 is about; each names the claims and
the columns of our tables that test it.
"""

from collections.abc import Iterable

from paragone.report.render import MISSING, Grid, Line, Text
from paragone.report.surveys import base, systems
from paragone.report.surveys.base import STATE, Measured, Sources, SurveyPage, section
from paragone.report.tables import Row
from paragone.results.claims.base import SURVEYS
from paragone.results.families import HEADINGS
from paragone.results.runs import Json

FAMILIES = ("gan", "vae", "vq", "diffusion")  # of those that the survey sets against each other, as table 2's columns
OTHERWISE = (
    "The survey's numbers come from other data, other image sizes and other hardware: they are quoted beside ours, not "
    "for comparison digit by digit. The rule of each claim says what is compared."
)


def page(sources: Sources) -> SurveyPage:
    """Both tables, and everything else that the survey names."""
    return SurveyPage(
        "hu",
        SURVEYS["hu"],
        "Its table of models with our number beside each strength and limit, its table of challenges with one "
        "measured cell per family, and every system and claim that it names.",
        [
            section("Table 1: strengths and limits", OTHERWISE, grids=[_models(sources)]),
            section(
                "Table 2: challenges by family",
                "Each cell spans the family, from the row with the lowest mean to the row with the highest. Which of "
                "the two is better depends on the measure.",
                grids=[_challenges(m, sources) for m in sources.measured],
            ),
            base.lists("hu", sources),
        ],
    )


def _models(sources: Sources) -> Grid:
    rows = dict(zip(systems.systems()["system"], systems.systems()["row"], strict=True))
    lines: list[Line] = []
    shown = [rows[entry["system"]] for entry in base.read("hu_models.csv")]
    for entry in base.read("hu_models.csv"):
        if Text(entry["system"]) not in (line.cells[0] for line in lines if line.kind == "heading"):
            lines.append(Line("heading", [Text(entry["system"])]))
        id_, verdict, evidence = base.verdict_of(entry["claim"], sources)
        ours = _ours(rows[entry["system"]], entry["figures"].split(), sources)
        cells = [entry["statement"], entry["side"], entry["number"], id_, verdict, ours, evidence]
        lines.append(Line("model", [*map(Text, cells)]))
    budgets = [f"{m.dataset.title}: {seen}" for m in sources.measured for seen in m.budgets(dict.fromkeys(shown))]
    return Grid(
        "Each model's strength and limit, as the survey sees them and as measured here",
        ["The survey says", "Side", "Its number (another protocol)", "Claim", "Verdict", "Our figures", "Evidence"],
        ["", "", "from other data, sizes and hardware", "that tests it", "", "mean over seeds", ""],
        [False] * 7,
        lines,
        [*sources.protocol(), *budgets],
    )


def _ours(row: str, keys: list[str], sources: Sources) -> str:
    """The figures of a system on every data set (or of a related row: "vq_vae:psnr"), or why there are none."""
    if not row:
        return f"not measured: {systems.NO_ROW}"
    if not any(systems.standing(row, m.rows) for m in sources.measured):
        return base.absent(row)
    if not keys:
        return "not measured: see the claim"
    return base.figures([key if ":" in key else f"{row}:{key}" for key in keys], sources)


def _challenges(m: Measured, sources: Sources) -> Grid:
    families = {f: [row for row in m.rows.values() if row.family == f] for f in FAMILIES}
    lines: list[Line] = []
    for entry in base.read("hu_challenges.csv"):
        cells = [_cell(entry, rows, m, sources) for rows in families.values()]
        verdicts = [base.verdict_of(token, sources)[:2] for token in entry["claims"].split()]
        verdict = "; ".join(f"{id_}: {found}" for id_, found in verdicts)
        if Text(entry["challenge"]) not in (line.cells[0] for line in lines if line.kind == "heading"):
            lines.append(Line("heading", [Text(entry["challenge"])]))
        lines.append(Line("model", [*map(Text, [entry["measure"], *cells, verdict or MISSING])]))
    return Grid(
        f"Challenges by family: {m.dataset.title}",
        ["Measure", *(HEADINGS[f] for f in FAMILIES), "Verdicts"],
        ["", *("row with the lowest mean, row with the highest" for _ in FAMILIES), "of the claims on it"],
        [False] * (len(FAMILIES) + 2),
        lines,
        [*m.protocol, sources.about_sharpness(m.dataset.name), *_members(families), *m.budgets(m.rows)],
    )


def _members(families: dict[str, list[Row]]) -> list[str]:
    """Which rows a family's cells span, and how many of their seeds finished."""
    each = (f"{row.title} {row.seeds}" for rows in families.values() for row in rows)
    return [f"Rows, with finished of planned seeds: {', '.join(each)}."]


def _cell(entry: Json, rows: list[Row], m: Measured, sources: Sources) -> str:
    key, absent = entry["key"], entry["absent"] or "no run has finished"
    if not key:
        return f"not measured: {absent}"
    if not rows:
        return "not measured: no row in this profile"
    if key == STATE:
        return base.ends(sources, m.dataset.name, [r.model for r in rows]) or f"not measured: {absent}"
    return _span(m, key, (r for r in rows if key in r.cells)) or _why_not(rows, absent)


def _span(m: Measured, key: str, rows: Iterable[Row]) -> str:
    """The lowest and the highest mean of some rows, and whose they are; nothing if there are none."""
    ranked = sorted(rows, key=lambda row: row.cells[key].mean)
    ends = ranked[:1] + ranked[1:][-1:]
    if len(ends) == 2 and len({m.figure(row, key).text for row in ranked}) == 1:
        return f"{m.figure(ranked[0], key).text} (all {len(ranked)} rows)"
    return " to ".join(f"{m.figure(row, key).text} ({row.title})" for row in ends)


def _why_not(rows: list[Row], absent: str) -> str:
    """Nothing has finished, or what finished has no such figure."""
    if all(row.outcome for row in rows):
        return f"not measured: {', '.join(dict.fromkeys(row.outcome for row in rows))}"
    return absent if absent.startswith("does not apply") else f"not measured: {absent}"
