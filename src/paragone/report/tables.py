"""Build the tables: one row per model, mean and interval over seeds, the best in bold, failures with their reason."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from paragone.evaluation import intervals
from paragone.report import captions
from paragone.results import judges
from paragone.results.columns import by_table
from paragone.results.columns.base import Column
from paragone.results.families import HEADINGS
from paragone.results.judges import Dispute
from paragone.results.runs import DataSet, Json, Results, flatten, is_figure
from paragone.results.space_names import space_rank, space_short

FLOOR = "Real images (floor)"
DISPUTED = "‡"  # marks a distance whose judges do not agree on its row's place
NAMED = 4  # pairs of rows that a caption names
JUDGED = "fd_clf"  # the column of the distance that several networks judge
OVER_SAMPLES = "†"  # marks an interval that is over samples


class Cell(NamedTuple):
    """Mean over seeds and the half-width of its interval: over seeds, or where there is one alone, over its samples.

    None where neither can be given. A cell says which, and so does whatever prints it: the two do not compare.
    """

    mean: float
    half: float | None = None
    best: bool = False
    over: Literal["seeds", "samples"] = "seeds"
    disputed: bool = False  # the judges do not agree on its row's place


class Row(NamedTuple):
    """One model (or the floor) on one data set."""

    kind: Literal["floor", "model"]
    family: str
    model: str
    file: str  # the model that it trains: another name than the row's where a model has several rows
    title: str
    cells: dict[str, Cell]  # by column key; a missing one is not measured
    seeds: str  # finished of planned: "3/3"
    outcome: str  # "" if every seed finished
    reason: str

    @property
    def heading(self) -> str:
        return HEADINGS.get(self.family, self.family.replace("_", " ").capitalize())


class Table(NamedTuple):
    """A table of one data set."""

    name: str
    title: str  # with the data set's
    dataset: str  # its name
    columns: list[Column]
    rows: list[Row]
    caption: list[str]  # one sentence each


def single(row: Json, column: Column) -> Cell:
    """The figure of one set of images, with its interval over samples where its standard error is known."""
    value, error = row[column.source] * column.scale, row.get(column.error)
    if not is_figure(error):
        return Cell(value)
    found = intervals.normal(value, error * column.scale)
    return Cell(value, found.high - value, over="samples") if found.finite else Cell(value)


def interval(values: list[float]) -> Cell:
    """Mean and t-interval (95 %) over seeds; none from a single seed, or from seeds that all say the same."""
    if len(values) < 2:
        return Cell(statistics.mean(values))
    found = intervals.mean(values)
    return Cell(found.value, found.high - found.value if found.finite else None)


def spaces_of(results: Results, dataset: DataSet) -> list[str]:
    """The feature spaces that anything of this data set was measured in, the reference's order first."""
    names = list((dataset.floor or {}).get("spaces", {}))
    prefix = "metrics.spaces."
    measured = results.of(dataset.name).dropna(axis=1, how="all").columns
    names += [c.removeprefix(prefix).partition(".")[0] for c in measured if c.startswith(prefix)]
    return sorted(dict.fromkeys(names), key=space_rank)


def build(results: Results, dataset: DataSet) -> list[Table]:
    """The tables of figures of one data set: main, quality, cost, reconstruction."""
    spaces = spaces_of(results, dataset)
    kinds = {
        "main": ("Comparison", by_table.main(spaces)),
        "quality": ("Quality in every feature space", by_table.quality(spaces)),
        "cost": ("Cost", by_table.cost()),
        "reconstruction": ("Reconstruction, translation and likelihood", by_table.reconstruction(spaces)),
    }
    groups, found = by_model(results.rows(dataset.name)), []
    disputes = _disputes(groups, spaces)
    caption = [
        *captions.describe(results, dataset, spaces),
        *_about_judges(groups, disputes),
        *_about_insiders(groups, spaces),
    ]
    for name, (title, shown) in kinds.items():
        rows = _mark_disputed(_rows(groups, dataset, shown, name), disputes)
        noted = [*caption, *_about_samples(rows)]
        found.append(Table(name, f"{title}: {dataset.title}", dataset.name, shown, rows, noted))
    return found


def compact(results: Results, dataset: DataSet) -> Table:
    """The main table cut to what a terminal shows, with a short caption."""
    spaces = spaces_of(results, dataset)
    shown = by_table.compact(spaces)
    runs = results.of(dataset.name)
    seeds = f"{len(results.seeds)} seed{'s' * (len(results.seeds) > 1)}."
    groups = by_model(results.rows(dataset.name))
    disputes = _disputes(groups, spaces)
    rows = _mark_disputed(_rows(groups, dataset, shown, "compact"), disputes)
    notes = [*_about_samples(rows), *_about_judges(groups, disputes), *_about_insiders(groups, spaces)]
    caption = [captions.about_reference(dataset, runs), seeds, *notes, captions.about_hardware(runs)]
    return Table("compact", dataset.title, dataset.name, shown, rows, caption)


def by_model(runs: Sequence[Json]) -> dict[str, list[Json]]:
    """Runs by their row of params.yaml, in order: frames are slow to take apart, so the report does it once."""
    groups: dict[str, list[Json]] = {}
    for run in runs:
        groups.setdefault(run["model"], []).append(run)
    return groups


def _rows(groups: Mapping[str, list[Json]], dataset: DataSet, shown: list[Column], name: str) -> list[Row]:
    rows = [_model(group, shown) for group in groups.values()]
    if name == "reconstruction":
        rows = [row for row in rows if row.cells]
    order = list(HEADINGS)
    rows.sort(key=lambda r: (order.index(r.family) if r.family in order else len(order), r.family))  # stable
    rows = _mark_best(rows, shown)
    floor = _floor(dataset.floor, shown)
    return [floor, *rows] if floor is not None and floor.cells else rows


def _disputes(groups: Mapping[str, list[Json]], spaces: list[str]) -> list[Dispute]:
    """Of the space that several judge, if there is one."""
    return [dispute for space in spaces for dispute in judges.disputes(judges.distances(groups, space))]


def _mark_disputed(rows: list[Row], disputes: list[Dispute]) -> list[Row]:
    """Mark FD-clf of the rows whose order with another one the judges do not agree on."""
    disputed = {row for dispute in disputes for row in (dispute.first, dispute.second)}
    return [
        row._replace(cells={**row.cells, JUDGED: row.cells[JUDGED]._replace(disputed=True)})
        if row.model in disputed and JUDGED in row.cells
        else row
        for row in rows
    ]


def _about_judges(groups: Mapping[str, list[Json]], disputes: list[Dispute]) -> list[str]:
    """Which orders of two rows the judges disagree about."""
    if not disputes:
        return []
    named = [
        f"{groups[d.first][0]['title']} before {groups[d.second][0]['title']} ({d.votes} of {d.judges})"
        for d in disputes[:NAMED]
    ]
    more = f", and {len(disputes) - NAMED} pairs more" if len(disputes) > NAMED else ""
    return [f"{DISPUTED} Judges of FD-clf disagree about an order: {', '.join(named)}{more}."]


def _about_insiders(groups: Mapping[str, list[Json]], spaces: list[str]) -> list[str]:
    return [
        f"{', '.join(titles)}: trained by, or chosen by, a network of the space {space_short(space)}, which "
        "flatters them: go by the other spaces."
        for space, titles in judges.insiders(groups, spaces).items()
    ]


def _floor(floor: Json | None, shown: list[Column]) -> Row | None:
    if floor is None:
        return None
    flat = dict(flatten("metrics", floor))
    cells = {c.key: single(flat, c) for c in shown if is_figure(flat.get(c.source))}
    return Row("floor", "", "", "", FLOOR, cells, "", "", "")


def _model(group: list[Json], shown: list[Column]) -> Row:
    finished = [run for run in group if run["outcome"] == "finished"]
    cells = {}
    for column in shown:
        kept = finished or _cost_only(group, column)
        measured = [run for run in kept if is_figure(run.get(column.source))]
        values = [float(run[column.source]) * column.scale for run in measured]
        if values and column.setting:
            cells[column.key] = Cell(statistics.mean(values))
        elif values:
            cells[column.key] = interval(values) if len(values) > 1 else single(measured[0], column)
    first = group[0]
    outcome, reason = _outcome(group)
    return Row(
        "model",
        first["family"],
        first["model"],
        first["file"],
        first["title"],
        cells,
        f"{len(finished)}/{len(group)}",
        outcome,
        reason,
    )


def _cost_only(group: list[Json], column: Column) -> list[Json]:
    """A diverged model has a cost but no quality, and a failed or unfinished one has no figure to trust."""
    measured = column.source.startswith("train") or column.key == "parameters"
    return [run for run in group if measured and run["outcome"] == "diverged"]


def _outcome(group: list[Json]) -> tuple[str, str]:
    """How the seeds ended where not all finished: the outcome (with a count if mixed) and each distinct reason."""
    bad = [run for run in group if run["outcome"] != "finished"]
    counts = Counter(run["outcome"] for run in bad)
    parts = [o if n == len(group) else f"{n} of {len(group)} {o}" for o, n in counts.items()]
    seeds: dict[str, list[int]] = {}
    for run in bad:
        seeds.setdefault(str(run["reason"]), []).append(run["seed"])
    if len(seeds) == 1 and len(bad) == len(group):
        return ", ".join(parts), next(iter(seeds))
    each = [f"seed{'s' * (len(s) > 1)} {', '.join(map(str, s))}: {reason}" for reason, s in seeds.items()]
    return ", ".join(parts), "; ".join(each)


def _mark_best(rows: list[Row], shown: list[Column]) -> list[Row]:
    """Bold what is best as printed. A model of which a seed diverged or failed has no claim to it, and a count that
    several models reach, such as 0 missing modes, or any value that most of them reach, tells them apart from none."""
    best = {}
    eligible = [r for r in rows if not r.outcome]
    for column in shown:
        means = [r.cells[column.key].mean for r in eligible if column.key in r.cells]
        printed = [column.number(m) for m in means]
        if column.better and len(set(printed)) > 1:
            first = column.number(min(means) if column.better == "low" else max(means))
            if printed.count(first) == 1 or (column.digits and 2 * printed.count(first) <= len(printed)):
                best[column.key] = first
    by_key = {c.key: c for c in shown}

    def mark(row: Row) -> Row:
        cells = {k: c._replace(best=by_key[k].number(c.mean) == best.get(k)) for k, c in row.cells.items()}
        return row._replace(cells=cells)

    return [row if row.outcome else mark(row) for row in rows]


def _about_samples(rows: list[Row]) -> list[str]:
    """What the mark of an interval over samples means, if any cell bears it."""
    if not any(c.over == "samples" and c.half is not None for row in rows for c in row.cells.values()):
        return []
    meaning = "where as many other images of the same source would fall, against the same reference; seeds add to it"
    return [f"{OVER_SAMPLES} {intervals.CONFIDENCE:.0%} interval over samples, not over seeds: {meaning}."]
