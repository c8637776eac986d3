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
    name = profile.replace("_", "-")  # a key is of lower case letters, digits and dashes
    table = report / "tables/main.md"
    if table.exists():
        _publish(create_markdown_artifact, markdown=table.read_text(), key=f"{name}-table", description="Main table")
    lines = [f"### {stage}\n\n```\n{message}\n```" for stage, message in failures.items()]
    text = "\n\n".join(lines) or "No stage failed."
    _publish(create_markdown_artifact, markdown=text, key=f"{name}-failures", description="Failures")
    if (page := report / "index.html").exists():
        link = page.resolve().as_uri()
        _publish(create_link_artifact, link=link, link_text=str(page.relative_to(root)), key=f"{name}-report")


def _publish(create: Any, **content: str) -> None:
    try:
        create(**content)
    except LOST:
        return
