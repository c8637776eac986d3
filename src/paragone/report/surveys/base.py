"""What the surveys' pages share: their structure, the figures that they draw on, and how a figure is put into words."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import pandas as pd
from PIL import Image

from paragone.evaluation import intervals
from paragone.project import registry
from paragone.report import captions, render, tables
from paragone.report import figures as figures_of
from paragone.report.claims.verdicts import Assessment
from paragone.report.figures import Plot
from paragone.report.render import Grid, Line, Text
from paragone.report.surveys import systems as surveys
from paragone.report.tables import Row, Table
from paragone.results.claims import base as claims
from paragone.results.claims.base import Verdict
from paragone.results.columns.base import Column
from paragone.results.crashes import STATES
from paragone.results.runs import DataSet, Json, Results

SHARPNESS = Column(
    "sharpness",
    "Sharpness",
    "",
    "of real",
    digits=2,
    about="variance of the Laplacian over that of real test images (study 'sharpness'): below 1 means blurred, far "
    "above 1 means noise",
)
STATE = "state"  # in the CSV files, in place of a column: how many runs collapsed or diverged
ACROSS, DOWN = 10, 5  # samples of a grid that are shown; the runs' own grids are as wide
DISTANCE = "fd"  # likewise: the first space's Frechet distance


class Picture(NamedTuple):
    """A grid of samples, or the like."""

    title: str
    caption: str
    image: Image.Image


class Section(NamedTuple):
    """A part of a page: paragraphs, then tables, figures and pictures."""

    title: str
    text: list[str]
    grids: list[Grid]
    plots: list[Plot]
    pictures: list[Picture]


class SurveyPage(NamedTuple):
    """What one survey says, beside what was measured."""

    survey: str  # key of SURVEYS
    title: str  # author, title
    lead: str  # one sentence: what the page holds
    sections: list[Section]


class Measured(NamedTuple):
    """All figures of one data set: those of its tables together, and what studies add."""

    dataset: DataSet
    main: Table
    columns: dict[str, Column]  # by key
    rows: dict[str, Row]  # by model
    floor: Row | None

    @property
    def protocol(self) -> list[str]:
        """What was compared with what."""
        return [sentence for sentence in self.main.caption if sentence != captions.BEST]

    def key(self, key: str) -> str:
        """A column's key; of `fd`, that of the first distance."""
        return next((k for k in self.columns if k.startswith("fd_")), key) if key == DISTANCE else key

    def figure(self, row: Row | None, key: str) -> Text:
        """A row's figure as a cell."""
        column = self.columns[key]
        return render.figure(None if row is None else row.cells.get(key), column.number)._replace(bold=False)

    def number(self, row: Row, key: str) -> str:
        """A row's figure with its unit, as text."""
        unit = self.columns[key].unit
        return self.figure(row, key).text + (f" {unit}" if unit else "")

    def budgets(self, models: Iterable[str]) -> list[str]:
        """What each row saw of the data in training, in one sentence, if any row was trained."""
        seen = [row for m in models for row in surveys.standing(m, self.rows) if "kimg" in row.cells]
        each = ", ".join(f"{row.title} {self.figure(row, 'kimg').text}" for row in seen)
        return [f"Images seen in training, in thousands, without the parents': {each}."] if each else []


class Sources(NamedTuple):
    """What the pages are made of."""

    results: Results
    measured: list[Measured]
    assessments: dict[str, Assessment]  # by id: "C03"
    studies: dict[str, Json]  # by name; those that have run
    figures: Mapping[str, Sequence[Plot]]  # of each study, drawn

    def protocol(self) -> list[str]:
        """What was compared with what on every data set."""
        return [sentence for m in self.measured for sentence in m.protocol]

    def on(self, loader: str) -> list[Measured]:
        """The profile's data sets that a loader made."""
        return [m for m in self.measured if m.dataset.loader == loader]

    def plots(self, study: str, of: Iterable[Measured]) -> list[Plot]:
        """The figures of a study of some data sets, if it has run."""
        names = {f"{study}-{m.dataset.name}" for m in of}
        return [plot for plot in self.figures.get(study, ()) if plot.name in names]

    def about_sharpness(self, dataset: str) -> str:
        """What the sharpness of a data set's rows was measured from, or why it was not."""
        found = self.studies.get("sharpness", {}).get("datasets", {}).get(dataset)
        if found is None:
            return f"Sharpness: {self.no_study('sharpness')[0].lower()}{self.no_study('sharpness')[1:]}"
        counts = {f["n"] for runs in found["rows"].values() for f in runs}
        if not counts:
            return "Sharpness: no run of the study's rows has samples."
        n = f"{min(counts):,}" if len(counts) == 1 else f"{min(counts):,} to {max(counts):,}"
        return f"Sharpness: the first {n} samples of a run beside {found['real']['n']:,} real test images."

    def no_study(self, name: str) -> str:
        """Why there is no figure of a study."""
        return (
            f"Not measured: the study '{name}' has not run in profile {self.results.profile}; list it under "
            f"studies of profiles/{self.results.profile}.yaml, and run the profile."
        )


def read(name: str) -> list[Json]:
    """The rows of a CSV file in this folder."""
    found = pd.read_csv(Path(__file__).with_name(name), dtype=str).fillna("")
    return cast(list[Json], found.to_dict("records"))


def gather(
    results: Results,
    built: dict[str, list[Table]],
    assessments: Sequence[Assessment],
    studies: dict[str, Json],
    figures: Mapping[str, Sequence[Plot]],
) -> Sources:
    """Everything that a page may draw on. studies: what those of the profile measured, by name; figures: of each."""
    sharp = studies.get("sharpness", {}).get("datasets", {})
    measured = [_measured(d, built[d.name], sharp.get(d.name)) for d in results.datasets]
    return Sources(results, measured, {j.id: j for j in assessments}, studies, figures)


def _measured(dataset: DataSet, built: list[Table], sharp: Json | None) -> Measured:
    columns = {c.key: c for table in built for c in table.columns} | {SHARPNESS.key: SHARPNESS}
    rows: dict[str, Row] = {}
    for row in (row for table in built for row in table.rows):
        known = rows.get(row.model)
        rows[row.model] = row if known is None else known._replace(cells=known.cells | row.cells)
    if sharp is not None:
        real = sharp["real"]["sharpness"]
        figures = {"": [real], **{name: [f["sharpness"] for f in runs] for name, runs in sharp["rows"].items()}}
        for name in figures.keys() & rows.keys():
            cell = tables.interval([value / real for value in figures[name]])
            rows[name] = rows[name]._replace(cells=rows[name].cells | {SHARPNESS.key: cell})
    floor = rows.pop("", None)  # the floor has no model
    return Measured(dataset, built[0], columns, rows, floor)


def section(
    title: str,
    *text: str,
    grids: Iterable[Grid] = (),
    plots: Iterable[Plot] = (),
    pictures: Iterable[Picture] = (),
) -> Section:
    return Section(title, list(text), list(grids), list(plots), list(pictures))


def sample_grids(results: Results, m: Measured, models: Sequence[str]) -> list[Picture]:
    """The first samples of the first seed of each of the models, in this order, after as many real images."""
    real, found = figures_of.real_grid(results, m.dataset), []
    if real is not None:
        found.append(("Real test images", real))
    grids = {run["model"]: (run, file) for run, file in figures_of.grid_files(results, m.dataset)}
    for run, file in (grids[model] for model in models if model in grids):
        with Image.open(file) as grid:
            found.append((f"{run['title']}, seed {run['seed']}", grid.copy()))
    return [_cut(title, grid, m.dataset.title) for title, grid in found]


def _cut(title: str, grid: Image.Image, dataset: str) -> Picture:
    """The upper rows of a grid of square images with a pixel between them."""
    step = (grid.width + 1) // ACROSS
    rows = min(DOWN, (grid.height + 1) // step)
    caption = f"The first {rows * ACROSS}, not selected. {dataset}."
    return Picture(title, caption, grid.crop((0, 0, grid.width, rows * step - 1)))


def lists(survey: str, sources: Sources) -> Section:
    """Every system that a survey names, on each data set, and every claim it makes."""
    systems = [surveys.system_grid(survey, m.dataset, m.main) for m in sources.measured]
    return section(
        "Everything the survey names",
        grids=[*systems, surveys.sentence_grid(survey, sources.results, list(sources.assessments.values()))],
    )


def verdict_grid(title: str, ids: Sequence[str], sources: Sources) -> Grid:
    """Some claims with their verdicts."""
    found = [sources.assessments[i] for i in ids]
    lines = [
        Line("model", [Text(j.id), Text(j.claim.sentence), Text(j.finding.verdict), Text(j.finding.reason)])
        for j in found
    ]
    caption = ["Intervals are at 95 %, paired over seeds.", *sources.protocol()]
    return Grid(title, ["No.", "Claim", "Verdict", "Evidence"], [""] * 4, [False] * 4, lines, caption)


def verdict_of(token: str, sources: Sources) -> tuple[str, Verdict, str]:
    """(claim's id, verdict, evidence) of "C03", or of a part of a claim: of the effects whose name has some words and
    lacks others ("C35:AAE:!coverage"), in whatever case."""
    id_, *words = token.lower().split(":")
    id_ = id_.upper()
    finding = sources.assessments[id_].finding
    if not words or not finding.effects:
        return id_, finding.verdict, finding.reason
    kept = [e for e in finding.effects if all((w.lstrip("!") in e.what.lower()) != w.startswith("!") for w in words)]
    if not kept:
        return id_, Verdict.UNMEASURED, f"{id_} does not measure this part of the claim"
    return id_, claims.combine([e.verdict for e in kept]), claims.sentence(kept)


def ends(sources: Sources, dataset: str, models: Iterable[str]) -> str | None:
    """How many of these rows' runs collapsed or diverged, with Wilson's interval; None while none has ended.
    Undertrained runs cannot tell."""
    runs = sources.results.of(dataset)
    if "stability.state" not in runs:
        return None
    states = list(runs.loc[runs["model"].isin(list(models)), "stability.state"].dropna())
    learned = [state for state in states if state != "undertrained"]
    left_out = f", {len(states) - len(learned)} more undertrained" if len(learned) < len(states) else ""
    if not learned:
        return f"0 of 0 runs{left_out}" if states else None
    bad = sum(state in STATES for state in learned)
    share = intervals.share(bad, len(learned))
    return f"{bad} of {len(learned)} runs ({100 * share.low:.0f} to {100 * share.high:.0f} %){left_out}"


def figures(tokens: Sequence[str], sources: Sources) -> str:
    """Some figures ("vae:coverage") on every data set that has the rows, in words; and which rows no data set has."""
    asked = [(model, key) for model, _, key in (token.partition(":") for token in tokens)]
    found = []
    for m in sources.measured:
        shown = [(row, key) for model, key in asked for row in surveys.standing(model, m.rows)]
        here = "; ".join(phrase(sources, m, row, key) for row, key in shown)
        if here:
            found.append(here if len(sources.measured) == 1 else f"{m.dataset.title}: {here}")
    gone = {model for model, _ in asked if not any(surveys.standing(model, m.rows) for m in sources.measured)}
    return "; ".join([*found, *(absent(model) for model in sorted(gone))])


def phrase(sources: Sources, m: Measured, row: Row, key: str) -> str:
    """One figure of a row in words: "Coverage of VAE 0.263 ± 0.010", or why there is none."""
    key = m.key(key)
    if key == STATE:
        ended = ends(sources, m.dataset.name, [row.model]) or "no run that ended"
        return f"{row.title} collapsed or diverged in {ended}"
    if key not in m.columns:
        return f"no {key} of {row.title}"
    label = f"{m.columns[key].label} of {row.title}"
    if key in row.cells:
        return f"{label} {m.number(row, key)}"
    return f"no {label}" + (f" ({row.outcome})" if row.outcome else "")


def absent(model: str) -> str:
    """That a model has no row in this profile, or none anywhere yet."""
    known = model in registry.names("models")
    title = registry.model_class(model).title if known else model.upper()
    return f"{title} not measured: {'not in this profile' if known else surveys.NO_ROW}"
