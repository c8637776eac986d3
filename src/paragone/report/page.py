"""The report page: one self-contained HTML file that asks the network for nothing."""

import base64
import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape
from PIL import Image

from paragone.claims.base import SURVEYS
from paragone.report import claims, figures, published, render, stability
from paragone.report.figures import Plot
from paragone.report.render import Grid, Line, Text
from paragone.report.results import DataSet, Json, Results, is_figure
from paragone.report.scatter import GRID, INK
from paragone.report.tables import Table

WALL_BYTES = 1_200_000  # of all walls together
PICTURE_BYTES = 1_000_000  # of all pictures of what models can do besides
_FOLDER = Path(__file__).parent


def html(
    results: Results,
    tables: dict[str, list[Table]],
    plots: dict[str, list[Plot]],
    judged: list[claims.Judged],
    named: list[Grid],
) -> str:
    """The page of a profile: the tables and figures of each data set, the claims' verdicts, what the surveys name."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER), autoescape=True, undefined=jinja2.StrictUndefined
    )
    budget = WALL_BYTES // max(1, sum(len(figures.wall_files(results, d)) + 2 for d in results.datasets))
    sections = [_section(results, d, tables[d.name], plots[d.name], budget) for d in results.datasets]
    return environment.get_template("page.html").render(
        results=results,
        sections=sections,
        facts=_facts(results),
        board=_board(judged),
        named=named,
        glossary=_glossary(tables),
        warning=published.WARNING,
        css=Markup((_FOLDER / "page.css").read_text()),
        js=Markup((_FOLDER / "page.js").read_text()),
    )


def _section(results: Results, dataset: DataSet, tables: list[Table], plots: list[Plot], budget: int) -> Json:
    main, *more = (render.grid(table) for table in tables)
    figured = published.load(dataset.loader)
    return {
        "name": dataset.name,
        "title": dataset.title,
        "main": main,
        "more": [grid for grid in more if len(grid.headers) > 3],
        "failures": [
            (line.cells[0].text, line.cells[-1].text, line.cells[-1].note) for line in main.lines if line.cells[-1].note
        ],
        "walls": _walls(results, dataset, tables[0], budget),
        "plots": [_plot(plot) for plot in plots if plot.name.partition("-")[0] not in ("walls", *figures.PICTURES)],
        "published": {
            "figures": figured.figures,
            "grid": _published_grid(figured),
            "protocols": figured.protocols.to_dict("records"),
        },
        "stability": stability.grid(results, dataset),
        "validation": _validation(dataset),
        "data": _data(dataset),
        "data_wall": _data_wall(results, dataset, budget),
        "lineage": render.lineage(results, dataset.name, dataset.title),
    }


def _board(judged: list[claims.Judged]) -> Json:
    """The claims for the page: how many of each verdict, and each claim with its figure."""
    drawn = {plot.name: _plot(plot) for plot in claims.plots(judged)}
    return {
        "counts": Counter(str(j.finding.verdict) for j in judged),
        "surveys": SURVEYS,
        "claims": [{"id": j.id, **j._asdict(), "plot": drawn.get(f"claim-{j.id.lower()}")} for j in judged],
    }


def _facts(results: Results) -> list[tuple[str, str]]:
    runs = results.runs
    finished = int((runs["outcome"] == "finished").sum())
    return [
        ("Data sets", str(len(results.datasets))),
        ("Models", str(runs["model"].nunique())),
        ("Seeds", f"{len(results.seeds)} ({', '.join(map(str, results.seeds))})"),
        ("Runs finished", f"{finished} of {len(runs)}"),
    ]


def _glossary(tables: dict[str, list[Table]]) -> list[tuple[str, str]]:
    """Every column with an explanation, once."""
    return list(
        dict.fromkeys((c.label, c.about) for group in tables.values() for t in group for c in t.columns if c.about)
    )


def _walls(results: Results, dataset: DataSet, main: Table, budget: int) -> list[Json]:
    walls = []
    real = figures.real_wall(results, dataset)
    if real is not None:
        walls.append(_wall("Real test images", "", real, dataset, budget))
    quality = next((c for c in main.columns if c.key.startswith("fd_")), None)
    for run, file in figures.wall_files(results, dataset):
        value = None if quality is None else run.get(quality.source)
        note = f"{quality.label} {quality.number(value)}" if quality is not None and is_figure(value) else ""
        with Image.open(file) as image:
            wall = _wall(run["title"], note, image, dataset, budget)
        walls.append(wall | {"pictures": _pictures(results, dataset, run)})
    return walls


def _wall(title: str, note: str, image: Image.Image, dataset: DataSet, budget: int) -> Json:
    alt = f"{title}: {dataset.title}"
    source = data_uri(image, budget)
    size = {"width": image.width, "height": image.height}
    return {"title": title, "note": note, "alt": alt, "source": source, **size, "pictures": []}


def _pictures(results: Results, dataset: DataSet, run: Json) -> list[Json]:
    """What else the run shows, under its wall: as the wall is, a caption for a note."""
    budget = PICTURE_BYTES // (len(figures.PICTURES) * results.runs.groupby(["dataset", "model"]).ngroups)
    shown = []
    for name, file in figures.picture_files(results, run):
        title, caption = figures.PICTURES[name]
        with Image.open(file) as image:
            shown.append(_wall(f"{run['title']}, {title.lower()}", caption, image, dataset, budget) | {"name": title})
    return shown


def data_uri(image: Image.Image, budget: int) -> str:
    """The image for embedding: exact as PNG if that fits the budget of bytes, else WebP, the best that fits."""
    attempts: list[tuple[str, Json]] = [
        ("png", {"optimize": True}),
        *(("webp", {"quality": q}) for q in (90, 70, 50, 30)),
    ]
    content, kind = b"", ""
    for kind, options in attempts:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        content = buffer.getvalue()
        if len(content) <= budget:
            break
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _plot(plot: Plot) -> Json:
    return {"title": plot.title, "caption": plot.caption, "kind": plot.name.partition("-")[0], "svg": inline_svg(plot)}


def inline_svg(plot: Plot) -> Markup:
    """A figure to stand in the page itself: ids of its own, and ink and grid in the colours of the page's theme."""
    svg = figures.encode(plot, "svg").decode()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\1{plot.name}-", svg)
    svg = re.sub(r'^<svg ([^>]*?)(?:width|height)="[\d.]+pt" ?', r"<svg \1", svg)
    svg = re.sub(r'^<svg ([^>]*?)(?:width|height)="[\d.]+pt" ?', r"<svg \1", svg)
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(plot.caption)}" ', 1)
    return Markup(svg.replace(INK, "currentColor").replace(GRID, "var(--grid)"))


def _published_grid(figured: published.Published) -> Grid:
    """A heading for each metric, protocol and source: only what stands under one heading may be compared."""
    names = dict(zip(figured.protocols["protocol"], figured.protocols["name"], strict=True))
    headers = ["Model", "Value", "Data", "Generated", "Evidence"]
    lines: list[Line] = []
    heading = None
    for row in figured.rows():
        note = ". ".join(part for part in (render.plain(row["note"]), row["source"]) if part != render.MISSING)
        text = Text(f"{row['metric']} · {names[row['protocol']]}", note=note)
        if text != heading:
            lines.append(Line("heading", [text]))
            heading = text
        rest = [Text(render.plain(row[key])) for key in ("dataset", "n_samples", "evidence")]
        lines.append(Line("model", [Text(row["model"]), Text(published.value(row), value=float(row["value"])), *rest]))
    return Grid("Published figures", headers, [""] * len(headers), [h == "Value" for h in headers], lines, [])


def _validation(dataset: DataSet) -> Json | None:
    if dataset.validation is None:
        return None
    checks = dataset.validation.get("checks", [])
    passed = sum(bool(check["success"]) for check in checks)
    return {"success": dataset.validation["success"], "passed": passed, "total": len(checks), "checks": checks}


def _data(dataset: DataSet) -> list[tuple[str, str]]:
    about = dataset.about or {}
    labels = {
        "title": "Upstream", "source": "Source", "counts": "Images", "shape": "Shape (C, H, W)", "padding": "Size",
        "exact": "Equal to upstream's files", "warnings": "Mind", "altered": "Altered", "licence": "Licence",
        "citation": "Citation", "content_hash": "Content hash",
    }  # fmt: skip
    return [(label, _readable(about[key])) for key, label in labels.items() if about.get(key) not in (None, "", [])]


def _data_wall(results: Results, dataset: DataSet, budget: int) -> Json | None:
    """The training images as prepared: the first of each of ten classes a row, or the first hundred."""
    image = figures.data_wall(results, dataset)
    names = (dataset.about or {}).get("class_names") or []
    note = "First training images, as prepared" + (f", a class a row: {', '.join(names[:10])}." if names else ".")
    return None if image is None else _wall("Training images", note, image, dataset, budget)


def _readable(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v:,}" if isinstance(v, int) else f"{k} {v}" for k, v in value.items())
    if isinstance(value, list):
        return ("; " if any(isinstance(v, str) for v in value) else ", ").join(map(str, value))
    return render.plain(value)
