"""Watches a flow: rows as they are evaluated, on the screen and in a page, and how long the rest will take."""

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from flows.run import forecast, rows
from flows.run.execution import log_file
from flows.run.plan import Plan
from flows.run.progress import Screen
from flows.run.request import Request
from flows.run.rows import Row
from paragone.project import paths, settings
from paragone.report import live
from paragone.report.live import Entry

EVERY = 3.0  # seconds between two looks
SHARE = 0.05  # of the time at most goes into looking: thousands of rows take seconds
DONE = ("Ran", "RunCache", "UpToDate")


class Watch:
    """Follows the stages of one flow, by what its screen knows and its logs say."""

    def __init__(self, root: Path, request: Request, plan: Plan, screen: Screen, known: Mapping[str, float]) -> None:
        """known: the seconds that stages took before."""
        self.root, self.screen, self.slots = root, screen, request.slots
        self.profile, self.params = request.profile, settings.read(root, request.profile)
        self.page = root / paths.report(self.profile, self.params.profile) / live.NAME
        visits = plan.visits
        self._logs = {stage: log_file(root, self.profile, stage) for stage in visits}
        self._waiting = {stage: set(inputs) for stage, inputs in visits.items()}
        self._known, self._usual = dict(known), forecast.usual_seconds(self.profile)
        self._pending = {stage for stage in visits if ":evaluate@" in stage}
        self._seen = 0  # of what the screen says is over
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self._note_finished()
        if self.page.with_name("index.html").exists():
            live.lead_on(self.page)

    def _follow(self) -> None:
        pause = EVERY
        while not self._stop.wait(pause):
            began = time.monotonic()
            self._look()
            pause = max(EVERY, (time.monotonic() - began) / SHARE)

    def _look(self) -> None:
        self._note_finished()
        running = self.screen.running()
        left = self._left(running)
        if left is not None and not self.screen.left:
            self.screen.say(f"About {forecast.in_words(left)} on this machine, judging by its first stages.")
        self.screen.left = "" if left is None else f"about {forecast.in_words(left)} left"
        with suppress(OSError):  # a stage will tell of a full disk
            self._write(running, left)

    def _note_finished(self) -> None:
        """See what is over since the last look, and print the rows that are known by it."""
        over = self.screen.over[self._seen :]
        self._seen += len(over)
        for stage, state, seconds in over:
            self._waiting.pop(stage, None)
            if state == "Ran" and seconds is not None:
                self._known[stage] = seconds
        evaluated = {_run(stage) for stage, state, _ in over if stage in self._pending and state in DONE}
        self._pending -= {stage for stage, _, _ in over}
        for row in rows.read(self.root, self.params, self.profile) if evaluated else []:
            if _key(row) in evaluated and row.outcome:
                self.screen.row(rows.sentence(row))

    def _left(self, running: Mapping[str, float]) -> float | None:
        """Seconds that the flow has left. running: how long stages have been running."""
        bars = {stage: forecast.left_by_bar(stage, self._logs[stage]) for stage in running}
        whole = {stage: running[stage] + left for stage, left in bars.items() if left is not None}
        waiting = {stage: inputs for stage, inputs in list(self._waiting.items()) if stage not in running}
        left = {stage: self._rest(stage, spent, bars[stage]) for stage, spent in running.items()}
        return forecast.expect(waiting, left, {**self._known, **whole}, self.slots, self._usual)

    def _rest(self, stage: str, spent: float, left: float | None) -> float | None:
        """What a running stage has left: by its progress bar, else by what it took before."""
        if left is not None or stage not in self._known:
            return left
        return max(0.0, self._known[stage] - spent)

    def _rows(self) -> list[Row]:
        """The rows; what an earlier flow left of those that are still to be evaluated does not count."""
        pending = {_run(stage) for stage in self._pending}
        found = rows.read(self.root, self.params, self.profile)
        return [row._replace(figures={}, outcome="") if _key(row) in pending else row for row in found]

    def _write(self, running: Mapping[str, float], left: float | None) -> None:
        entries = [self._entry(row, running) for row in self._rows()]
        about = self.params.get_profile(self.profile).about
        words = "" if left is None else forecast.in_words(left)
        live.write(self.page, self.profile, about, entries, (self.screen.done, self.screen.total), words)

    def _entry(self, row: Row, running: Mapping[str, float]) -> Entry:
        prefix, end = f"{row.run.branch}/dvc.yaml:", f"@{row.run.seed}"
        now = [stage for stage in running if stage.startswith(prefix) and stage.endswith(end)]
        grid = self.root / row.run.sample_grid
        if now:
            state, text = "running", f"{forecast.kind(now[0])}, {running[now[0]]:.0f} s so far"
        elif row.outcome:
            state = "evaluated" if row.outcome == "finished" else row.outcome
            text = ", ".join(f"{name} {rows.number(value)}" for name, value in row.figures.items())
        else:
            state, text = "waiting", ""
        return Entry(row.title, row.dataset, row.run.seed, state, text, grid if row.figures and grid.exists() else None)


def _run(stage: str) -> str:
    """What names the run of a stage: its folder and seed."""
    return f"{stage.partition('/dvc.yaml:')[0]}@{stage.rpartition('@')[2]}"


def _key(row: Row) -> str:
    return f"{row.run.branch}@{row.run.seed}"
