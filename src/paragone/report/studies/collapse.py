"""Mode collapse in the plane: which loss covers the modes at which learning rate, and how it gets there."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report import scatter
from paragone.report.figures import Plot
from paragone.report.render import MISSING, Grid, Line, Text
from paragone.report.scatter import INK, PALETTE
from paragone.results.runs import Json, Results

GAMES = {
    "minimax": "minimax",
    "non_saturating": "non-saturating",
    "packing": "packing of two",
    "least_squares": "least squares",
    "hinge": "hinge",
    "clipping": "Wasserstein, clipping",
    "penalty": "Wasserstein, penalty",
    "relativistic": "relativistic, two penalties",
    "diffusion": "diffusion",
}
HEADERS = [
    "Loss",
    "Learning rate",
    "Modes covered",
    "Trials with all modes",
    "High quality, %",
    "Reverse KL, nats",
    "Diverged",
]


def grids(found: Json, results: Results) -> list[Grid]:
    """One table per geometry, the learning rates of a loss below each other."""
    return [_grid(found, geometry, content) for geometry, content in found["geometries"].items()]


def _grid(found: Json, geometry: str, content: Json) -> Grid:
    lines = [_line(GAMES[name], cell, content["modes"]) for name, cells in content["games"].items() for cell in cells]
    caption = [
        f"{found['trials']} trials at each setting, {found['steps']:,} generator updates; {found['n']:,} samples.",
        "Means over the trials that did not diverge, ± their standard deviation.",
        "High quality: within three standard deviations of a mode.",
        "Reverse KL: divergence of the samples' distribution over the modes from the uniform one (0: uniform).",
    ]
    numeric = [False, *[True] * 6]
    title = f"Mode collapse: {geometry} of {content['modes']} modes"
    return Grid(title, HEADERS, [""] * 7, numeric, lines, caption)


def _line(name: str, cell: Json, modes: int) -> Line:
    covered = _last(cell, "modes")
    sound = np.isfinite(covered)
    whole = int((covered == modes).sum())
    figures = [_mean(cell, "modes", 1), _mean(cell, "high_quality", 1, 100), _mean(cell, "reverse_kl", 2)]
    lost = int((~sound).sum())
    cells = [Text(name), Text(f"{cell['lr']:g}", value=cell["lr"]), figures[0], Text(str(whole), value=whole),
             figures[1], figures[2], Text(str(lost), value=lost)]  # fmt: skip
    return Line("model", cells)


def _mean(cell: Json, figure: str, digits: int, scale: float = 1.0) -> Text:
    """Of the trials that did not diverge, with their deviation."""
    values = _last(cell, figure)
    values = scale * values[np.isfinite(values)]
    if not len(values):
        return Text(MISSING)
    deviation = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return Text(f"{values.mean():.{digits}f}{deviation}", value=float(values.mean()))


def plots(found: Json, results: Results) -> list[Plot]:
    """Three figures per geometry: the phase diagram over losses and learning rates, the modes covered along the
    training, and the samples of one trial of each loss."""
    return [
        plot
        for geometry, content in found["geometries"].items()
        for plot in (_phases(found, geometry, content), _along(found, geometry, content), _samples(geometry, content))
    ]


def _last(cell: Json, figure: str) -> np.ndarray:
    """The figure of each trial at the end of its training; nan where it diverged."""
    return np.array([along[-1] for along in cell["trials"][figure]], dtype=float)


def _all_modes(cell: Json, modes: int) -> float:
    """The share of trials that cover every mode; one that diverged covers none."""
    return float((_last(cell, "modes") == modes).mean())


def best(cells: Sequence[Json]) -> Json:
    """The cell of the learning rate under which the median trial covers most modes; the purer samples if several do."""
    return max(cells, key=lambda c: (_median(c, "modes"), _median(c, "high_quality")))


def _median(cell: Json, figure: str) -> float:
    return float(np.median(np.nan_to_num(_last(cell, figure))))


def _phases(found: Json, geometry: str, content: Json) -> Plot:
    games: Mapping[str, Sequence[Json]] = content["games"]
    figure = Figure(figsize=(9, 0.42 * len(games) + 1.6), layout="constrained")
    shares = [[_all_modes(cell, content["modes"]) for cell in cells] for cells in games.values()]
    purity = [[_median(cell, "high_quality") for cell in cells] for cells in games.values()]
    left, right = figure.subplots(1, 2, sharey=True)
    for ax, values, name in ((left, shares, "Trials that cover every mode"), (right, purity, "High-quality samples")):
        _heat(ax, np.array(values), found["lrs"], name)
    left.set_yticks(range(len(games)), [GAMES[name] for name in games])
    caption = (
        f"{geometry.capitalize()} of {content['modes']} modes, {found['trials']} trials at each setting, "
        f"{found['steps']:,} generator updates. Left: the share of trials whose samples cover every mode. Right: the "
        "median share of samples within three standard deviations of a mode. Diverged trials count as 0. Networks and "
        "schedules are far smaller than the papers'."
    )
    return Plot(f"collapse-{geometry}-phases", f"Mode collapse on the {geometry}", caption, figure)


def _heat(ax: Axes, values: np.ndarray, lrs: Sequence[float], name: str) -> None:
    ax.imshow(values, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    for (y, x), value in np.ndenumerate(values):
        ax.text(x, y, f"{100 * value:.0f} %", ha="center", va="center", fontsize=8, color="w" if value < 0.6 else "k")
    ax.set_xticks(range(len(lrs)), [f"{lr:g}" for lr in lrs])
    ax.set(xlabel="learning rate")
    ax.grid(visible=False)
    ax.set_title(name, fontsize=11, loc="left")


def _along(found: Json, geometry: str, content: Json) -> Plot:
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for i, (name, cells) in enumerate(content["games"].items()):
        cell = best(cells)
        covered = np.nan_to_num(np.array(cell["trials"]["modes"], dtype=float))  # (trials, measurements)
        for ax, key in zip(axes, ("updates", "discriminator_updates"), strict=True):
            x = cell[key] if any(cell[key]) else cell["updates"]  # diffusion has one network, and its updates count
            ax.plot(x, covered.mean(0), color=PALETTE[i % len(PALETTE)], label=GAMES[name], linewidth=1.4)
    axes[0].axhline(content["modes"], color=INK, linewidth=1, linestyle="--", label="all modes")
    axes[1].axhline(content["modes"], color=INK, linewidth=1, linestyle="--")
    axes[0].set(xlabel="generator updates", ylabel="modes covered (mean over trials)")
    axes[1].set(xlabel="discriminator updates (log)", xscale="log")
    scatter.plain_ticks(axes[1].xaxis)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    rates = ", ".join(f"{lr:g}" for lr in found["lrs"])
    caption = (
        f"Modes covered during training, each loss at the best of the learning rates {rates}. Left: against generator "
        "updates. Right: against discriminator updates; the Wasserstein losses take "
        f"{found['critics']} of them per generator update."
    )
    return Plot(f"collapse-{geometry}-along", f"The {geometry} during training", caption, figure)


def _samples(geometry: str, content: Json) -> Plot:
    games = content["games"]
    rows = -(-len(games) // 4)
    figure = Figure(figsize=(9, 2.4 * rows), layout="constrained")
    for ax, (name, cells) in zip(np.atleast_2d(figure.subplots(rows, 4)).ravel(), games.items(), strict=False):
        x, y = np.array(best(cells)["shown"], dtype=float).T
        ax.plot(x, y, ".", markersize=2, color=PALETTE[0])
        limit = 1.5 if geometry == "ring" else 5.5
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xticks=[], yticks=[])
        ax.set_title(GAMES[name], fontsize=9)
    for ax in figure.axes[len(games) :]:
        ax.set_visible(False)
    caption = "Samples of the first trial of each loss, at its best learning rate."
    return Plot(f"collapse-{geometry}-samples", f"Samples on the {geometry}", caption, figure)
