"""Of runs that train until their task is solved: after how many updates it was, beside what was published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from suite.report.catalogue import TaskEntry
from suite.report.summary import Summary
from suite.runs import Run
from suite.stats import Interval, mean_interval


@dataclass(frozen=True)
class Solving:
    """One cell on one task: the updates of the runs that solved it, and how many did not."""

    task: str
    cell: str
    updates: tuple[int, ...]
    unsolved: int
    published: tuple[str, ...]

    @property
    def mean(self) -> Interval | None:
        """The mean over the runs that solved the task; too small where others did not."""
        return mean_interval(self.updates)

    @property
    def median(self) -> float:
        """The median over all runs, an unsolved one longer than any other; infinite if half are."""
        return median((*self.updates, *(float("inf") for _ in range(self.unsolved))))

    @property
    def words(self) -> list[str]:
        """The cells of its row: solved, mean and interval, median, smallest and largest."""
        runs = len(self.updates) + self.unsolved
        if not self.updates:
            return [f"0 of {runs}", "–", "–", "–"]
        mean = f"{sum(self.updates) / len(self.updates):,.0f}" + (f" [{max(self.mean.low, 0):,.0f}, {self.mean.high:,.0f}]" if self.mean else ", n = 1, no spread")
        middle = f"{self.median:,.0f}" if self.median < float("inf") else "not reached"
        return [f"{len(self.updates)} of {runs}", mean, middle, f"{min(self.updates):,} to {max(self.updates):,}"]


def solvings(runs: Sequence[Run], summaries: Sequence[Summary]) -> list[Solving]:
    """A row a task and cell whose runs stop when the task is solved."""
    made = []
    for summary in (s for s in summaries if not s.searched):
        for cell in (score.cell for score in summary.scores):
            mine = [r for r in runs if r.spec.kind == "train" and r.spec.until_solved and (r.spec.task, r.spec.cell) == (summary.name, cell)]
            done = [r for r in mine if r.done]
            updates = tuple(sorted(r.score.best_step for r in done if r.score is not None and reached(summary.task, r)))
            if done:
                made.append(Solving(summary.label, cell, updates, len(done) - len(updates), tuple(summary.task.published)))
    return made


def reached(task: TaskEntry, run: Run) -> bool:
    """Whether a run solved its task on validation."""
    value = run.score.validation if run.score is not None else None
    return value is not None and (value >= task.solved if task.better == "higher" else value <= task.solved)
