"""Run DVC's stages side by side as the tasks of a Prefect flow."""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

from prefect import flow, get_client, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State
from prefect.context import get_run_context
from prefect.futures import PrefectFuture
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows import graph as graphs
from flows import locks
from flows.processes import Guard, tail
from flows.screen import Screen

RECORDED = 10.0  # seconds to wait for Prefect to have recorded every task


class Result(NamedTuple):
    """How the visit to a stage ended: ran, cached (from DVC's run cache), current, FAILED or skipped."""

    state: str
    seconds: float = 0.0
    message: str = ""


def label(stage: str) -> str:
    """A stage's address as people read it: `mnist-5k/vae train@0` for `runs/quick/mnist-5k/vae/dvc.yaml:train@0`."""
    return re.sub(r"^(runs/[^/]+/)(.*?)/?dvc\.yaml:", lambda match: match[2] + " " * bool(match[2]), stage)


def log_file(root: Path, profile: str, stage: str) -> Path:
    return root / ".logs" / profile / f"{re.sub(r'[^a-zA-Z0-9@_-]+', '.', label(stage))}.log"


def run_stage(guard: Guard, root: Path, stage: str, pipeline: Path, log: Path) -> Result:
    """Bring one stage of a pipeline file up to date through DVC, its inputs being current."""
    began = time.monotonic()
    status = guard.run(["dvc", "--wait-for-lock", "repro", "--single-item", stage], root, log)
    seconds = time.monotonic() - began
    if status:
        return Result("FAILED", seconds, tail(log))
    said = log.read_text(errors="replace")
    state = "ran" if "Running stage" in said else "cached" if "is cached" in said else "current"
    if state != "current":
        locks.back_up(root, pipeline)
    return Result(state, seconds)


def execute(
    root: Path,
    graph: graphs.Graph,
    visits: Mapping[str, set[str]],
    screen: Screen,
    *,
    profile: str,
    slots: int,
    seconds: Mapping[str, float],
) -> dict[str, Result]:
    """Visit the stages of `visits`, at most `slots` at once, the longest chain of work first.

    A failed stage costs its descendants only. Whatever ends this function ends the stages' processes too. Raises
    RuntimeError if the flow itself broke off.
    """
    results: dict[str, Result] = {}

    @task(name="stage", task_run_name="{name}", cache_policy=NO_CACHE, persist_result=False)
    def visit(stage: str, name: str) -> State:
        screen.started(name)
        result = run_stage(guard, root, stage, graph.pipelines[stage], log_file(root, profile, stage))
        results[stage] = result
        return Failed(message=result.message) if result.state == "FAILED" else Completed(name=result.state.capitalize())

    runner: Any = ThreadPoolTaskRunner(max_workers=slots)

    @flow(name="benchmark", flow_run_name=profile, task_runner=runner)
    def benchmark() -> State:
        try:
            _dispatch(visits, slots, graphs.urgency(visits, seconds), visit, results, screen)
        finally:
            guard.close()
        _await_records(len(visits) - sum(result.state == "skipped" for result in results.values()))
        failed = [stage for stage, result in results.items() if result.state == "FAILED"]
        return Failed(message=f"failed: {', '.join(failed)}") if failed else Completed()

    with Guard() as guard:
        state = benchmark(return_state=True)
    if len(results) < len(visits):
        raise RuntimeError(f"the flow broke off: {state.message}")
    return results


def _dispatch(
    visits: Mapping[str, set[str]],
    slots: int,
    urgency: Mapping[str, float],
    visit: Any,
    results: dict[str, Result],
    screen: Screen,
) -> None:
    """Start what is ready whenever a slot is free, until nothing is left."""
    waiting = {stage: set(inputs) for stage, inputs in visits.items()}
    below = graphs.reverse(visits)
    ended: SimpleQueue[tuple[str, PrefectFuture[State]]] = SimpleQueue()
    running = 0
    while waiting or running:
        ready = sorted((s for s, inputs in waiting.items() if not inputs), key=lambda s: (-urgency[s], s))
        for stage in ready[: slots - running]:
            del waiting[stage]
            future = visit.submit(stage, label(stage))
            future.add_done_callback(lambda future, stage=stage: ended.put((stage, future)))
            running += 1
        stage, future = ended.get()
        future.wait()
        running -= 1
        result = results.setdefault(stage, Result("FAILED", 0.0, str(future.state.message)))
        screen.finished(label(stage), result.state, result.seconds)
        for inputs in waiting.values():
            inputs.discard(stage)
        if result.state == "FAILED":
            for name in sorted(graphs.reach([stage], below) & set(waiting)):
                del waiting[name]
                results[name] = Result("skipped", message=f"needs {label(stage)}")
                screen.finished(label(name), "skipped", note=results[name].message)


def _await_records(tasks: int) -> None:
    """Wait until Prefect has recorded the end of that many tasks, which it does in the background."""
    context = get_run_context()
    this = FlowRunFilter(id=FlowRunFilterId(any_=[context.flow_run.id]))  # type: ignore[union-attr]
    deadline = time.monotonic() + RECORDED
    with get_client(sync_client=True) as client:
        while time.monotonic() < deadline:
            found = client.read_task_runs(flow_run_filter=this)
            if sum(bool(run.state and run.state.is_final()) for run in found) >= tasks:
                return
            time.sleep(0.1)
