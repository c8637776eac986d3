"""Runs `dvc` commands in forks of one process that has DVC imported, which is most of what a trivial stage costs.

Run as a script by `forks`. Standard input has one request a line, as JSON: the number of the command, its arguments,
folder, log and environment. Standard output answers with the number and the process, and once it ended with the number
and its status. There is one thread, so a fork is safe. When standard input closes, whoever asked is gone: all that was
started ends.

The name of this file begins with `dvc`, by which `locks` tells a process of DVC from another one.
"""

import gc
import importlib
import json
import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).parents[2]))  # at the end: the project is no place for DVC to find modules in
from flows.run import reaper

# What `dvc repro` imports on its way, besides what its command line does.
PRELOADED = (
    "dvc.cachemgr", "dvc.data_cloud", "dvc.dirs", "dvc.dvcfile", "dvc.parsing", "dvc.repo.artifacts",
    "dvc.repo.datasets", "dvc.repo.metrics", "dvc.repo.open_repo", "dvc.repo.params", "dvc.repo.plots",
    "dvc.repo.reproduce", "dvc.repo.stage", "dvc.rwlock", "dvc.scm", "dvc.utils.strictyaml",
    "dvc_data.hashfile.status", "dulwich.ignore", "fsspec.implementations.memory", "ruamel.yaml",
    "scmrepo.git.backend.dulwich", "scmrepo.git.backend.gitpython", "scmrepo.git.backend.pygit2",
)  # fmt: skip


class Request(NamedTuple):
    """One command."""

    number: int
    command: list[str]
    folder: str
    log: str
    environment: dict[str, str]


def preload() -> None:
    """Import DVC, and let it make what it makes once: its parsers."""
    from dvc.cli import parse_args

    parse_args(["repro"])
    for name in PRELOADED:
        with suppress(ImportError):  # another release of DVC; it imports what it needs when it needs it
            importlib.import_module(name)
    from dvc.parsing.interpolate import get_expression, get_matches

    get_expression(get_matches("${item}")[0])
    gc.freeze()  # or the collector would touch, and so copy, what forks share


def serve() -> Request | None:
    """Start what is asked for until standard input closes: then None. In a process that is to run a command, its
    request."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, int] = {}  # the numbers of the commands by process
    text = b""
    while True:
        readable, _, _ = select.select([0, woken], [], [])
        if woken in readable:
            os.read(woken, 4096)
            _take_leave(running)
        if 0 not in readable:
            continue
        if not (part := os.read(0, 1 << 20)):
            _end(running)
            return None
        *lines, text = (text + part).split(b"\n")
        for line in lines:
            request = Request(**json.loads(line))
            if (process := os.fork()) == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.set_wakeup_fd(-1)
                os.close(wake)
                os.close(woken)
                return request
            running[process] = request.number


def _take_leave(running: dict[int, int]) -> None:
    """Tell how the commands that have ended did."""
    with suppress(ChildProcessError):
        while running:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                return
            with suppress(BrokenPipeError):  # standard input tells the rest
                _answer(number=running.pop(process), status=os.waitstatus_to_exitcode(status))


def _end(running: dict[int, int]) -> None:
    """End what still runs: whoever started this process is gone, perhaps before it could note the last command."""
    if running:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system takes leave of them
        reaper.end(set(running))


def _answer(**fields: Any) -> None:
    os.write(1, json.dumps(fields).encode() + b"\n")


def become(request: Request) -> None:
    """Let this process be the command: its group, folder, environment, arguments and files.

    It announces itself, and only then goes on: whoever asked can end it even if the server is killed at this moment.
    Raises BrokenPipeError if whoever asked is gone.
    """
    os.setsid()
    _answer(number=request.number, process=os.getpid())
    os.environ.clear()
    os.environ.update(request.environment)
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(request.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(log)
    os.chdir(request.folder)
    sys.argv = request.command


def main() -> int:
    """Serve, and run what is asked for in forks; the exit status of the process that this is."""
    preload()
    if (request := serve()) is None:
        return 0
    become(request)
    from dvc.cli import main as dvc

    return dvc(request.command[1:])


if __name__ == "__main__":
    sys.exit(main())
