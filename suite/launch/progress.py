"""Progress for people: a live view on a terminal, one plain line a run elsewhere. All on standard error."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


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
        self.start = time.monotonic()
        self.console = console or Console(stderr=True, emoji=False)
        self.bar: Progress | None = None
        self.rows: dict[int, TaskID] = {}
        if self.console.is_terminal and runs:
            columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
            self.bar = Progress(*columns, console=self.console, transient=True)
            self.whole = self.bar.add_task(self.summary(0, self.left(0.0, 0.0)), total=1.0)

    def __enter__(self) -> Self:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self.bar:
            self.bar.stop()

    def moved(self, running: Sequence[Working]) -> None:
        """Some jobs are under way: the whole, and a row for each."""
        if not self.bar:
            return
        inside = sum(job.weight * job.progress for job in running)
        spared = sum(job.weight * (job.begun or 0.0) for job in running)
        text = self.summary(len(running), self.left(inside, spared))
        self.bar.update(self.whole, completed=min((self.done + inside) / self.total, 1.0), description=text)
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
            notes = [f"{self.failed} failed"] * bool(self.failed) + [self.left(0.0, 0.0)]
            self.say(f"[{self.finished}/{self.runs}] {line}; {', '.join(notes)}")

    def say(self, text: str) -> None:
        """A line above the live view, or just a line."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def summary(self, running: int, left: str) -> str:
        """Where the whole stands, in words."""
        return f"{self.finished} of {self.runs} runs done, {running} jobs running, {self.failed} failed, {left}"

    def left(self, inside: float, spared: float) -> str:
        """The time left in words; `inside` is the weight done in jobs still running, `spared` what of it they were resumed at."""
        worked, rest = self.done + inside - self.spared - spared, max(self.total - self.done - inside, 0.0)
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
