"""Whether a translator keeps the content and varies the style: row by row, beside true partners and chance."""

from matplotlib.figure import Figure

from paragone.report.figures import Plot
from paragone.report.scatter import INK, MARKERS, PALETTE
from paragone.report.studies.base import per_dataset, row_titles, title
from paragone.results.runs import Json, Results

MEASURES = {
    "faithful": "random style: content kept",
    "diverse": "random style: styles differ",
    "kept": "reference style: content kept",
    "reference": "reference style: style taken over",
}


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set: a line per measure, a point per seed of each row."""
    return per_dataset(_plot, found, results)


def _plot(dataset: str, measured: Json, found: Json, results: Results) -> Plot:
    figure = Figure(figsize=(6.4, 3.1), layout="constrained")
    ax = figure.subplots()
    content, style = measured["real"]["content"], measured["real"]["style"]
    for y, best in zip((0, 2, 3), (content, content, style), strict=True):
        ax.plot([best] * 2, [y - 0.3, y + 0.3], color=INK, label=None if y else "true partners")
    ax.plot([measured["chance"]] * 2, [2.7, 3.3], color=INK, linestyle=":", label="chance")
    for i, (row, runs) in enumerate((row, runs) for row, runs in measured["rows"].items() if runs):
        x = [run[measure] for run in runs for measure in MEASURES]
        marker, color = MARKERS[i % len(MARKERS)], PALETTE[i % len(PALETTE)]
        name = row_titles(results).get(row, row)
        ax.plot(x, [*range(len(MEASURES))] * len(runs), marker, color=color, markersize=6, alpha=0.7, label=name)
    ax.set(xlim=(-0.02, 1.04), ylim=(len(MEASURES) - 0.5, -0.5), xlabel="share")
    ax.set_yticks(range(len(MEASURES)), list(MEASURES.values()))
    figure.legend(loc="outside lower center", ncols=4, fontsize=8)
    caption = (
        f"One point per seed: {measured['n']:,} sources, each translated into {found['styles']} random styles and once "
        f"into the style of a reference image. A network reads {', '.join(found['content'])} (content) and "
        f"{', '.join(found['style'])} (style). Bars: true partners. Dotted: how often the partner of another source "
        f"has the reference's style by chance. {title(results, dataset)}."
    )
    return Plot(f"styles-{dataset}", "Styles of a translator", caption, figure)
