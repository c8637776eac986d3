"""Quality along the training: curves, what a stated quality took, and the order of the rows at equal amounts."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report import scatter
from paragone.report.figures import Plot
from paragone.report.render import MISSING, Grid, Line, Text
from paragone.report.scatter import MARKERS, PALETTE
from paragone.report.studies.base import row_titles, title
from paragone.results import learning_curve
from paragone.results.learning_curve import AXES, ORDERED, SECONDS, Order, Reached
from paragone.results.runs import Json, Results
from paragone.results.space_names import fd_label

LIMITS = "One training run per row, one seed: small differences mean nothing."
# of the axes: thousands, since long numbers would meet
LABELS = {"images": "thousand images", "generator_updates": "generator updates", "macs": "MACs"}
HEADERS = {"images": "images", "generator_updates": "updates", "macs": "MACs"}


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure: the distance in every space, a column each, against all that is spent."""
    shown = learning_curve.spaces(found)
    if not shown:
        return []
    titles = row_titles(results)
    figure = Figure(figsize=(4.8 * max(2, len(shown)), 2.7 * len(AXES) + 0.7), layout="constrained")
    axes = figure.subplots(len(AXES), len(shown), squeeze=False, sharey="col")
    names = {**LABELS, "seconds": SECONDS[found["clock"]]}
    for line, axis in zip(axes, AXES, strict=True):
        for ax, space in zip(line, shown, strict=True):
            _panel(ax, found, axis, space, titles)
            ax.set(xlabel=f"{names[axis]} (log)", ylabel=f"{fd_label(space)} (log)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=8)
    caption = (
        f"{found['n']:,} samples at each point of one training run (seed {found['seed']}); lower is better. Bars: 95 % "
        f"intervals over samples. MACs: multiply-accumulates. {title(results, found['dataset'])}. {found['device']}."
    )
    return [Plot("learning_curve", "Quality during training", caption, figure)]


def _panel(ax: Axes, found: Json, axis: str, space: str, titles: Json) -> None:
    for i, name in enumerate(_in_order(found["rows"], titles)):
        row = found["rows"][name]
        points = [p for p in row["points"] if p[axis] and p["spaces"][space]["fd"]]
        x = [p[axis] / (1000 if axis == "images" else 1) for p in points]
        y = [p["spaces"][space]["fd"] for p in points]
        half = [1.96 * p["spaces"][space]["fd_se"] for p in points]
        turn = i // len(PALETTE)  # colours come again, with other markers
        colour, marker = PALETTE[i % len(PALETTE)], MARKERS[(i + turn) % len(MARKERS)]
        ax.plot(x, y, marker=marker, color=colour, label=titles.get(name, name), markersize=3.5, linewidth=1.2)
        ax.vlines(x, [max(v - h, v / 2) for v, h in zip(y, half, strict=True)],
                  [v + h for v, h in zip(y, half, strict=True)], color=colour, linewidth=1)  # fmt: skip
    ax.set(xscale="log", yscale="log")
    for side in (ax.xaxis, ax.yaxis):
        scatter.plain_ticks(side)


def _in_order(rows: Json, titles: Json) -> list[str]:
    """The rows as the profile lists them."""
    return sorted(rows, key=list(titles).index)


def grids(found: Json, results: Results) -> list[Grid]:
    """Two tables: what a stated quality took, and the order of the rows at equal amounts."""
    if not learning_curve.finished(found):
        return []
    titles = row_titles(results)
    return [_times(found, titles), _orders(found, titles)]


def _times(found: Json, titles: Json) -> Grid:
    """Per space, what each row spent until it came to the stated distance."""
    shown = learning_curve.spaces(found)
    levels = {space: learning_curve.level(found, space) for space in shown}
    lines = []
    for name in _in_order(found["rows"], titles):
        row, cells = found["rows"][name], [Text(titles.get(name, name))]
        for space in shown:
            cells += [
                _spent(learning_curve.reached(learning_curve.curve(row, axis, space), levels[space])) for axis in AXES
            ]
        lines.append(Line("model", cells))
    stated = ", ".join(f"{fd_label(space)} {level:,.2f}" for space, level in levels.items())
    how = "the profile's target" if found["quality"] else "the largest final distance among the rows"
    between = (
        "Between two points, the logarithm of the distance is interpolated linearly in the logarithm of the cost; ≤: "
        "reached by the first point."
    )
    caption = [
        f"What each training cost until it first reached {stated} ({how}). {LIMITS}",
        between,
        *_remarks(found, titles),
    ]
    names = {**HEADERS, "seconds": SECONDS[found["clock"]]}
    headers = ["Model", *(f"{names[axis]} to {fd_label(space)}" for space in shown for axis in AXES)]
    return Grid("Cost of reaching a given quality", headers, [""] * len(headers), _numeric(headers), lines, caption)


def _spent(reached: Reached | None) -> Text:
    if reached is None:
        return Text("not reached")
    return Text(f"{'≤ ' * reached.before}{_number(reached.spent)}", value=reached.spent)


def _number(value: float) -> str:
    """Three digits; counts beyond a million with their power."""
    if value >= 1e7:
        digits, power = f"{value:.2e}".split("e")
        return f"{digits}e{int(power)}"
    return f"{float(f'{value:.3g}'):,.12g}"


def _orders(found: Json, titles: Json) -> Grid:
    """Per space, each row's distance and place at equal images, equal updates and equal time."""
    shown = learning_curve.spaces(found)
    made = {space: learning_curve.orders(found, space) for space in shown}
    lines = []
    for name in _in_order(learning_curve.finished(found), titles):
        cells = [_place(made[space].get(axis), name) for space in shown for axis in ORDERED]
        lines.append(Line("model", [Text(titles.get(name, name)), *cells]))
    headers, names = ["Model"], {**HEADERS, "seconds": SECONDS[found["clock"]]}
    for space in shown:
        for axis in ORDERED:
            at = f" at {_number(made[space][axis].at)}" if axis in made[space] else ""
            headers.append(f"{fd_label(space)}{at} {names[axis]}")
    caption = [
        learning_curve.sentence(found, titles),
        f"Distances, with ranks in brackets, at the largest amount that every row spent. {LIMITS}",
        *_outside(made, titles, names),
    ]
    return Grid("Three orders of the rows", headers, [""] * len(headers), _numeric(headers), lines, caption)


def _place(order: Order | None, name: str) -> Text:
    if order is None or name not in order.distances:
        return Text(MISSING)
    value = order.distances[name]
    return Text(f"{_number(value)} ({list(order.distances).index(name) + 1})", value=value)


def _numeric(headers: list[str]) -> list[bool]:
    return [header != "Model" for header in headers]


def _outside(made: dict[str, dict[str, Order]], titles: Json, names: dict[str, str]) -> list[str]:
    """Rows that an order leaves out."""
    missing = {(row, axis) for orders in made.values() for axis, order in orders.items() for row in order.missing}
    named = ", ".join(f"{titles.get(row, row)} ({names[axis]})" for row, axis in sorted(missing))
    return [f"Left out of an order because nothing was measured there: {named}."] if named else []


def _remarks(found: Json, titles: Json) -> list[str]:
    """Rows that diverged, that were left out, or that did not end as the row itself did."""
    remarks = []
    if diverged := [titles.get(row, row) for row, of in found["rows"].items() if of["outcome"] != "finished"]:
        remarks.append(f"Diverged: {', '.join(diverged)}.")
    if other := [titles.get(row, row) for row, of in found["rows"].items() if not of["same_weights"]]:
        remarks.append(
            "Weights differ from the row's own run, which was trained on other hardware or in another way: "
            f"{', '.join(other)}."
        )
    if found["left_out"]:
        left = ", ".join(f"{titles.get(row, row)} ({why})" for row, why in found["left_out"].items())
        remarks.append(f"Without a curve: {left}.")
    return remarks
