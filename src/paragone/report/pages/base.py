"""What the pages of a report share: their folder, pictures, figures and links."""

import io
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jinja2
from PIL import Image

from paragone.evaluation.protocol_number import PROTOCOL
from paragone.project import files
from paragone.report import figures
from paragone.report.claims.verdicts import Assessment
from paragone.report.figures import Plot
from paragone.report.render import Grid
from paragone.report.scatter import GRID, INK
from paragone.report.surveys.pages import SurveyPage
from paragone.report.tables import Table
from paragone.results.history import Point
from paragone.results.runs import Json, Results

PICTURE_BYTES = 120_000  # of one picture at most
_TEMPLATES = Path(__file__).parents[1] / "templates"
_NUMBER = re.compile(r"-?\d+\.\d{2,}")
_THEME = """<style>
svg { color: %s; background: #ffffff; --grid: %s; }
@media (prefers-color-scheme: dark) { svg { color: #e6e4df; background: #1b1e22; --grid: #3a3f46; } }
</style>"""


class Report(NamedTuple):
    """Everything that a report shows."""

    results: Results
    tables: Mapping[str, list[Table]]  # by data set
    plots: Mapping[str, list[Plot]]  # by data set
    assessments: list[Assessment]
    claims: Mapping[str, Plot]  # by claim's id, where it was measured
    studies: Mapping[str, list[Plot]]  # by study, of those that have run
    surveys: list[SurveyPage]
    stability: Mapping[str, Grid | None]  # by data set
    judges: Mapping[str, Grid | None]  # by data set: the order by each judge
    history: list[Point]  # what earlier reports said, and this one
    study_tables: Mapping[str, list[Grid]] = MappingProxyType({})  # by study, of those that have run and have any


class Shown(NamedTuple):
    """A picture or a figure as a page shows it."""

    path: str  # from the report's folder
    title: str
    text: str  # what it shows, in words
    width: int
    height: int


class Site:
    """Writes pages, pictures and figures into a folder; each picture and figure once, however many pages show it."""

    def __init__(self, folder: Path, report: Report) -> None:
        self.folder, self.report = folder, report
        self._shown: dict[str, Shown] = {}
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["protocol_number"] = PROTOCOL

    def page(self, path: str, template: str, **content: Any) -> None:
        """Write a page; `path` is relative to the report's folder, as every link in a template is to `up`."""
        text = self._environment.get_template(template).render(
            up="../" * path.count("/"),
            path=path,
            results=self.report.results,
            links=self.links(),
            has_studies=bool(self.report.studies),
            has_history=len(self.report.history) > 1,
            **content,
        )
        files.write_text(self.folder / path, text)

    def links(self) -> dict[str, str]:
        """The page of whatever a table's first cell may name: a model's title, a claim's number."""
        runs = self.report.results.runs
        found = {str(t): model_page(str(m)) for t, m in zip(runs["title"], runs["model"], strict=True)}
        return found | {j.id: claim_page(j.id) for j in self.report.assessments}

    def static(self, name: str) -> None:
        """Copy a style sheet or script."""
        files.write_text(self.folder / f"site/{name}", (_TEMPLATES / name).read_text(encoding="utf-8"))

    def picture(self, name: str, image: Path | Image.Image, title: str, text: str) -> Shown:
        """Write a picture (or take the one that has the name already) for pages to show."""
        if name not in self._shown:
            opened = Image.open(image) if isinstance(image, Path) else image
            path = f"site/images/{name}.webp"
            files.write(self.folder / path, partial(_put, encode(opened, PICTURE_BYTES)))
            self._shown[name] = Shown(path, title, text, opened.width, opened.height)
        return self._shown[name]

    def plot(self, plot: Plot) -> Shown:
        """Write a figure (or take the one that has the name already) for pages to show."""
        if plot.name not in self._shown:
            path = f"site/figures/{plot.name}.svg"
            drawn = self.folder / "figures" / f"{plot.name}.svg"  # drawing it again takes longer
            svg = themed(drawn.read_text() if drawn.exists() else figures.encode(plot, "svg").decode())
            files.write_text(self.folder / path, svg)
            width, height = (round(float(v)) for v in re.findall(r'(?:width|height)="([\d.]+)pt"', svg)[:2])
            self._shown[plot.name] = Shown(path, plot.title, plot.caption, width, height)
        return self._shown[plot.name]


def model_page(row: str) -> str:
    return f"site/models/{row}.html"


def data_page(dataset: str) -> str:
    return f"site/data/{dataset}.html"


def compare_page(dataset: str) -> str:
    return f"site/compare/{dataset}.html"


def claim_page(number: str) -> str:
    return f"site/claims/{number.lower()}.html"


def survey_page(survey: str) -> str:
    return f"site/surveys/{survey}.html"


STUDIES = "site/studies.html"
HISTORY = "site/history.html"


def encode(image: Image.Image, limit: int) -> bytes:
    """The image as WebP: exact if that takes no more than `limit` bytes, else the best that does."""
    attempts: list[Json] = [
        {"lossless": True, "method": 2},
        *({"quality": quality} for quality in (90, 75, 60, 45, 30)),
    ]
    content = b""
    for options in attempts:
        buffer = io.BytesIO()
        image.save(buffer, "webp", **options)
        content = buffer.getvalue()
        if len(content) <= limit:
            break
    return content


def _put(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def themed(svg: str) -> str:
    """A figure whose ink, grid and ground follow the colour scheme of the page around it; a hundredth of a point is
    as fine as it gets."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' d="[^"]*"', lambda m: _NUMBER.sub(_rounded, m[0]), svg)
    svg = svg.replace(INK, "currentColor").replace(GRID, "var(--grid)")
    return svg.replace(">", ">" + _THEME % (INK, GRID), 1)


def _rounded(match: re.Match[str]) -> str:
    return f"{round(float(match[0]), 2) + 0:.2f}".rstrip("0").rstrip(".")  # + 0: no "-0"
