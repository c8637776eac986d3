"""Whether images move and turn as the generator's input does: row by row, in dB."""

from matplotlib.figure import Figure

from paragone.report import tables
from paragone.report.figures import Plot
from paragone.report.render import MISSING, Grid, Line, Text
from paragone.report.scatter import INK, MARKERS, PALETTE
from paragone.report.studies.base import per_dataset, row_titles, title
from paragone.results.runs import Json, Results

MEASURES = {"eq_t": "EQ-T", "eq_r": "EQ-R"}
COLUMNS = {"eq_t": "EQ-T, dB ↑", "still": "EQ-T floor, dB", "eq_r": "EQ-R, dB ↑", "turned": "EQ-R ceiling, dB"}
BARS = {"eq_t": "still", "eq_r": "turned"}


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set: a line per row, a point per seed, a panel per measure."""
    return per_dataset(_plot, found, results)


def _plot(dataset: str, measured: Json, found: Json, results: Results) -> Plot:
    rows = {row: runs for row, runs in measured["rows"].items() if runs}
    figure = Figure(figsize=(8.4, 1.5 + 0.34 * len(rows)), layout="constrained")
    axes = figure.subplots(1, len(MEASURES), sharey=True)
    for ax, (measure, label) in zip(axes, MEASURES.items(), strict=True):
        for y, runs in enumerate(rows.values()):
            x = [run[measure] for run in runs if run[measure] is not None]
            ax.plot(x, [y] * len(x), MARKERS[y % len(MARKERS)], color=PALETTE[y % len(PALETTE)], markersize=6)
            for at in (run[BARS[measure]] for run in runs if run[BARS[measure]] is not None):
                ax.plot([at] * 2, [y - 0.3, y + 0.3], color=INK, linewidth=1)
        ax.set(xlabel=f"{label} (dB)", ylim=(len(rows) - 0.5, -0.5))
    axes[0].set_yticks(range(len(rows)), [row_titles(results).get(row, row) for row in rows])
    caption = (
        f"One point per seed, {found['n']:,} latents each; higher is better. Bars: the score of images that do not "
        f"move at all (EQ-T), and of images rotated there and back (EQ-R). {title(results, dataset)}."
    )
    return Plot(f"equivariance-{dataset}", "Equivariance to translation and rotation", caption, figure)


def grids(found: Json, results: Results) -> list[Grid]:
    """One table: a line for each row and data set."""
    lines = []
    for dataset, measured in found["datasets"].items():
        for row, runs in measured["rows"].items():
            cells = [_cell([run[key] for run in runs if run[key] is not None]) for key in COLUMNS]
            named = [Text(row_titles(results).get(row, row)), Text(title(results, dataset))]
            lines.append(Line("model", [*named, *cells]))
    headers = ["Model", "Data set", *COLUMNS.values()]
    caption = [f"{found['n']:,} latents each; mean and 95 % t-interval over seeds where there are several."]
    numeric = [False, False, *(True for _ in COLUMNS)]
    return [Grid("Equivariance", headers, [""] * len(headers), numeric, lines, caption)]


def _cell(values: list[float]) -> Text:
    if not values:
        return Text(MISSING)
    cell = tables.interval(values)
    half = "" if cell.half is None else f" ± {cell.half:.1f}"
    return Text(f"{cell.mean:.1f}{half}", value=cell.mean)
