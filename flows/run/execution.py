"""Run DVC's stages side by side as the tasks of a Prefect flow."""

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

from prefect import get_client, task
from prefect.assets import materialize
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State
from prefect.context import get_run_context
from prefect.futures import PrefectFuture
from prefect.states import Completed, Failed

from flows.dvc import graph as graphs
from flows.dvc import locks
from flows.run import artifacts, retry_policy
from flows.run.order import Order
from flows.run.processes import Guard, tail
from flows.run.progress import Screen
from flows.run.request import Request
from flows.run.resources import Seat, Seats
from paragone.project import failures, files, paths

RETRIES = 2  # of a stage that was interrupted
PAUSE = 3.0  # seconds before each
RECORDED = 10.0  # seconds to wait for Prefect to have recorded every task
INTERRUPTED = "Interrupted"  # name of the state of a try that is worth another


class Result(NamedTuple):
    """How the visit to a stage ended: Ran, RunCache (restored by DVC), UpToDate, Failed or Skipped."""

    state: str
    seconds: float = 0.0
    message: str = ""  # why it failed: the end of its log
    interrupted: str | None = None  # the fault of infrastructure that kept it from its end


def label(stage: str) -> str:
    """A stage's address as people read it: `mnist-5k/vae train@0` for `runs/quick/mnist-5k/vae/dvc.yaml:train@0`."""
    return re.sub(r"^(runs/[^/]+/)(.*?)/?dvc\.yaml:", lambda match: match[2] + " " * bool(match[2]), stage)


def log_file(root: Path, profile: str, stage: str) -> Path:
    return root / ".logs" / profile / f"{re.sub(r'[^a-zA-Z0-9@_-]+', '.', label(stage))}.log"


def run_of(stage: str) -> tuple[paths.Run, str] | None:
    """The run and the stage's name that an address denotes; None for a stage of a trunk."""
    match = re.fullmatch(r"runs/([^/]+)/([^/]+)/([^/]+)/dvc\.yaml:(\w+)@(\d+)", stage)
    return (paths.Run(match[1], match[2], match[3], int(match[5])), match[4]) if match else None


def run_stage(
    guard: Guard,
    root: Path,
    stage: str,
    pipeline: Path,
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    hours: float | None = None,
    force: bool = False,
) -> Result:
    """Bring one stage of a pipeline file up to date through DVC, its inputs being current.

    environment: variables on top of this process's own. hours: limit, after which its processes are ended.
    force: run it though nothing changed. A failed stage of a run leaves a note beside the run, whatever ended it.
    """
    began, moment = time.monotonic(), time.time()
    command = ["dvc", "--wait-for-lock", "repro", "--single-item", *(["--force"] if force else []), stage]
    try:
        status = guard.run(command, root, log, environment, None if hours is None else 3600 * hours)
    except TimeoutError:
        locks.mend(root, pipeline)
        reason = f"it ran for more than its limit of {hours:g} hours, and was ended"
        result = Result("Failed", time.monotonic() - began, f"{tail(log)}\n{reason}".strip())
        _note(root, stage, moment, reason)
        return result
    seconds = time.monotonic() - began
    output = log.read_text(errors="replace")
    if status:
        interrupted = None if guard.closed else retry_policy.interruption(status, output)
        if interrupted:
            locks.mend(root, pipeline)
        reason = interrupted or (tail(log, 1) or f"dvc ended with status {status}")
        if not guard.closed:
            _note(root, stage, moment, reason)
        return Result("Failed", seconds, "\n".join([tail(log), *([interrupted] if interrupted else [])]), interrupted)
    state = "Ran" if "Running stage" in output else "RunCache" if "is cached" in output else "UpToDate"
    if state != "UpToDate":
        locks.back_up(root, pipeline)
    _clear(root, stage)  # also where DVC finds it current: a kill may have come after the work was done
    return Result(state, seconds)


def _note(root: Path, stage: str, since: float, reason: str) -> None:
    """Note a failure that the stage itself did not note, since something ended it."""
    if (found := run_of(stage)) is None:
        return
    run, name = found
    file = root / run.failure
    if not file.exists() or file.stat().st_mtime < since:
        failures.note(root, run, name, reason)


def _clear(root: Path, stage: str) -> None:
    """Remove the note of an earlier failure of this stage, which DVC made good without running it."""
    if (found := run_of(stage)) is None or not (root / found[0].failure).exists():
        return
    if files.read_json(root / found[0].failure).get("stage") == found[1]:
        failures.clear(root, found[0])


def execute(
    root: Path,
    graph: graphs.Graph,
    visits: Mapping[str, set[str]],
    screen: Screen,
    request: Request,
    *,
    seconds: Mapping[str, float],
    forced: frozenset[str] = frozenset(),
) -> dict[str, Result]:
    """Visit the stages of `visits`, as many at once as the request allows, in the order of `Order`.

    Call it inside a Prefect flow, whose run records each visit as a task. seconds: how long stages took before.
    forced: stages to run though nothing changed. A failed stage costs its descendants only. Whatever ends this
    function ends the stages' processes too.
    """
    with Guard(forking=True) as guard:
        visiting = _Visiting(guard, root, graph, visits, screen, request, forced)
        visiting.dispatch(Order(visits, seconds, request.slots))
    _await_records(sum(result.state != "Skipped" for result in visiting.results.values()))
    return visiting.results


class _Visiting:
    """The visits of one flow: what waits, what runs, how each ended."""

    def __init__(
        self,
        guard: Guard,
        root: Path,
        graph: graphs.Graph,
        visits: Mapping[str, set[str]],
        screen: Screen,
        request: Request,
        forced: frozenset[str],
    ) -> None:
        self.root, self.graph, self.visits, self.screen, self.request = root, graph, visits, screen, request
        self.guard, self.forced = guard, forced
        self.results: dict[str, Result] = {}
        self.seats = Seats(request.slots, request.gpus)
        self.waiting = {stage: set(inputs) for stage, inputs in visits.items()}
        self.ended: SimpleQueue[tuple[str, Seat, PrefectFuture[State]]] = SimpleQueue()
        self._options: dict[str, Any] = {
            "name": "stage",
            "task_run_name": "{name}",
            "cache_policy": NO_CACHE,
            "persist_result": False,
            "retries": RETRIES,
            "retry_delay_seconds": PAUSE,
            "retry_condition_fn": _is_interrupted,
        }

    def visit(self, stage: str, name: str, environment: dict[str, str]) -> State:
        """The body of a task. Prefect tries again after a fault of infrastructure, and after no other."""
        self.screen.started(name, stage)
        log = log_file(self.root, self.request.profile, stage)
        artifacts.link_log(self.root, log)
        result = run_stage(
            self.guard,
            self.root,
            stage,
            self.graph.pipelines[stage],
            log,
            environment=environment,
            hours=self.request.hours,
            force=stage in self.forced,
        )
        artifacts.publish_log(self.root, log)
        tries = get_run_context().task_run.run_count  # type: ignore[union-attr]
        if result.interrupted is not None and tries <= RETRIES:
            self.screen.note(name, f"{result.interrupted}; trying again in {PAUSE:g} s")
            return Failed(name=INTERRUPTED, message=result.message)
        self.results[stage] = result
        message = f"{result.message}\n\nlog: {log.relative_to(self.root)}".strip()
        kind = Failed if result.state == "Failed" else Completed
        return kind(name=result.state, message=message)

    def dispatch(self, order: Order) -> None:
        """Start what is ready whenever there is a seat for it, until nothing is left."""
        below = graphs.reverse(self.visits)
        running = 0
        while self.waiting or running:
            ready = [stage for stage, inputs in self.waiting.items() if not inputs]
            for stage in order.first(ready):
                processes = self.graph.processes.get(stage, 1)
                if (seat := self.seats.take(stage, processes)) is not None:
                    self._submit(stage, seat)
                    order.started(stage)
                    running += 1
                elif processes > 1:  # smaller ones would take each seat that it waits for
                    break
            stage, seat, future = self.ended.get()
            future.wait()
            self.seats.give_back(seat)
            running -= 1
            self._finish(stage, future, below, order)

    def _submit(self, stage: str, seat: Seat) -> None:
        del self.waiting[stage]
        made = artifacts.asset(self.root, self.request.profile, stage)
        of_stage = task(**self._options) if made is None else materialize(made, **self._options)
        future = of_stage(self.visit).submit(stage, label(stage), seat.environment)
        future.add_done_callback(lambda future: self.ended.put((stage, seat, future)))

    def _finish(self, stage: str, future: PrefectFuture[State], below: Mapping[str, set[str]], order: Order) -> None:
        """Let those go on that waited for a stage, or drop all that need it if it failed."""
        order.ended(stage)
        result = self.results.setdefault(stage, Result("Failed", 0.0, str(future.state.message)))
        self.screen.finished(label(stage), result.state, result.seconds, stage=stage)
        for name in below[stage] & set(self.waiting):
            self.waiting[name].discard(stage)
        if result.state == "Failed":
            for name in sorted(graphs.reach([stage], below) & set(self.waiting)):
                del self.waiting[name]
                order.dropped(name)
                self.results[name] = Result("Skipped", message=f"needs {label(stage)}")
                self.screen.finished(label(name), "Skipped", note=self.results[name].message, stage=name)


def _is_interrupted(task: object, run: object, state: State) -> bool:
    return state.name == INTERRUPTED


def _await_records(tasks: int) -> None:
    """Wait until Prefect has recorded the end of that many tasks, which it does in the background."""
    context = get_run_context()
    this = FlowRunFilter(id=FlowRunFilterId(any_=[context.flow_run.id]))  # type: ignore[union-attr]
    deadline = time.monotonic() + RECORDED
    with suppress(*artifacts.LOST), get_client(sync_client=True) as client:
        while time.monotonic() < deadline:
            found = client.read_task_runs(flow_run_filter=this)
            if sum(bool(run.state and run.state.is_final()) for run in found) >= tasks:
                return
            time.sleep(0.1)
