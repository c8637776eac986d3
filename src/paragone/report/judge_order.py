"""The order of the models by each judge of the classifiers' space, beside that of the spaces without labels."""

import statistics
from collections.abc import Mapping, Sequence

from paragone.report import tables
from paragone.report.render import Grid, Line, Text
from paragone.results import judges
from paragone.results.columns.spaces import distance
from paragone.results.runs import DataSet, Json, Results, is_figure
from paragone.results.space_names import fd_label, space_short


def grid(results: Results, dataset: DataSet) -> Grid | None:
    """One row per model, closest first by the mean over judges: its rank and distance by each judge and in each other
    space. None where one network judges alone."""
    groups = tables.by_model(results.rows(dataset.name))
    spaces = tables.spaces_of(results, dataset)
    judged = next((found for space in spaces if (found := judges.distances(groups, space))), {})
    if len(judged) < 2:
        return None
    names = sorted({judge for by_judge in judged.values() for judge in by_judge})
    orders = {"mean": {row: statistics.fmean(by_judge.values()) for row, by_judge in judged.items()}}
    orders |= {judge: {row: d[judge] for row, d in judged.items() if judge in d} for judge in names}
    others = [space for space in spaces if space_short(space) != "clf"]
    orders |= {fd_label(space): _means(groups, judged, space) for space in others}
    ranks = {name: judges.ranks(values) for name, values in orders.items()}
    disputed = {row for d in judges.disputes(judged) for row in (d.first, d.second)}
    lines = [
        Line(
            "model",
            [
                Text(groups[row][0]["title"] + tables.DISPUTED * (row in disputed)),
                *(_cell(ranks[name].get(row), values.get(row)) for name, values in orders.items()),
            ],
        )
        for row in sorted(orders["mean"], key=orders["mean"].__getitem__)
    ]
    headers = ["Model", "FD-clf", *(f"Judge {judge}" for judge in names), *map(fd_label, others)]
    abouts = ["", "mean over the judges", *("seed and width of the classifier" for _ in names), *("" for _ in others)]
    caption = [
        "Rank, and in brackets the distance, mean over the seeds that finished.",
        f"{tables.DISPUTED} The judges do not agree on its order with another model.",
        *about(dataset),
    ]
    return Grid(f"Order by judge: {dataset.title}", headers, abouts, [h != "Model" for h in headers], lines, caption)


def about(dataset: DataSet) -> list[str]:
    """Which judges there are: how often each is right on held-out images, and the hash of its weights."""
    found = []
    for space, facts in ((dataset.reference or {}).get("spaces") or {}).items():
        named = [
            f"{judge} ({100 * known['accuracy']:.1f} % of held-out images right, weights {known['sha256'][:12]})"
            for judge, known in facts.get("judges", {}).items()
            if {"accuracy", "sha256"} <= known.keys()
        ]
        found += [f"Judges of {space}: {', '.join(named)}."] if named else []
    return found


def _means(groups: Mapping[str, Sequence[Json]], rows: Mapping[str, object], space: str) -> dict[str, float]:
    column = distance(space).source
    seen = {row: [run[column] for run in groups[row] if is_figure(run.get(column))] for row in rows}
    return {row: statistics.fmean(values) for row, values in seen.items() if values}


def _cell(rank: int | None, value: float | None) -> Text:
    return Text("–") if rank is None or value is None else Text(f"{rank} ({value:.3g})", value=rank)
