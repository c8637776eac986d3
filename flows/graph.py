"""DVC's graph of stages: what depends on what, what has changed, and in which order to visit it."""

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple


class Graph(NamedTuple):
    """Stages by DVC's address, for example `report` or `runs/quick/mnist-5k/vae/dvc.yaml:train@0`."""

    upstream: dict[str, set[str]]  # what each stage depends on directly
    changed: set[str]  # stages whose own inputs, command or outputs differ from the last run's
    pipelines: dict[str, Path]  # the dvc.yaml that each stage stands in, relative to the root


def read(root: Path) -> Graph:
    """Read the graph and the status of every stage once, in this process (addresses are relative to root)."""
    from dvc.repo import Repo, lock_repo

    os.chdir(root)
    with Repo(str(root), _wait_for_lock=True) as repo, lock_repo(repo):
        graph = repo.index.graph
        address = {stage: stage.addressing for stage in graph.nodes}
        upstream = {address[s]: {address[u] for u in graph.successors(s)} for s in graph.nodes}
        pipelines = {address[s]: Path(s.path_in_repo) for s in graph.nodes}
        return Graph(upstream, set(repo.status()) & set(upstream), pipelines)


def reach(start: Iterable[str], edges: Mapping[str, set[str]]) -> set[str]:
    """The nodes of `start` and all that their edges lead to."""
    found: set[str] = set()
    left = list(start)
    while left:
        node = left.pop()
        if node not in found:
            found.add(node)
            left += edges.get(node, set())
    return found


def reverse(edges: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The same edges the other way round."""
    back: dict[str, set[str]] = {node: set() for node in edges}
    for node, ends in edges.items():
        for end in ends:
            back[end].add(node)
    return back


def plan(graph: Graph, targets: Collection[str], forced: Collection[str] = ()) -> dict[str, set[str]]:
    """What to visit so that `targets` become current: the changed stages they need and what lies between.

    Each stage comes with those of its inputs that are visited too. forced: stages that count as changed.
    Raises ValueError for a target that is no stage.
    """
    for target in targets:
        if target not in graph.upstream:
            raise ValueError(
                f"no DVC stage '{target}'; `dvc stage list --all` names them, `paragone pipeline` makes them"
            )
    needed = reach(targets, graph.upstream)
    visited = reach((graph.changed | set(forced)) & needed, reverse(graph.upstream)) & needed
    return {stage: graph.upstream[stage] & visited for stage in visited}


def urgency(upstream: Mapping[str, set[str]], seconds: Mapping[str, float]) -> dict[str, float]:
    """Length of the longest chain of work that starts with each stage; the longest first keeps all slots busy.

    `seconds` are durations seen before; a stage never seen counts as the mean of the others, or as 1.
    """
    usual = sum(seconds.values()) / len(seconds) if seconds else 1.0
    down = reverse(upstream)
    lengths: dict[str, float] = {}

    def length(stage: str) -> float:
        if stage not in lengths:
            after = max((length(d) for d in down[stage]), default=0.0)
            lengths[stage] = seconds.get(stage, usual) + after
        return lengths[stage]

    for stage in upstream:
        length(stage)
    return lengths
