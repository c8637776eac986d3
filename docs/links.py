"""A hook of mkdocs: links that lead out of docs/ become the plain names of the files, which the site does not have.

Pages are read as they are in the repository, some of them from its root; a link to a file that is in neither place is
left as it is, and mkdocs reports it.
"""

import re
from pathlib import Path
from posixpath import normpath, relpath
from typing import Any

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")
ROOT = Path(__file__).parents[1]
INCLUDED = {"CONTRIBUTING.md": "add-a-model.md", "ARCHITECTURE.md": "architecture.md", "CHANGELOG.md": "changelog.md"}


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Called by mkdocs with the text of a page, before what it includes is put in its place."""
    for name, source in INCLUDED.items():
        if page.file.src_uri == source:
            markdown = markdown.replace(f'--8<-- "{name}"', (ROOT / name).read_text(encoding="utf-8"))
            return LINK.sub(lambda match: _link(match, "", page.file.src_uri), markdown)
    folder = f"docs/{page.file.src_uri}".rpartition("/")[0]
    return LINK.sub(lambda match: _link(match, folder, page.file.src_uri), markdown)


def _link(match: re.Match[str], folder: str, page: str) -> str:
    """A link of a file in `folder` of the repository, as the page of the site has it."""
    text, target, anchor = match[1], match[2], match[3] or ""
    path = normpath(f"{folder}/{target}" if folder else target)
    path = next((f"docs/{new}" for old, new in INCLUDED.items() if path == old), path)
    if path.startswith("docs/") and (ROOT / path).is_file():
        return f"[{text}]({relpath(path.removeprefix('docs/'), page.rpartition('/')[0] or '.')}{anchor})"
    return (text if text.startswith("`") else f"`{path}`") if (ROOT / path).exists() else match[0]
