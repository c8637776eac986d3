"""The report as a site: a start page, and one page per model, data set, comparison, survey and claim."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paragone.report.pages import claims, compare, data, history, models, start, studies, surveys
from paragone.report.pages.base import Report, Site

PARTS = ("tables", "figures", "site")
"""The folders of a report beside index.html."""


def write(report: Report, folder: Path) -> None:
    """Write index.html and the folder `site`; what is in `tables` and `figures` by then is linked and shown."""
    site = Site(folder, report)
    for kind in (models, data, compare, surveys, claims, studies, history, start):
        kind.write(site)
    for name in ("report.css", "report.js"):
        site.static(name)


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A folder to write a report into, which takes the place of the one in `folder` once it is whole.

    Nothing of the earlier report stays, and index.html goes first and comes last: where it is, the report is whole.
    """
    partial = folder / ".report.partial"
    shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
    partial.mkdir(parents=True)
    try:
        yield partial
        index = folder / "index.html"
        index.unlink(missing_ok=True)
        for part in PARTS:
            shutil.rmtree(folder / part, ignore_errors=True)
            (partial / part).rename(folder / part)
        (partial / "index.html").rename(index)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
