"""A page for each survey: its own tables and figures, filled with measurements."""

from typing import NamedTuple

from PIL import Image

from paragone.claims.base import SURVEYS
from paragone.report import surveys
from paragone.report.claims import Judged
from paragone.report.figures import Plot
from paragone.report.render import Grid
from paragone.report.results import Results
from paragone.report.tables import Table


class Picture(NamedTuple):
    """A wall of samples, or the like."""

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


def pages(results: Results, tables: dict[str, list[Table]], judged: list[Judged]) -> list[SurveyPage]:
    """A page a survey, in the order of SURVEYS."""
    grids = surveys.grids(results, tables, judged)
    lead = "Every system and sentence that the survey names, with our figures."
    return [
        SurveyPage(
            key, title, lead, [Section(g.title, [], [g], [], []) for g in grids if f" {key}" in f" {g.title}".lower()]
        )
        for key, title in SURVEYS.items()
    ]
