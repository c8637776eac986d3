"""A page for each survey: its own tables and figures, filled with measurements; as Markdown and LaTeX too."""

from functools import partial
from pathlib import Path

from paragone.project import files
from paragone.report import latex as tex
from paragone.report import render
from paragone.report.claims.verdicts import Assessment
from paragone.report.surveys import base, hu, li, poudel, zhao
from paragone.report.surveys.base import Picture, Section, SurveyPage
from paragone.report.tables import Table
from paragone.results.runs import Json, Results

__all__ = ["Picture", "Section", "SurveyPage", "latex", "markdown", "pages", "write"]


def pages(
    results: Results, tables: dict[str, list[Table]], assessments: list[Assessment], studies: dict[str, Json]
) -> list[SurveyPage]:
    """A page a survey, in the order of SURVEYS. studies: what those of the profile measured, by name."""
    sources = base.gather(results, tables, assessments, studies)
    return [survey.page(sources) for survey in (li, hu, zhao, poudel)]


def write(folder: Path, found: list[SurveyPage]) -> None:
    """Write tables/survey-<key>.md and .tex into a report's folder, and their pictures into figures/, where the report
    itself saves the plots."""
    for page in found:
        files.write_text(folder / "tables" / f"survey-{page.survey}.md", markdown(page))
        files.write_text(folder / "tables" / f"survey-{page.survey}.tex", latex(page))
        for name, picture in _pictures(page).items():
            files.write(folder / "figures" / f"{name}.png", partial(picture.image.save, format="png"))


def _pictures(page: SurveyPage) -> dict[str, Picture]:
    """A page's pictures by the names of their files."""
    found = [picture for section in page.sections for picture in section.pictures]
    return {f"survey-{page.survey}-{i}": picture for i, picture in enumerate(found, 1)}


def markdown(page: SurveyPage) -> str:
    """A page in GitHub's Markdown, as it stands in tables/ beside figures/."""
    parts = [f"# {page.title}", page.lead]
    names = iter(_pictures(page))
    for section in page.sections:
        parts += [f"## {section.title}", *section.text]
        parts += [_image(p.title, p.caption, next(names)) for p in section.pictures]
        parts += [_image(p.title, p.caption, p.name) for p in section.plots]
        if section.grids:
            parts.append(render.markdown(section.grids, level=3).rstrip())
    return "\n\n".join(parts) + "\n"


def _image(title: str, caption: str, name: str) -> str:
    return f"![{title}](../figures/{name}.png)\n\n*{title}. {caption}*"


def latex(page: SurveyPage) -> str:
    """A page in LaTeX, for a document that has the packages booktabs and graphicx and stands beside figures/."""
    parts = [tex.NEEDS, rf"\section*{{{tex.escape(page.title)}}}", tex.escape(page.lead)]
    names = iter(_pictures(page))
    for i, section in enumerate(page.sections, 1):
        parts += [rf"\subsection*{{{tex.escape(section.title)}}}", *map(tex.escape, section.text)]
        parts += [tex.figure(f"{p.title}. {p.caption}", next(names), 0.24) for p in section.pictures]
        parts += [tex.figure(f"{p.title}. {p.caption}", p.name, 0.6) for p in section.plots]
        parts += tex.floats(section.grids, f"survey-{page.survey}-{i}")
    return "\n\n".join(parts) + "\n"
