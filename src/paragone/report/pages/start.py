"""The start page: samples and figures of every row, the main tables, the board of verdicts, the way to other pages."""

from paragone.report import render
from paragone.report.pages import base, claims, strips, studies
from paragone.report.pages.base import Shown, Site
from paragone.report.tables import Row, Table
from paragone.results.claims.base import SURVEYS
from paragone.results.runs import DataSet, Json

FILES = {
    "main": "main table", "quality": "quality", "cost": "cost", "reconstruction": "reconstruction",
    "stability": "stability", "claims": "claims", "published": "published figures",
    "lineage": "lineage", "runs": "every run",
}  # fmt: skip
"""File in tables/, without suffix -> what it holds."""


def write(site: Site) -> None:
    """Write index.html, which links to the files that are in `tables` by then."""
    report, results = site.report, site.report.results
    site.page(
        "index.html",
        "index.html",
        sections=[_section(site, d) for d in results.datasets],
        facts=_facts(site),
        board=claims.board(site),
        families=_families(site),
        surveys=[(base.survey_page(page.survey), page.title, page.lead) for page in report.surveys],
        survey_titles=SURVEYS,
        studies=studies.listed(site),
        glossary=_glossary(site),
        downloads=_downloads(site),
    )


def _section(site: Site, dataset: DataSet) -> Json:
    grid = render.grid(site.report.tables[dataset.name][0])
    return {
        "name": dataset.name,
        "title": dataset.title,
        "page": base.data_page(dataset.name),
        "compare": base.compare_page(dataset.name),
        "strips": strips.of_dataset(site, dataset),
        "plot": _quality_plot(site, dataset),
        "grid": grid,
        "failures": [(line.cells[0].text, line.cells[-1]) for line in grid.lines if line.cells[-1].note],
    }


def _quality_plot(site: Site, dataset: DataSet) -> Shown | None:
    """Quality against sampling time, or against training time where nothing was timed."""
    plots = {plot.name: plot for plot in site.report.plots[dataset.name]}
    names = [f"quality-{against}-{dataset.name}" for against in ("sampling", "training")]
    return next((site.plot(plots[name]) for name in names if name in plots), None)


def _facts(site: Site) -> list[tuple[str, str]]:
    results = site.report.results
    runs = results.runs
    finished = int((runs["outcome"] == "finished").sum())
    return [
        ("Data sets", str(len(results.datasets))),
        ("Models", str(runs["model"].nunique())),
        ("Seeds", f"{len(results.seeds)} ({', '.join(map(str, results.seeds))})"),
        ("Runs finished", f"{finished} of {len(runs)}"),
    ]


def _families(site: Site) -> list[tuple[str, list[Json]]]:
    """Every model under its family: title, page, and its first distance on each data set."""
    found: dict[str, dict[str, Json]] = {}
    for dataset in site.report.results.datasets:
        main = site.report.tables[dataset.name][0]
        for row in main.rows:
            if row.kind == "model":
                entry: Json = {"title": row.title, "page": base.model_page(row.model), "figures": []}
                entry = found.setdefault(row.heading, {}).setdefault(row.model, entry)
                entry["figures"].append((dataset.title, _headline(main, row)))
    return [(family, list(models.values())) for family, models in found.items()]


def _headline(main: Table, row: Row) -> str:
    """The row's first distance, or how it ended."""
    found = strips.distances(main, row)
    return " ".join(found[0][:2]) if found else row.outcome


def _glossary(site: Site) -> list[tuple[str, str]]:
    """Every column with an explanation, once."""
    built = [table for group in site.report.tables.values() for table in group]
    return list(dict.fromkeys((c.label, c.about) for table in built for c in table.columns if c.about))


def _downloads(site: Site) -> list[tuple[str, list[tuple[str, str]]]]:
    """(what, [(kind, path)]) of the tables beside the page."""
    there = sorted((site.folder / "tables").glob("*"))
    kinds = {".md": "Markdown", ".csv": "CSV", ".tex": "LaTeX", ".parquet": "Parquet"}
    of_surveys = {f"survey-{p.survey}": p.title for p in site.report.surveys}
    of_studies = {f"study-{name}": f"study {name.replace('_', ' ')}" for name in site.report.study_tables}
    return [
        (what, [(kinds[f.suffix], f"tables/{f.name}") for f in there if f.stem == name])
        for name, what in (FILES | of_surveys | of_studies).items()
        if any(f.stem == name for f in there)
    ]
