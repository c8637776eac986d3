"""What this machine can run at once: cores, and GPUs that stages take turns on."""

import os
from collections.abc import Iterable
from typing import NamedTuple

import psutil

from paragone.project import environment

COMPUTING = frozenset({"train", "sample", "evaluate", "classifier", "reference"})  # stages that use a GPU


class MachineError(ValueError):
    """The machine does not have what is asked of it."""


def cores() -> int:
    """Physical cores that this process may use: those that it is bound to, within the quota of its container."""
    physical = psutil.cpu_count(logical=False) or 1
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return max(1, int(min(physical, bound, environment.quota())))


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
