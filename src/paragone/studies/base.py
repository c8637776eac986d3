"""The contract of a study: a measurement over several runs, or of the real data, that a claim rests on.

A study's file is found by its name, which `profiles.<profile>.studies` in params.yaml lists with its options. It holds

    class Options                                # frozen keyword-only dataclass with defaults
    def depends(work: Work) -> list[Path]        # the files that it reads, relative to the root
    def measure(work: Work) -> dict[str, Any]    # what runs/<profile>/studies/<name>.json is to hold

`measure` states its sample counts, seeds and protocol in what it returns; it raises ValueError naming what is missing.
"""

from pathlib import Path
from typing import Any, NamedTuple

from paragone import paths


class Work(NamedTuple):
    """What a study works on."""

    root: Path
    profile: str
    datasets: dict[str, list[str]]  # data set: the rows that run on it
    seeds: list[int]
    options: Any  # the study's Options

    def runs(self, row: str) -> list[paths.Run]:
        """The runs of a row, data set by data set. Raises ValueError if it runs on none."""
        found = [
            paths.Run(self.profile, d, row, s) for d, rows in self.datasets.items() if row in rows for s in self.seeds
        ]
        if not found:
            raise ValueError(f"params.yaml: profiles.{self.profile}.studies: there is no row '{row}' in the profile")
        return found
