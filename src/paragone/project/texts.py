"""Texts that come from outside (names of files and classes, titles, what a library said), as they may be shown.

Whoever reads them is a terminal, a page, a spreadsheet, a TeX run or another person: none is given orders, and nobody
is told in whose home a project stood.
"""

import re
from pathlib import Path
from typing import Any

from paragone.project import addresses

HOMES = re.compile(r"(?<![\w.~/-])/(?:home|Users|export/home)/[^/\s:;,'\"()]+(?=$|[/\s:;,'\"()])")
ORDERS = re.compile(r"[=@+\-\t\r]")  # what a spreadsheet takes for the start of a formula
FIGURE = re.compile(r"[+-][\d.,]+(e[+-]?\d+)?( ± [\d.,]+)?†?( ?%)?")


def harmless(text: str) -> str:
    """A text with signs that a terminal would obey, or that no encoding has, written out; its lines stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def line(text: str) -> str:
    """The same as one line."""
    return harmless(" ".join(text.split())) if "\n" in text or not text.isprintable() else text


def lines(value: Any) -> Any:
    """What a JSON file holds, with every text in it, names of keys too, as one harmless line."""
    if isinstance(value, str):
        return line(value)
    if isinstance(value, dict):
        return {line(key): lines(inner) for key, inner in value.items()}
    return [lines(inner) for inner in value] if isinstance(value, list) else value


def private(text: str, root: Path | None = None) -> str:
    """A text to keep or to hand on: paths below `root` start there, homes are `~`, addresses hold no password."""
    for folder, shown in ((root, ""), (Path.home(), "~/")):
        if folder is not None and len(folder.parts) > 1:
            below = re.compile(rf"(?<![\w.~/-]){re.escape(str(folder))}(/|(?=$|[\s:;,'\"()]))")
            text = below.sub(lambda found, shown=shown: shown if found[1] else shown or ".", text)  # type: ignore[misc]
    return HOMES.sub("~", addresses.public(text))


def cell(value: Any) -> Any:
    """A cell of a CSV file: a text that a spreadsheet would compute is marked as text."""
    if isinstance(value, str) and ORDERS.match(value) and not FIGURE.fullmatch(value):
        return f"'{value}"
    return value
