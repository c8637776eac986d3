"""The start page: the main tables, the board of verdicts, and the way to every other page."""

from PIL import Image

from paragone.report import figures, render
from paragone.report.pages import base, claims, studies
from paragone.report.pages.base import Shown, Site
from paragone.report.tables import Row, Table
from paragone.results.claims.base import SURVEYS
from paragone.results.runs import DataSet, Json

THUMB = 5  # images per side
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
        "grid": grid,
        "failures": [(line.cells[0].text, line.cells[-1]) for line in grid.lines if line.cells[-1].note],
    }


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
    """Every model under its family: title, page, first samples, and its first distance on each data set."""
    found: dict[str, dict[str, Json]] = {}
    for dataset in site.report.results.datasets:
        main = site.report.tables[dataset.name][0]
        thumbs = _thumbs(site, dataset)
        for row in main.rows:
            if row.kind == "model":
                entry: Json = {"title": row.title, "page": base.model_page(row.model), "thumb": None, "figures": []}
                entry = found.setdefault(row.heading, {}).setdefault(row.model, entry)
                entry["thumb"] = entry["thumb"] or thumbs.get(row.model)
                entry["figures"].append((dataset.title, _headline(main, row)))
    return [(family, list(models.values())) for family, models in found.items()]


def _headline(main: Table, row: Row) -> str:
    """The row's first distance, or how it ended."""
    quality = next((c for c in main.columns if c.key.startswith("fd_")), None)
    cell = row.cells.get(quality.key) if quality is not None else None
    return row.outcome if cell is None or quality is None else f"{quality.label} {quality.number(cell.mean)}"


def _thumbs(site: Site, dataset: DataSet) -> dict[str, Shown]:
    """The corner of each model's sample grid."""
    _, height, width = (dataset.about or {}).get("shape") or (1, 32, 32)
    found = {}
    for run, file in figures.grid_files(site.report.results, dataset):
        with Image.open(file) as grid:
            corner = grid.crop(
                (0, 0, min(grid.width, THUMB * (width + 1) - 1), min(grid.height, THUMB * (height + 1) - 1))
            )
        name = f"{dataset.name}-{run['model']}-thumb"
        found[run["model"]] = site.picture(
            name, corner, run["title"], f"First samples of {run['title']}: {dataset.title}"
        )
    return found


def _glossary(site: Site) -> list[tuple[str, str]]:
    """Every column with an explanation, once."""
    built = [table for group in site.report.tables.values() for table in group]
    return list(dict.fromkeys((c.label, c.about) for table in built for c in table.columns if c.about))


def _downloads(site: Site) -> list[tuple[str, list[tuple[str, str]]]]:
    """(what, [(kind, path)]) of the tables beside the page."""
    there = sorted((site.folder / "tables").glob("*"))
    kinds = {".md": "Markdown", ".csv": "CSV", ".tex": "LaTeX", ".parquet": "Parquet"}
    return [
        (what, [(kinds[f.suffix], f"tables/{f.name}") for f in there if f.stem == name])
        for name, what in (FILES | {f"survey-{p.survey}": p.title for p in site.report.surveys}).items()
        if any(f.stem == name for f in there)
    ]
