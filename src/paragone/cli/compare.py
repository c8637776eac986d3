"""Compare two rows, profiles, commits or saved tables: every figure with its difference and interval."""

import json
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from paragone.evaluation.protocol_number import PRINTED, PROTOCOL
from paragone.project import files, profiles, settings
from paragone.report.scatter import GRID, INK
from paragone.results import comparison, schema
from paragone.results import runs as results
from paragone.results.comparison import ComparisonError, Difference, Side

FORMS = (
    "give a profile, PROFILE#ROW, a run's folder (runs/PROFILE/DATASET/MODEL), a saved table (runs.parquet, "
    "runs.parquet#ROW) or COMMIT:PATH of a committed one"
)
DRAWN = (".png", ".svg", ".pdf")


def run(root: Path, a: str, b: str, limits: list[tuple[str, str]], as_json: bool, figure: str) -> bool:
    """Print the comparison; whether nothing is worse than the limits allow. Raises ComparisonError or ValueError."""
    if figure and Path(figure).suffix not in DRAWN:
        raise ComparisonError(f"--figure {figure}: is no name of a figure; end it in {', '.join(DRAWN)}")
    found = comparison.compare(side(root, a), side(root, b))
    worse = comparison.failures(found, limits)
    if figure:
        files.write(Path(figure), partial(_save, draw(found, a, b)))
    if as_json:
        about = {"a": a, "b": b, "protocol": PROTOCOL}
        print(json.dumps({**about, "differences": [_plain(d) for d in found], "worse": worse}, indent=2))
    else:
        _print(found, a, b)
        for sentence in worse:
            print(f"worse: {sentence}")
    return not worse


def side(root: Path, text: str) -> Side:
    """What a side names. Raises ComparisonError for what names nothing."""
    place, _, row = text.partition("#")
    if place.endswith(".parquet"):
        found = schema.plain(_saved(root, place))
    elif len(parts := Path(place).parts) in (4, 5) and parts[0] == "runs":
        profile, dataset, row, *seed = parts[1:]
        frame = results.read(root, settings.read(root, profile), profile).runs
        chosen = (frame["dataset"] == dataset) & (frame["model"] == row)
        found = frame[chosen & (frame["seed"].astype(str) == seed[0]) if seed else chosen]
    elif place in profiles.names(root):
        found = results.read(root, settings.read(root, place), place).runs
    else:
        raise ComparisonError(f"'{text}': names nothing to compare; {FORMS}")
    rows = [run for run in comparison.finished(found) if not row or run["model"] == row]
    if not rows:
        known = ", ".join(dict.fromkeys(map(str, found["model"]))) if len(found) else "no row"
        raise ComparisonError(f"'{text}': has no finished run{f' of {row}' * bool(row)}; it has {known}")
    return Side(text, rows)


def _saved(root: Path, place: str) -> Any:
    """A saved table, or one as it was in a commit."""
    commit, colon, inside = place.partition(":")
    if not colon or Path(place).exists():
        return schema.read(Path(place))
    shown = subprocess.run(["git", "-C", str(root), "show", f"{commit}:{inside}"], capture_output=True)
    if shown.returncode:
        message = shown.stderr.decode(errors="replace").strip().splitlines()
        raise ComparisonError(
            f"'{place}': {message[-1] if message else 'git has no such file'}; commit the report's tables"
        )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "runs.parquet").write_bytes(shown.stdout)
        return schema.read(Path(folder) / "runs.parquet")


def _plain(d: Difference) -> dict[str, Any]:
    return {
        **{"dataset": d.dataset, "row_a": d.row_a, "row_b": d.row_b, "figure": d.column.key, "unit": d.column.unit},
        **{"better": d.column.better, "a": d.a, "b": d.b, "difference": d.value, "change": d.change},
        **{"low": d.low, "high": d.high, "over": d.over, "n": d.n, "p": d.p, "p_holm": d.holm},
    }


def _print(found: list[Difference], a: str, b: str) -> None:
    console = Console(width=None if Console().is_terminal else 140)
    for (dataset, row_a, row_b), group in _by_pair(found).items():
        table = Table(title=f"{dataset}: {row_b} less {row_a}", title_justify="left", header_style="", box=None)
        for i, header in enumerate(("figure", "A", "B", "B - A", "95 % interval", "over", "p (Holm)", "")):
            table.add_column(header, justify="right" if 0 < i < 5 else "left")
        for d in group:
            table.add_row(d.column.header, *_cells(d))
        console.print(table)
    tested = sum(d.p is not None for d in found)
    console.print(
        f"A: {a}. B: {b}. {len(found)} figures; p-values are corrected for the {tested} that have one (Holm). "
        f"Intervals over samples hold the reference fixed and know nothing of other seeds. {PRINTED}",
        style="dim",
    )


def _cells(d: Difference) -> list[str]:
    number = d.column.number
    between = "" if d.low is None or d.high is None else f"{_signed(d, d.low)} to {_signed(d, d.high)}"
    over = f"{d.over} ({d.n})" if "seeds" in d.over else d.over
    clear = d.holm is not None and d.holm < 0.05
    verdict = ("worse" if d.worse > 0 else "better") if clear and d.column.better else ""
    return [
        number(d.a),
        number(d.b),
        _signed(d, d.value),
        between,
        over,
        "" if d.holm is None else f"{d.holm:.2g}",
        verdict,
    ]


def _signed(d: Difference, value: float) -> str:
    return f"{'-' if value < 0 else '+'}{d.column.number(abs(value))}"


def _by_pair(found: list[Difference]) -> dict[tuple[str, str, str], list[Difference]]:
    groups: dict[tuple[str, str, str], list[Difference]] = {}
    for d in found:
        groups.setdefault((d.dataset, d.row_a, d.row_b), []).append(d)
    return groups


def draw(found: list[Difference], a: str, b: str) -> Figure:
    """The change of each figure that has a direction and an interval, in shares of A: to the right is better."""
    kept = [d for d in found if d.column.better and d.a and d.low is not None and d.high is not None]
    figure = Figure(figsize=(7.2, 1.2 + 0.28 * max(1, len(kept))), layout="constrained")
    ax = figure.subplots()
    for y, d in enumerate(reversed(kept)):
        assert d.low is not None
        assert d.high is not None
        sign = -1 if d.column.better == "low" else 1
        ends = sorted(sign * 100 * end / abs(d.a) for end in (d.low, d.high))
        middle = sign * 100 * d.value / abs(d.a)
        ax.errorbar(middle, y, xerr=[[middle - ends[0]], [ends[1] - middle]], fmt="o", color=INK, capsize=3)
    ax.axvline(0, color=GRID, zorder=0)
    ax.set_yticks(range(len(kept)), [f"{d.row_b}, {d.dataset}: {d.column.label}" for d in reversed(kept)])
    ax.set_xlabel(f"% of A, better to the right (A: {a}; B: {b}; 95 % intervals, not corrected)")
    if not kept:
        ax.text(0.5, 0.5, "no figure has an interval", ha="center", transform=ax.transAxes)
    return figure


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=150)
