"""The page of a benchmark that runs: its rows as they are evaluated, what runs now, and how long it will take.

One file that holds all it shows, and reloads itself; once the report is there it leads to that.
"""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jinja2
from PIL import Image

from paragone.project import files

NAME = "live.html"
EVERY = 5  # seconds between two loads
COLUMNS, SHOWN = 10, 8  # images in a row of a sample grid, and of them those in a strip
_TEMPLATES = Path(__file__).parent / "templates"


class Entry(NamedTuple):
    """One run: its names, how far it is, and what there is to see of it."""

    title: str
    dataset: str
    seed: int
    state: str  # "evaluated", "running", "waiting", or how it ended otherwise
    text: str  # its figures, or what it does now
    grid: Path | None  # its sample grid, of square images


def write(page: Path, profile: str, about: str, entries: Sequence[Entry], progress: tuple[int, int], left: str) -> None:
    """Write the page, in the folder of a report. progress: stages done, and all. left: the time left, in words."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    text = environment.get_template(NAME).render(
        profile=profile,
        about=about,
        every=EVERY,
        entries=[(entry, None if entry.grid is None else strip(entry.grid)) for entry in entries],
        done=progress[0],
        total=progress[1],
        left=left,
        style=(_TEMPLATES / "report.css").read_text(encoding="utf-8"),
    )
    files.write_text(page, text)


def lead_on(page: Path) -> None:
    """Let an open page go on to the report, which is there now."""
    if page.exists():
        files.write_text(
            page,
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Paragone</title>'
            '<meta http-equiv="refresh" content="0; url=index.html"><a href="index.html">The report</a></html>\n',
        )


def strip(grid: Path) -> str:
    """The first images of a sample grid, as the address of an image that holds them."""
    with Image.open(grid) as opened:
        side = (opened.width + 1) // COLUMNS
        cut = opened.crop((0, 0, SHOWN * side - 1, min(side - 1, opened.height)))
        buffer = io.BytesIO()
        cut.save(buffer, "webp", lossless=True)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
