"""`paragone doctor`: what this machine has, what is missing, and what for."""

import importlib.metadata
import math
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import psutil
import torch
from rich.console import Console
from rich.table import Table

from paragone.data.torchvision_compat import declare_missing_operators, import_torchvision
from paragone.engine import hardware
from paragone.project import addresses, environment, extras, git, registry

State = Literal["ok", "absent", "broken"]  # absent: something optional; broken: stops the default profile
MARKS = {"ok": "[green]ok[/]", "absent": "[yellow]absent[/]", "broken": "[red]broken[/]"}


class Finding(NamedTuple):
    """One line of the report."""

    what: str
    state: State
    found: str
    meaning: str = ""


def report(root: Path, console: Console | None = None) -> bool:
    """Print every finding; whether the default profile can run here."""
    found = list(examine(root))
    table = Table(title="paragone doctor", title_justify="left", show_edge=False, pad_edge=False)
    for column in ("what", "state", "found", "needed for, or the remedy"):
        table.add_column(column, overflow="fold")
    for finding in found:
        table.add_row(finding.what, MARKS[finding.state], finding.found, finding.meaning)
    (console or Console()).print(table)
    return all(finding.state != "broken" for finding in found)


def examine(root: Path) -> Iterator[Finding]:
    """Look at the machine, the packages, the weights files and the stores."""
    yield from _machine()
    yield from _packages()
    yield from _weights(root)
    yield from _stores(root)
    yield from _surroundings()


def _machine() -> Iterator[Finding]:
    cores, threads = psutil.cpu_count(logical=False), psutil.cpu_count()
    yield Finding(
        "processor", "ok", f"{hardware.cpu_name()}: {cores} cores, {threads} threads", "stages run side by side"
    )
    memory = psutil.virtual_memory()
    enough: State = "ok" if memory.available > 1.5e9 else "broken"
    found = f"{memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB free"
    yield Finding("memory", enough, found, "quick: 0.6 GB a stage that runs")
    here = torch.device("cpu")
    fast = hardware.has_bf16(here)
    yield Finding(
        "bf16 on the CPU",
        "ok" if fast else "absent",
        "in hardware" if fast else "none",
        "quick trains 1.4 to 1.6 times faster with it",
    )
    if torch.cuda.is_available():
        where = hardware.device()
        size = torch.cuda.get_device_properties(where).total_memory / 1e9
        found = f"{torch.cuda.device_count()} x {hardware.device_name(where)}, {size:.0f} GB"
        yield Finding("GPU", "ok", found, "the survey profile")
    else:
        yield Finding("GPU", "absent", "none that torch sees", "the survey profile needs one; smoke and quick do not")


def _packages() -> Iterator[Finding]:
    python = sys.version_info >= (3, 11)
    yield Finding("python", "ok" if python else "broken", platform.python_version(), "3.11 or newer")
    yield _package("torch")
    for name in ("dvc", "prefect", "mlflow", "great-expectations"):
        yield _package(name, "benchmarks as a pipeline", extra="pipeline")
    missing = declare_missing_operators()
    import_torchvision()
    note = (
        f"without its compiled {' and '.join(missing)}, which nothing here uses"
        if missing
        else "with its own operators"
    )
    yield _package("torchvision", note)
    found = shutil.which("git")
    yield Finding("git", "ok" if found else "broken", found or "not on the PATH", "DVC, and the commit in every row")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    yield Finding(
        "browser", "ok" if browser else "absent", browser or "no chromium on the PATH", "the page's own tests"
    )


def _package(name: str, note: str = "", extra: str = "") -> Finding:
    """A package that must be there, or that an extra would bring."""
    try:
        return Finding(name, "ok", importlib.metadata.version(name), note)
    except importlib.metadata.PackageNotFoundError:
        if extra:
            return Finding(name, "absent", "not installed", f"{note}; {extras.command(extra)}")
        return Finding(name, "broken", "not installed", "install paragone again, with its dependencies")


def _weights(root: Path) -> Iterator[Finding]:
    for name in registry.names("extractors"):
        if name == "classifier":
            continue  # trained in the pipeline
        load: Callable[[Path, str], object] = registry.load("extractors", name).load
        try:
            load(root, "")
        except ValueError as error:
            required = name == "lite0"  # ships with a package: its absence is a broken install
            yield Finding(f"space {name}", "broken" if required else "absent", "no usable weights file", str(error))
        else:
            yield Finding(f"space {name}", "ok", "weights checked by their SHA-256")


def _stores(root: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(root).free
    yield Finding(
        "disk", "ok" if free > 1e9 else "broken", f"{free / 1e9:.0f} GB free", "quick: 0.1 GB, beside 2 GB of packages"
    )
    error = _write_error(root)
    yield Finding("project folder", "broken" if error else "ok", error or f"{root} is writable", "every output")
    store = os.environ.get("MLFLOW_TRACKING_URI", "")
    if store.startswith("sqlite:"):
        error = _write_error(Path(store.removeprefix("sqlite:///")).parent)
        yield Finding("MLflow store", "broken" if error else "ok", error or store, "`make ui`")
    else:
        yield Finding("MLflow store", "ok", addresses.public(store) or "none", "a server; training goes on without it")
    yield _checkout(root)


def _checkout(root: Path) -> Finding:
    """Whether git answers here, as DVC and the commit in every row need it."""
    if reason := git.refusal(root):
        return Finding("git checkout", "broken", "git does not answer", reason)
    inside = any((folder / ".git").exists() for folder in (root.resolve(), *root.resolve().parents))
    return Finding("git checkout", "ok" if inside else "broken", str(root), "DVC needs one: git clone or git init")


def _surroundings() -> Iterator[Finding]:
    """The variables of the shell or a launcher that are not passed on; their values may be secret."""
    for name, what in sorted(environment.neutralised.items()):
        yield Finding(name, "ok", what, "the shell's; stages run without it")
    quota = environment.quota()
    if math.isfinite(quota):
        yield Finding("processor quota", "ok", f"{quota:g} cores", "of this container; stages at once stay within it")


def _write_error(folder: Path) -> str | None:
    """Why nothing can be written in a folder; None if it can (tried, since root's permissions prove nothing)."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return f"{folder} cannot be written ({error.strerror}); make it writable"
