"""`make serve`: Prefect's server, the deployments of prefect.yaml and a worker that runs them, until Ctrl-C."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
import yaml
from filelock import FileLock, Timeout

from flows.dvc import locks
from flows.prefect_server import notify, server
from flows.run.plan import enter
from flows.run.processes import Guard, Process, tail
from flows.run.progress import console
from flows.run.request import check
from paragone.project import environment

POOL = "paragone"  # as prefect.yaml names it
app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def main(port: Annotated[int, typer.Option(help="Where the server listens, on this machine only.")] = 4200) -> None:
    """Start Prefect's server, the deployments of prefect.yaml and a worker for them; Ctrl-C stops all of it.

    Everything Prefect knows stays in .prefect. Output goes to .logs/serve/.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        serve(environment.find_root(), port)
    except (ValueError, OSError, RuntimeError) as error:
        console.print(f"serve: {error}", style="red")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        console.print("Stopped: the server, the worker, and whatever ran.")
        raise typer.Exit(130) from None


def serve(root: Path, port: int) -> None:
    """Serve until one of the processes ends. Raises ValueError where it cannot start, RuntimeError when one ended."""
    logs = root / ".logs/serve"
    lock = root / server.SERVING
    lock.parent.mkdir(exist_ok=True)
    enter(root)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")]))
    try:
        with FileLock(lock, timeout=0), Guard() as guard:
            pools, wanted = check_plans(root), notify.read(root)
            server.check_free(port)
            url = server.start(guard, root, logs / "server.log", port, interface=True)
            os.environ["PREFECT_API_URL"] = url
            make_pool()
            for pool in pools:
                server.check_pool(pool, "prefect.yaml")
            _run([sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"], guard, root, logs / "deploy.log")
            notify.establish(wanted)
            server.write_note(root, url)
            command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--name", "here"]
            worker = guard.start(command, root, logs / "worker.log")
            console.print(f"Prefect is at {url.removesuffix('/api')}; Ctrl-C stops it. Logs: {logs.relative_to(root)}/")
            console.print(f"Its pages ask for this secret: {os.environ[server.SECRET]}")
            _watch(worker, url, logs)
    except Timeout:
        raise locks.BusyError(f"`make serve` runs already in {root}; stop that one first") from None
    finally:
        (root / server.NOTE).unlink(missing_ok=True)


def make_pool() -> None:
    """The work pool, with room for one flow run, and no run in it that an earlier worker left when it was killed."""
    from prefect import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
        WorkPoolFilter,
        WorkPoolFilterName,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.states import Crashed

    unfinished = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", concurrency_limit=1), overwrite=True)
        left = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=unfinished))),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL])),
        )
        for run in left:
            client.set_flow_run_state(run.id, Crashed(message="its worker was killed"), force=True)


def check_plans(root: Path) -> list[str]:
    """The names of the pools that prefect.yaml deploys to. Raises ValueError for a deployment that could never run as
    it stands: its file, the names in its parameters."""
    file = root / "prefect.yaml"
    try:
        plans = yaml.safe_load(file.read_text())["deployments"]
        pools = {plan["name"]: plan["work_pool"]["name"] for plan in plans}
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise server.ServerError(f"{file}: no deployments with a name and a work pool ({reason})") from None
    for plan in plans:
        chosen = {**(plan.get("parameters") or {}), "gpus": "none"}  # which GPUs there are is seen when it runs
        try:
            check(root, **{name: value for name, value in chosen.items() if value is not None})
        except (ValueError, TypeError) as error:
            reason = str(error).replace("check() got", "got")
            raise server.ServerError(f"{file.name}: deployment {plan['name']}: {reason}") from None
    return list(dict.fromkeys(pools.values()))


def _run(command: list[str], guard: Guard, root: Path, log: Path) -> None:
    if guard.run(command, root, log):
        raise RuntimeError(f"`{' '.join(command[2:])}` failed; the end of {log}:\n{tail(log)}")


def _watch(worker: Process, url: str, logs: Path) -> None:
    """Return never; raise RuntimeError once the worker or the server is gone."""
    missed = 0
    while worker.poll() is None:
        missed = 0 if server.answers(f"{url}/health") else missed + 1
        if missed >= 5:
            raise RuntimeError(
                f"Prefect's server is gone; the end of {logs / 'server.log'}:\n{tail(logs / 'server.log')}"
            )
        time.sleep(2)
    raise RuntimeError(f"the worker ended; the end of {logs / 'worker.log'}:\n{tail(logs / 'worker.log')}")


if __name__ == "__main__":
    environment.start_in_utf8()
    app(prog_name=environment.started_as())
