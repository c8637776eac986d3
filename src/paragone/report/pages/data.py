"""One page per data set: what it is, its images, all its tables and figures, published figures, lineage."""

from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup

from paragone.data import cards
from paragone.project import registry
from paragone.report import figures, judge_order, render
from paragone.report.pages import base, pictures
from paragone.report.pages.base import Shown, Site
from paragone.report.pages.claims import beside
from paragone.report.render import Grid, Line, Text
from paragone.report.tables import Table
from paragone.results import published
from paragone.results.runs import DataSet, Json, is_figure

_FACTS = {
    "title": "Upstream", "source": "Source", "counts": "Images", "shape": "Shape (C, H, W)", "classes": "Classes",
    "padding": "Size", "exact": "Identical to upstream's files", "warnings": "Note", "altered": "Altered",
    "licence": "Licence", "citation": "Citation", "content_hash": "Content hash",
}  # fmt: skip


def write(site: Site) -> None:
    """Write one page per data set."""
    datasets = site.report.results.datasets
    listed = [(d.title, base.data_page(d.name)) for d in datasets]
    for i, dataset in enumerate(datasets):
        tables = site.report.tables[dataset.name]
        grids = [render.grid(table) for table in tables]
        site.page(
            base.data_page(dataset.name),
            "data.html",
            title=dataset.title,
            compare=base.compare_page(dataset.name),
            main=grids[0],
            more=[g for g in grids[1:] if len(g.headers) > 3],
            judges=site.report.judges[dataset.name],
            stability=site.report.stability[dataset.name],
            grids=_sample_grids(site, dataset, tables[0]),
            plots=_plots(site, dataset),
            facts=facts(dataset),
            card=card(dataset.loader),
            images=_images(site, dataset),
            validation=_validation(dataset),
            published=_published(dataset),
            lineage=render.lineage(site.report.results, dataset.name, dataset.title, judge_order.about(dataset)),
            warning=published.WARNING,
            beside=beside(listed, i),
        )


def facts(dataset: DataSet) -> list[tuple[str, str]]:
    """What dataset.json says, in words."""
    about = dataset.about or {}
    return [(label, _readable(about[k])) for k, label in _FACTS.items() if about.get(k) not in (None, "", [], 0)]


def _readable(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v:,}" if isinstance(v, int) else f"{k} {v}" for k, v in value.items())
    if isinstance(value, list):
        return ("; " if any(isinstance(v, str) for v in value) else ", ").join(map(str, value))
    return render.plain(value)


def card(loader: str) -> Markup:
    """The data set's card (data/cards) as HTML, without its title; headings a level lower."""
    text = cards.card(loader, registry.load("datasets", loader).LOADER)
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text.partition("\n# ")[2].partition("\n")[2])
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{int(token.tag[1]) + 1}"
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))


def _images(site: Site, dataset: DataSet) -> Shown | None:
    """The training images as prepared: the first of each of ten classes, one per row, or the first hundred."""
    image = figures.training_grid(site.report.results, dataset)
    names = (dataset.about or {}).get("class_names") or []
    text = "First training images, as prepared" + (f", one class per row: {', '.join(names[:10])}." if names else ".")
    return None if image is None else site.picture(f"{dataset.name}-train", image, "Training images", text)


def _sample_grids(site: Site, dataset: DataSet, main: Table) -> list[Json]:
    """Real test images, then the first samples of each model, with its first distance and its page."""
    quality = next((c for c in main.columns if c.key.startswith("fd_")), None)
    real = pictures.real(site, dataset)
    found: list[Json] = [{"shown": real, "note": "", "page": ""}] if real is not None else []
    for run, file in figures.grid_files(site.report.results, dataset):
        value = None if quality is None else run.get(quality.source)
        note = f"{quality.label} {quality.number(value)}" if quality is not None and is_figure(value) else ""
        shown = pictures.sample_grid(site, dataset, run, file)
        found.append({"shown": shown, "note": note, "page": base.model_page(run["model"])})
    return found


def _plots(site: Site, dataset: DataSet) -> list[Shown]:
    """The figures but for those that put pictures side by side, which the pages show as images."""
    of_pictures = ("samples", *figures.PICTURES)
    plots = site.report.plots[dataset.name]
    return [site.plot(plot) for plot in plots if plot.name.partition("-")[0] not in of_pictures]


def _validation(dataset: DataSet) -> Json | None:
    if dataset.validation is None:
        return None
    checks = dataset.validation.get("checks", [])
    passed = sum(bool(check["success"]) for check in checks)
    return {"success": dataset.validation["success"], "passed": passed, "total": len(checks), "checks": checks}


def _published(dataset: DataSet) -> Json | None:
    figured = published.load(dataset.loader)
    if not len(figured.figures):
        return None
    return {"grid": _grid(figured), "protocols": figured.protocols.to_dict("records")}


def _grid(figured: published.Published) -> Grid:
    """A heading for each metric, protocol and source: only what stands under one heading may be compared."""
    names = dict(zip(figured.protocols["protocol"], figured.protocols["name"], strict=True))
    headers = ["Model", "Value", "Data", "Generated", "Evidence"]
    lines: list[Line] = []
    heading = None
    for row in figured.rows():
        note = ". ".join(part for part in (render.plain(row["note"]), row["source"]) if part != render.MISSING)
        text = Text(f"{published.metric(row)} · {names[row['protocol']]}", note=note)
        if text != heading:
            lines.append(Line("heading", [text]))
            heading = text
        rest = [Text(render.plain(row[key])) for key in ("dataset", "n_samples", "evidence")]
        lines.append(Line("model", [Text(row["model"]), Text(published.value(row), value=float(row["value"])), *rest]))
    return Grid("Published figures", headers, [""] * len(headers), [h == "Value" for h in headers], lines, [])
