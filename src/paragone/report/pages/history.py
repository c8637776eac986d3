"""The page of how figures moved over commits and dates, once there are two reports to compare."""

from paragone.report import history
from paragone.report.pages import base
from paragone.report.pages.base import Site


def write(site: Site) -> None:
    """Write the page, if there is more than one point."""
    points, results = site.report.history, site.report.results
    if len(points) < 2:
        return
    sections = [
        {
            "name": dataset.name,
            "title": dataset.title,
            "grid": history.grid(points, results, dataset),
            "plots": [site.plot(plot) for plot in history.plots(points, results, dataset)],
        }
        for dataset in results.datasets
    ]
    site.page(base.HISTORY, "history.html", sections=sections, reports=history.listed(points))
