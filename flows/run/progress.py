"""What a person sees of a flow: one line per finished stage, and below them, on a terminal, the stages that run."""

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from paragone.project import environment

environment.drop_sizes()
console = Console(highlight=False, markup=False, soft_wrap=True)

STYLES = {"Ran": "green", "RunCache": "cyan", "UpToDate": "dim", "Failed": "bold red", "Skipped": "yellow"}


class Screen:
    """Counts stages and shows them; plain lines where the output is no terminal."""

    def __init__(self, total: int, console: Console) -> None:
        self.total, self.console = total, console
        self.done = 0
        self._running: dict[str, float] = {}
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._live = Live(get_renderable=self._footer, console=console, refresh_per_second=2, transient=True)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.stop()

    def started(self, name: str) -> None:
        with self._lock:
            self._running[name] = time.monotonic()

    def finished(self, name: str, state: str, seconds: float | None = None, note: str = "") -> None:
        """A stage is over: `state` is a key of STYLES."""
        with self._lock:
            self._running.pop(name, None)
            self.done += 1
        spent = "" if seconds is None else f"{seconds:8.1f} s"
        line = Text.assemble(
            (f"{self.done:>{len(str(self.total))}}/{self.total}  ", "dim"),
            (f"{state:<8}", STYLES[state]),
            f"{spent:>10}  ",
            name,
        )
        if note:
            line.append(f"  {note}", style="dim")
        self.console.print(line, soft_wrap=True)

    def note(self, name: str, text: str) -> None:
        """Something worth knowing of a stage that is not over."""
        width = 2 * len(str(self.total)) + 3
        self.console.print(Text.assemble(" " * width, ("Again    ", "yellow"), " " * 11, name, (f"  {text}", "dim")))

    def _footer(self) -> RenderableType:
        now = time.monotonic()
        with self._lock:
            lines = [Text(f"  running {now - began:9.0f} s  {name}") for name, began in self._running.items()]
        left = self.total - self.done - len(lines)
        return Group(*lines, Text(f"  {left} waiting, {now - self._began:.0f} s so far", style="dim"))
