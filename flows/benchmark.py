"""Run a benchmark: every stage of a profile that is not current, several at once.

python -m flows.benchmark --profile quick --slots 2
"""

import atexit
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
import yaml
from rich.console import Console

from flows import graph as graphs
from flows import locks, memory, preparation, server
from flows.machine import Seats
from flows.processes import Guard, tail
from flows.request import Request, RequestError, check
from flows.screen import Screen
from paragone import environment, files, paths

BIN = Path(sys.executable).parent
PREFECT = {
    "PREFECT_LOGGING_LEVEL": "CRITICAL",  # the stages' output goes to files
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_CLIENT_MAX_RETRIES": "0",  # its server is on this machine: one that does not answer is dead
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",  # such a server loses records, and outlives a flow that is killed
}
app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
console = Console(highlight=False, markup=False, soft_wrap=True)


class Plan(NamedTuple):
    """What a request comes to: the graph, the stages to visit and those to run though nothing changed."""

    graph: graphs.Graph
    visits: dict[str, set[str]]
    forced: frozenset[str]


@app.command()
def main(
    profile: Annotated[str, typer.Option(help="Which profile of params.yaml; its `profile:` if left out.")] = "",
    datasets: Annotated[str, typer.Option(help="Only these of its data sets, as a,b.")] = "",
    models: Annotated[str, typer.Option(help="Only these of its models, as a,b, and the parents they need.")] = "",
    seeds: Annotated[str, typer.Option(help="Only these of its seeds, as 0,1.")] = "",
    slots: Annotated[
        int, typer.Option(help="Stages at once, a core for each of their processes; 0: one a physical core.")
    ] = 0,
    gpus: Annotated[
        str, typer.Option(help="auto, all (at least one), none, or ids as 0,1; an id may repeat.")
    ] = "auto",
    force: Annotated[bool, typer.Option("--force", help="Run the chosen runs' stages again, though current.")] = False,
    limit: Annotated[
        float | None, typer.Option(help="Hours that a stage may take; its profile's `stage_hours`.")
    ] = None,
) -> None:
    """Bring a profile up to date and print its comparison table.

    DVC says what has changed and runs each stage; Prefect runs several at once and records them. Nothing runs twice,
    and a run that was killed goes on where it was when you start it again. A failed stage costs only what depends on
    it: the report is then built from the rest, and the exit code is 1.

    Each stage's output is .logs/PROFILE/STAGE.log. `dvc repro` does the same, one stage at a time.
    """
    try:
        root = environment.find_root()
        request = check(
            root,
            profile=profile,
            datasets=_listed(datasets),
            models=_listed(models),
            seeds=_numbers(seeds),
            slots=slots,
            gpus=gpus,
            force=force,
            hours=limit,
        )
        status = run(root, request)
    except (ValueError, OSError, RuntimeError) as error:
        console.print(f"flow: {error}", style="red")
        status = 1
    except KeyboardInterrupt:
        console.print("Stopped, and every stage with it; start again to go on from here.")
        status = 130
    raise typer.Exit(status)


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(text: str) -> list[int]:
    for name in _listed(text):
        if not name.isdecimal():
            raise RequestError(f"seeds: '{name}' is no whole number; give them as 0,1")
    return [int(name) for name in _listed(text)]


def run(root: Path, request: Request) -> int:
    """Do what is asked as a Prefect flow and print the table; returns 0, or 1 if a stage failed.

    Raises BusyError if a flow runs already, ValueError for what cannot be done, RuntimeError if preparations fail.
    """
    os.environ.update(PREFECT)
    enter(root)
    server.check()
    began = time.monotonic()
    with locks.only_flow(root, f"profile {request.profile}"):
        plan = make_plan(root, request)
        failed = bool(plan.visits) and _recorded(root, request, plan)
        left = unfinished(root, request, plan) if plan.visits and not failed else ""
        printed = _print_table(root, request, current=not failed and not left and request.whole)
        if left:
            console.print(left, style="yellow")
    console.print(f"{'Failed' if failed else 'Done'} in {time.monotonic() - began:.0f} s.")
    return int(failed or not printed)


def _print_table(root: Path, request: Request, *, current: bool) -> bool:
    """Print the comparison table; whether there was one. current: nothing has changed since DVC was asked last, so that
    what was printed then is what would be printed now."""
    sized = console.is_terminal or "COLUMNS" in os.environ  # a file or a pipe is as wide as the table likes
    wide = {"COLUMNS": str(console.width)} if sized else {}
    look = f"table, {wide.get('COLUMNS', 'its own')} wide" + ", in colour" * console.is_terminal
    kept = memory.read(root, request.profile) if current else None
    text = kept.texts.get(look) if kept else None
    if text is None:
        colour = {"FORCE_COLOR": "1"} if console.is_terminal else {}
        environment = {**os.environ, **wide, **colour}
        command = ["paragone", "table", request.profile]
        made = subprocess.run(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        if made.returncode:
            return False
        text = made.stdout
        if current:
            memory.note(root, request.profile, **{look: text})
    sys.stdout.write(text)
    sys.stdout.flush()
    return True


def enter(root: Path) -> None:
    """Let this process and its children find the project's stores and, with no environment activated, its commands."""
    environment.prepare(root)
    if str(BIN) not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"


def make_plan(root: Path, request: Request) -> Plan:
    """Regenerate what the graph is made from, read it, and see what is to be visited; the flow's lock is held."""
    for sentence in locks.restore(root):
        console.print(sentence, style="yellow")
    preparation.prepare(root, root / ".logs" / request.profile)
    graph = graphs.read(root, request.profile, request.targets)
    forced = frozenset(request.runs(graph)) if request.force else frozenset()
    targets = request.targets(graph)
    visits = graphs.plan(graph, targets, forced)
    seats = Seats(request.slots, request.gpus)
    for stage in visits:
        seats.check(stage, graph.processes.get(stage, 1))
    current = len(graphs.reach(targets, graph.upstream)) - len(visits)
    where = f", {len(request.gpus)} on a GPU" if request.gpus else ""
    console.print(
        f"Profile {request.profile}: {len(visits)} stages to visit, {current} current, {request.slots} at once{where}."
    )
    return Plan(graph, visits, forced)


def unfinished(root: Path, request: Request, plan: Plan) -> str:
    """Let DVC look once more at the end, which the next start then need not; a sentence if something is not current."""
    graph = graphs.look_again(root, request.profile, request.targets, plan.visits)
    if not (left := sorted(graphs.plan(graph, request.targets(graph)))):
        return ""
    names = ", ".join(left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
    return f"Changed while the flow ran, or always: {names}; start it again to bring them up to date."


def _recorded(root: Path, request: Request, plan: Plan) -> bool:
    """Visit the stages in a Prefect flow of their own; whether any failed. Raises RuntimeError if it broke off."""
    with server.serving(root, root / ".logs/prefect-server.log"):
        from prefect import flow  # Prefect reads its settings when imported
        from prefect.states import Completed, Failed

        from flows.artifacts import LOST

        found: list[bool] = []

        def benchmark(choices: dict[str, Any]) -> Any:
            found.append(visit(root, request, plan))
            return Failed(message="some stages failed") if found[0] else Completed()

        try:
            named = flow(name="benchmark", flow_run_name=request.profile)(benchmark)
            state: Any = named(asdict(request), return_state=True)
            reason = state.message
        except LOST:
            reason = "Prefect's server is gone"
            console.print(f"{reason}: its records of this flow are not complete.", style="yellow")
            atexit.register(_leave, int(found != [False]))
        if not found:
            raise RuntimeError(f"the flow broke off: {reason}; start it again to go on from here")
    return found[0]


def _leave(status: int) -> None:
    """Exit at once: Prefect would try for seconds to deliver each record that it still holds."""
    sys.stdout.flush()
    os._exit(status)


def visit(root: Path, request: Request, plan: Plan) -> bool:
    """Run the stages inside of a Prefect flow, make the report from what there is, publish both; whether any failed."""
    from flows import artifacts
    from flows.execution import execute, label, log_file

    seen = root / ".logs" / request.profile / "seconds.json"
    seconds: dict[str, float] = json.loads(seen.read_text()) if seen.exists() else {}
    with Screen(len(plan.visits), console) as screen:
        results = execute(root, plan.graph, plan.visits, screen, request, seconds=seconds, forced=plan.forced)
    files.write_json(seen, seconds | {stage: r.seconds for stage, r in results.items() if r.state == "Ran"})
    failures = {stage: r.message for stage, r in results.items() if r.state == "Failed"}
    for stage, message in failures.items():
        log = log_file(root, request.profile, stage).relative_to(root)
        console.print(f"\n{label(stage)} failed; the end of {log}:", style="bold red")
        console.print(message)
    if request.report not in results or results[request.report].state == "Skipped":
        _report(root, request.profile, bool(failures))
    values = yaml.safe_load((root / "params.yaml").read_text())
    report = root / paths.report(request.profile, values["profile"])
    artifacts.publish(root, request.profile, report, {label(s): message for s, message in failures.items()})
    return bool(failures)


def _report(root: Path, profile: str, failed: bool) -> None:
    """Make the report directly, where a failure or the choice of a part keeps DVC from it."""
    why = "; the failed runs are rows that say why" if failed else ""
    console.print(f"\nThe report is made from what there is{why}.")
    log = root / ".logs" / profile / "report.log"
    with Guard() as guard:
        if guard.run(["paragone", "report", profile], root, log):
            console.print(tail(log), style="red")


if __name__ == "__main__":
    app()
