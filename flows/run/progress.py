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
        self.left = ""  # the time left, in words
        self.over: list[tuple[str, str, float | None]] = []  # address, state and seconds of what is over
        self._running: dict[str, tuple[str, float]] = {}  # by address: what it is called, and since when
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._live = Live(get_renderable=self._footer, console=console, refresh_per_second=2, transient=True)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.stop()

    def started(self, name: str, stage: str = "") -> None:
        """A stage runs. stage: its address, if that is another one than its name."""
        with self._lock:
            self._running[stage or name] = (name, time.monotonic())

    def finished(self, name: str, state: str, seconds: float | None = None, note: str = "", stage: str = "") -> None:
        """A stage is over: `state` is a key of STYLES."""
        with self._lock:
            self._running.pop(stage or name, None)
            self.over.append((stage or name, state, seconds))
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

    def running(self) -> dict[str, float]:
        """The stages that run, and for how many seconds they have."""
        now = time.monotonic()
        with self._lock:
            return {stage: now - began for stage, (_, began) in self._running.items()}

    def row(self, text: str) -> None:
        """A row of the table is known."""
        self.console.print(
            Text.assemble(" " * (2 * len(str(self.total)) + 3), ("Row      ", "bold"), text), soft_wrap=True
        )

    def say(self, text: str) -> None:
        self.console.print(Text(text, style="dim"), soft_wrap=True)

    def note(self, name: str, text: str) -> None:
        """Something worth knowing of a stage that is not over."""
        width = 2 * len(str(self.total)) + 3
        self.console.print(Text.assemble(" " * width, ("Again    ", "yellow"), " " * 11, name, (f"  {text}", "dim")))

    def _footer(self) -> RenderableType:
        now = time.monotonic()
        with self._lock:
            lines = [Text(f"  running {now - began:9.0f} s  {name}") for name, began in self._running.values()]
        left = self.total - self.done - len(lines)
        spent = f"  {left} waiting, {now - self._began:.0f} s so far"
        return Group(*lines, Text(f"{spent}, {self.left}" if self.left else spent, style="dim"))
