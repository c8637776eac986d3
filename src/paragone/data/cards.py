"""Dataset cards: what a loader knows of its set, as Markdown, one file per loader in data/cards/."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from paragone.data.base import Loader
from paragone.project import files, paths, registry

HEAD = (
    "<!-- Generated from src/paragone/data/datasets/{name}.py by `paragone cards`; edit that file and run it again. -->"
)
SPELT_OUT = 40  # class names, and values of an attribute


def cards() -> dict[Path, str]:
    """The text of every card, by path relative to the root."""
    loaders = {name: registry.load("datasets", name).LOADER for name in registry.names("datasets")}
    return {paths.card(name): card(name, loader) for name, loader in loaders.items()}


def write(root: Path) -> list[Path]:
    """Write every card; their paths."""
    found = cards()
    for path, text in found.items():
        files.write_text(root / path, text)
    return list(found)


def card(name: str, loader: Loader) -> str:
    """The card of a loader: origin, licence, citation, splits, classes, attributes, problems, statistics, hashes."""
    lines = [HEAD.format(name=name), "", f"# {loader.title}", ""]
    lines += [f"- **{label}:** {text}" for label, text in _facts(name, loader)]
    problems = loader.known_problems or ("None known.",)
    lines += ["", "## Known problems", "", *(f"- {problem}" for problem in problems)]
    for heading, rows in (
        ("Splits, as published", _splits(loader)),
        ("Attributes", _attributes(loader)),
        ("Channels of the published training split, in 0 to 1", _statistics(loader)),
        ("Published files (md5)", [("file", "md5"), *loader.md5.items()] if loader.md5 else []),
    ):
        if rows:
            lines += ["", f"## {heading}", "", *_table(rows)]
    return "\n".join(lines) + "\n"


def _facts(name: str, loader: Loader) -> Iterator[tuple[str, str]]:
    yield "Loader", f"`{name}`"
    yield "Origin", loader.homepage or "this code"
    yield "Licence", loader.licence
    yield "Citation", loader.citation
    yield "Sources", ", ".join(f"`{source}`" for source in loader.sources)
    if loader.options:
        yield "Options", ", ".join(f"`{option}`" for option in sorted(loader.options))
    names = loader.class_names
    if names:
        listed = ", ".join(names) if len(names) <= SPELT_OUT else f"{names[0]} to {names[-1]}"
        yield f"Classes ({len(names):,})", listed


def _splits(loader: Loader) -> list[Sequence[str]]:
    if not loader.counts:
        return []
    rows = [("split", "images", "images per class")]
    for split, count in loader.counts.items():
        each = loader.class_counts.get(split, ())
        spread = f"{each[0]:,} each" if len(set(each)) == 1 else ", ".join(f"{n:,}" for n in each)
        rows.append((split, f"{count:,}", spread))
    return list(rows)


def _attributes(loader: Loader) -> list[Sequence[str]]:
    if not loader.attributes:
        return []
    shown = [(f"`{name}`", f"{v[0]} to {v[-1]}" if len(v) > 2 else _either(v)) for name, v in loader.attributes.items()]
    return [("column `attribute_...`", "values"), *shown]


def _either(values: Sequence[int]) -> str:
    return " or ".join(map(str, values))


def _statistics(loader: Loader) -> list[Sequence[str]]:
    if loader.statistics is None:
        return []
    s = loader.statistics
    rows = [(str(c), f"{m:g}", f"{d:g}", s.source) for c, (m, d) in enumerate(zip(s.mean, s.std, strict=True))]
    return [("channel", "mean", "standard deviation", "source"), *rows]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    head, *rest = rows
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rest)]
