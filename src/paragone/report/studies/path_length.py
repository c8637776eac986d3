"""How fast images change along paths between latents: row by row, in each latent space."""

from matplotlib.figure import Figure

from paragone.report import tables
from paragone.report.figures import Plot
from paragone.report.render import MISSING, Grid, Line, Text
from paragone.report.scatter import MARKERS, PALETTE
from paragone.report.studies.base import per_dataset, row_titles, title
from paragone.results.runs import Json, Results

SPACES = {"z": "In z (latents of the prior)", "w": "In w (after the mapping network)"}
SAMPLING = {"full": "pairs from the whole path", "end": "pairs from its start"}


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set: a line per row, a point per seed, a panel per latent space."""
    return per_dataset(_plot, found, results)


def _plot(dataset: str, measured: Json, found: Json, results: Results) -> Plot:
    rows = {row: runs for row, runs in measured["rows"].items() if runs}
    spaces = [space for space in SPACES if any(run[space] for runs in rows.values() for run in runs)]
    figure = Figure(figsize=(1.2 + 3.9 * len(spaces), 1.9 + 0.4 * len(rows)), layout="constrained")
    axes = figure.subplots(1, len(spaces), sharey=True, sharex=True, squeeze=False)[0]
    for ax, space in zip(axes, spaces, strict=True):
        for i, (sampling, label) in enumerate(SAMPLING.items()):
            points = [(run[space][sampling], y) for y, of in enumerate(rows.values()) for run in of if run[space]]
            marker, color = MARKERS[i], PALETTE[i]
            ax.plot([x for x, _ in points], [y + 0.2 * i - 0.1 for _, y in points], marker, color=color, label=label)
        ax.set_title(SPACES[space], fontsize=10, loc="left")
        ax.set(xscale="log", xlabel="path length (log)", ylim=(len(rows) - 0.5, -0.5))
    axes[0].set_yticks(range(len(rows)), [row_titles(results).get(row, row) for row in rows])
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8)
    caption = (
        f"Squared distance between two images that are a fraction {found['epsilon']:g} of the path apart, divided by "
        f"that fraction squared, in features of {found['features']}; {found['n']:,} paths each, one point per seed. "
        f"Shorter is smoother; a model that always draws the same image scores 0. {title(results, dataset)}."
    )
    return Plot(f"path_length-{dataset}", "Perceptual path length", caption, figure)


def grids(found: Json, results: Results) -> list[Grid]:
    """One table: a line for each row and data set."""
    keys = [(space, sampling) for space in SPACES for sampling in SAMPLING]
    lines = []
    for dataset, measured in found["datasets"].items():
        for row, runs in measured["rows"].items():
            cells = [_cell([run[space][sampling] for run in runs if run[space]]) for space, sampling in keys]
            lines.append(
                Line("model", [Text(row_titles(results).get(row, row)), Text(title(results, dataset)), *cells])
            )
    headers = ["Model", "Data set", *(f"{space}, {sampling}" for space, sampling in keys)]
    caption = (
        f"Features of {found['features']}, {found['n']:,} paths each; mean and 95 % t-interval over seeds where there "
        "are several. Full: pairs from the whole path; end: pairs from its start."
    )
    numeric = [False, False, *(True for _ in keys)]
    return [Grid("Perceptual path length", headers, [""] * len(headers), numeric, lines, [caption])]


def _cell(values: list[float]) -> Text:
    if not values:
        return Text(MISSING)
    cell = tables.interval(values)
    half = "" if cell.half is None else f" ± {cell.half:.3g}"
    return Text(f"{cell.mean:.3g}{half}", value=cell.mean)
