"""Commands of DVC as forks of a process that has DVC imported (`dvc_server`), asked for and waited for like others."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from flows.run import dvc_server


class GoneError(RuntimeError):
    """The process that forks is not there any more."""


class Fork:
    """One command, waited for as a `subprocess.Popen` is, though it is another process's child."""

    def __init__(self, command: list[str]) -> None:
        self.command, self.pid = command, 0
        self.returncode: int | None = None
        self.started, self.ended = threading.Event(), threading.Event()

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its status once it ended. Raises TimeoutExpired."""
        if not self.ended.wait(timeout):
            raise subprocess.TimeoutExpired(self.command, timeout or 0)
        assert self.returncode is not None
        return self.returncode


class Server:
    """Starts commands; those that run when it is killed count as killed too, and whoever waits for them ends them."""

    def __init__(self) -> None:
        # -P: the script's folder, whose modules have common names, is not where DVC may look for its own
        self._process = subprocess.Popen(
            [sys.executable, "-P", dvc_server.__file__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self._lock, self._asking = threading.Lock(), threading.Lock()
        self._forks: dict[int, Fork] = {}
        self._count, self._gone = 0, False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(self, command: list[str], folder: Path, log: Path, environment: Mapping[str, str]) -> Fork:
        """Start a command in its own group, its output going to the end of `log`. Raises GoneError."""
        fork = Fork(command)
        with self._lock:
            if self._gone:
                raise GoneError(f"process {self._process.pid}, which starts `dvc`, is gone")
            self._count += 1
            number = self._count
            self._forks[number] = fork
        request = dvc_server.Request(number, command, str(folder.resolve()), str(log.resolve()), dict(environment))
        self._ask(json.dumps(request._asdict()).encode() + b"\n")
        fork.started.wait()
        if not fork.pid:
            raise GoneError(f"process {self._process.pid}, which starts `dvc`, went before it started one")
        return fork

    def _ask(self, line: bytes) -> None:
        assert self._process.stdin is not None
        try:
            with self._asking:
                self._process.stdin.write(line)
                self._process.stdin.flush()
        except OSError:
            self._abandon()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._note(json.loads(line))
        self._abandon()

    def _note(self, answer: Mapping[str, Any]) -> None:
        with self._lock:
            if "process" in answer:
                fork = self._forks[answer["number"]]
                fork.pid = answer["process"]
                fork.started.set()
            else:
                fork = self._forks.pop(answer["number"])
                fork.returncode = answer["status"]
                fork.started.set()
                fork.ended.set()

    def _abandon(self) -> None:
        """Nothing will be heard of those that run: they count as killed."""
        with self._lock:
            self._gone = True
            for fork in self._forks.values():
                fork.returncode = -signal.SIGKILL
                fork.started.set()
                fork.ended.set()
            self._forks.clear()

    def close(self) -> None:
        """Let the process go, and with it whatever it started that still runs."""
        assert self._process.stdin is not None
        with suppress(OSError):  # it is gone already
            self._process.stdin.close()
        self._process.wait()
        self._reader.join()


def possible() -> bool:
    """Whether commands can be forked here: elsewhere than on Linux, libraries may not survive it."""
    return sys.platform == "linux" and hasattr(os, "fork")
