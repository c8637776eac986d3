"""What orchestration costs on a graph of the survey's size: a no-op flow, a no-op `dvc repro`, and trivial stages.

    .venv/bin/python benchmarks/flow.py [--datasets 10] [--slots 2] [--keep FOLDER]

The graph is generated from a params.yaml by `paragone pipeline`: 12 models, 3 seeds and 3 stages of each on every data
set. Its stages are trivial (a shell writes their outputs), so what is measured is DVC, Prefect and the flow alone.
Seconds of CPU count every process involved, which other programs on the machine hardly change; wall seconds are what a
user waits for on a quiet machine.
"""

import json
import os
import pstats
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
import yaml

from paragone import environment

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent

# Stands in for the command: it finds the stage that runs it and writes that stage's outputs. What is no stage goes to
# the real command. No import but sys and os: this is to cost next to nothing.
COMMAND = """#!{python} -ISE
import os, sys

command, seed = " ".join(["paragone", *sys.argv[1:]]), sys.argv[-1]
pipeline = "runs/{{}}/{{}}/{{}}/dvc.yaml".format(*sys.argv[2:5]) if "--seed" in sys.argv else "dvc.yaml"
inside = listing = done = False
for line in open(pipeline) if os.path.exists(pipeline) else ():
    key, _, value = line.strip().partition(": ")
    if key == "cmd":
        inside, listing = value.replace("${{item}}", seed) == command, False
        done = done or inside
    elif line.strip() in ("outs:", "metrics:", "plots:"):
        listing = True
    elif not line.lstrip().startswith("- ") and not line.startswith("       "):
        listing = False
    elif inside and listing and key.startswith("- "):
        out = key[2:].rstrip(":").replace("${{item}}", seed)
        folder, content = "." not in os.path.basename(out), "{{}}" if out.endswith(".json") else command
        os.makedirs(out if folder else os.path.dirname(out), exist_ok=True)
        for file in ("dataset.json", "x") if folder else ("",):
            open(os.path.join(out, file) if folder else out, "w").write("{{}}" if file.endswith("json") else content)
if not done or command == "paragone fingerprint":
    os.execv({real!r}, [{real!r}, *sys.argv[1:]])
"""


def build(folder: Path, datasets: int) -> None:
    """A project of its own: git, DVC, the pipelines of `datasets` data sets, and COMMAND before all else on PATH."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    names = [f"set-{i:02d}" for i in range(datasets)]
    models = dict(list(values["profiles"]["smoke"]["models"].items())[:12])
    profile = {**values["profiles"]["smoke"], "datasets": names, "seeds": [0, 1, 2], "models": models}
    entry = {"loader": "shapes", "source": "generated"}
    chosen = {"profile": "survey", "datasets": dict.fromkeys(names, entry), "profiles": {"survey": profile}}
    (folder / "params.yaml").write_text(yaml.safe_dump(chosen))
    for name in (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for name in ("src", "flows"):  # of its own, so that an edit meanwhile changes nothing
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    command = folder / "build/paragone"
    command.parent.mkdir()
    command.write_text(COMMAND.format(python=sys.executable, real=str(BIN / "paragone")))
    command.chmod(0o755)
    enter(folder)
    for line in ("git init -q", "git add .", "git -c user.name=a -c user.email=a@b commit -qm x", "paragone pipeline"):
        subprocess.run(line.split(), cwd=folder, check=True)


def enter(folder: Path) -> None:
    """Let this process's children find the project's own command, package and flows."""
    os.environ["PATH"] = f"{folder / 'build'}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}"
    os.environ["PYTHONPATH"] = f"{folder / 'src'}{os.pathsep}{folder}"
    os.environ["PREFECT_HOME"] = str(folder / ".prefect")


class Cost:
    """Wall and CPU seconds of a command with all of its children, and the greatest memory of all of them together."""

    def __init__(self, command: list[str], cwd: Path) -> None:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        with (cwd / "build/last.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=cwd, stdout=log, stderr=subprocess.STDOUT)
            self.memory, self.own = 0.0, 0.0
            watch = threading.Thread(target=self._watch, args=[process.pid], daemon=True)
            watch.start()
            status = process.wait()
        watch.join()
        if status:
            raise RuntimeError(f"`{' '.join(command)}` failed:\n{(cwd / 'build/last.log').read_text()[-3000:]}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.wall = time.monotonic() - began
        self.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def _watch(self, pid: int) -> None:
        """Sample the proportional memory (shared pages divided) of the tree, and of the process alone, in MB."""
        try:
            process = psutil.Process(pid)
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                sizes = [_memory(p) for p in (process, *process.children(recursive=True))]
                self.memory, self.own = max(self.memory, sum(sizes)), max(self.own, sizes[0])
                time.sleep(0.5)
        except psutil.Error:
            return

    def as_dict(self) -> dict[str, float]:
        return {
            "wall_s": round(self.wall, 2),
            "cpu_s": round(self.cpu, 2),
            "peak_memory_mb": round(self.memory),
            "peak_memory_of_the_command_itself_mb": round(self.own),
        }


def _memory(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 1e6
    except psutil.Error:
        return 0.0


def profiled(folder: Path) -> list[str]:
    """Where a no-op `dvc repro` spends its time: the functions with the most seconds, their callees included."""
    stats = folder / "build/profile"
    code = "import sys; from dvc.cli import main; sys.exit(main(['repro', '-q']))"
    run = f"import cProfile; cProfile.run({code!r}, {str(stats)!r})"
    subprocess.run([sys.executable, "-c", run], cwd=folder, check=True)
    table: dict[Any, Any] = pstats.Stats(str(stats)).stats  # type: ignore[attr-defined]
    whole = max(row[3] for row in table.values())
    rows = sorted(((row[3], row[0], Path(key[0]), key[2]) for key, row in table.items()), reverse=True)
    shown = [r for r in rows if 0.04 * whole < r[0] < 0.97 * whole and "site-packages" in str(r[2])]
    return [f"{s / whole:5.0%}  {calls:>7} calls  {'/'.join(f.parts[-3:])}:{name}" for s, calls, f, name in shown[:25]]


def main(
    datasets: Annotated[int, typer.Option(help="Data sets; each is 108 stages of runs and 4 of the trunk.")] = 10,
    slots: Annotated[int, typer.Option(help="Stages at once.")] = 2,
    keep: Annotated[Path | None, typer.Option(help="Make the project here and keep it.")] = None,
) -> None:
    """Measure, and print the figures as JSON."""
    environment.prepare(ROOT)
    folder = keep or Path(tempfile.mkdtemp(prefix="paragone-flow-"))
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "params.yaml").exists():
        build(folder, datasets)
    enter(folder)
    flow = [sys.executable, "-m", "flows.benchmark", "--slots", str(slots)]
    stages = len(subprocess.run(["dvc", "stage", "list", "--all", "--name-only"], cwd=folder, capture_output=True,
                                text=True, check=True).stdout.split())  # fmt: skip
    print(f"{stages} stages in {folder}", file=sys.stderr)
    found: dict[str, Any] = {"stages": stages, "slots": slots}
    for name, command in {
        "first flow": flow,
        "no-op flow": flow,
        "no-op dvc repro": ["dvc", "repro", "-q"],
        "no-op dvc status": ["dvc", "status", "-q"],
    }.items():
        found[name] = Cost(command, folder).as_dict()
        print(name, found[name], file=sys.stderr)
    found["first flow"]["wall_s_a_stage"] = round(found["first flow"]["wall_s"] / stages, 3)
    found["first flow"]["cpu_s_a_stage"] = round(found["first flow"]["cpu_s"] / stages, 3)
    found["profile of dvc repro"] = profiled(folder)
    print(json.dumps(found, indent=2))
    if keep is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    typer.run(main)
