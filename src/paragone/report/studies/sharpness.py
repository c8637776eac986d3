"""How sharp each row's samples are, real test images being 1."""

from matplotlib.figure import Figure

from paragone.report.figures import Plot
from paragone.report.scatter import INK, PALETTE
from paragone.report.studies.base import title
from paragone.report.tables import FLOOR
from paragone.results.runs import Json, Results


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set of which any run left samples: every seed of every row."""
    return [_plot(dataset, content, results) for dataset, content in found["datasets"].items() if content["rows"]]


def _plot(dataset: str, content: Json, results: Results) -> Plot:
    titles = dict(zip(results.runs["model"], results.runs["title"], strict=True))
    rows, real = content["rows"], content["real"]["sharpness"]
    figure = Figure(figsize=(6.4, 1.2 + 0.3 * len(rows)), layout="constrained")
    ax = figure.subplots()
    for y, figures in enumerate(rows.values()):
        values = [f["sharpness"] / real for f in figures]
        ax.plot(values, [y] * len(values), "o", color=PALETTE[0], alpha=0.5, markersize=5)
        ax.plot([sum(values) / len(values)] * 2, [y - 0.25, y + 0.25], color=INK, linewidth=1.4)
    ax.axvline(1, color=INK, linewidth=1, linestyle="--", label=FLOOR)
    ax.set(ylim=(len(rows) - 0.5, -0.5), xlabel="variance of the Laplacian, relative to real test images")
    ax.set_xlim(left=0)
    ax.set_yticks(range(len(rows)), [str(titles.get(row, row)) for row in rows])
    figure.legend(loc="outside lower center", fontsize=8)
    n = max(f["n"] for figures in rows.values() for f in figures)
    caption = (
        f"One point per seed (its first {n:,} samples); bars: means. Relative to {content['real']['n']:,} real test "
        f"images: below 1 means blurred, far above 1 means noisy. {title(results, dataset)}."
    )
    return Plot(f"sharpness-{dataset}", "Sharpness", caption, figure)
