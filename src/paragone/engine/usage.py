"""What a process uses while it works, sampled from a thread of its own: a row every few seconds, for a curve."""

import csv
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import torch

EVERY = 5.0  # seconds between rows
GPU = "gpu_utilization_percentage"  # column: share of the time that a kernel ran; absent on a CPU


@contextmanager
def recording(file: Path, every: float = EVERY) -> Iterator[None]:
    """While it is open, write rows to a CSV file: seconds, and what `measure` says. A full disk ends the record, never
    the work."""
    over = threading.Event()
    thread = threading.Thread(target=_record, args=(file, every, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def measure(process: psutil.Process) -> dict[str, float]:
    """CPU of the process (percent of one core) and of the machine since the last call, and memory."""
    row = {
        "process_cpu_percentage": process.cpu_percent(),
        "process_memory_megabytes": process.memory_info().rss / 1e6,
        "cpu_utilization_percentage": psutil.cpu_percent(),
        "system_memory_usage_percentage": psutil.virtual_memory().percent,
    }
    if torch.cuda.is_available():
        row["gpu_memory_megabytes"] = torch.cuda.memory_reserved() / 1e6
        if (busy := gpu_utilization(f"GPU-{torch.cuda.get_device_properties().uuid}")) is not None:
            row[GPU] = busy
    return row


def gpu_utilization(gpu: str) -> float | None:
    """The percentage of the last moments in which a kernel ran on a GPU (its UUID), by nvidia-smi; None where that is
    not there, or does not say, as of a part of a GPU."""
    if (program := shutil.which("nvidia-smi")) is None:
        return None
    command = [program, f"--id={gpu}", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    try:
        asked = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=5, check=False)
        return float(asked.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None


def mean(file: Path, column: str) -> float | None:
    """The mean of a column of a record; None where the file or the column is not there."""
    if not file.exists():
        return None
    with file.open(newline="") as rows:
        values = [float(row[column]) for row in csv.DictReader(rows) if row.get(column)]
    return sum(values) / len(values) if values else None


def _record(file: Path, every: float, over: threading.Event) -> None:
    process, began = psutil.Process(), time.monotonic()
    measure(process)  # the first call has nothing to compare with
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", newline="") as output:
            writer: Any = None
            last = False
            while not last:
                last = over.wait(every)
                row = {"seconds": time.monotonic() - began} | measure(process)
                if writer is None:
                    writer = csv.DictWriter(output, list(row), extrasaction="ignore")
                    writer.writeheader()
                writer.writerow({name: f"{value:.6g}" for name, value in row.items()})
                output.flush()
    except OSError:
        return
