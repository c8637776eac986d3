"""Prefect's server: one for the length of a flow, or the one that is there already.

Prefect's own ephemeral server dies before it has recorded the last tasks; one started beforehand keeps them all.
Its records stay in the project's .prefect, where `make serve` shows them later.

A worker runs what its server tells it, so no server of ours is open: each start has a secret of its own, which clients
and workers inherit, pages of other origins may not ask it anything, and it answers to this machine's own names alone
(`guarded`).
"""

import json
import os
import secrets
import socket
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from flows.dvc.locks import FOLDER
from flows.run.processes import Guard, tail
from paragone.project import addresses, files, filesystems, suggest

START = 300  # seconds to wait: the first start in a project creates the database, perhaps on a busy machine
SLOW = 5.0  # seconds in which a server that lives answers
NOTE = FOLDER / "prefect.json"  # where `make serve` says where its server is, for this user alone
SERVING = FOLDER / "serve.lock"  # held as long as that is true
SECRET = "PREFECT_API_AUTH_STRING"  # what clients and workers show
LOOPBACK = "127.0.0.1"
VERSION = "/admin/version"  # an address that only those with the secret may ask
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
            f"PREFECT_API_URL: no Prefect server answers at {addresses.public(url)}; start it, or unset the variable "
            "to have one started"
        )
    if url is not None and "PREFECT_API_KEY" not in os.environ and _status(f"{url}{VERSION}") == 401:
        raise ServerError(
            f"{SECRET}: the Prefect server at {addresses.public(url)} refuses it; give the one that it was started with"
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
    before = os.environ.get(SECRET)
    with Guard() as guard:
        os.environ["PREFECT_API_URL"] = running(root) or start(guard, root, log, free_port(), interface=False)
        try:
            yield
        finally:
            del os.environ["PREFECT_API_URL"]
            os.environ.pop(SECRET)
            os.environ.update({} if before is None else {SECRET: before})


def running(root: Path) -> str | None:
    """The URL of the server that `make serve` runs in this project, its secret being taken over; None if there is none.

    Its note is believed while `make serve` holds its lock: one that a kill left, or that came here with a copy of the
    project, leads to whoever listens there now.
    """
    try:
        with FileLock(root / SERVING, timeout=0):
            return None
    except Timeout:
        pass
    try:
        note = files.read_json(root / NOTE)
        url, secret = str(note["url"]), str(note["secret"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # it has not started yet
    if _status(f"{url}{VERSION}", secret) != 200:
        return None
    os.environ[SECRET] = secret
    return url


def write_note(root: Path, url: str) -> None:
    """Let flows of this user find the server, and its secret."""
    (root / NOTE).unlink(missing_ok=True)
    with os.fdopen(os.open(root / NOTE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"url": url, "secret": os.environ[SECRET]}, file)


def start(guard: Guard, root: Path, log: Path, port: int, *, interface: bool) -> str:
    """Start a server and wait until it answers; its URL. interface: with pages for a browser.

    Whoever asks it anything shows a secret: the environment's, or a new one, which is put there. Raises ServerError,
    or RuntimeError with the end of its log.
    """
    check_home()
    secret = os.environ.setdefault(SECRET, f"paragone:{secrets.token_urlsafe(24)}")
    settings = {"PREFECT_SERVER_API_AUTH_STRING": secret}
    settings |= {"PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://{LOOPBACK}:{port}"} | ({} if interface else QUIET)
    command = [sys.executable, "-P", str(Path(__file__).with_name("guarded.py")), str(port)]
    server = guard.start(command, root, log, settings)
    url = f"http://{LOOPBACK}:{port}/api"
    deadline = time.monotonic() + START
    while not answers(f"{url}/health"):
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Prefect's server did not start; the end of {log}:\n{tail(log)}")
        time.sleep(0.1)
    return url


def check_home() -> None:
    """Raise ServerError where Prefect's SQLite file would stand on a file system that machines share."""
    home = Path(os.environ.get("PREFECT_HOME", "."))
    if "PREFECT_API_DATABASE_CONNECTION_URL" not in os.environ and (kind := filesystems.shared(home)):
        raise ServerError(
            f"PREFECT_HOME: {home} is on {kind}, where several machines would damage an SQLite file; set it to a "
            "folder on a local disk, or PREFECT_API_URL to a server"
        )


def free_port() -> int:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        return int(free.getsockname()[1])


def answers(url: str) -> bool:
    """Whether a GET of the address succeeds."""
    return _status(url) == 200


def _status(url: str, secret: str | None = None) -> int | None:
    """The status of a GET with a secret, by default that of the environment; None where nobody answers."""
    shown = os.environ.get(SECRET, "") if secret is None else secret
    try:
        request = urllib.request.Request(url, headers={"Authorization": f"Basic {b64encode(shown.encode()).decode()}"})
        with urllib.request.urlopen(request, timeout=SLOW) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return int(error.code)
    except (OSError, ValueError):
        return None
