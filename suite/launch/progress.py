"""Progress for people: a bar with the time left on a terminal, one plain line a run elsewhere. All on standard error."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Reporter:
    """Counts finished work by its weight; the time left follows from the work already done here."""

    def __init__(self, total: float, runs: int) -> None:
        self.total, self.runs, self.done, self.finished = max(total, 1e-9), runs, 0.0, 0
        self.start = time.monotonic()
        self.console = Console(stderr=True)
        self.bar: Progress | None = None
        if self.console.is_terminal and runs:
            columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn(), TextColumn("{task.description}"))
            self.bar = Progress(*columns, console=self.console, transient=True)
            self.row = self.bar.add_task("starting", total=1.0)

    def __enter__(self) -> Self:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self.bar:
            self.bar.stop()

    def moved(self, inside: float) -> None:
        """`inside` is the weight done in jobs still running."""
        if self.bar:
            share = min((self.done + inside) / self.total, 1.0)
            self.bar.update(self.row, completed=share, description=f"{self.finished} of {self.runs} runs, {self.left(inside)}")

    def finish(self, weight: float, lines: list[str]) -> None:
        """Some runs ended; one line each."""
        self.done += weight
        for line in lines:
            self.finished += 1
            text = f"[{self.finished}/{self.runs}] {line}; {self.left(0.0)}"
            if self.bar:
                self.bar.console.print(text, highlight=False, markup=False)
            else:
                print(text, file=sys.stderr, flush=True)

    def left(self, inside: float) -> str:
        """The time left in words."""
        done = self.done + inside
        if done <= 0:
            return "time left unknown"
        seconds = (time.monotonic() - self.start) * max(self.total - done, 0.0) / done
        return f"{clock(seconds)} left"


def clock(seconds: float) -> str:
    """Minutes and seconds: 2:05 min."""
    return f"{int(seconds // 60)}:{int(seconds % 60):02d} min"
