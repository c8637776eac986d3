"""One page per survey, as `paragone.report.surveys.pages` lays it out."""

from paragone.report import notation
from paragone.report.pages import base
from paragone.report.pages.base import Site
from paragone.report.pages.claims import beside


def write(site: Site) -> None:
    """Write every survey's page."""
    pages = site.report.surveys
    listed = [(page.title, base.survey_page(page.survey)) for page in pages]
    for i, page in enumerate(pages):
        sections = [
            {
                "title": section.title,
                "text": [notation.inline(paragraph) for paragraph in section.text],
                "grids": section.grids,
                "plots": [site.plot(plot) for plot in section.plots],
                "pictures": [
                    site.picture(f"{page.survey}-{number}-{k}", p.image, p.title, p.caption)
                    for k, p in enumerate(section.pictures)
                ],
            }
            for number, section in enumerate(page.sections)
        ]
        site.page(
            base.survey_page(page.survey),
            "survey.html",
            survey=page,
            sections=sections,
            beside=beside(listed, i),
        )
