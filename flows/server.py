"""A Prefect server for the length of a flow.

Prefect's own ephemeral server dies before it has recorded the last tasks; one started beforehand keeps them all.
Its records stay in the project's .prefect, where `prefect server start` shows them later.
"""

import os
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.processes import Guard, tail

START = 120  # seconds to wait: the first start in a project creates the database


@contextmanager
def serving(root: Path, log: Path) -> Iterator[None]:
    """Point PREFECT_API_URL at a server: the one it names already, or one that lives as long as this context.

    Raises RuntimeError with the end of the log if the server does not start.
    """
    if "PREFECT_API_URL" in os.environ:
        yield
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Guard() as guard:
        os.environ["PREFECT_SERVER_UI_ENABLED"] = "false"
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        server = guard.start(command, root, log)
        deadline = time.monotonic() + START
        while not _answers(f"http://127.0.0.1:{port}/api/health"):
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Prefect's server did not start; the end of {log}:\n{tail(log)}")
            time.sleep(0.1)
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
        try:
            yield
        finally:
            del os.environ["PREFECT_API_URL"]


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False
