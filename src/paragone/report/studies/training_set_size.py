"""Excess and near-copies against the number of training images."""

from matplotlib.figure import Figure

from paragone.evaluation import intervals
from paragone.report import scatter
from paragone.report.figures import Plot
from paragone.report.scatter import INK, MARKERS, PALETTE
from paragone.report.studies.base import title
from paragone.results.runs import Json, Results


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set: one line per row."""
    return [_plot(found, dataset, measured, results) for dataset, measured in found["datasets"].items()]


def _plot(found: Json, dataset: str, measured: Json, results: Results) -> Plot:
    titles = dict(zip(results.runs["model"], results.runs["title"], strict=True))
    figure = Figure(figsize=(9.6, 3.6), layout="constrained")
    excess, copies = figure.subplots(1, 2)
    for i, row in enumerate(found["rows"]):
        sizes = [s for s in measured["sizes"] if s["rows"].get(row, {"n": 0})["n"]]
        if not sizes:
            continue
        style = {"color": PALETTE[i], "marker": MARKERS[i], "markersize": 4}
        n = [s["n_train"] for s in sizes]
        pooled = [s["rows"][row]["excess"] for s in sizes]
        excess.plot(n, [p["value"] for p in pooled], label=str(titles.get(row, row)), **style)
        excess.vlines(n, [p["low"] for p in pooled], [p["high"] for p in pooled], color=PALETTE[i], linewidth=1.2)
        shares = [intervals.share(s["rows"][row]["near_copies"], s["rows"][row]["n"]) for s in sizes]
        copies.plot(n, [s.value for s in shares], **style)
        copies.vlines(n, [s.low for s in shares], [s.high for s in shares], color=PALETTE[i], linewidth=1.2)
    unseen = [s["unseen"]["near_copies"] / s["unseen"]["n"] for s in measured["sizes"]]
    copies.plot([s["n_train"] for s in measured["sizes"]], unseen, color=INK, linestyle="--", linewidth=1)
    excess.axhline(0, color=INK, linestyle="--", linewidth=1)
    for ax, label in ((excess, "excess: training images are nearest\nmore often than chance predicts"),
                      (copies, "near-copies (share of samples)")):  # fmt: skip
        ax.set(xscale="log", xlabel="training images (log)", ylabel=label)
        scatter.plain_ticks(ax.xaxis)
    excess.legend(fontsize=8)
    caption = (
        f"In pixels, {found['n']} samples of each trained model, pooled over seeds ({found['seeds']} on few images, "
        "all on all images). Bars: 95 % intervals. Dashed: chance level (left), and the share among "
        f"{measured['n_test']:,} test images, which no model saw (right). {title(results, dataset)}."
    )
    return Plot(f"training_set_size-{dataset}", "Memorisation against the number of training images", caption, figure)
