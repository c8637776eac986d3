"""The evidence for claims: the runs of one profile and its studies, and why some of them are no evidence."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from paragone.results import measures
from paragone.results.runs import Results, is_figure
from paragone.results.space_names import fd_label, space_rank, space_short

Json = dict[str, Any]
SEEDS = 5  # at least, where a claim rests on seeds
PROTOCOL = ("metrics.n", "metrics.n_real", "metrics.reference_split", "train.data")
HARDWARE = ("sampling.device", "sampling.threads", "sampling.precision", "sampling.batch")
PAPER = "@paper"  # after a row's name: at its paper's number of steps


class NotMeasuredError(ValueError):
    """What a claim rests on is missing, failed, or was measured under several protocols."""


class Evidence(NamedTuple):
    """What the runs of one profile left, and what its studies measured."""

    results: Results
    studies: Mapping[str, Json]

    def datasets(self, *rows: str) -> list[str]:
        """The data sets that have all of these rows. Raises NotMeasuredError if there is none."""
        runs = self.results.runs
        for row in rows:
            if row not in set(runs["model"]):
                raise NotMeasuredError(f"profile {self.results.profile} has no row '{row}'")
        found = [d.name for d in self.results.datasets if set(rows) <= set(self.results.of(d.name)["model"])]
        if not found:
            raise NotMeasuredError(f"profile {self.results.profile} has no data set on which {', '.join(rows)} all run")
        return found

    def has(self, *rows: str) -> bool:
        """Whether the profile has all of these rows."""
        return set(rows) <= set(self.results.runs["model"])

    def title(self, dataset: str) -> str:
        return next(d.title for d in self.results.datasets if d.name == dataset)

    def name(self, row: str) -> str:
        """The title of a row, as the tables print it."""
        runs = self.results.runs
        return str(runs.loc[runs["model"] == row, "title"].iloc[0])

    def measured(self, dataset: str, figure: str) -> list[tuple[str, str]]:
        """(label, column) of a figure in every feature space that was used on a data set, its classifier's first.

        figure: "fd", "coverage", ... (see `results.measures`). Raises NotMeasuredError.
        """
        pattern = re.compile(rf"metrics\.spaces\.([^.]+)\.{re.escape(figure)}")
        there = self.results.of(dataset).dropna(axis=1, how="all").columns
        spaces = sorted((m[1] for name in there if (m := pattern.fullmatch(str(name)))), key=space_rank)
        if not spaces:
            raise NotMeasuredError(f"{dataset}: no run has a {figure} in any feature space")
        return [(_label(figure, space), f"metrics.spaces.{space}.{figure}") for space in spaces]

    def with_column(self, name: str, above: str, below: str) -> "Evidence":
        """The same with one more column: the ratio of two. Raises NotMeasuredError where either is missing."""
        runs = self.results.runs
        if missing := {above, below} - set(runs):
            raise NotMeasuredError(f"nothing measured {', '.join(sorted(missing))}")
        ratio = pd.to_numeric(runs[above]) / pd.to_numeric(runs[below])
        return self._replace(results=self.results._replace(runs=runs.assign(**{name: ratio})))

    def study(self, name: str) -> Json:
        """What a study measured. Raises NotMeasuredError."""
        if name not in self.studies:
            raise NotMeasuredError(f"study '{name}' of profile {self.results.profile} has not run")
        return self.studies[name]

    def timed(self, *rows: str) -> list[tuple[str, list[Json]]]:
        """(data set, each row as the study `sampling_time` timed it) of the data sets on which all of them run.

        A row "ddpm@paper" is DDPM's at its paper's number of steps. Raises NotMeasuredError.
        """
        study, found = self.study("sampling_time"), []
        for dataset in self.datasets(*(row.removesuffix(PAPER) for row in rows)):
            if dataset not in study["datasets"]:
                continue
            timed_here = study["datasets"][dataset]
            there = {**timed_here["rows"], **{f"{row}{PAPER}": timed for row, timed in timed_here["paper"].items()}}
            for row in rows:
                if row not in there:
                    why = timed_here["left_out"].get(row.removesuffix(PAPER), "the study's options leave it out")
                    raise NotMeasuredError(f"{dataset}: study 'sampling_time' did not time '{row}': {why}")
            found.append((dataset, [{**there[row], "clock": study["clock"], "n": study["batch"]} for row in rows]))
        if not found:
            raise NotMeasuredError(f"study 'sampling_time' timed no data set on which {', '.join(rows)} run")
        return found

    def figures(self, dataset: str, rows: Sequence[str], column: str, seeds: int = SEEDS) -> list[list[float]]:
        """A column's figures of each row, seed by seed, from the seeds that all rows finished under one protocol.

        A diverged run has no figure and counts as one seed less, except in a column of `stability.`: what it tells is
        what such a column measures. Raises NotMeasuredError naming the row and what it lacks.
        """
        runs = self.results.of(dataset)
        if column not in runs:
            raise NotMeasuredError(f"{dataset}: nothing measured '{column}'")
        by_seed = [self._row(runs, dataset, row, column) for row in rows]
        shared = sorted(set.intersection(*(set(part) for part in by_seed)))
        if len(shared) < seeds:
            raise NotMeasuredError(_too_few(runs, dataset, rows, column, len(shared), seeds))
        self._one_protocol(runs, dataset, rows, HARDWARE if column.startswith("sampling.") else PROTOCOL)
        return [[part[seed] for seed in shared] for part in by_seed]

    @staticmethod
    def _row(runs: pd.DataFrame, dataset: str, row: str, column: str) -> dict[int, float]:
        ended = ("finished", "diverged") if column.startswith("stability.") else ("finished",)
        of_row = runs[(runs["model"] == row) & runs["outcome"].isin(ended)]
        return {int(s): float(v) for s, v in zip(of_row["seed"], of_row[column], strict=True) if is_figure(v)}

    @staticmethod
    def _one_protocol(runs: pd.DataFrame, dataset: str, rows: Sequence[str], keys: Sequence[str]) -> None:
        of_rows = runs[runs["model"].isin(rows) & (runs["outcome"] == "finished")]
        hashes = [c for c in map(str, of_rows) if c.startswith("metrics.spaces.") and c.endswith(".hash")]
        for key in keys:
            if key not in of_rows or of_rows[key].isna().any():
                raise NotMeasuredError(f"{dataset}: some run of {', '.join(rows)} does not say its {key}")
        for key in [*keys, *hashes]:
            if (kinds := of_rows[key].dropna().unique()).size > 1:
                raise NotMeasuredError(f"{dataset}: {', '.join(rows)} differ in {key} ({', '.join(map(str, kinds))})")

    def left_out(self, dataset: str, *rows: str) -> str:
        """Which of the rows' runs did not finish, for the note of an effect; "" if all did."""
        runs = self.results.of(dataset)
        parts = []
        for row in rows:
            outcomes = runs.loc[runs["model"] == row, "outcome"]
            lost = outcomes[outcomes != "finished"].value_counts(sort=False)
            parts += [f"{self.name(row)}: {n} of {len(outcomes)} {outcome}" for outcome, n in lost.items()]
        return ", ".join(parts)

    def require_equal(self, dataset: str, rows: Sequence[str], column: str, what: str) -> None:
        """Raise NotMeasuredError unless all finished runs of the rows have one and the same figure in a column."""
        self.require_close(dataset, rows, column, what, 1.0)

    def require_close(self, dataset: str, rows: Sequence[str], column: str, what: str, factor: float) -> None:
        """Raise NotMeasuredError unless the rows' means over finished runs differ by at most a factor; by a factor of
        1, all their figures are equal."""
        runs = self.results.of(dataset)
        of_rows = runs[runs["model"].isin(rows) & (runs["outcome"] == "finished")]
        if column not in of_rows or of_rows[column].isna().any():
            raise NotMeasuredError(f"{dataset}: some run of {', '.join(rows)} does not say its {column}")
        figures = of_rows[column].astype(float)
        if factor > 1:
            figures = figures.groupby(of_rows["model"]).mean()
        if figures.max() > factor * figures.min():
            each = of_rows.groupby("model", sort=False)[column].unique()
            values_by_row = ", ".join(f"{row} {' and '.join(f'{v:,}' for v in values)}" for row, values in each.items())
            by = f" by more than a factor of {factor:g}" if factor > 1 else ""
            raise NotMeasuredError(f"{dataset}: {what} differ{by}: {values_by_row}")


def _label(figure: str, space: str) -> str:
    """What a figure of a space is called: "FD-clf", "Coverage (clf)"."""
    if figure == measures.DISTANCE:
        return fd_label(space)
    return f"{figure.capitalize()} ({space_short(space)})"


def _too_few(runs: pd.DataFrame, dataset: str, rows: Sequence[str], column: str, found: int, seeds: int) -> str:
    """Why there are too few seeds: the first row that lacks some, with the reason that it gives."""
    for row in rows:
        bad = runs[(runs["model"] == row) & (runs["outcome"] != "finished")]
        if len(bad):
            first = bad.iloc[0]
            why = f" (seed {first['seed']} {first['outcome']}: {first['reason']})"
            return (
                f"{dataset}: '{row}' finished {(runs['model'] == row).sum() - len(bad)} seeds of at least {seeds}{why}"
            )
    return f"{dataset}: seeds that have {column} for {', '.join(rows)}: {found}; it takes at least {seeds}"
