"""What truncation trades: recall and the Frechet distance against precision, a line for each row."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report.figures import Plot
from paragone.report.render import Grid, Line, Text
from paragone.report.scatter import MARKERS, PALETTE
from paragone.report.studies.base import row_titles, title
from paragone.results.runs import Json, Results
from paragone.results.space_names import fd_label

SHOWN = {"recall": "recall", "fd": "{fd} (log)"}
DIGITS = {"fd": 2, "precision": 3, "recall": 3, "density": 3, "coverage": 3}


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure: in every space two panels, with the value of truncation beside each point."""
    spaces = _spaces(found)
    if not spaces:
        return []
    figure = Figure(figsize=(9.6, 3.2 * len(spaces) + 0.7), layout="constrained")
    axes = figure.subplots(len(spaces), len(SHOWN), squeeze=False)
    for line, space in zip(axes, spaces, strict=True):
        for ax, (key, label) in zip(line, SHOWN.items(), strict=True):
            _panel(ax, found, results, space, key)
            name = label.format(fd=fd_label(space))
            ax.set(xlabel=f"precision in {space}", ylabel=name, yscale="log" if key == "fd" else "linear")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=8)
    caption = (
        f"Means over seeds of {found['n']:,} samples, from the same draws at each truncation value. The values are "
        f"printed beside the points. {title(results, found['dataset'])}."
    )
    return [Plot("truncation", "Precision, recall and distance under truncation", caption, figure)]


def _spaces(found: Json) -> list[str]:
    points = next((points for points in found["rows"].values() if points), None)
    return [] if points is None else list(points[0]["spaces"])


def _means(points: list[Json], space: str) -> dict[float, dict[str, float]]:
    """The means over seeds, by value."""
    by_value: dict[float, list[Json]] = {}
    for point in points:
        by_value.setdefault(point["value"], []).append(point["spaces"][space])
    return {value: {k: sum(p[k] for p in part) / len(part) for k in DIGITS} for value, part in by_value.items()}


def _panel(ax: Axes, found: Json, results: Results, space: str, key: str) -> None:
    for i, (row, points) in enumerate((r, p) for r, p in found["rows"].items() if p):
        means, colour = _means(points, space), PALETTE[i % len(PALETTE)]
        x, y = ([m[k] for m in means.values()] for k in ("precision", key))
        label = row_titles(results).get(row, row)
        ax.plot(x, y, marker=MARKERS[i % len(MARKERS)], color=colour, markersize=4.5, linewidth=1.2, label=label)
        for value, at in zip(means, zip(x, y, strict=True), strict=True):
            ax.annotate(f"{value:g}", at, (3, 3), textcoords="offset points", fontsize=7, color=colour)


def grids(found: Json, results: Results) -> list[Grid]:
    """A table for each space: a line for each row and value."""
    titles, made = row_titles(results), []
    for space in _spaces(found):
        lines = []
        for row, points in found["rows"].items():
            for value, mean in _means(points, space).items():
                cells = [Text(f"{mean[k]:,.{digits}f}", value=mean[k]) for k, digits in DIGITS.items()]
                lines.append(Line("model", [Text(titles.get(row, row)), Text(f"{value:g}", value=value), *cells]))
        shares = (f"{key.capitalize()} ↑" for key in DIGITS if key != "fd")
        headers = ["Model", "Truncation", f"{fd_label(space)} ↓", *shares]
        caption = [
            f"Means over seeds of {found['n']:,} samples.",
            "BigGAN's truncation is a threshold on |z|, where 0 means none; a StyleGAN's is psi, where 1 means none.",
            *(f"Left out: {left['row']}, seed {left['seed']}: {left['reason']}." for left in found["left_out"]),
        ]
        numeric = [False, *(True for _ in headers[1:])]
        made.append(Grid(f"Truncation in {space}", headers, [""] * len(headers), numeric, lines, caption))
    return made
