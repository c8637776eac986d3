"""Published and reproduced: what papers printed beside what our rows measured in the same protocol."""

from matplotlib.figure import Figure

from paragone.report.figures import Plot
from paragone.report.render import MISSING, Grid, Line, Text
from paragone.report.scatter import PALETTE
from paragone.results import published, reproduced
from paragone.results.reproduced import Reproduction
from paragone.results.runs import Json, Results, is_missing

HEADERS = ["Figure", "Data", "Published", "Ours", "Seeds", "Inside", "Length", "Minutes", "What else differs"]


def grids(found: Json, results: Results) -> list[Grid]:
    """One row per published figure."""
    compared = reproduced.compare(found)
    counts = reproduced.counts(compared)
    came_out = (
        f"{counts['inside']} of {len(compared)} inside, {counts['outside']} outside, {counts['too few seeds']} with "
        f"fewer than {reproduced.FEWEST} seeds and no published spread, {counts['not run']} not run."
    )
    rule = (
        "Inside: our mean lies within the published value's stated spread; where the source states none, the published "
        "value lies in the range in which one more run of ours would fall in 95 of 100 cases."
    )
    caption = [
        came_out,
        rule,
        "± of ours: that range (of times, over timed batches), or with one seed the 95 % interval over test images.",
        f"Minutes of training: mean over the seeds, on {found['cpu'] or found['device']}.",
        "A shortened schedule is a protocol of its own.",
    ]
    abouts = [
        "",
        "",
        "as the source prints it",
        "",
        "that finished",
        "",
        "images seen, in % of the source's",
        "of training",
        "",
    ]
    numeric = [False, False, True, True, True, False, True, True, False]
    return [Grid("Published and reproduced", HEADERS, abouts, numeric, [_line(r) for r in compared], caption)]


def _line(r: Reproduction) -> Line:
    minutes = MISSING if r.minutes is None else f"{r.minutes:.0f}"
    name = f"{r.published['model']}: {published.metric(r.published)}"
    least = "at least " * (r.rule == "at_least")
    cells = [
        Text(name),
        Text(str(r.published["dataset"])),
        Text(least + published.value(r.published), value=float(r.published["value"])),
        Text(_ours(r)),
        Text(MISSING if r.minutes is None else str(len(r.values))),
        Text(r.outcome, note=r.reason),
        Text(MISSING if r.length is None else f"{100 * r.length:.3g} %"),
        Text(minutes),
        Text(r.differs or MISSING),
    ]
    return Line("model", cells)


def _ours(r: Reproduction) -> str:
    """Our mean with its interval."""
    if not r.values:
        return MISSING
    digits = 2 if abs(r.mean) < 1000 else 0
    half = half_width(r)
    return f"{r.mean:,.{digits}f}" + ("" if half is None else f" ± {half:,.{digits}f}")


def half_width(r: Reproduction) -> float | None:
    """Of the interval that stands beside our mean: over seeds, or for one seed over test images; None if unknown."""
    if r.spread is not None:
        return r.spread.high - r.mean
    return 1.96 * r.errors[0] if len(r.values) == 1 and r.errors else None


def plots(found: Json, results: Results) -> list[Plot]:
    """How far each figure of ours is from the published one, in % of it."""
    shown = [r for r in reproduced.compare(found) if r.values and r.rule == "within"]
    if not shown:
        return []
    figure = Figure(figsize=(8, 0.4 * len(shown) + 1.6), layout="constrained")
    ax = figure.subplots()
    for y, r in enumerate(shown):
        target = abs(float(r.published["value"]))
        std = 0.0 if is_missing(r.published["std"]) else float(r.published["std"])
        ax.barh(y, 200 * std / target, left=-100 * std / target, height=0.6, color=PALETTE[6], alpha=0.4)
        ours, half = 100 * (r.mean - float(r.published["value"])) / target, 100 * (half_width(r) or 0.0) / target
        ax.errorbar(ours, y, xerr=half, fmt="o", color=PALETTE[0], capsize=3)
    ax.axvline(0, color=PALETTE[6], linewidth=1)
    ax.set_yticks(
        range(len(shown)), [f"{r.published['model']}\n{published.metric(r.published)}" for r in shown], fontsize=7
    )
    ax.invert_yaxis()
    ax.set_xlabel("difference from the published figure (%)")
    caption = (
        "Points: our mean, with the range in which one more seed would fall in 95 of 100 cases (with one seed, the "
        "95 % interval over test images). Bars: the spread that the source states."
    )
    return [Plot("reproduce-difference", "Published and reproduced", caption, figure)]
