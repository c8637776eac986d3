"""The studies: what each measures, its figures, and the claims that rest on it."""

from paragone.project import registry
from paragone.report import notation
from paragone.report.pages import base, claims
from paragone.report.pages.base import Site


def write(site: Site) -> None:
    """Write the page of the studies, if any has run."""
    if not site.report.studies:
        return
    shown = []
    for name, plots in site.report.studies.items():
        about = notation.read(registry.load("studies", name).__doc__ or "")
        shown.append(
            {
                "name": name,
                "headline": about.headline,
                "body": about.body,
                "tables": site.report.study_tables.get(name, []),
                "plots": [site.plot(plot) for plot in plots],
                "claims": claims.of_study(site, name),
            }
        )
    site.page(base.STUDIES, "studies.html", studies=shown)


def listed(site: Site) -> list[tuple[str, str]]:
    """(name, first sentence) of the studies that have run."""
    found = {name: registry.load("studies", name).__doc__ or "" for name in site.report.studies}
    return [(name, notation.read(text).headline) for name, text in found.items()]
