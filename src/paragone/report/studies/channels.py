"""What editing single latents does: how often an edit succeeds, and how much of the rest of the image stays."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paragone.report.figures import Plot
from paragone.report.scatter import INK, MARKERS, PALETTE
from paragone.report.studies.base import row_titles, title
from paragone.results.runs import Json, Results

CLAIMED = 32  # dB outside of the edited region: what the survey states of StyleGAN2 and 3


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure per data set on which any edit was measured: a panel per row, a point per attribute and seed."""
    drawn = []
    for dataset, measured in found["datasets"].items():
        rows = {row: runs for row, runs in measured["rows"].items() if any(run["targets"] for run in runs)}
        if rows:
            drawn.append(_plot(dataset, rows, found, results))
    return drawn


def _plot(dataset: str, rows: dict[str, list[Json]], found: Json, results: Results) -> Plot:
    targets = [target for runs in rows.values() for run in runs for target in run["targets"]]
    factors = list(dict.fromkeys(target["factor"] for target in targets))
    figure = Figure(figsize=(1.6 + 3.6 * len(rows), 3.9), layout="constrained")
    axes = figure.subplots(1, len(rows), sharex=True, sharey=True, squeeze=False)[0]
    for ax, (row, runs) in zip(axes, rows.items(), strict=True):
        _panel(ax, [target for run in runs for target in run["targets"]], factors)
        ax.set_title(row_titles(results).get(row, row), fontsize=11, loc="left")
        ax.set(ylim=(-0.03, 1.03), xlabel="PSNR outside the edited region (dB)")
    axes[0].set_ylabel("share of successful edits")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    unknown = sum(target["psnr"] is None for target in targets)
    left = f" Not shown: {unknown} without a PSNR, which changed no pixel or every region." if unknown else ""
    n = max(target["n"] for target in targets)
    caption = (
        f"One point per attribute and seed: among the {found['candidates']} top-ranked latents, the one that best "
        f"adds the attribute to up to {n:,} samples without it. An edit succeeds if the classifier then reads the "
        f"attribute and leaves all other factors unchanged. Dashed: {CLAIMED} dB, which a survey states for StyleGAN2 "
        f"and 3.{left} {title(results, dataset)}."
    )
    return Plot(f"channels-{dataset}", "Edits by a single latent", caption, figure)


def _panel(ax: Axes, targets: list[Json], factors: list[str]) -> None:
    for i, factor in enumerate(factors):
        own = [t for t in targets if t["factor"] == factor and t["psnr"] is not None]
        x, y = ([t[key] for t in own] for key in ("psnr", "success"))
        marker, color = MARKERS[i % len(MARKERS)], PALETTE[i % len(PALETTE)]
        ax.plot(x, y, marker, color=color, markersize=5, alpha=0.8, label=factor)
    ax.axvline(CLAIMED, color=INK, linewidth=1, linestyle="--")
