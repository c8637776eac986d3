"""What a flow publishes in Prefect: the main table, the failures, links to the report and to each stage's log."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from prefect.artifacts import create_link_artifact, create_markdown_artifact

LOST = (httpx.HTTPError, OSError)


def link_log(root: Path, log: Path) -> None:
    """Link a stage's log in its task."""
    _publish(create_link_artifact, link=log.resolve().as_uri(), link_text=str(log.relative_to(root)))


def publish(root: Path, profile: str, report: Path, failures: Mapping[str, str]) -> None:
    """Publish the main table of a profile, its failures (a message by stage), and a link to its report."""
    table, page = report / "tables/main.md", report / "index.html"
    if table.exists():
        publish_text(f"{profile}-table", table.read_text(), "Main table")
    lines = [f"### {stage}\n\n```\n{message}\n```" for stage, message in failures.items()]
    publish_text(f"{profile}-failures", "\n\n".join(lines) or "No stage failed.", "Failures")
    if page.exists():
        link, text = page.resolve().as_uri(), str(page.relative_to(root))
        _publish(create_link_artifact, link=link, link_text=text, key=_key(f"{profile}-report"))


def publish_text(name: str, markdown: str, description: str) -> None:
    """Publish a text under a name, which keeps its earlier versions."""
    _publish(create_markdown_artifact, markdown=markdown, key=_key(name), description=description)


def _key(name: str) -> str:
    return name.replace("_", "-")  # Prefect takes lower case letters, digits and dashes


def _publish(create: Any, **content: str) -> None:
    try:
        create(**content)
    except LOST:
        return
