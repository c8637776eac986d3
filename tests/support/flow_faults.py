"""The table of docs/flow-faults.md.

`PYTHONPATH=tests python -m support.flow_faults` puts every fault of `fault_injections` into smoke runs of the real
stages, each at ten random moments, and writes the table; it goes on where it was stopped. The tests do the
same, fewer times, most of it on stand-in stages.
"""

import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from paragone.project import environment, files
from support import (
    ROOT,
    smoke_project,
)
from support import fault_injections as put
from support.fault_injection import Disk, Mlflow, Project


class Fault(NamedTuple):
    """Something that goes wrong, at a moment drawn at random."""

    name: str
    put: Callable[[random.Random], put.Kill | str | None]
    """What came of it, None if the moment came too late; raises AssertionError if something was lost."""


def faults(project: Project, trained: Project, mlflow: Mlflow, small: Disk, store: Disk) -> Iterator[Fault]:
    """Every row of the table; `trained` is a project whose training goes on for some seconds."""
    expected, seconds = put.undisturbed(project)
    whole, _ = put.undisturbed(trained)
    hours = max(60.0, 3 * seconds) / 3600
    for victim in (*put.VICTIMS, put.MLFLOW):
        for number in put.SIGNALS:
            yield Fault(
                f"{number.name} to {victim}",
                lambda at, v=victim, n=number: put.kill(project, v, n, at.uniform(0, seconds), expected, mlflow),
            )
    for how in put.LOCKS:
        yield Fault(f"a dvc.lock {how}", lambda at, how=how: put.spoil_lock(_current(project), at, how))
    yield Fault("a second flow", lambda at: put.two_at_once(project, at.uniform(0, seconds), expected))
    yield Fault("a training that hangs", lambda at: put.hang(project, at.uniform(0, seconds), expected, hours))
    yield Fault("disk full in a training", lambda at: put.full_disk(trained, small, 0, whole))
    yield Fault("disk full in a checkpoint", lambda at: put.full_disk(trained, small, 0.5, whole))
    yield Fault("MLflow's store locked", lambda at: _in_its_own_store(trained, whole))
    yield Fault("MLflow's disk full", lambda at: put.full_store(trained, store, whole))


def _current(project: Project) -> Project:
    """The project, brought up to date."""
    status, printed = project.flow()
    assert status == 0, printed
    return project


def _in_its_own_store(project: Project, expected: dict[str, Any]) -> str:
    """The project's store locked: one that has no other project's runs, which would be taken for too many."""
    with put.variable("MLFLOW_TRACKING_URI", f"sqlite:///{project.root}.db"):
        return put.locked_store(project, expected)


def table(records: list[dict[str, Any]]) -> str:
    """The faults that were tried, in Markdown."""
    lines = ["| fault | moments | meanwhile | one more start |", "|---|---:|---|---|"]
    for name in dict.fromkeys(record["fault"] for record in records):
        found = [record for record in records if record["fault"] == name]
        lines.append(f"| {name} | {len(found)} | {' | '.join(_outcome(found))} |")
    return "\n".join(lines) + "\n"


def _outcome(found: list[dict[str, Any]]) -> tuple[str, str]:
    n, failed = len(found), [record for record in found if "error" in record]
    if failed:
        return f"**not as it should be, {len(failed)} of {n}**: {failed[0]['error']}", ""
    if "message" in found[0]:
        message = re.sub(r"\(process \d+, (.*?), since [\d:]+\)", r"(process ..., \1, since ...)", found[0]["message"])
        message = re.sub(r"/\S*/(?=project|trained|store)", "", message).replace("|", "\\|")
        return f"\u201c{message.removeprefix('paragone: ').strip()}\u201d", f"the same results, {n} of {n}"
    ended = sum(record["went_on"] for record in found)
    same = sum(not record["differences"] and record["again"] == 0 for record in found)
    left, restored = sum(len(r["left"]) for r in found), sum(bool(r["restored"]) for r in found)
    after = f"the same results, {same} of {n}; processes left: {left}"
    after += f"; lock files put back at {restored} of {n}" if restored else ""
    return f"the flow came to a good end by itself, {ended} of {n}", after


HEAD = """# Faults injected into flows

Each fault is injected into a smoke run of two rows (a network and a row that samples from it), with the real stages,
two at a time, at random moments after the first stage of a run has begun. The flow is then started once more without
any clean-up, and the runs and tables are compared with those of an undisturbed flow, byte for byte except where they
record times. `tests/flows/test_faults.py` does the same with stand-in stages, at ten moments for each kill and each
lock file.
Written by `PYTHONPATH=tests python -m support.flow_faults`.

"""


def main(
    moments: Annotated[int, typer.Option(help="Random moments for each fault.")] = 10,
    keep: Annotated[Path, typer.Option(help="Where the projects and the log of what was tried stand.")] = ROOT
    / "build/faults",
) -> None:
    """Try each fault until the log has so many moments of it, one of each in turn; write docs/flow-faults.md."""
    keep.mkdir(parents=True, exist_ok=True)
    enter(keep)
    projects = []
    for name, options in {"project": {}, "trained": {"rows": ("gan",), "kimg": 60, "classifier": False}}.items():
        if not (keep / name / "dvc.lock").exists():
            shutil.rmtree(keep / name, ignore_errors=True)
            (keep / name).mkdir()
            smoke_project.build(keep / name, **options)
        projects.append(Project(keep / name, "smoke", smoke_project.results))
    mlflow, log = Mlflow(keep / "mlflow"), keep / "log.jsonl"
    small, store = Disk(keep / "disk", 64), Disk(keep / "store", 16)
    try:
        tried = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        rows = list(faults(*projects, mlflow, small, store))
        for moment in range(moments):
            for fault in rows:
                if sum(record["fault"] == fault.name for record in tried) <= moment:
                    tried.append(attempt(fault, moment))
                    with log.open("a") as file:
                        file.write(json.dumps(tried[-1]) + "\n")
                    print(tried[-1], flush=True)
            files.write_text(ROOT / "docs/flow-faults.md", HEAD + table(tried))
    finally:
        mlflow.end()
        small.unmount()
        store.unmount()


def attempt(fault: Fault, moment: int) -> dict[str, Any]:
    """Try a fault once; what came of it, or the error that it should not have led to."""
    draw, done = random.Random(f"{fault.name} {moment}"), None
    try:
        while done is None:
            done = fault.put(draw)
    except (AssertionError, StopIteration, subprocess.SubprocessError) as error:
        return {"fault": fault.name, "error": " ".join(str(error).split())[-300:] or type(error).__name__}
    return {"fault": fault.name, **(done._asdict() if isinstance(done, put.Kill) else {"message": done})}


def enter(folder: Path) -> None:
    """Let everything that starts from here use the project's environment, and nobody else's stores."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    os.environ["PYTHONPATH"] = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
    os.environ["PREFECT_HOME"] = str(folder / "prefect")
    environment.prepare(ROOT)


if __name__ == "__main__":
    typer.run(main)
