"""DVC's graph of stages: what depends on what, what has changed, and in which order to visit it."""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from flows.dvc import status_cache


class Graph(NamedTuple):
    """Stages by DVC's address, for example `report` or `runs/quick/mnist-5k/vae/dvc.yaml:train@0`."""

    upstream: dict[str, set[str]]  # what each stage depends on directly
    changed: set[str]  # of the stages asked for: those whose own inputs, command or outputs differ from the last run's
    pipelines: dict[str, Path]  # the dvc.yaml that each stage is in, relative to the root
    processes: Mapping[str, int] = MappingProxyType({})  # that a stage's command starts, where it starts several


def read(root: Path, name: str, choose: Callable[[Graph], Collection[str]]) -> Graph:
    """The graph, and which of the stages that the chosen ones need have changed (addresses are relative to root).

    choose: names the stages, given the graph. name: of this choice; what DVC says is kept under it (`status_cache`)
    and asked again only when something is not as it was.
    """
    kept = status_cache.recall(root, name)
    if kept is not None:
        graph = _graph(kept.answer)
        if reach(choose(graph), graph.upstream) <= set(kept.answer["asked"]):
            return graph
    return _ask(root, name, choose)


def refresh(root: Path, name: str, choose: Callable[[Graph], Collection[str]], visited: Collection[str]) -> Graph:
    """The same after stages were visited: where nothing but their own files changed meanwhile, DVC need not look at
    the others."""
    kept = status_cache.read(root, name)
    now = status_cache.states(root, kept.inputs) if kept else {}
    if kept is None or not set(visited) <= set(kept.answer["asked"]):
        return _ask(root, name, choose)
    graph = _graph(kept.answer)
    written, changed = _status(root, {stage: graph.pipelines[stage] for stage in visited})
    other = {path for path in {*now, *kept.states} if now.get(path) != kept.states.get(path)}
    if any(not _within(path, written) for path in other):
        return _ask(root, name, choose)
    answer = kept.answer | {"changed": sorted((graph.changed - set(visited)) | changed)}
    status_cache.keep(root, name, answer, kept.inputs, now)
    return _graph(answer)


def _graph(answer: Mapping[str, Any]) -> Graph:
    upstream = {stage: set(above) for stage, above in answer["upstream"].items()}
    pipelines = {stage: Path(file) for stage, file in answer["files"].items()}
    return Graph(upstream, set(answer["changed"]), pipelines, answer["processes"])


def _status(root: Path, stages: Mapping[str, Path]) -> tuple[set[str], set[str]]:
    """The files that these stages write, and which of them are not current, by DVC."""
    from dvc.repo import Repo, lock_repo

    os.chdir(root)
    written = {str(file.with_name("dvc.lock")) for file in stages.values()}
    changed = set()
    with Repo(str(root), _wait_for_lock=True) as repo, lock_repo(repo), _parameters_parsed_once():
        loaded = {str(file): repo.stage.load_all(str(file)) for file in set(stages.values())}
        for stage in (stage for group in loaded.values() for stage in group if stage.addressing in stages):
            written |= {out.fs_path for out in stage.outs}
            if stage.status(check_updates=True):
                changed.add(stage.addressing)
    return written, changed


def _within(path: str, folders: Collection[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}{os.sep}") for folder in folders)


def _ask(root: Path, name: str, choose: Callable[[Graph], Collection[str]]) -> Graph:
    """Let DVC read the graph and look at the stages, once and in this process. Raises ValueError if it cannot."""
    from dvc.exceptions import DvcException

    os.chdir(root)
    try:
        return _read(root, name, choose)
    except (DvcException, OSError) as error:  # a dependency that may not be read, or a link to nothing in it
        raise ValueError(f"DVC cannot read the graph of {root}: {' '.join(str(error).split())}") from error


def _read(root: Path, name: str, choose: Callable[[Graph], Collection[str]]) -> Graph:
    from dvc.repo import Repo, lock_repo

    with Repo(str(root), _wait_for_lock=True) as repo, lock_repo(repo), _parameters_parsed_once():
        nodes = repo.index.graph
        address = {stage: stage.addressing for stage in nodes}
        upstream = {address[s]: {address[u] for u in nodes.successors(s)} for s in nodes}
        files = {address[s]: s.path_in_repo for s in nodes}
        processes = {address[s]: number for s in nodes if (number := _processes(s.cmd)) > 1}
        pipelines = {stage: Path(file) for stage, file in files.items()}
        graph = Graph(upstream, set(), pipelines, processes)
        asked = reach(choose(graph), upstream)
        stages = [stage for stage in nodes if address[stage] in asked]
        inputs = _inputs(stages)
        before = status_cache.states(root, inputs) if inputs else {}
        graph.changed.update(
            address[stage] for stage in stages if _never_ran(stage) or stage.status(check_updates=True)
        )
    if inputs:
        answer = {"upstream": {s: sorted(up) for s, up in upstream.items()}, "changed": sorted(graph.changed)}
        answer |= {"files": files, "processes": processes, "asked": sorted(asked)}
        status_cache.keep(root, name, answer, inputs, before)
    return graph


def _never_ran(stage: Any) -> bool:
    """Whether a stage's lock lacks an output, so that it is not current: then DVC, which looks at all that it needs,
    is not asked."""
    return any(not out.hash_info for out in stage.outs)


def _processes(command: str | list[str] | None) -> int:
    """How many processes a stage's command starts: those of torchrun, else one."""
    found = re.search(r"\btorchrun\b.*--nproc-per-node[= ](\d+)", str(command))
    return int(found[1]) if found else 1


def _inputs(stages: Iterable[Any]) -> status_cache.Inputs | None:
    """The files that the status of these stages rests on; None if some of them are not on this machine's disk."""
    whole, marked = set[str](), set[str]()
    for stage in stages:
        whole.add(str(Path(stage.path_in_repo).with_name("dvc.lock")))
        for item in (*stage.deps, *stage.outs):
            (whole if item.hash_name == "params" else marked).add(item.fs_path)
            if item.protocol != "local" or stage.is_import:
                return None
    return status_cache.Inputs(sorted(whole), sorted(marked))


@contextmanager
def _parameters_parsed_once() -> Iterator[None]:
    """DVC parses params.yaml and runs/code.yaml again for each stage; within this context, only once."""
    from dvc.utils import serialize

    load = serialize.LOADERS[".yaml"]
    parsed: dict[str, Any] = {}

    def once(path: str, fs: Any = None, **options: Any) -> Any:
        if path not in parsed:
            parsed[path] = load(path, fs=fs, **options)
        return parsed[path]

    serialize.LOADERS[".yaml"] = once
    try:
        yield
    finally:
        serialize.LOADERS[".yaml"] = load


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
