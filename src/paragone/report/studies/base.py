"""The contract of a study's figures, and what they share.

report/studies/<name>.py draws what the study <name> measured; a study without such a file has no figures. It holds

    def plots(found: Json, results: Results) -> list[Plot]    # found: what is in runs/<profile>/studies/<name>.json
    def grids(found: Json, results: Results) -> list[Grid]    # tables, if it has any

Figures are drawn under `figures.STYLE`; a plot's name is a file name, and begins with the study's.
"""

from collections.abc import Callable, Mapping
from typing import cast

import matplotlib as mpl

from paragone.project import registry
from paragone.report import figures
from paragone.report.figures import Plot
from paragone.report.render import Grid
from paragone.results.runs import Json, Results

KIND = "report/studies"


def draw(found: Mapping[str, Json], results: Results) -> dict[str, list[Plot]]:
    """The figures of each study that has run, in the profile's order."""
    with mpl.rc_context(figures.STYLE):
        return {name: _plots(name, content, results) for name, content in found.items()}


def tables(found: Mapping[str, Json], results: Results) -> dict[str, list[Grid]]:
    """The tables of each study that has run and has any."""
    drawn = {name: registry.load(KIND, name) for name in found if name in registry.names(KIND)}
    return {name: file.grids(found[name], results) for name, file in drawn.items() if hasattr(file, "grids")}


def _plots(name: str, content: Json, results: Results) -> list[Plot]:
    if name not in registry.names(KIND):
        return []
    return cast(list[Plot], registry.load(KIND, name).plots(content, results))


def per_dataset(plot: Callable[[str, Json, Json, Results], Plot], found: Json, results: Results) -> list[Plot]:
    """The figure of each data set on which any row was measured: `plot` of its name and what was measured."""
    return [
        plot(dataset, measured, found, results)
        for dataset, measured in found["datasets"].items()
        if any(measured["rows"].values())
    ]


def title(results: Results, dataset: str) -> str:
    """The title of a data set."""
    return next(d.title for d in results.datasets if d.name == dataset)


def row_titles(results: Results) -> dict[str, str]:
    """The title of each row."""
    return {str(row): str(name) for row, name in zip(results.runs["model"], results.runs["title"], strict=True)}
