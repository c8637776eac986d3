"""Prefect's server: one for the length of a flow, or the one that is there already.

Prefect's own ephemeral server dies before it has recorded the last tasks; one started beforehand keeps them all.
Its records stay in the project's .prefect, where `make serve` shows them later.
"""

import os
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.dvc.locks import FOLDER
from flows.run.processes import Guard, tail
from paragone.project import suggest

START = 300  # seconds to wait: the first start in a project creates the database, perhaps on a busy machine
SLOW = 5.0  # seconds in which a server that lives answers
NOTE = FOLDER / "prefect.url"  # where `make serve` says where its server is
LOOPBACK = "127.0.0.1"
QUIET = {  # a server that only records: runs that schedules ask for are left to `make serve`
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
}


class ServerError(ValueError):
    """A server is not where it should be, or something else is."""


def check() -> None:
    """Raise ServerError if PREFECT_API_URL names a server that does not answer."""
    url = os.environ.get("PREFECT_API_URL")
    if url is not None and not answers(f"{url}/health"):
        raise ServerError(
            f"PREFECT_API_URL: no Prefect server answers at {url}; start it, or unset the variable to have one started"
        )


def check_free(port: int, option: str = "--port") -> None:
    """Raise ServerError if something listens at the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except (OSError, OverflowError) as error:
            reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)
            raise ServerError(f"port {port} cannot be used ({reason}); name another with {option}") from None


def check_pool(name: str, where: str) -> None:
    """Raise ServerError if the server at PREFECT_API_URL has no work pool of that name; `where` says who named it."""
    from prefect import get_client

    with get_client(sync_client=True) as client:
        names = sorted(pool.name for pool in client.read_work_pools())
    if name not in names:
        hint = suggest.near(name, names) or f"known: {', '.join(names) or 'none'}; "
        raise ServerError(
            f"{where}: Prefect has no work pool '{name}'; {hint}`prefect work-pool create {name}` makes one"
        )


@contextmanager
def serving(root: Path, log: Path) -> Iterator[None]:
    """Point PREFECT_API_URL at a server: the one it names, that of `make serve`, or one for the length of this context.

    Raises RuntimeError with the end of the log if the server does not start.
    """
    if "PREFECT_API_URL" in os.environ:
        yield
        return
    with Guard() as guard:
        os.environ["PREFECT_API_URL"] = running(root) or start(guard, root, log, free_port(), interface=False)
        try:
            yield
        finally:
            del os.environ["PREFECT_API_URL"]


def running(root: Path) -> str | None:
    """The URL of the server that `make serve` runs in this project; None if there is none."""
    note = root / NOTE
    url = note.read_text() if note.exists() else ""
    return url if url and answers(f"{url}/health") else None


def start(guard: Guard, root: Path, log: Path, port: int, *, interface: bool) -> str:
    """Start a server and wait until it answers; its URL. interface: with pages for a browser."""
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(port)]
    server = guard.start(command, root, log, {} if interface else QUIET)
    url = f"http://{LOOPBACK}:{port}/api"
    deadline = time.monotonic() + START
    while not answers(f"{url}/health"):
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Prefect's server did not start; the end of {log}:\n{tail(log)}")
        time.sleep(0.1)
    return url


def free_port() -> int:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        return int(free.getsockname()[1])


def answers(url: str) -> bool:
    """Whether a GET of the address succeeds."""
    try:
        with urllib.request.urlopen(url, timeout=SLOW) as reply:
            return bool(reply.status == 200)
    except (OSError, ValueError):
        return False
