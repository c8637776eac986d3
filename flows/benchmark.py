"""Run a benchmark: every stage of a profile that is not current, several at once.

python -m flows.benchmark --profile quick --slots 2
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import psutil
import typer
import yaml
from rich.console import Console

from flows import graph as graphs
from flows import locks
from flows.processes import Guard, tail
from flows.screen import Screen
from paragone import environment, files, paths

BIN = Path(sys.executable).parent
PREFECT = {
    "PREFECT_LOGGING_LEVEL": "CRITICAL",  # the stages' output goes to files
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",  # such a server loses records, and outlives a flow that is killed
}
app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
console = Console(highlight=False, markup=False, soft_wrap=True)


def cores() -> int:
    """Physical cores that this process may use."""
    physical = psutil.cpu_count(logical=False) or 1
    return min(physical, len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else physical


@app.command()
def main(
    profile: Annotated[str, typer.Option(help="Which profile of params.yaml; its `profile:` if left out.")] = "",
    slots: Annotated[int, typer.Option(min=0, help="Stages at once, one core each; 0: one a physical core.")] = 0,
) -> None:
    """Bring a profile up to date and print its comparison table.

    DVC says what has changed and runs each stage; Prefect runs several at once and records them. Nothing runs twice,
    and a run that was killed goes on where it was when you start it again. A failed stage costs only what depends on
    it: the report is then built from the rest, and the exit code is 1.

    Each stage's output is .logs/PROFILE/STAGE.log. `dvc repro` does the same, one stage at a time.
    """
    try:
        status = run(environment.find_root(), profile, slots or cores())
    except (ValueError, OSError, RuntimeError) as error:
        console.print(f"flow: {error}", style="red")
        status = 1
    except KeyboardInterrupt:
        console.print("Stopped, and every stage with it; start again to go on from here.")
        status = 130
    raise typer.Exit(status)


def run(root: Path, profile: str, slots: int) -> int:
    """Bring `profile` up to date with `slots` stages at once; returns 0, or 1 if a stage failed.

    Raises locks.BusyError if a flow runs already, ValueError for an unknown profile, RuntimeError if preparations fail.
    """
    os.environ.update(PREFECT)
    environment.prepare(root)
    if str(BIN) not in os.environ["PATH"].split(os.pathsep):  # the environment is not activated
        os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    began = time.monotonic()
    profile, target = _target(root, profile)
    with locks.only_flow(root, f"profile {profile}"):
        for sentence in locks.restore(root):
            console.print(sentence, style="yellow")
        graph = _prepare(root, profile)
        visits = graphs.plan(graph, target)
        current = len(graphs.reach([target], graph.upstream)) - len(visits)
        console.print(f"Profile {profile}: {len(visits)} stages to visit, {current} current, {slots} at once.")
        failed = bool(visits) and _visit(root, profile, slots, graph, visits, target)
        table = subprocess.run(["paragone", "table", profile], cwd=root, check=False)
    console.print(f"{'Failed' if failed else 'Done'} in {time.monotonic() - began:.0f} s.")
    return int(failed or table.returncode != 0)


def _target(root: Path, profile: str) -> tuple[str, str]:
    """The profile's name and the address of its last stage, unchecked: `paragone pipeline` makes the checks."""
    values = yaml.safe_load((root / "params.yaml").read_text())
    name = profile or values["profile"]
    if name not in values["profiles"]:
        near = get_close_matches(name, values["profiles"], n=1) or list(values["profiles"])
        raise ValueError(f"params.yaml: no profile '{name}'; did you mean {' or '.join(near)}?")
    trunk = paths.trunk(name, values["profile"])
    return name, "report" if trunk == Path("dvc.yaml") else f"{trunk}:report"


def _prepare(root: Path, profile: str) -> graphs.Graph:
    """Regenerate the pipelines and the code's fingerprints, on which the rest depends, and read the graph."""
    logs = root / ".logs" / profile
    steps = {
        "pipeline": ["paragone", "pipeline"],
        "code": ["dvc", "--wait-for-lock", "repro", "--single-item", "code"],
    }
    with Guard() as guard:
        for name, command in steps.items():
            if guard.run(command, root, logs / f"{name}.log"):
                raise RuntimeError(f"`{name}` failed; the end of its log:\n{tail(logs / f'{name}.log')}")
    return graphs.read(root)


def _visit(
    root: Path, profile: str, slots: int, graph: graphs.Graph, visits: Mapping[str, set[str]], target: str
) -> bool:
    """Run the stages under Prefect, and the report by itself where a failure keeps DVC from it; whether any failed."""
    from flows.server import serving

    seen = root / ".logs" / profile / "seconds.json"
    seconds: dict[str, float] = json.loads(seen.read_text()) if seen.exists() else {}
    with serving(root, root / ".logs/prefect-server.log"):
        from flows.execution import Result, execute, label, log_file  # Prefect reads its settings when imported

        with Screen(len(visits), console) as screen:
            results = execute(root, graph, visits, screen, profile=profile, slots=slots, seconds=seconds)
    files.write_json(seen, seconds | {stage: r.seconds for stage, r in results.items() if r.state == "ran"})
    failures: dict[str, Result] = {stage: r for stage, r in results.items() if r.state == "FAILED"}
    for stage, result in failures.items():
        log = log_file(root, profile, stage).relative_to(root)
        console.print(f"\n{label(stage)} failed; the end of {log}:", style="bold red")
        console.print(result.message)
    if results[target].state == "skipped":
        console.print("\nThe report is made from what there is; the failed runs are rows that say why.")
        log_path = root / ".logs" / profile / "report.log"
        with Guard() as guard:
            if guard.run(["paragone", "report", profile], root, log_path):
                console.print(tail(log_path), style="red")
    return bool(failures)


if __name__ == "__main__":
    app()
