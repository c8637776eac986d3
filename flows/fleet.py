"""Run a benchmark on the workers of a Prefect work pool: a unit is one (data set, model) folder.

python -m flows.fleet --profile survey --pool gpus

The data's own stages run here, and the report; units run wherever a worker takes them (`flows.remote.worker`). Needed:
a Prefect server that all reach (PREFECT_API_URL), a DVC remote that all reach, and the code committed where all can
clone it. docs/scaling.md has the whole of it.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from flows.dvc import graph as graphs
from flows.dvc import locks
from flows.prefect_server import recorded, server
from flows.remote import payload
from flows.run.plan import enter, make_plan
from flows.run.processes import Guard, tail
from flows.run.request import Request, check
from paragone.project import addresses, environment

TRIES = 3  # of a unit whose worker dies
SILENT = 60.0  # seconds without a sign of life after which a worker counts as dead
POLL = 1.0  # seconds between looks at the units
app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
console = Console(highlight=False, markup=False, soft_wrap=True)


class FleetError(ValueError):
    """Work cannot be sent out as asked."""


@dataclass
class Unit:
    """A (data set, model) folder on its way."""

    branch: str
    stages: list[str]
    needs: set[str]  # units that must be home first
    run: Any = None  # id of its flow run
    tries: int = 0
    sign: Any = None  # the last sign of life, and when it was seen
    heard: float = 0.0
    done: list[str] = field(default_factory=list)  # stages that a worker finished before it was lost
    failures: dict[str, str] = field(default_factory=dict)


@app.command()
def main(
    pool: Annotated[str, typer.Option(help="The Prefect work pool whose workers run the units.")],
    profile: Annotated[str, typer.Option(help="A profile; default: the one that params.yaml names.")] = "",
    repository: Annotated[str, typer.Option(help="Where workers clone the code; default: the remote `origin`.")] = "",
    image: Annotated[
        str, typer.Option(help="For Docker and Kubernetes pools: the image that has the environment.")
    ] = "",
    silent: Annotated[float, typer.Option(help="Seconds without a heartbeat until a unit is sent out again.")] = SILENT,
) -> None:
    """Bring a profile up to date with the workers of a pool, and print its table.

    A unit whose worker dies goes to another worker, which starts after the last stage that was pushed.
    """
    try:
        root = environment.find_root()
        enter(root)
        status = run(root, check(root, profile=profile), pool, repository, image, silent)
    except (ValueError, OSError, RuntimeError) as error:
        console.print(f"fleet: {error}", style="red")
        status = 1
    except KeyboardInterrupt:
        console.print("Stopped, and the units with it; start again to resume from here.")
        status = 130
    raise typer.Exit(status)


def run(root: Path, request: Request, pool: str, repository: str, image: str, silent: float) -> int:
    """Send the units out, take them home, make the report; returns 0, or 1 if a stage failed. Raises FleetError,
    payload.PayloadError and server.ServerError before any work starts."""
    commit, source = committed(root, repository)
    remote = payload.remote_settings(root)
    if "PREFECT_API_URL" not in os.environ:
        raise FleetError("PREFECT_API_URL: is not set; give the address of the Prefect server that the workers use")
    server.check()
    server.check_pool(pool, "--pool")
    _note_workers(pool)
    with locks.only_flow(root, f"profile {request.profile}"):
        units, graph = _prepare(root, request)
        console.print(f"Profile {request.profile}: {len(units)} units for the workers of pool '{pool}'.")
        if units:
            _send(root, graph, units, remote, _deployment(pool, commit, source, image), silent)
    failures = {stage: message for unit in units.values() for stage, message in unit.failures.items()}
    for stage, message in failures.items():
        console.print(f"\n{stage} failed; the end of its log:\n{message}", style="red")
    if not failures:
        return recorded.run(root, request)
    subprocess.run(["paragone", "report", request.profile], cwd=root, check=False)
    return 1


def committed(root: Path, repository: str) -> tuple[str, str]:
    """The commit that workers are to clone, and where. Raises FleetError if it is not all in there."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    if not (commit := git("rev-parse", "HEAD")):
        raise FleetError(f"{root}: is no git repository with a commit; workers take the code from one")
    tracked = git("status", "--porcelain", "--untracked-files=no", "--", "src", "flows", "params.yaml", "runs")
    if changed := tracked or git("status", "--porcelain", "--", "profiles"):
        first = changed.splitlines()[0].split()[-1]
        raise FleetError(f"{first}: has changes that are not committed, so no worker would see them; commit and push")
    source = repository or git("remote", "get-url", "origin")
    if not source:
        raise FleetError("git has no remote 'origin' for workers to clone; name one with --repository")
    if addresses.holds_secret(source):
        raise FleetError(
            f"the repository {addresses.public(source)} is named with a password, which the server would store and "
            "every worker see; name it without, and give workers a key or a credential helper"
        )
    return commit, source


def _note_workers(pool: str) -> None:
    """Say so if no worker listens to the pool."""
    from prefect import get_client

    with get_client(sync_client=True) as client:
        listening = [w for w in client.read_workers_for_work_pool(pool) if w.status == "ONLINE"]
    if not listening:
        console.print(f"No worker listens to '{pool}' yet; units wait until one does.", style="yellow")


def _prepare(root: Path, request: Request) -> tuple[dict[str, Unit], graphs.Graph]:
    """Run the stages that no unit holds and units need, here; the units, and the graph as it then is."""
    from flows.run.execution import run_of, run_stage

    plan = make_plan(root, request)
    order = list(_in_order(plan.visits))
    shared = graphs.reach([s for s in order if run_of(s)], plan.graph.upstream)
    with Guard() as guard:
        for stage in [s for s in order if not run_of(s) and s in shared]:
            log = root / ".logs" / request.profile / f"{stage.replace('/', '.')}.log"
            result = run_stage(guard, root, stage, plan.graph.pipelines[stage], log)
            console.print(f"{result.state.lower():<10}{result.seconds:8.1f} s  {stage} (here)")
            if result.state == "Failed":
                raise RuntimeError(f"{stage} failed; the end of its log:\n{result.message}")
    graph = graphs.read(root, request.profile, request.targets)
    payload.check_generated(root, {graph.pipelines[stage] for stage in order})
    return _units(graph, [s for s in order if run_of(s)]), graph


def _units(graph: graphs.Graph, visited: list[str]) -> dict[str, Unit]:
    """The units that the stages to visit belong to, each with all of its stages."""
    branch = {stage: str(file.parent) for stage, file in graph.pipelines.items()}
    chosen = dict.fromkeys(branch[stage] for stage in visited)
    units = {}
    for name in chosen:
        inputs = {s: graph.upstream[s] & {t for t in branch if branch[t] == name} for s in branch if branch[s] == name}
        above = set().union(*(graph.upstream[s] for s in inputs)) - set(inputs)
        units[name] = Unit(name, list(_in_order(inputs)), {branch[s] for s in above} & set(chosen))
    return units


def _in_order(inputs: Mapping[str, set[str]]) -> Iterator[str]:
    """Stages, each after its inputs."""
    done: set[str] = set()
    while len(done) < len(inputs):
        for stage in sorted(s for s in inputs if s not in done and inputs[s] & set(inputs) <= done):
            done.add(stage)
            yield stage


def _deployment(pool: str, commit: str, source: str, image: str) -> Any:
    """The id of the deployment that runs units of this commit in the pool."""
    from prefect import get_client

    clone = {"prefect.deployments.steps.git_clone": {"repository": source, "commit_sha": commit}}
    with get_client(sync_client=True) as client:
        return client.create_deployment(
            flow_id=client.create_flow_from_name("unit"),
            name=f"{pool}-{commit[:12]}",
            entrypoint="flows/remote/worker.py:unit",
            pull_steps=[clone],
            work_pool_name=pool,
            job_variables={"image": image} if image else {},
        )


def _send(
    root: Path, graph: graphs.Graph, units: dict[str, Unit], remote: dict[str, str], deployment: Any, silent: float
) -> None:
    """Send out what is ready and take home what is done until nothing is left; whatever ends this ends the rest."""
    from prefect import get_client
    from prefect.states import Cancelled

    waiting, away = dict(units), {}  # type: dict[str, Unit], dict[str, Unit]
    with get_client(sync_client=True) as client:
        try:
            while waiting or away:
                for name in [n for n, unit in waiting.items() if not unit.needs & (set(waiting) | set(away))]:
                    away[name] = waiting.pop(name)
                    _post(client, root, graph, away[name], remote, deployment)
                for name in [n for n, unit in away.items() if _home(client, root, unit, silent)]:
                    unit = away.pop(name)
                    lost = [n for n, w in waiting.items() if unit.failures and name in w.needs]
                    for child in lost:
                        console.print(f"skipped    {child}: needs {name}", style="yellow")
                        units[child].failures[child] = f"not run: it needs {name}, which failed"
                        del waiting[child]
                for unit in away.values():
                    if unit.run is None:
                        _post(client, root, graph, unit, remote, deployment)
                time.sleep(POLL)
        finally:
            for unit in away.values():
                if unit.run is not None:
                    client.set_flow_run_state(unit.run, Cancelled(), force=True)


def _post(client: Any, root: Path, graph: graphs.Graph, unit: Unit, remote: dict[str, str], deployment: Any) -> None:
    """Push what the unit needs and ask for a flow run of it."""
    packed, needed = payload.pack(root, graph, unit.stages, remote, unit.done)
    log = root / ".logs/fleet-push.log"
    with Guard() as guard:
        if needed and guard.run(["dvc", "--wait-for-lock", "push", *needed], root, log):
            raise RuntimeError(f"dvc push failed; the end of its log:\n{tail(log)}")
    parameters = {"branch": unit.branch, "packed": dict(packed)}
    unit.run = client.create_flow_run_from_deployment(deployment, parameters=parameters, name=unit.branch).id
    unit.tries, unit.sign, unit.heard = unit.tries + 1, None, time.monotonic()
    console.print(f"sent       {unit.branch}" + (f" (try {unit.tries})" if unit.tries > 1 else ""))


def _home(client: Any, root: Path, unit: Unit, silent: float) -> bool:
    """Whether a unit is over: its files placed, or given up. One whose worker died is marked to be sent again, from
    where it was."""
    from prefect.states import Crashed

    run = client.read_flow_run(unit.run)
    if run.updated != unit.sign or run.state.is_scheduled():
        unit.sign, unit.heard = run.updated, time.monotonic()
    if not run.state.is_final() and time.monotonic() - unit.heard > silent:
        client.set_flow_run_state(unit.run, Crashed(message="no sign of life"), force=True)
        run = client.read_flow_run(unit.run)
    if not run.state.is_final():
        return False
    found = _answer(client, unit.run)
    if found is not None:
        payload.place(root, Path(unit.branch), found)
        unit.done, unit.failures = found["done"], found["failures"]
    if found is None or not found["final"]:
        reason = run.state.message or run.state.name
        if unit.tries < TRIES:
            console.print(f"lost       {unit.branch}: {reason}; it is sent again", style="yellow")
            unit.run = None
            return False
        unit.failures[unit.branch] = f"given up after {unit.tries} tries: {reason}"
        return True
    _pull(root, unit)
    seconds = run.total_run_time.total_seconds()
    console.print(f"{'failed' if unit.failures else 'home':<10} {unit.branch}  {seconds:8.1f} s")
    return True


def _answer(client: Any, run: Any) -> payload.Answer | None:
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    mine = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run]))
    found = [a for a in client.read_artifacts(artifact_filter=mine) if a.type == "paragone-unit"]
    latest = max(found, key=lambda artifact: artifact.created, default=None)
    return json.loads(str(latest.data)) if latest else None


def _pull(root: Path, unit: Unit) -> None:
    """Get the outputs of the unit's stages, so that they are current here too."""
    log = root / ".logs/fleet-pull.log"
    with Guard() as guard:
        if unit.done and guard.run(["dvc", "--wait-for-lock", "pull", *unit.done], root, log):
            raise RuntimeError(f"dvc pull failed; the end of its log:\n{tail(log)}")


if __name__ == "__main__":
    environment.start_in_utf8()
    app()
