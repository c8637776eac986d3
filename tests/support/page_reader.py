"""Read a page: its tags in order, and what the tests ask of it."""

from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "img", "br", "hr", "input"}
SOURCES = ("src", "href", "action", "data", "poster", "srcset")


class Reader(HTMLParser):
    """Collects tags, ids, addresses, images and text, and checks that tags close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.count: Counter[str] = Counter()
        self.ids: list[str] = []
        self.addresses: list[tuple[str, str]] = []  # (tag, address)
        self.headings: list[int] = []
        self.text: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.count[tag] += 1
        self.attributes |= set(found)
        self.ids += [value for key, value in attrs if key == "id" and value]
        self.addresses += [(tag, v) for k, v in attrs if k.removeprefix("xlink:") in SOURCES and v]
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.images.append(found)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> at line {self.getpos()[0]} closes something else"

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def read(file: Path) -> Reader:
    """A page. Raises AssertionError if its tags do not close in order."""
    reader = Reader()
    reader.feed(file.read_text(encoding="utf-8"))
    reader.close()
    assert reader.open == [], file
    return reader
