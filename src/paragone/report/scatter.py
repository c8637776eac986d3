"""Quality against time: one point per model, families by colour and marker, the floor as a line."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from matplotlib.transforms import Bbox

from paragone.report.tables import FLOOR, Cell, Row, Table

INK, GRID = "#1f2328", "#d5d9df"  # the page replaces these two in its dark theme
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#B8A800"]  # Okabe and Ito 2008
MARKERS = "osD^vPX*"
SECONDS = {
    "sampling": "seconds per 1,000 images (log)",
    "training": "training seconds, parents included (log)",
}
_SIDES = [("left", "center", 1, 0), ("center", "bottom", 0, 1), ("center", "top", 0, -1), ("right", "center", -1, 0),
          ("left", "bottom", 0.8, 0.8), ("left", "top", 0.8, -0.8), ("right", "bottom", -0.8, 0.8),
          ("right", "top", -0.8, -0.8)]  # fmt: skip
_AROUND = [(dx * far, dy * far, ha, va) for far in (8, 20, 32, 44) for ha, va, dx, dy in _SIDES]


class Point(NamedTuple):
    row: Row
    seconds: float
    quality: Cell


def draw(main: Table, against: str) -> Figure | None:
    """The first space's FD against "sampling" or "training" time; None if no model has both."""
    quality = next((c for c in main.columns if c.key.startswith("fd_")), None)
    if quality is None:
        return None
    rows = [row for row in main.rows if row.kind == "model" and quality.key in row.cells]
    points = [Point(row, x, row.cells[quality.key]) for row in rows if (x := _seconds(row, against)) is not None]
    if not points:
        return None
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    ax = figure.subplots()
    front = frontier(points)
    ax.plot([p.seconds for p in front], [p.quality.mean for p in front], color=INK, linewidth=1, alpha=0.45, zorder=1)
    families = list(dict.fromkeys(p.row.heading for p in points))
    for i, family in enumerate(families):
        _family(ax, [p for p in points if p.row.heading == family], family, i)
    floor = next((r.cells[quality.key].mean for r in main.rows if r.kind == "floor" and quality.key in r.cells), None)
    if floor is not None:
        ax.axhline(floor, color=INK, linewidth=1, linestyle="--", label=FLOOR)
    ax.set(xscale="log", yscale="log", ylabel=f"{quality.label} (log, lower is better)", xlabel=SECONDS[against])
    ax.margins(x=0.12, y=0.12)
    for axis in (ax.xaxis, ax.yaxis):
        plain_ticks(axis)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    _name(figure, ax, points)
    return figure


def frontier(points: Iterable[Point]) -> list[Point]:
    """The points that no other beats at both, by rising time (the Pareto frontier)."""
    found: list[Point] = []
    for point in sorted(points, key=lambda p: (p.seconds, p.quality.mean)):
        if not found or point.quality.mean < found[-1].quality.mean:
            found.append(point)
    return found


class _Boxes:
    """Places that are taken, in pixels."""

    def __init__(self, boxes: Iterable[Bbox]) -> None:
        self.edges = np.array([box.extents for box in boxes])  # x0, y0, x1, y1

    def add(self, box: Bbox) -> None:
        self.edges = np.vstack([self.edges, box.extents])

    def met_by(self, box: Bbox) -> int:
        """How many of them a box overlaps."""
        x0, y0, x1, y1 = self.edges.T
        return int(((x0 <= box.x1) & (box.x0 <= x1) & (y0 <= box.y1) & (box.y0 <= y1)).sum())


def _moved(box: Bbox, pixels: float, dx: float, dy: float, ha: str, va: str) -> Bbox:
    """Where text goes from its point, with its lower left corner at the point before. pixels: to a point of print."""
    left = {"left": 0.0, "center": 0.5, "right": 1.0}[ha] * box.width
    down = {"bottom": 0.0, "center": 0.5, "top": 1.0}[va] * box.height
    return box.translated(dx * pixels - left, dy * pixels - down)


def _seconds(row: Row, against: str) -> float | None:
    if against == "sampling":
        rate = row.cells.get("images_per_second")
        return 1000 / rate.mean if rate and rate.mean > 0 else None
    seconds = row.cells.get("train_seconds_total")
    return seconds.mean if seconds and seconds.mean > 0 else None


def plain_ticks(axis: Axis) -> None:
    """Plain numbers on a logarithmic axis, as many as its range bears."""
    low, high = axis.get_view_interval()
    subs = (1, 1.1, 1.2, 1.5, 2) if high < 2 * low else (1, 1.5, 2, 3, 4, 6, 8) if high < 10 * low else (1, 2, 5)
    axis.set_major_locator(LogLocator(subs=subs if high < 500 * low else (1,), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_locator(NullLocator())  # without labels they say little, and each tick costs time to draw


def _family(ax: Axes, points: list[Point], family: str, i: int) -> None:
    color, marker = PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]
    x, y = [p.seconds for p in points], [p.quality.mean for p in points]
    bars = [p.quality.half or 0 if p.quality.over == "seeds" else 0 for p in points]
    ax.errorbar(x, y, bars, fmt="none", ecolor=color, elinewidth=1.2, capsize=3)
    ax.plot(x, y, marker, color=color, markersize=8, label=family)


def settle(figure: Figure) -> None:
    """Lay the figure out for good: left to itself, the layout shifts a little with every drawing."""
    engine = figure.get_layout_engine()
    if engine is None:
        return
    FigureCanvasAgg(figure)  # keeps its renderer; a bare canvas makes a new one whenever a text is measured
    for _ in range(2):  # the second time to the ticks and texts that the first has moved
        engine.execute(figure)  # all that `draw_without_rendering` does for the layout
    figure._layout_engine = None  # type: ignore[attr-defined]  # "none" leaves one that has figures drawn twice


def _name(figure: Figure, ax: Axes, points: list[Point]) -> None:
    """Write each name beside its point, where it meets the fewest markers and names."""
    settle(figure)  # the layout decides where points are
    centres = [ax.transData.transform((p.seconds, p.quality.mean)) for p in points]
    size = figure.dpi / 72 * 6
    taken = _Boxes(Bbox.from_bounds(x - size, y - size, 2 * size, 2 * size) for x, y in centres)
    for point in sorted(points, key=lambda p: p.seconds):
        at = (point.seconds, point.quality.mean)
        text = ax.annotate(point.row.title, at, (0, 0), textcoords="offset points", fontsize=9, ha="left", va="bottom")
        home = text.get_window_extent()  # measuring it anew in each place is slow
        best = (len(points) * 2.0, 0)
        for i, place in enumerate(_AROUND):
            box = _moved(home, figure.dpi / 72, *place)
            outside = box.x0 < ax.bbox.x0 or box.x1 > figure.bbox.x1
            best = min(best, (taken.met_by(box) + outside, i))
        dx, dy, ha, va = _AROUND[best[1]]
        text.set(position=(dx, dy), ha=ha, va=va)
        taken.add(text.get_window_extent())
        if best[1] >= len(_SIDES):  # far off: a line says whose name it is
            line = {"arrowstyle": "-", "color": INK, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 4}
            ax.annotate("", at, (dx, dy), textcoords="offset points", arrowprops=line)
