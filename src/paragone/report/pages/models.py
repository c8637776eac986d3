"""One page per model (a row of the profile): what it is, and on each data set samples, curves, metrics and lineage."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

import matplotlib as mpl

from paragone.project import registry
from paragone.project.params import GUEST
from paragone.report import figures, notation, render
from paragone.report.figures import Plot
from paragone.report.pages import base, claims, guests, pictures
from paragone.report.pages.base import Site
from paragone.report.pages.claims import beside
from paragone.report.render import MISSING, Grid, Line, Text
from paragone.report.tables import Row, Table, by_model
from paragone.results.runs import DataSet, Json, is_figure, is_missing

GPU = "GPU in use"
LINEAGE = {
    "Outcome": "outcome", "Why": "reason", "MLflow run": "name", "Started": "train.started", "Commit": "train.commit",
    "Uncommitted changes": "train.dirty", "Code": "train.code", "Plugin": "train.plugin",
    "Data": "train.data", "Parents": "parents",
    "Device": "train.device", GPU: "train.gpu_utilization",
    "CPU": "train.cpu", "Threads": "train.threads", "Processes": "train.processes",
    "Precision": "train.precision", "torch": "train.torch", "Images seen": "train.images", "Updates": "train.steps",
    "Replayed as CUDA graphs": "train.replayed_steps", "Replays": "train.replays",
    "Eager because": "train.eager_because",
    "Weights kept": "train.selection.kept", "Kept at, kimg": "train.selection.kimg",
    "Scored by": "train.selection.by", "Times scored": "train.selection.scored",
    "Training, s": "train.seconds", "Clock": "train.clock", "Sampled on": "sampling.device",
    "Evaluated on": "metrics.device",
}  # fmt: skip
"""Label -> column of the wide table."""


def write(site: Site) -> None:
    """Write one page per row, in the tables' order."""
    rows = {row.model: row for d in site.report.results.datasets for row in _rows(site, d)}
    listed = [(row.title, base.model_page(model)) for model, row in rows.items()]
    groups = by_model(site.report.results.rows())
    for i, row in enumerate(rows.values()):
        runs = groups[row.model]
        is_guest = runs[0]["file"] == GUEST
        paper = guests.paper(runs) if is_guest else registry.model_class(runs[0]["file"]).paper
        about = notation.read(
            guests.about(runs) if is_guest else registry.load("models", runs[0]["file"]).__doc__ or ""
        )
        datasets = [d for d in site.report.results.datasets if any(run["dataset"] == d.name for run in runs)]
        site.page(
            base.model_page(row.model),
            "model.html",
            row=row,
            file=runs[0]["file"],
            paper=paper,
            about=about,
            parents=_related(groups, row.model),
            sections=[_section(site, d, row.model, [r for r in runs if r["dataset"] == d.name]) for d in datasets],
            claims=claims.of_model(site, row.model),
            beside=beside(listed, i),
        )


def _rows(site: Site, dataset: DataSet) -> list[Row]:
    return [row for row in site.report.tables[dataset.name][0].rows if row.kind == "model"]


def _related(groups: Mapping[str, list[Json]], model: str) -> list[tuple[str, str, str]]:
    """(relation, title, page) of the rows that a row starts from, and of those that start from it."""
    below = [child for child, runs in groups.items() if model in _parents(runs[0])]
    found = [("Starts from", parent) for parent in _parents(groups[model][0])]
    found += [("Is the start of", child) for child in below]
    rows = [(relation, row) for relation, row in found if row in groups]  # a feature network has no page
    return [(relation, str(groups[row][-1]["title"]), base.model_page(row)) for relation, row in rows]


def _parents(run: Json) -> list[str]:
    """The rows that a run starts from."""
    return [part.partition("=")[2] for part in str(run["parents"]).split(", ") if part]


def _section(site: Site, dataset: DataSet, model: str, runs: list[Json]) -> Json:
    results = site.report.results
    grids = [(run, file) for run in runs if (file := results.root / results.where(run).sample_grid).exists()]
    grids = [(run, file) for run, file in grids if run["outcome"] in ("finished", "diverged")]
    first = next((run for run in runs if run["outcome"] == "finished"), None)
    (row,) = [row for row in _rows(site, dataset) if row.model == model]
    return {
        "name": dataset.name,
        "title": dataset.title,
        "page": base.data_page(dataset.name),
        "outcome": row,
        "real": pictures.real(site, dataset),
        "grids": [(run["seed"], run["outcome"], pictures.sample_grid(site, dataset, run, file)) for run, file in grids],
        "pictures": [] if first is None else pictures.others(site, dataset, first),
        "curves": [site.plot(plot) for plot in _curves(site, dataset, model, runs)],
        "figures": figures_of(site.report.tables[dataset.name], model, site.report.stability[dataset.name], row.title),
        "settings": settings(runs, f"Settings that differ from the paper's: {dataset.title}"),
        "lineage": lineage(runs, results.profile, dataset.title),
    }


def _curves(site: Site, dataset: DataSet, model: str, runs: list[Json]) -> Iterator[Plot]:
    for section, name, title, what in (
        (
            "loss/",
            "curves",
            "Training curves",
            "Training losses by thousands of images seen, one line per loss and seed",
        ),
        (
            "held-out/KID",
            "held-out",
            "Held-out score",
            "KID from held-out images along the training, one line per seed",
        ),
    ):
        with mpl.rc_context(figures.STYLE):
            figure = figures.curves(site.report.results, runs, section)
        if figure is not None:
            yield Plot(f"{name}-{dataset.name}-{model}", title, f"{what}. {dataset.title}.", figure)


def figures_of(tables: list[Table], model: str, steady: Grid | None, title: str) -> Grid:
    """A row's figures in every table, one line each: with the interval, the floor's, the rank, and what it measures.

    Those of the main table are in the others too, which say more.
    """
    lines, seen = [], set()
    for table in tables[1:]:
        floor = next((row for row in table.rows if row.kind == "floor"), None)
        chosen = next((row for row in table.rows if row.model == model), None)
        shown = [c for c in table.columns if chosen is not None and c.key in chosen.cells and c.source not in seen]
        if shown and chosen is not None:
            lines.append(Line("heading", [Text(table.title.partition(":")[0])]))
        for c in shown:
            seen.add(c.source)
            assert chosen is not None
            real = floor.cells.get(c.key) if floor is not None else None
            cells = [render.figure(chosen.cells[c.key], c.number), render.figure(real, c.number)]
            lines.append(
                Line("model", [Text(c.header), *cells, Text(_rank(table, c.key, c.better, chosen)), Text(c.about)])
            )
    lines += _steady(steady, title)
    headers = ["Figure", title, "Floor", "Rank", "What it measures"]
    numeric = [False, True, True, True, False]
    return Grid(f"Figures of {title}", headers, [""] * 5, numeric, lines, tables[0].caption)


def _rank(table: Table, key: str, better: str, chosen: Row) -> str:
    """The place of a row among the models that finished, by the mean: "3 of 20"; equal means share the better place."""
    means = [row.cells[key].mean for row in table.rows if row.kind == "model" and not row.outcome and key in row.cells]
    if not better or chosen.outcome or len(means) < 2:
        return ""
    mine = chosen.cells[key].mean
    ahead = sum(mean < mine if better == "low" else mean > mine for mean in means)
    return f"{ahead + 1} of {len(means)}"


def _steady(steady: Grid | None, title: str) -> list[Line]:
    if steady is None:
        return []
    (found,) = [line for line in steady.lines if line.cells[0].text == title]
    shown = zip(steady.headers[1:], found.cells[1:], steady.abouts[1:], strict=True)
    lines = [
        Line("model", [Text(header), cell, Text(MISSING), Text(""), Text(about)])
        for header, cell, about in shown
        if cell.text != MISSING
    ]
    return [Line("heading", [Text("Stability over seeds")]), *lines]


def settings(runs: list[Json], title: str) -> Grid | None:
    """What the runs' configs and plans say other than the paper's; None while nothing is trained."""
    trained = next((run for run in runs if not is_missing(run.get("train.kimg"))), None)
    if trained is None or trained["file"] == GUEST:
        return None
    cls = registry.model_class(trained["file"])
    papers = {
        "config": {f.name: f.default for f in dataclasses.fields(cls.Config)},
        "plan": dataclasses.asdict(cls.plan),
    }
    lines = []
    for part, paper in papers.items():
        for key, default in paper.items():
            ours = trained.get(f"train.{part}.{key}")
            if not is_missing(ours) and _plain(ours) != _plain(default):
                lines.append(Line("model", [Text(key), Text(_plain(default)), Text(_plain(ours)), Text(part)]))
    return Grid(title, ["Setting", "Paper's", "Here", "Part"], [""] * 4, [False] * 4, lines, [])


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        value = json.dumps(value)
    if is_figure(value):
        return f"{int(value):,}" if value == int(value) else f"{value:g}"
    return render.plain(value)


def lineage(runs: list[Json], profile: str, title: str) -> Grid:
    """Where the figures come from: one column per seed."""
    lines = []
    for label, source in LINEAGE.items():
        values = [_gpu(run) if label == GPU else _short(label, run.get(source)) for run in runs]
        if any(value != MISSING for value in values):
            lines.append(Line("model", [Text(label), *map(Text, values)]))
    headers = ["Fact", *(f"Seed {run['seed']}" for run in runs)]
    caption = [
        f"MLflow experiment: paragone/{profile}.",
        "Hashes are cut to 12 characters; tables/runs.parquet has them whole.",
    ]
    return Grid(f"Lineage: {title}", headers, [""] * len(headers), [False] * len(headers), lines, caption)


def _gpu(run: Json) -> str:
    """How busy its GPU was in training."""
    if is_figure(busy := run.get("train.gpu_utilization")):
        return f"{busy:.0f} %"
    if is_missing(run.get("train.device")):
        return MISSING
    return "no GPU" if run["train.device"] == run.get("train.cpu") else "not measured"


def _short(label: str, value: object) -> str:
    return render.plain(value)[:12] if label in ("Commit", "Code", "Data") else _plain(value)
