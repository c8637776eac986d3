"""What orchestration costs, on a graph as large as the survey's and on a profile.

    .venv/bin/python benchmarks/flow.py graph     # 1,122 trivial stages
    .venv/bin/python benchmarks/flow.py profile   # quick: plain commands, `dvc repro`, the flow

Both work in a temporary folder, and write orchestration.json and orchestration.md beside this file. The stages of
the graph are trivial (a small script writes their outputs), so the figures are those of DVC, Prefect and the flow.
"""

import cProfile
import hashlib
import pstats
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import orchestration
import projects
import typer
from orchestration import Cost

from paragone.project import environment

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None, pretty_exceptions_enable=False)
KeepOption = Annotated[Path | None, typer.Option(help="Folder for the project; it is kept.")]
SlotsOption = Annotated[int, typer.Option(help="Stages that run at once.")]

# Where a no-op `dvc repro` spends its time: parts that do not overlap, by file and function of DVC.
PARTS = {
    "rereading and rewriting the lock that records who reads or writes which file": ("dvc/rwlock.py", "_edit_rwlock"),
    "parsing params.yaml and runs/code.yaml again for each stage": ("dvc/dependency/param.py", "read_params"),
    "reading, checking and resolving pipeline and lock files": ("dvc/repo/index.py", "from_repo"),
    "checking dependencies and outputs": ("dvc/output.py", "status"),
    "building the graph of stages": ("dvc/repo/index.py", "graph"),
}


@app.command()
def graph(
    datasets: Annotated[int, typer.Option(help="Data sets; each adds 108 stages of runs and 4 of the trunk.")] = 10,
    slots: SlotsOption = 2,
    keep: KeepOption = None,
) -> None:
    """Measure a first flow, a flow and DVC with nothing to do, and a flow after one output was deleted."""
    with _folder(keep) as folder:
        if not (folder / "params.yaml").exists():
            projects.build(folder, datasets)
        projects.enter(folder)
        listed = ["dvc", "stage", "list", "--all", "--name-only"]
        stages = len(subprocess.run(listed, cwd=folder, capture_output=True, text=True, check=True).stdout.split())
        flow = [sys.executable, "-m", "flows.benchmark", "--slots", str(slots)]
        costs: dict[str, Any] = {}
        found = {"stages": stages, "slots": slots, "costs": costs}
        _measure(costs, "first flow", flow, folder)
        _measure(costs, "no-op flow", flow, folder)
        next((folder / "runs/survey").rglob("model.safetensors")).unlink()
        _measure(costs, "flow after one output was deleted", flow, folder)
        _measure(costs, "no-op dvc repro", ["dvc", "repro", "-q"], folder)
        _measure(costs, "no-op dvc status", ["dvc", "status", "-q"], folder)
        subprocess.run([sys.executable, __file__, "repro-in-profile"], cwd=folder, check=True)
        found["profile of dvc repro"] = shares(folder / "build/profile")
        orchestration.keep("graph", found)
        typer.echo(orchestration.render({"graph": {**found, "environment": orchestration.environment()}}))


@app.command(hidden=True)
def repro_in_profile() -> None:
    """Profile a no-op `dvc repro` in this process and folder by CPU time; writes build/profile."""
    import time

    from dvc.cli import main

    profile = cProfile.Profile(time.process_time)
    profile.enable()
    status = main(["repro", "-q"])
    profile.disable()
    profile.dump_stats("build/profile")
    raise typer.Exit(status)


def shares(stats: Path) -> list[dict[str, Any]]:
    """The share of a profile's time that each of PARTS takes, and its number of calls."""
    table: dict[Any, Any] = pstats.Stats(str(stats)).stats  # type: ignore[attr-defined]
    whole = max(row[3] for row in table.values())
    found = []
    for what, (file, function) in PARTS.items():
        rows = [row for key, row in table.items() if key[0].endswith(f"site-packages/{file}") and key[2] == function]
        found.append({"what": what, "share": sum(row[3] for row in rows) / whole, "calls": sum(row[1] for row in rows)})
    return found


@app.command()
def profile(
    profile: Annotated[str, typer.Option(help="Name of a profile in profiles/.")] = "quick",
    slots: SlotsOption = 2,
    keep: KeepOption = None,
    mode: Annotated[
        list[str] | None, typer.Option(help="Only these modes; the figures of the others are kept.")
    ] = None,
) -> None:
    """Measure a profile from scratch: plain commands, `dvc repro`, and the flow with one slot and with several."""
    flow = [sys.executable, "-m", "flows.benchmark", "--profile", profile, "--slots"]
    modes: dict[str, list[str] | str] = {
        "flow": [*flow, str(slots)],
        "plain": [sys.executable, __file__, "plain", profile],
        "flow, one slot": [*flow, "1"],
        "dvc repro": f"paragone pipeline {profile} && dvc repro $(paragone trunk {profile})",
    }
    if unknown := set(mode or []) - set(modes):
        raise typer.BadParameter(f"no mode {sorted(unknown)}; there are: {', '.join(modes)}", param_hint="--mode")
    with _folder(keep) as folder:
        for name in mode or modes:
            project = folder / name.replace(", ", "-").replace(" ", "-")
            project.mkdir()
            shutil.copy(projects.ROOT / "params.yaml", project)
            shutil.copytree(projects.ROOT / "profiles", project / "profiles")
            projects.copy_project(project)
            projects.enter(project)
            projects.begin(project)
            found: dict[str, Any] = {}
            _measure(found, name, modes[name], project)
            weights = sorted((project / "runs" / profile).rglob("model.safetensors"))
            hashes = "".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in weights)
            found[name] |= {"runs": len(weights), "weights": hashlib.sha256(hashes.encode()).hexdigest()[:16]}
            if name == "plain":
                found[name]["stages"] = len((project / "build/stages").read_text().splitlines())
            orchestration.keep_modes({"profile": profile, "slots": slots}, found)


@app.command(hidden=True)
def plain(profile: str) -> None:
    """Run the commands of a profile's stages in this folder one after another, without DVC; writes build/stages."""
    import networkx as nx
    from dvc.repo import Repo

    with Repo() as repo:
        nodes = repo.index.graph
        report = next(s for s in nodes if s.cmd == f"paragone report {profile}")
        needed = nx.dfs_postorder_nodes(nodes, report)
        commands = [stage.cmd for stage in needed]
    for command in commands:
        subprocess.run(command, shell=True, check=True)
    Path("build").mkdir(exist_ok=True)
    Path("build/stages").write_text("\n".join(commands))


def _measure(found: dict[str, Any], name: str, command: list[str] | str, folder: Path) -> None:
    (folder / "build").mkdir(exist_ok=True)
    found[name] = Cost(command, folder, folder / "build/last.log").as_dict()
    print(name, found[name], file=sys.stderr, flush=True)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """The folder to work in, deleted afterwards unless `keep` is given."""
    environment.prepare(projects.ROOT)
    folder = keep.resolve() if keep else Path(tempfile.mkdtemp(prefix="paragone-flow-"))
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    if keep is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    app()
