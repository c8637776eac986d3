"""Commands in process groups of their own, none of which outlives this process, however it ends."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from flows.run import forks, reaper

Process = subprocess.Popen[bytes] | forks.Fork


class Guard:
    """Starts commands; when it closes, or this process dies (SIGKILL included), their whole groups end.

    A signal to `dvc` alone would leave the training command running, and the next run would start a second writer.
    """

    def __init__(self, *, forking: bool = False) -> None:
        """forking: `dvc` is started by a fork of a process that has it imported, where that can be."""
        self._lock = threading.Lock()
        self._closed = False
        self._started: list[Process] = []
        self._server = forks.Server() if forking and forks.possible() else None
        self._reaper = subprocess.Popen(
            [sys.executable, "-S", "-E", reaper.__file__], stdin=subprocess.PIPE, text=True, start_new_session=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def start(self, command: list[str], cwd: Path, log: Path, environment: Mapping[str, str] | None = None) -> Process:
        """Start a command in its own group, its output going to the file `log`. Raises RuntimeError once closed.

        environment: variables on top of this process's own.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with self._lock, log.open("wb") as output:
            if self._closed:
                raise RuntimeError(f"stopping; `{' '.join(command)}` was not started")
            variables = {**os.environ, **(environment or {})}
            process = self._fork(command, cwd, log, variables) or subprocess.Popen(
                command,
                cwd=cwd,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._started.append(process)
            self._report(f"+{process.pid}")
        return process

    def _fork(self, command: list[str], cwd: Path, log: Path, variables: Mapping[str, str]) -> forks.Fork | None:
        """Start `dvc` by a fork; None if it is to be started like everything else. A server that is gone is started
        anew, once for each command: what killed it may go on."""
        if self._server is None or command[0] != "dvc":
            return None
        for _ in range(2):
            try:
                return self._server.start(command, cwd, log, variables)
            except forks.GoneError:
                self._server.close()
                self._server = forks.Server()
        return None

    def run(
        self,
        command: list[str],
        cwd: Path,
        log: Path,
        environment: Mapping[str, str] | None = None,
        limit: float | None = None,
    ) -> int:
        """Run a command to its end and return its exit status; what it leaves behind in its group ends too.

        Raises TimeoutError after `limit` seconds, its whole group having ended.
        """
        process = self.start(command, cwd, log, environment)
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"`{' '.join(command)}` ran for more than {limit:g} s") from None
        finally:
            self._end(process)

    def _end(self, process: Process) -> None:
        """End a command's group: a killed `dvc` leaves the command it ran, which would write on."""
        if process.poll() is None:
            reaper.signal_all({process.pid}, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(reaper.GRACE)
        reaper.end({process.pid})
        process.wait()
        with self._lock:
            self._started.remove(process)
            if not self._closed:
                self._report(f"-{process.pid}")

    @property
    def closed(self) -> bool:
        """Whether commands are being ended, so that how one ended says nothing of it."""
        return self._closed

    def close(self) -> None:
        """End every group that still runs, politely first, and wait until they are gone."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._pipe.close()
        while self._reaper.poll() is None:
            with self._lock:
                for process in self._started:
                    process.poll()  # takes leave of the dead, which would count as running otherwise
            time.sleep(0.02)
        if self._server is not None:
            self._server.close()

    @property
    def _pipe(self) -> IO[str]:
        assert self._reaper.stdin is not None
        return self._reaper.stdin

    def _report(self, line: str) -> None:
        self._pipe.write(line + "\n")
        self._pipe.flush()


def end_with_parent() -> None:
    """Let this process be ended once the one that started it is gone: a killed worker would leave its flow running."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(2 * reaper.GRACE)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, progress bars reduced to their last state."""
    text = log.read_bytes().decode(errors="replace") if log.exists() else ""
    kept = [line.rsplit("\r", 1)[-1].rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    return "\n".join([line for line in kept if line][-lines:])
