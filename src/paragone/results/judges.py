"""Where the judges of a space disagree about the order of two rows, and which rows one of them helped to make."""

import statistics
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from paragone.results.runs import Json, is_figure

Distances = dict[str, dict[str, float]]  # by row, then by judge: the mean over seeds that finished


class Dispute(NamedTuple):
    """Two rows that the judges do not all put in one order."""

    first: str  # closer to the real images, by the mean over judges
    second: str
    votes: int  # of the judges, for that order
    judges: int


def distances(groups: Mapping[str, Sequence[Json]], space: str) -> Distances:
    """What each judge of a space says of each row that has figures; empty where one network judges alone.

    groups: the runs of each row, from the wide table.
    """
    start, found = f"metrics.spaces.{space}.judges.", {}
    for row, runs in groups.items():
        finished = [run for run in runs if run["outcome"] == "finished"]
        columns = [key for run in finished[:1] for key in run if key.startswith(start) and key.endswith(".fd")]
        seen = {key: [run[key] for run in finished if is_figure(run.get(key))] for key in columns}
        judged = {key[len(start) : -len(".fd")]: statistics.fmean(v) for key, v in seen.items() if v}
        if judged:
            found[row] = judged
    return found


def disputes(found: Distances) -> list[Dispute]:
    """Every pair of rows whose order the judges do not agree on, the most even votes first."""
    order = sorted(found, key=lambda row: statistics.fmean(found[row].values()))
    disputed = []
    for first, second in combinations(order, 2):
        shared = found[first].keys() & found[second].keys()
        votes = sum(found[first][judge] < found[second][judge] for judge in shared)
        if 0 < votes < len(shared):
            disputed.append(Dispute(first, second, votes, len(shared)))
    return sorted(disputed, key=lambda d: abs(2 * d.votes - d.judges))


def ranks(values: Mapping[str, float]) -> dict[str, int]:
    """The rank of each row, the lowest value first."""
    return {row: rank for rank, row in enumerate(sorted(values, key=values.__getitem__), 1)}


def insiders(groups: Mapping[str, Sequence[Json]], spaces: Sequence[str]) -> dict[str, list[str]]:
    """The titles of rows that start from a network of a space that judges them, for a loss or to choose their samples,
    by the space."""
    judging, found = {_network(space): space for space in spaces}, dict[str, list[str]]()
    for runs in groups.values():
        for parent in str(runs[0].get("parents") or "").split(", "):
            if (network := parent.partition("=")[2]) in judging:
                found.setdefault(judging[network], []).append(str(runs[0]["title"]))
    return found


def _network(space: str) -> str:
    """What a profile calls the network of a feature space."""
    return "classifier" if space.startswith("clf-") else space.partition("-")[0]
