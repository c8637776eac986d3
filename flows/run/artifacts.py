"""What a flow publishes in Prefect: the main table, failures, a link to the report, each stage's log, and assets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from prefect.artifacts import create_link_artifact, create_markdown_artifact
from prefect.assets import Asset, AssetProperties

from flows.run.processes import tail
from paragone.project import paths, settings

LOST = (httpx.HTTPError, OSError)
LINES = 400  # of a log that are published, the last ones


def link_log(root: Path, log: Path) -> None:
    """Link a stage's log in its task."""
    _publish(create_link_artifact, link=log.resolve().as_uri(), link_text=str(log.relative_to(root)))


def publish_log(root: Path, log: Path) -> None:
    """Publish the end of a stage's log in its task: where Prefect's pages are open on another machine, the link leads
    nowhere."""
    text = f"`{log.relative_to(root)}`\n\n````\n{tail(log, LINES)}\n````"
    _publish(create_markdown_artifact, markdown=text, description="Log")


def asset(root: Path, profile: str, stage: str) -> Asset | None:
    """What a stage makes that is an asset: a data set, or a profile's report."""
    name = stage.rpartition(":")[2]
    if name.startswith("ingest-"):
        dataset = name.removeprefix("ingest-")
        made, title, key = root / paths.prepared(dataset), f"Data set {dataset}", f"data/{dataset}"
    elif name == "report":
        folder = paths.report(profile, settings.read(root).profile)
        made, title, key = root / folder / "index.html", f"Report of profile {profile}", f"report/{profile}"
    else:
        return None
    return Asset(key=f"paragone://{key}", properties=AssetProperties(name=title, url=made.resolve().as_uri()))


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
