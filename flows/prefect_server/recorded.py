"""A benchmark as a recorded Prefect flow: visit the stages, make the report, publish both, print the table."""

import atexit
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flows.dvc import locks, status_cache
from flows.prefect_server import notify, server
from flows.run.plan import Plan, enter, make_plan, unfinished
from flows.run.processes import Guard, tail
from flows.run.progress import Screen, console
from flows.run.request import Request
from paragone.project import environment, files, paths, settings

PREFECT = {
    "PREFECT_LOGGING_LEVEL": "CRITICAL",  # the stages' output goes to files
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_CLIENT_MAX_RETRIES": "0",  # its server is on this machine: one that does not answer is dead
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",  # such a server loses records, and outlives a flow that is killed
}


def run(root: Path, request: Request) -> int:
    """Do what is asked as a Prefect flow and print the table; returns 0, or 1 if a stage failed.

    Raises BusyError if a flow runs already, ValueError for what cannot be done, RuntimeError if preparations fail.
    """
    environment.choose(PREFECT)
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
        _print_report(root, request)
    console.print(f"{'Failed' if failed else 'Done'} in {time.monotonic() - began:.0f} s.")
    return int(failed or not printed)


def _print_table(root: Path, request: Request, *, current: bool) -> bool:
    """Print the comparison table; whether there was one. current: nothing has changed since DVC was asked last, so that
    what was printed then is what would be printed now."""
    sized = console.is_terminal or "COLUMNS" in os.environ  # a file or a pipe is as wide as the table likes
    wide = {"COLUMNS": str(console.width)} if sized else {}
    look = f"table, {wide.get('COLUMNS', 'its own')} wide" + ", in colour" * console.is_terminal
    kept = status_cache.read(root, request.profile) if current else None
    text = kept.texts.get(look) if kept else None
    if text is None:
        colour = {"FORCE_COLOR": "1"} if console.is_terminal else {}
        variables = {**os.environ, **wide, **colour}
        command = ["paragone", "table", request.profile]
        made = subprocess.run(command, cwd=root, env=variables, stdout=subprocess.PIPE, encoding="utf-8", check=False)
        if made.returncode:
            return False
        text = made.stdout
        if current:
            status_cache.note(root, request.profile, **{look: text})
    sys.stdout.write(text)
    sys.stdout.flush()
    return True


def _print_report(root: Path, request: Request) -> None:
    """Say where the report is."""
    page = root / paths.report(request.profile, settings.read(root).profile) / "index.html"
    if page.exists():
        console.print(f"The report: {page}")


def _recorded(root: Path, request: Request, plan: Plan) -> bool:
    """Visit the stages in a Prefect flow of their own; whether any failed. Raises RuntimeError if it broke off."""
    with server.serving(root, root / ".logs/prefect-server.log"):
        from prefect import flow  # Prefect reads its settings when imported
        from prefect.states import Completed, Failed

        from flows.run.artifacts import LOST

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
    from flows.run import artifacts
    from flows.run.execution import execute, label, log_file
    from flows.run.forecast import usual_seconds
    from flows.run.watch import Watch  # only now: a flow with nothing to do draws no page

    earlier = notify.recorded(root, request.profile)
    seen = root / ".logs" / request.profile / "seconds.json"
    seconds: dict[str, float] = json.loads(seen.read_text()) if seen.exists() else {}
    watch = Watch(root, request, plan, screen := Screen(len(plan.visits), console), seconds)
    console.print(f"Rows as they are evaluated: {watch.page.relative_to(root)}", style="dim")
    with screen, watch:
        order = usual_seconds(request.profile) | seconds
        results = execute(root, plan.graph, plan.visits, screen, request, seconds=order, forced=plan.forced)
    files.write_json(seen, seconds | {stage: r.seconds for stage, r in results.items() if r.state == "Ran"})
    failures = {stage: r.message for stage, r in results.items() if r.state == "Failed"}
    for stage, message in failures.items():
        log = log_file(root, request.profile, stage).relative_to(root)
        console.print(f"\n{label(stage)} failed; the end of {log}:", style="bold red")
        console.print(message)
    if request.report not in results or results[request.report].state == "Skipped":
        _report(root, request.profile, bool(failures))
    report = root / paths.report(request.profile, settings.read(root).profile)
    artifacts.publish(root, request.profile, report, {label(s): message for s, message in failures.items()})
    notify.tell_worse(root, request.profile, earlier)
    return bool(failures)


def _report(root: Path, profile: str, failed: bool) -> None:
    """Make the report directly, where a failure or the choice of a part keeps DVC from it."""
    why = "; the failed runs are rows that say why" if failed else ""
    console.print(f"\nThe report is made from what there is{why}.")
    log = root / ".logs" / profile / "report.log"
    with Guard() as guard:
        if guard.run(["paragone", "report", profile], root, log):
            console.print(tail(log), style="red")
