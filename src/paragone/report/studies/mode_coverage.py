"""The modes that each run misses, beside the share that counts as collapse."""

from matplotlib.figure import Figure

from paragone.evaluation import stability
from paragone.report.figures import Plot
from paragone.report.scatter import INK, MARKERS, PALETTE
from paragone.report.studies.base import row_titles, title
from paragone.results.runs import Json, Results

KINDS = {"finished": (PALETTE[0], MARKERS[0]), "diverged": (PALETTE[6], "X")}


def plots(found: Json, results: Results) -> list[Plot]:
    """A figure: one line per row, one point per run; a run that diverged shows no mode."""
    rows, titles = found["rows"], row_titles(results)
    names = list(rows)[::-1]  # the first on top
    figure = Figure(figsize=(7.2, 1.5 + 0.42 * len(names)), layout="constrained")
    ax = figure.subplots()
    for place, row in enumerate(names):
        for kind, (color, marker) in KINDS.items():
            ended = [run for run in rows[row] if run["outcome"] == kind]
            shares = [100 * run.get("missing_share", 1.0) for run in ended]
            ax.plot(shares, [place] * len(ended), marker, color=color, alpha=0.8, clip_on=False, label=kind)
    ax.axvline(100 * stability.MISSING, color=INK, linewidth=1, linestyle="--")
    ax.set(xlim=(0, 100), ylim=(-0.6, len(names) - 0.4), xlabel=f"missing modes (% of {found['classes']:,})")
    ax.set_yticks(range(len(names)), [titles.get(name, name) for name in names])
    handles, labels = ax.get_legend_handles_labels()
    shown = dict(zip(labels, handles, strict=True))  # each once
    ax.legend(shown.values(), shown.keys(), loc="upper left", bbox_to_anchor=(1.02, 1.05), fontsize=8)
    caption = (
        f"{found['n']:,} samples per run; one point per seed. Runs to the right of the dashed line count as collapsed. "
        f"The same number of real test images misses {found['real']['missing']:,} modes. "
        f"{title(results, found['dataset'])}."
    )
    return [Plot(f"mode_coverage-{found['dataset']}", "Missing modes", caption, figure)]
