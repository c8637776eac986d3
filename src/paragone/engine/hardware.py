"""What this machine has, as far as training and the tables care."""

import os
import platform
import resource
import time
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

Net = TypeVar("Net", bound=nn.Module)


def device() -> torch.device:
    """The accelerator if there is one (of this rank, under torchrun), else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


def place(net: Net, where: torch.device) -> Net:
    """Move a network to a device, weights of 2-D convolutions channels last; those of 3-D ones have no such layout."""
    net.to(where)
    for tensor in chain(net.parameters(), net.buffers()):
        if tensor.ndim == 4:
            tensor.data = _channels_last(tensor.data)
    return net


def _channels_last(weight: Tensor) -> Tensor:
    """(O,C,H,W) in the layout that convolutions go by; one channel fits either, and PyTorch would take the other."""
    weight = weight.contiguous(memory_format=torch.channels_last)
    _, c, h, w = weight.shape
    return weight.as_strided(weight.shape, (h * w, 1, w, 1)) if c == 1 else weight


@cache
def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


@cache
def cpu_flags() -> frozenset[str]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return frozenset(next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), []))


def has_bf16(where: torch.device) -> bool:
    """Whether bfloat16 arithmetic is done in hardware (elsewhere it is emulated, and slow)."""
    if where.type == "cuda":
        return torch.cuda.get_device_capability(where) >= (8, 0)
    return bool({"avx512_bf16", "amx_bf16"} & cpu_flags())


def check_precision(precision: str, where: torch.device) -> None:
    """Raise ValueError for bfloat16 on a GPU that does not compute in it."""
    if precision == "bf16" and where.type == "cuda" and not has_bf16(where):
        raise ValueError(
            f"a model is to run in bfloat16 and {device_name(where)} does not compute in it; set plan.precision to "
            "auto or fp32, or take a card of the Ampere generation or later"
        )


def be_deterministic(where: torch.device) -> None:
    """Ask a GPU's libraries for algorithms that repeat themselves bit for bit; a CPU's with one thread do anyway."""
    if where.type == "cuda":
        torch.backends.cudnn.deterministic = True
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch._C._set_deterministic_fill_uninitialized_memory(False)  # or each new tensor costs a kernel


def device_name(where: torch.device) -> str:
    return torch.cuda.get_device_name(where) if where.type == "cuda" else cpu_name()


def peak_memory_mb(where: torch.device) -> float:
    """Peak memory so far, in MB: the device's allocations, or this process's resident set on a CPU."""
    if where.type == "cuda":
        return torch.cuda.max_memory_allocated(where) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def clock_name(where: torch.device) -> str:
    """Which clock `seconds` reads: "cpu" for one thread on a CPU, "wall" for anything else."""
    return "cpu" if where.type == "cpu" and torch.get_num_threads() == 1 else "wall"


def seconds(where: torch.device) -> float:
    """A clock for work on this device. For one thread on a CPU it is the process's CPU time: what that thread would
    take on a quiet machine, whatever else runs beside it."""
    return time.process_time() if clock_name(where) == "cpu" else time.perf_counter()


def synchronize(where: torch.device) -> None:
    """Wait for the device, so that a clock read next is honest."""
    if where.type == "cuda":
        torch.cuda.synchronize(where)
