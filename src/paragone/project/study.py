"""What a study works on: the rows, seeds and options that its profile gives it."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from paragone.project import paths


class Work(NamedTuple):
    """What a study works on."""

    root: Path
    profile: str
    datasets: dict[str, list[str]]  # data set: the rows that run on it
    seeds: list[int]
    options: Any  # the study's Options
    models: Mapping[str, str] = MappingProxyType({})  # of each row, the file name of its model
    loaders: Mapping[str, str] = MappingProxyType({})  # of each data set, that of its loader

    def runs(self, row: str) -> list[paths.Run]:
        """The runs of a row, data set by data set. Raises ValueError if it runs on none."""
        found = [
            paths.Run(self.profile, d, row, s) for d, rows in self.datasets.items() if row in rows for s in self.seeds
        ]
        if not found:
            raise ValueError(f"{paths.profile(self.profile)}: studies: there is no row '{row}' in the profile")
        return found

    def runs_on(self, dataset: str, row: str, where: str) -> list[paths.Run]:
        """The runs of a row on one data set. Raises ValueError, which begins with `where` (the file, the field and the
        row), if it does not run there."""
        found = [run for run in self.runs(row) if run.dataset == dataset]
        if not found:
            raise ValueError(f"{where} does not run on {dataset}; take it out, or let it run there")
        return found
