"""Whether turning a code turns the object and only that: row by row, beside images that were drawn so."""

from matplotlib.figure import Figure

from paragone.report.figures import Plot
from paragone.report.scatter import INK, MARKERS, PALETTE
from paragone.report.studies.base import per_dataset, row_titles, title
from paragone.results.runs import Json, Results

MEASURES = {
    "follows": "correlation of code and factor",
    "span": "share of the factor's range",
    "kept": "other factors unchanged",
}


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set: a panel per code, a line per measure, a point per seed of each row."""
    return per_dataset(_plot, found, results)


def _plot(dataset: str, measured: Json, found: Json, results: Results) -> Plot:
    codes, rows = list(measured["drawn"]), {row: runs for row, runs in measured["rows"].items() if runs}
    figure = Figure(figsize=(2.2 + 3.4 * len(codes), 2.6), layout="constrained")
    axes = figure.subplots(1, len(codes), sharey=True, squeeze=False)[0]
    for ax, code in zip(axes, codes, strict=True):
        for y, measure in enumerate(MEASURES):
            ideal = measured["drawn"][code][measure]
            ax.plot([ideal] * 2, [y - 0.3, y + 0.3], color=INK, label=None if y else "perfect model")
        for i, (row, runs) in enumerate(rows.items()):
            x = [run[code][measure] for run in runs for measure in MEASURES]
            lines = [line for _ in runs for line in range(len(MEASURES))]
            marker, color = MARKERS[i % len(MARKERS)], PALETTE[i % len(PALETTE)]
            ax.plot(x, lines, marker, color=color, markersize=6, alpha=0.7, label=row_titles(results).get(row, row))
        ax.set_title(f"Code of {code}", fontsize=11, loc="left")
        ax.set(xlim=(-0.02, 1.04), ylim=(len(MEASURES) - 0.5, -0.5))
    axes[0].set_yticks(range(len(MEASURES)), list(MEASURES.values()))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    caption = (
        f"One point per seed: {found['n']:,} latents with {found['steps']} values of the code each, as read by a "
        "network. Bars: images drawn with the factor moving through its range, that is, the score of a perfect model. "
        f"{title(results, dataset)}."
    )
    return Plot(f"pose-{dataset}", "Effect of turning a code", caption, figure)
