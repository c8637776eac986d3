"""The figures of a profile over time: runs/<profile>/history.csv, to which each report adds what is new.

The file is a record and no output of a stage, so no rerun removes it; it is yours to commit. A line is the mean over
seeds of one distance of one row. Two lines compare where their `terms` are the same, a hash of protocol, data, number
of samples and feature space:

    moment,commit,dirty,protocol,dataset,row,figure,mean,seeds,terms
    2026-11-27T03:00:00Z,827c43aa,False,2,mnist-5k,dcgan,fd_clf,5.23,1,9f86d081884c
"""

import csv
import hashlib
import io
import math
import statistics
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from paragone.evaluation.protocol_number import PROTOCOL
from paragone.project import files, git, paths
from paragone.results.columns.base import Column
from paragone.results.columns.spaces import distance, kernel
from paragone.results.runs import DataSet, Json, Results, is_figure
from paragone.results.space_names import space_rank

FIELDS = ("moment", "commit", "dirty", "protocol", "dataset", "row", "figure", "mean", "seeds", "terms")
Key = tuple[str, str, str]  # data set, row, key of a column


class Figure(NamedTuple):
    """One distance of one row, at one time."""

    mean: float  # over seeds; lower is better
    seeds: int
    terms: str  # figures of other terms do not compare


class Point(NamedTuple):
    """What the tables of one report said."""

    moment: str  # UTC, ISO 8601
    commit: str  # "" outside of a repository
    dirty: bool  # whether tracked files differed from the commit
    figures: dict[Key, Figure]


class Worse(NamedTuple):
    """A distance that rose since the report before."""

    key: Key
    before: float
    now: float


def shown(results: Results, dataset: DataSet) -> list[Column]:
    """The headlines of a data set: the Frechet and the kernel distance in each space that anything was measured in."""
    prefix = "metrics.spaces."
    measured = results.of(dataset.name).dropna(axis=1, how="all").columns
    spaces = {c.removeprefix(prefix).partition(".")[0] for c in map(str, measured) if c.startswith(prefix)}
    ordered = sorted(spaces, key=space_rank)
    return [column for space in ordered for column in (distance(space), kernel(space))]


def record(root: Path, results: Results) -> list[Point]:
    """All points, the current figures among them: they are added to the file unless its last point says the same at the
    same commit. Raises ValueError for a file that is not whole."""
    points, found = read(root, results.profile), dict(_current(results))
    commit, dirty = git.commit(root)
    now = Point(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), commit or "", bool(dirty), found)
    if not found or (points and points[-1][1:] == now[1:]):
        return points
    file = root / paths.history(results.profile)
    earlier = file.read_text(encoding="utf-8") if points else ",".join(FIELDS) + "\n"
    files.write_text(file, earlier + _text(now))
    return [*points, now]


def read(root: Path, profile: str) -> list[Point]:
    """The points so far, oldest first. Raises ValueError naming file and line of what is no figure."""
    file = paths.history(profile)
    if not (root / file).exists():
        return []
    lines = csv.DictReader(io.StringIO((root / file).read_text(encoding="utf-8")))
    points = groupby(_parsed(file, lines), key=lambda line: line[0])
    return [
        Point(moment, commit, dirty, dict(figure for _, figure in group)) for (moment, commit, dirty), group in points
    ]


def series(points: list[Point], key: Key) -> list[tuple[int, float]]:
    """(place among the points, mean) of a distance, under the terms that it was last measured under."""
    there = [(i, point.figures[key]) for i, point in enumerate(points) if key in point.figures]
    return [(i, figure.mean) for i, figure in there if figure.terms == there[-1][1].terms]


def worse(points: list[Point], tolerance: float) -> list[Worse]:
    """Frechet distances that the last point has and that rose by more than this share since they were measured before;
    kernel distances, which may be 0 or less, are no ratio."""
    found = []
    for key in points[-1].figures if points else ():
        *before, (last, now) = series(points, key)
        if before and last == len(points) - 1 and key[2].startswith("fd_") and now > before[-1][1] * (1 + tolerance):
            found.append(Worse(key, before[-1][1], now))
    return found


def _current(results: Results) -> Iterator[tuple[Key, Figure]]:
    for dataset in results.datasets:
        finished = [row for row in results.rows(dataset.name) if row["outcome"] == "finished"]
        for column in shown(results, dataset):
            for model in dict.fromkeys(str(row["model"]) for row in finished):
                runs = [row for row in finished if row["model"] == model and is_figure(row.get(column.source))]
                if runs:
                    mean = statistics.fmean(row[column.source] * column.scale for row in runs)
                    key = (dataset.name, model, column.key)
                    yield key, Figure(mean, len(runs), _terms(dataset, runs[0], column.source))


def _terms(dataset: DataSet, run: Json, source: str) -> str:
    data = (dataset.about or {}).get("content_hash")
    parts = (PROTOCOL, data, run.get("metrics.n"), run.get(f"{source.rpartition('.')[0]}.hash"))
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:12]


def _text(point: Point) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for key, figure in point.figures.items():
        writer.writerow([point.moment, point.commit, point.dirty, PROTOCOL, *key, *figure])
    return text.getvalue()


def _parsed(file: Path, lines: "csv.DictReader[str]") -> Iterator[tuple[tuple[str, str, bool], tuple[Key, Figure]]]:
    for line in lines:
        try:
            if set(line) != set(FIELDS) or None in line.values():
                raise ValueError(f"its columns are {', '.join(map(str, lines.fieldnames or ()))}")
            figure = Figure(float(line["mean"]), int(line["seeds"]), line["terms"])
            if not math.isfinite(figure.mean):
                raise ValueError(f"mean is {line['mean']}")
        except ValueError as error:
            where = f"{file}: line {lines.line_num}"
            raise ValueError(f"{where} is no figure of a report ({error}); correct it, or delete the file") from None
        key = (line["dataset"], line["row"], line["figure"])
        yield (line["moment"], line["commit"], line["dirty"] == "True"), (key, figure)
