"""What a score costs: parameters, multiply-adds, state and measured time by cell and task, and who is dominated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from suite.report.summary import CellScore, Summary
from suite.runs import Run, TrainSpec


class Cost(NamedTuple):
    """One way to count: its field, its name for people, what a small number is followed by."""

    name: str
    label: str
    unit: str


COSTS = (
    Cost("parameters", "parameters", ""),
    Cost("multiply_adds", "multiply–adds a step", ""),
    Cost("state_bytes", "state", "bytes"),
    Cost("time", "measured time an update", "ms"),
)


@dataclass(frozen=True)
class Priced:
    """A cell's score on a task beside what it costs; None where nothing was recorded. `time` is the median over its groups, of `timed` groups that trained together, `low` to `high`."""

    score: CellScore
    parameters: float | None
    multiply_adds: float | None
    state_bytes: float | None
    time: float | None
    low: float | None
    high: float | None
    timed: int

    def cost(self, name: str) -> float | None:
        """By name of COSTS."""
        found: float | None = getattr(self, name)
        return found


def priced(summary: Summary, runs: Sequence[Run]) -> list[Priced]:
    """Every cell of a task that has a score, in the summary's order."""
    made = []
    for score in summary.scores:
        mine = [run for run in runs if isinstance(run.spec, TrainSpec) and run.spec.task == summary.name and run.spec.cell == score.cell and run.score is not None]
        if not score.values or not mine:
            continue
        parameters, adds, state = (next((value for run in mine if (value := getattr(run.costs, name))), None) for name in ("parameters", "multiply_adds", "state_bytes"))
        times = sorted({run.costs.seconds: 1e3 * seconds for run in mine if (seconds := each(run)) is not None}.values())  # runs that trained together share one
        made.append(Priced(score, parameters, adds, state, median(times) if times else None, times[0] if times else None, times[-1] if times else None, len(times)))
    return made


def each(run: Run) -> float | None:
    """Seconds an update took, evaluation included, of a run's share in the group that trained together; None where it was not recorded."""
    done = max((point.step for point in run.curve), default=0)
    return None if run.costs.seconds is None or not done else run.costs.seconds / done / max(run.where.replicas, 1)


def front(found: Sequence[Priced], cost: str, *, higher: bool) -> list[str]:
    """The cells that no other beats in the mean at the same cost or less, the cheapest first; those with runs that have no score take no part.

    >>> def cell(name, mean, parameters):
    ...     return Priced(CellScore(name, (mean, mean), parameters, None, ()), parameters, None, None, None, None, None, 0)
    >>> front([cell("a", 0.9, 10), cell("b", 0.8, 20), cell("c", 0.95, 30)], "parameters", higher=True)
    ['a', 'c']
    """
    able = [(value, sum(p.score.values) / len(p.score.values), p.score.cell) for p in found if (value := p.cost(cost)) is not None and not p.score.other]
    best: float | None = None
    kept = []
    for _, mean, cell in sorted(able, key=lambda entry: (entry[0], -entry[1] if higher else entry[1])):
        if best is None or (mean > best if higher else mean < best):
            best = mean
            kept.append(cell)
    return kept
