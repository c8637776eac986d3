"""What flow.py and fleet.py share: measuring the cost of a command, and writing orchestration.md."""

import datetime
import json
import os
import platform
import resource
import subprocess
import threading
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RESULTS, PAGE = HERE / "orchestration.json", HERE / "orchestration.md"

METHOD = """\
# What orchestration costs

Written by `python benchmarks/flow.py graph`, `python benchmarks/flow.py profile` and `python benchmarks/fleet.py`; the
figures are in [orchestration.json](orchestration.json). CPU seconds include every process involved, Prefect's server
too; other programs on the machine hardly affect them. Wall seconds are what a user waits for when nothing else runs.
"""


LIMIT = """\
Two parts could be avoided without changing DVC. 14 % is parsing runs/code.yaml, which would take almost no time as
JSON. 11 % is listing and hashing the prepared folder of a data set again for each stage that depends on it, which a
single file would avoid. Neither is done, because both change a dependency, so everything ever trained would run again.
The rest is the same in any project: four nested locks per stage, each of which reads, checks and writes a file twice;
looking up each parameter by going through its whole file; pipelines and lock files in YAML. So use `dvc repro -s` for
one folder, and the flow for everything.
"""


class Cost:
    """Wall and CPU seconds of a command and its children, and their peak memory together."""

    def __init__(self, command: list[str] | str, cwd: Path, log: Path) -> None:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=cwd, shell=isinstance(command, str), stdout=output, stderr=subprocess.STDOUT
            )
            self.memory, self.alone = 0.0, 0.0
            ended = threading.Event()
            watch = threading.Thread(target=self._watch, args=[process.pid, ended], daemon=True)
            watch.start()
            status = process.wait()
            self.wall = time.monotonic() - began
        ended.set()
        watch.join()
        if status:
            raise RuntimeError(f"`{command}` failed:\n{log.read_text(errors='replace')[-3000:]}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def _watch(self, pid: int, ended: threading.Event) -> None:
        """Sample the memory in MB (shared pages divided) of the process tree and of the process alone: often at first,
        for short commands, then once a second."""
        began = time.monotonic()
        try:
            process = psutil.Process(pid)
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                sizes = [_memory(p) for p in (process, *process.children(recursive=True))]
                self.memory, self.alone = max(self.memory, sum(sizes)), max(self.alone, sizes[0])
                ended.wait(min(1, 0.02 + (time.monotonic() - began) / 10))
        except psutil.Error:
            return

    def as_dict(self) -> dict[str, float]:
        return {
            "wall_s": round(self.wall, 2),
            "cpu_s": round(self.cpu, 2),
            "memory_mb": round(self.memory),
            "own_memory_mb": round(self.alone),
        }


def _memory(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 1e6
    except psutil.Error:
        return 0.0


def keep(section: str, found: Mapping[str, Any]) -> None:
    """Store a section's figures in orchestration.json, and rewrite orchestration.md."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[section] = {**found, "environment": environment()}
    for path, text in ((RESULTS, json.dumps(results, indent=2) + "\n"), (PAGE, render(results))):
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(text)
        partial.replace(path)


def keep_modes(about: Mapping[str, Any], modes: Mapping[str, Any]) -> None:
    """Add modes of a profile to those measured earlier, each with its own date and load."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    before = results.get("profile", {})
    same = all(before.get(key) == value for key, value in about.items())
    dated = {name: {**cost, "environment": environment()} for name, cost in modes.items()}
    keep("profile", {**about, "modes": {**(before["modes"] if same else {}), **dated}})


def environment() -> dict[str, Any]:
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),  # over the last minute, including the measured command
        "python": platform.python_version(),
        **{name: version(name) for name in ("dvc", "prefect")},
    }


def _cpu() -> str:
    names = [line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return names[0] if names else platform.machine()


def render(results: Mapping[str, Any]) -> str:
    """orchestration.md."""
    sections = {"profile": _profile, "graph": _graph, "forks": _forks, "large": _large}
    sections |= {"fleet": _fleet, "fleet, waiting": _fleet}
    return "\n".join([METHOD, *(write(results[name]) for name, write in sections.items() if name in results)])


def _profile(found: Mapping[str, Any]) -> str:
    modes = found["modes"]
    names = {
        "plain": "the stages' commands alone, one after another",
        "dvc repro": "`dvc repro`, one stage at a time",
        "flow, one slot": "the flow, one slot",
        "flow": f"the flow, {found['slots']} slots",
    }
    lines = [
        f"## The profile `{found['profile']}` from scratch",
        "",
        "| mode | wall, s | CPU, s | runs | hash of all weights | load at the end |",
        "|---|---:|---:|---:|---|---:|",
    ]
    for mode, name in names.items():
        if cost := modes.get(mode):
            load = cost["environment"]["load"]
            figures = f"{cost['wall_s']:,.0f} | {cost['cpu_s']:,.0f} | {cost['runs']} | `{cost['weights']}` | {load}"
            lines.append(f"| {name} | {figures} |")
    lines.append("")
    if {"dvc repro", "flow"} <= modes.keys():
        speed = modes["dvc repro"]["wall_s"] / modes["flow"]["wall_s"]
        lines.append(f"The flow is {speed:.2f} times as fast as `dvc repro` (goal 1.6: {_met(speed >= 1.6)}).")
    if {"plain", "flow, one slot"} <= modes.keys():
        over = modes["flow, one slot"]["wall_s"] / modes["plain"]["wall_s"] - 1
        lines.append(
            f"With one slot, its wall time is {over:+.1%} relative to the plain commands (goal under 5 %: "
            f"{_met(over < 0.05)}). The difference is reading the graph, starting a server, one `dvc` per stage, "
            "hashing and locks."
        )
    lines.append("A load above the number of slots means that another mode ran on the other core at the same time.")
    same = len({cost["weights"] for cost in modes.values()}) == 1
    lines.append(f"The weights of all runs are {'' if same else '**not** '}byte-identical in every mode.")
    return "\n".join([*lines, "", _where(found), ""])


def _graph(found: Mapping[str, Any]) -> str:
    costs = found["costs"]
    first, flow, repro = costs["first flow"], costs["no-op flow"], costs["no-op dvc repro"]
    lines = [
        f"## A graph as large as the survey's: {found['stages']} trivial stages",
        "",
        "| command | wall, s | CPU, s | memory, MB | the command's own memory, MB |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, cost in costs.items():
        memory = f"{cost['memory_mb']:,} | {cost['own_memory_mb']:,}"
        lines.append(f"| {name} | {cost['wall_s']:,.1f} | {cost['cpu_s']:,.1f} | {memory} |")
    text = f"""\
A trivial stage costs {first["wall_s"] / found["stages"]:.2f} s of wall time with {found["slots"]} slots, and
{first["cpu_s"] / found["stages"]:.2f} s of CPU time, most of it for starting `dvc`. The goal is under 5 s when nothing
has to be done. The flow: {_met(flow["wall_s"] < 5)}. `dvc repro`: {_met(repro["wall_s"] < 5)}, and it spends that
time in its own code:"""
    lines += ["", text, "", "| part of a no-op `dvc repro` | share of its CPU time | calls |", "|---|---:|---:|"]
    lines += [f"| {row['what']} | {row['share']:.0%} | {row['calls']:,} |" for row in found["profile of dvc repro"]]
    return "\n".join([*lines, "", LIMIT, _where(found), ""])


def _forks(found: Mapping[str, Any]) -> str:
    lines = [
        "## Forking `dvc` from one process",
        "",
        f"Before, each stage imported DVC. The same {found['stages']} trivial stages, both kinds of flow in turns:",
        "",
        "| flow | wall, s | CPU, s | CPU of the flow itself | of Prefect's server | of `dvc` and the rest |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in found["rounds"]:
        parts = " | ".join(f"{row[part]:.1f}" for part in ("wall_s", "cpu_s", "flow_s", "server_s", "rest_s"))
        lines.append(f"| {row['how']} | {parts} |")
    last = found["note"]
    return "\n".join([*lines, "", last, "", _where(found), ""])


def _large(found: Mapping[str, Any]) -> str:
    lines = [f"## {found['stages']:,} stages", "", found["note"], "", "| quantity | value | goal |", "|---|---:|---|"]
    lines += [f"| {row['what']} | {row['figure']} | {row['goal']} |" for row in found["figures"]]
    return "\n".join([*lines, "", _where(found), ""])


def _fleet(found: Mapping[str, Any]) -> str:
    one, two = found["walls_s"]
    text = f"""\
## Two workers compared with one{"" if found["computes"] else ", as if each had its own machine"}

Two units with two seeds each. Each of the four trainings {"computes" if found["computes"] else "waits"} for
{found["seconds"]:g} s{" on one core" if found["computes"] else ""}. One worker: {one:.0f} s; two: {two:.0f} s; ratio
{one / two:.2f}. The trainings alone would give 2.00. Each unit is a clone, a pull, six stages with a push each, and the
transfer of the results back."""
    return "\n".join([text, "", _where(found), ""])


def _met(true: bool) -> str:
    return "met" if true else "missed"


def _where(found: Mapping[str, Any]) -> str:
    at = found["environment"]
    return (
        f"{at['date']}, {at['cpu']}, {at['cores']} cores, load {at['load']} at the end, Python {at['python']}, "
        f"DVC {at['dvc']}, Prefect {at['prefect']}."
    )
