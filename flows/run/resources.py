"""What this machine can run at once: cores, and GPUs that stages take turns on."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import psutil

from paragone.project import environment

ROOM = 8_000  # MB of a GPU for each row that shares it: what was measured of the survey's rows took up to 1,800
SHARES = 3  # rows that are advised to share a GPU, at most
COMPUTING = frozenset({"train", "sample", "evaluate", "classifier", "reference"})  # stages that use a GPU


class MachineError(ValueError):
    """The machine does not have what is asked of it."""


def cores() -> int:
    """Physical cores that this process may use: those that it is bound to, within the quota of its container."""
    physical = psutil.cpu_count(logical=False) or 1
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return max(1, int(min(physical, bound, environment.quota())))


def gpus() -> list[str]:
    """Ids of the GPUs that this process may use: all that nvidia-smi lists, or those of CUDA_VISIBLE_DEVICES."""
    listed = _listed()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return [gpu.number for gpu in listed]
    known = {name for gpu in listed for name in gpu[:2]}
    return [name for name in visible.split(",") if name in known or (listed and name.startswith("MIG-"))]


class Gpu(NamedTuple):
    """One, as nvidia-smi lists it."""

    number: str
    uuid: str
    mode: str  # of computing: Default, Exclusive_Process or Prohibited
    memory: int  # MB; 0 where the driver does not tell


def _listed() -> list[Gpu]:
    """Every GPU; none where the driver's tool is missing or fails."""
    if shutil.which("nvidia-smi") is None:
        return []
    asked = subprocess.run(
        ["nvidia-smi", "--query-gpu=index,uuid,compute_mode,memory.total", "--format=csv,noheader,nounits"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = asked.stdout.splitlines() if asked.returncode == 0 else []
    found = [[part.strip() for part in line.split(",")] for line in lines]
    whole = [[*parts, "", ""] for parts in found if len(parts) > 1]
    return [Gpu(p[0], p[1], p[2], int(p[3]) if p[3].isdecimal() else 0) for p in whole]


def choose(wish: str) -> list[str]:
    """The GPU ids that `auto`, `all`, `none` or a list such as `0,1,1` denotes. Raises MachineError."""
    if wish == "none":
        return []
    there = gpus()
    found = ", ".join(there) or "none"
    modes = {name: gpu.mode for gpu in _listed() for name in gpu[:2]}
    computing = [name for name in there if modes.get(name) != "Prohibited"]
    if wish == "all" and not computing:
        listed = f"those here ({found}) let nothing compute" if there else "nvidia-smi lists none here"
        raise MachineError(f"gpus: 'all' asks for at least one GPU and {listed}; ask for 'auto'")
    if wish in ("auto", "all"):
        return computing
    ids = [name.strip() for name in wish.split(",")]
    for name in ids:
        if name not in there:
            raise MachineError(f"gpus: there is no GPU '{name}' here, there is: {found}; or ask for auto, all or none")
    for name in ids:
        if modes.get(name) == "Prohibited":
            raise MachineError(
                f"gpus: GPU '{name}' lets nothing compute; name another, or set its mode: nvidia-smi -c 0"
            )
        if modes.get(name) == "Exclusive_Process" and ids.count(name) > 1:
            raise MachineError(
                f"gpus: GPU '{name}' is named {ids.count(name)} times and lets one process compute at a time; name it "
                "once, or set its mode: nvidia-smi -c 0"
            )
    return ids


def explain(ids: Sequence[str], slots: int) -> str:
    """A sentence on how rows share the GPUs that were chosen, and on what else there is; "" without GPUs.

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


def computes(stage: str) -> bool:
    """Whether a stage, by its address, is one that uses a GPU."""
    name = stage.rpartition(":")[2].partition("@")[0]
    return name in COMPUTING or name.partition("-")[0] in COMPUTING


class Seat(NamedTuple):
    """A place to run one stage: a core for each of its processes, and perhaps as many GPUs."""

    cores: int
    gpus: tuple[str, ...]

    @property
    def environment(self) -> dict[str, str]:
        return {"CUDA_VISIBLE_DEVICES": ",".join(self.gpus)}


class Seats:
    """Cores, counted, and a queue of GPU ids: those who compute take both. For one thread."""

    def __init__(self, slots: int, gpus: Iterable[str]) -> None:
        self.free, self.gpus = slots, list(gpus)
        self._given = tuple(self.gpus)
        self._slots, self._ids = slots, len(set(self.gpus))

    def check(self, stage: str, processes: int) -> None:
        """Raise MachineError if a stage that starts so many processes could never have a seat."""
        if self._ids and computes(stage) and processes > self._ids:
            raise MachineError(f"gpus: {stage} starts {processes} processes, a GPU each, and may use {self._ids}")
        if processes > self._slots:
            raise MachineError(
                f"slots: {stage} starts {processes} processes, more than the slots there are ({self._slots}); "
                f"give --slots {processes} or more, or lower the row's `processes`"
            )

    def take(self, stage: str, processes: int = 1) -> Seat | None:
        """A seat for a stage, or None while there is none free for it. GPUs of a seat are different ones."""
        if processes > self.free:
            return None
        wanted: tuple[str, ...] = ()
        if self._ids and computes(stage):
            wanted = self._least_used(processes)
            if len(wanted) < processes:
                return None
        for gpu in wanted:
            self.gpus.remove(gpu)
        self.free -= processes
        return Seat(processes, wanted)

    def _least_used(self, number: int) -> tuple[str, ...]:
        """So many different GPUs that have a seat left, those with the fewest stages on them, in the order given."""
        used = {gpu: self._given.count(gpu) - self.gpus.count(gpu) for gpu in self._given if gpu in self.gpus}
        chosen = sorted(used, key=lambda gpu: used[gpu])[:number]
        return tuple(gpu for gpu in used if gpu in chosen)

    def give_back(self, seat: Seat) -> None:
        self.free += seat.cores
        self.gpus += seat.gpus
