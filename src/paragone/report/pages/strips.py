"""Strips: the first eight samples of each row, beside its name and its first figures."""

from pathlib import Path

from PIL import Image

from paragone.report import figures, render
from paragone.report.pages import base
from paragone.report.pages.base import Shown, Site
from paragone.report.tables import Row, Table
from paragone.results.runs import DataSet, Json

LENGTH = 8  # images


def of_dataset(site: Site, dataset: DataSet) -> list[Json]:
    """The rows of a data set, the floor first: title, page, family, strip, figures, how it ended if not well."""
    main = site.report.tables[dataset.name][0]
    grids = {run["model"]: file for run, file in figures.grid_files(site.report.results, dataset)}
    real = figures.real_grid(site.report.results, dataset)
    found = []
    for row in main.rows:
        grid = real if row.kind == "floor" else grids.get(row.model)
        name = f"{dataset.name}-{row.model or 'real'}-strip"
        title = "Real test images" if row.kind == "floor" else row.title
        found.append(
            {
                "kind": row.kind,
                "title": title,
                "page": base.model_page(row.model) if row.kind == "model" else "",
                "family": row.heading if row.kind == "model" else "",
                "strip": None if grid is None else _strip(site, dataset, name, title, grid),
                "figures": distances(main, row),
                "outcome": row.outcome,
            }
        )
    return found


def _strip(site: Site, dataset: DataSet, name: str, title: str, grid: Image.Image | Path) -> Shown:
    """The start of a sample grid, whose images are a pixel apart."""
    _, height, width = (dataset.about or {}).get("shape") or (1, 32, 32)
    with grid if isinstance(grid, Image.Image) else Image.open(grid) as opened:
        strip = opened.crop((0, 0, min(opened.width, LENGTH * (width + 1) - 1), min(opened.height, height)))
    return site.picture(name, strip, title, f"First samples of {title}: {dataset.title}")


def distances(main: Table, row: Row) -> list[tuple[str, str, bool]]:
    """(label, value, whether it is the best) of the row's distances from the training split, one per space."""
    shown = [c for c in main.columns if c.source.endswith(".fd") and not c.setting and c.key in row.cells]
    return [(c.label, render.figure(row.cells[c.key], c.number).text, row.cells[c.key].best) for c in shown]
