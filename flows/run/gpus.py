"""Which GPUs this machine has, and which of them rows may compute on."""

import os
import runpy
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib import util
from pathlib import Path
from typing import NamedTuple

from flows.run.resources import MachineError

ROOM = 8_000  # MB of a GPU for each row that shares it: what was measured of the survey's rows took up to 1,800
SHARES = 3  # rows that are advised to share a GPU, at most
SERVER = "nvidia-cuda-mps-server"  # holds a GPU for the processes that share it


class Gpu(NamedTuple):
    """One, as nvidia-smi lists it."""

    number: str
    uuid: str
    mode: str  # of computing: Default, Exclusive_Process or Prohibited
    memory: int  # MB; 0 where the driver does not tell


class Choice(NamedTuple):
    """The GPUs to compute on, and why others that are here were not chosen where none was named; "" for none."""

    ids: list[str]
    left_alone: str


def _listed() -> list[Gpu]:
    """Every GPU; none where the driver's tool is missing or fails."""
    found = _ask("--query-gpu=index,uuid,compute_mode,memory.total")
    whole = [[*parts, "", ""] for parts in found if len(parts) > 1]
    return [Gpu(p[0], p[1], p[2], int(p[3]) if p[3].isdecimal() else 0) for p in whole]


def _visible(listed: Sequence[Gpu]) -> list[str]:
    """Ids of the GPUs that this process may use: all that are listed, or those of CUDA_VISIBLE_DEVICES."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return [gpu.number for gpu in listed]
    known = {name for gpu in listed for name in gpu[:2]}
    return [name for name in visible.split(",") if name in known or (listed and name.startswith("MIG-"))]


def _holders() -> dict[str, str]:
    """A process that computes on each GPU, by its uuid; none where the server lets several share it."""
    found = [p for p in _ask("--query-compute-apps=gpu_uuid,pid,process_name") if len(p) > 2]
    shared = {uuid for uuid, _, name, *_ in found if SERVER in name}
    return {uuid: f"process {pid} ({name})" for uuid, pid, name, *_ in found if uuid not in shared}


def _ask(query: str) -> list[list[str]]:
    """What the driver's tool answers, a list a line; nothing where it is missing or fails."""
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", query, "--format=csv,noheader,nounits"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = asked.stdout.splitlines() if asked.returncode == 0 else []
    return [[part.strip() for part in line.split(",")] for line in lines]


def without_cuda() -> str:
    """The version of a PyTorch that was built for CPUs alone; "" if it uses GPUs.

    Read from its file of versions: importing it takes longer than a flow with nothing to do.
    """
    spec = util.find_spec("torch")
    if spec is None or spec.origin is None:
        return ""
    built = runpy.run_path(str(Path(spec.origin).with_name("version.py")))
    return "" if built.get("cuda") or built.get("hip") else str(built["__version__"])


def choose(wish: str) -> Choice:
    """The GPUs that `auto`, `all`, `none` or a list such as `0,1,1` denotes. Raises MachineError."""
    if wish == "none":
        return Choice([], "")
    listed = _listed()
    there, why = _visible(listed), _reasons(listed)
    if wish not in ("auto", "all"):
        return Choice(_named([name.strip() for name in wish.split(",")], there, listed, why), "")
    free = [name for name in there if name not in why]
    barred = "; ".join(f"GPU '{name}' {why[name]}" for name in there if name in why)
    if wish == "all" and not free:
        raise MachineError(
            f"gpus: 'all' asks for at least one GPU and {barred or 'nvidia-smi lists none here'}; ask for 'auto'"
        )
    return Choice(free, f"Left alone: {barred}." if barred else "")


def _named(ids: list[str], there: Sequence[str], listed: Sequence[Gpu], why: Mapping[str, str]) -> list[str]:
    """The ids, if each can be computed on."""
    for name in ids:
        if name not in there:
            found = ", ".join(there) or "none"
            raise MachineError(f"gpus: there is no GPU '{name}' here, there is: {found}; or ask for auto, all or none")
    exclusive = {name for gpu in listed for name in gpu[:2] if gpu.mode == "Exclusive_Process"}
    for name in ids:
        if name in why:
            raise MachineError(f"gpus: GPU '{name}' {why[name]}")
        if name in exclusive and ids.count(name) > 1:
            raise MachineError(
                f"gpus: GPU '{name}' is named {ids.count(name)} times and lets one process compute at a time; name it "
                "once, or set its mode: nvidia-smi -c 0"
            )
    return ids


def _reasons(listed: Sequence[Gpu]) -> dict[str, str]:
    """Why nothing can compute on a GPU, and the remedy, by its number and by its uuid; only those it is true of."""
    version = without_cuda() if listed else ""
    holders = _holders() if any(gpu.mode == "Exclusive_Process" for gpu in listed) else {}
    result: dict[str, str] = {}
    for gpu in listed:
        if version:
            why = f"is of no use to PyTorch {version}, built for CPUs; install a build for CUDA, or ask for none"
        elif gpu.mode == "Prohibited":
            why = "lets nothing compute; name another, or set its mode: nvidia-smi -c 0"
        elif gpu.mode == "Exclusive_Process" and gpu.uuid in holders:
            why = (
                f"lets one process compute at a time and {holders[gpu.uuid]} does; wait for it, name another, or set "
                "its mode: nvidia-smi -c 0"
            )
        else:
            continue
        result |= {gpu.number: why, gpu.uuid: why}
    return result


def explain(ids: Sequence[str], slots: int) -> str:
    """A sentence on how rows share the GPUs that were chosen; "" without GPUs.

    Each has one row at a time unless it is named more often: a table's times and rates are then those of a row alone.
    """
    if not ids:
        return ""
    different = list(dict.fromkeys(ids))
    if len(different) < len(ids):
        return "Rows that share a GPU: the table's times and images/s are not those of a row alone."
    chosen = [gpu for gpu in _listed() if {gpu.number, gpu.uuid} & {*ids}]
    rooms = [0 if gpu.mode == "Exclusive_Process" else gpu.memory for gpu in chosen]
    shares = min(SHARES, min(rooms, default=0) // ROOM, slots // len(different))
    if shares < 2:
        return ""
    again = ",".join(different * shares)
    return (
        f"A row at a time on each GPU, so that times and images/s are its own. Small networks leave much of it idle: "
        f"`--gpus {again}` with `--slots {len(different) * shares}` or more lets {shares} rows share one (what that "
        "gains has not been measured)."
    )
