"""Fetch data sets again from their sources: whether they are still what they were, and still valid."""

from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.dvc import graph as graphs
from flows.dvc import locks
from flows.run import artifacts, regenerate
from flows.run.execution import execute
from flows.run.processes import Guard
from flows.run.progress import Screen, console
from flows.run.request import Request
from paragone.project import files, paths


def refresh(root: Path, request: Request) -> State:
    """Ingest and validate a profile's data sets again and publish a table of their hashes, inside a Prefect flow.

    A loader checks what it downloads against the published hashes. A set whose content stayed the same makes nothing
    run again; one that changed makes the next benchmark run what depends on it. One that cannot be had is put back.
    """
    with locks.only_flow(root, f"refreshing the data of {request.profile}"):
        for sentence in locks.restore(root):
            console.print(sentence, style="yellow")
        regenerate.prepare(root, request.profile, root / ".logs" / request.profile)
        graph = graphs.read(root, f"{request.profile}-data", lambda graph: _stages(graph, request))
        stages = _stages(graph, request)
        before = {name: _facts(root, name) for name in request.datasets}
        visits = graphs.plan(graph, stages, stages)
        with Screen(len(visits), console) as screen:
            results = execute(root, graph, visits, screen, request, seconds={}, forced=stages)
        failed = sorted(stage for stage, result in results.items() if result.state == "Failed")
        for stage in failed:
            _put_back(root, stage)
    lines = ["| data set | content | before | now | valid |", "|---|---|---|---|---|"]
    lines += [_line(root, name, before[name]) for name in request.datasets]
    artifacts.publish_text(f"{request.profile}-data", "\n".join(lines), "Data sets, fetched again")
    console.print("\n".join(lines))
    return Failed(message=f"failed: {', '.join(failed)}; see their logs") if failed else Completed()


def _stages(graph: graphs.Graph, request: Request) -> frozenset[str]:
    names = {f"{kind}-{dataset}" for kind in ("ingest", "validate") for dataset in request.datasets}
    return frozenset(stage for stage in graph.upstream if stage.rpartition(":")[2] in names)


def _facts(root: Path, dataset: str) -> dict[str, Any]:
    file = root / paths.prepared(dataset) / "dataset.json"
    return dict(files.read_json(file)) if file.exists() else {}


def _put_back(root: Path, stage: str) -> None:
    """Bring back what a stage wrote before, from DVC's cache."""
    with Guard() as guard:
        guard.run(["dvc", "--wait-for-lock", "checkout", stage], root, root / ".logs/checkout.log")


def _line(root: Path, dataset: str, before: dict[str, Any]) -> str:
    now, file = _facts(root, dataset), root / paths.validation(dataset)
    old, new = (str(facts.get("content_hash", "none"))[:12] for facts in (before, now))
    state = "the same" if old == new else "new" if not before else "**changed**"
    checks = dict(files.read_json(file)) if file.exists() else {}
    valid = {"True": "yes", "False": "**no**"}.get(str(checks.get("success")), "unknown")
    return f"| {dataset} | {state} | {old} | {new} | {valid} |"
