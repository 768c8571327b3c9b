"""Progress for people: a live view on a terminal, one plain line a run elsewhere. All on standard error."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Column


class Working(Protocol):
    """A job under way: its share done, and the share it was resumed at."""

    label: str
    weight: float
    progress: float
    begun: float | None


class Reporter:
    """Counts finished work by its weight; the time left follows from the work done here, not from what a checkpoint spared."""

    def __init__(self, total: float, runs: int, console: Console | None = None) -> None:
        self.total, self.runs = max(total, 1e-9), runs
        self.done = self.spared = 0.0
        self.finished = self.failed = 0
        self.running: list[Working] = []
        self.start = time.monotonic()
        self.console = console or Console(stderr=True, emoji=False)
        self.bar: Progress | None = None
        self.rows: dict[int, TaskID] = {}
        if self.console.is_terminal and runs:
            words = TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"))
            share = TextColumn("{task.percentage:>3.0f} %", table_column=Column(min_width=5, no_wrap=True))
            self.bar = Progress(SpinnerColumn(), BarColumn(10), share, words, console=self.console, transient=True, expand=True)
            self.whole = self.bar.add_task(self.summary(), total=1.0)

    def __enter__(self) -> Self:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self.bar:
            self.bar.stop()

    def moved(self, running: Sequence[Working]) -> None:
        """What is under way now: the whole, and a row for each."""
        self.running = list(running)
        if not self.bar:
            return
        self.bar.update(self.whole, completed=min(self._done() / self.total, 1.0), description=self.summary())
        for gone in set(self.rows) - {id(job) for job in running}:
            self.bar.remove_task(self.rows.pop(gone))
        for job in running:
            if id(job) not in self.rows:
                self.rows[id(job)] = self.bar.add_task(job.label, total=1.0)
            self.bar.update(self.rows[id(job)], completed=job.progress)

    def finish(self, weight: float, lines: Sequence[str], failed: int = 0, spared: float = 0.0) -> None:
        """Some runs ended, `failed` of them without a result; one line each. `spared` of their work had been done before."""
        self.done, self.spared, self.failed = self.done + weight, self.spared + spared, self.failed + failed
        for line in lines:
            self.finished += 1
            notes = [f"{self.failed} failed"] * bool(self.failed) + [self.left()] * (self.finished < self.runs)
            self.say(f"[{self.finished}/{self.runs}] {line}{'; ' * bool(notes)}{', '.join(notes)}")

    def say(self, text: str) -> None:
        """A line above the live view, or just a line."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def summary(self) -> str:
        """Where the whole stands, in words."""
        return f"{self.finished - self.failed} of {self.runs} runs done, {self.failed} failed, {len(self.running)} under way, {self.left()}"

    def _done(self) -> float:
        return self.done + sum(job.weight * job.progress for job in self.running)

    def left(self) -> str:
        """The time left in words, from what was done here and in what time."""
        spared = self.spared + sum(job.weight * (job.begun or 0.0) for job in self.running)
        worked, rest = self._done() - spared, max(self.total - self._done(), 0.0)
        if worked <= 0.0:
            return "time left unknown"
        return f"{clock((time.monotonic() - self.start) * rest / worked)} left"


def clock(seconds: float) -> str:
    """Minutes and seconds, hours where there are any.

    >>> clock(125), clock(81724)
    ('2:05 min', '22:42 h')
    """
    if seconds >= 3600:
        return f"{int(seconds // 3600)}:{int(seconds % 3600 // 60):02d} h"
    return f"{int(seconds // 60)}:{int(seconds % 60):02d} min"
