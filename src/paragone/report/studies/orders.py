"""Which orders of the rows agree: rank correlations with their intervals, by what was changed."""

import numpy as np
from matplotlib.figure import Figure

from paragone.report.figures import Plot
from paragone.report.render import Grid, Line, Text
from paragone.report.scatter import PALETTE
from paragone.report.studies.base import row_titles
from paragone.results.runs import Json, Results

HEADERS = ["Changed", "Where", "From", "To", "tau", "95 % interval", "Rows", "Pairs kept, %", "Moves most", "Places"]
KINDS = ("data sets", "spaces", "seeds", "profiles")


def grids(found: Json, results: Results) -> list[Grid]:
    """One row per comparison, the kinds of change under headings."""
    titles = row_titles(results)
    lines: list[Line] = []
    for kind in KINDS:
        compared = [c for c in found["comparisons"] if c["kind"] == kind]
        lines += [Line("heading", [Text(f"Other {kind}")])] if compared else []
        lines += [_line(c, titles) for c in compared]
    about = (
        f"Kendall's tau-b between two orders of the rows by {found['figure']}, mean over seeds; 1: the same order, "
        "0: no more similar than two random orders."
    )
    caption = [about, "Interval: bootstrap over rows."]
    numeric = [False, False, False, False, True, False, True, True, False, True]
    abouts = [""] * 7 + ["pairs of rows that are in the same order", "the row whose rank differs most", ""]
    return [Grid("Do orders carry over?", HEADERS, abouts, numeric, lines, caption)]


def _line(c: Json, titles: Json) -> Line:
    figures = [f"{c['tau']:.2f}", f"{c['low']:.2f} to {c['high']:.2f}", str(c["n"]), f"{100 * c['kept']:.0f}"]
    cells = [c["kind"], c["where"], c["a"], c["b"], *figures, titles.get(c["mover"], c["mover"]), str(c["moved"])]
    return Line("model", [Text(text) for text in cells])


def plots(found: Json, results: Results) -> list[Plot]:
    """Every tau with its interval."""
    shown = [c for kind in KINDS for c in found["comparisons"] if c["kind"] == kind]
    if not shown:
        return []
    figure = Figure(figsize=(8, 0.3 * len(shown) + 1.4), layout="constrained")
    ax = figure.subplots()
    for i, kind in enumerate(KINDS):
        places = [y for y, c in enumerate(shown) if c["kind"] == kind]
        taus, lows, highs = (np.array([shown[y][key] for y in places]) for key in ("tau", "low", "high"))
        if places:
            ax.errorbar(
                taus, places, xerr=[taus - lows, highs - taus], fmt="o", color=PALETTE[i], capsize=2, label=kind
            )
    ax.set_yticks(range(len(shown)), [f"{c['where']}: {c['a']} and {c['b']}" for c in shown], fontsize=7)
    ax.invert_yaxis()
    ax.set_xlim(-1.05, 1.05)
    ax.set_xlabel("Kendall's tau-b (1: the same order)")
    figure.legend(loc="outside lower center", ncols=4, fontsize=8)
    caption = f"Rank correlation between two orders of the rows by {found['figure']}, with 95 % intervals over rows."
    return [Plot("orders", "Do orders carry over?", caption, figure)]
