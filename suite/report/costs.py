"""What a score costs: parameters, multiply-adds, state and wall time by cell and task, and who is dominated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from suite.report.summary import CellScore, Summary
from suite.runs import Run, SpeedSpec, TrainSpec

Group = tuple[str, float | None, str]  # machine, seconds, and the run where it trained alone


class Cost(NamedTuple):
    """One way to count: its field, its name for people, what a small number is followed by."""

    name: str
    label: str
    unit: str


COSTS = (
    Cost("parameters", "parameters", ""),
    Cost("multiply_adds", "multiply–adds a step", ""),
    Cost("state_bytes", "state", "bytes"),
    Cost("time", "wall time of an update, evaluation included", "ms"),
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


def offered(runs: Sequence[Run]) -> tuple[Cost, ...]:
    """The costs that a site compares by: no wall time of training, which holds evaluation too, where a cell was timed alone."""
    timed = any(isinstance(run.spec, SpeedSpec) and run.costs.step for run in runs)
    return tuple(cost for cost in COSTS if not (timed and cost.name == "time"))


def priced(summary: Summary, runs: Sequence[Run]) -> list[Priced]:
    """Every cell of a task that has a score, in the summary's order; none where settings are random from run to run. `runs` are all of the task: those that trained together share a time."""
    made, took = [], times(runs)
    for score in summary.scores:
        mine = [run for run in runs if isinstance(run.spec, TrainSpec) and run.spec.task == summary.name and run.spec.cell == score.cell and run.score is not None]
        if not score.values or not mine or summary.searched:
            continue
        parameters, adds, state = (next((value for run in mine if (value := getattr(run.costs, name))), None) for name in ("parameters", "multiply_adds", "state_bytes"))
        own = sorted(took[group] for group in {together(run) for run in mine} if group in took)
        made.append(Priced(score, parameters, adds, state, median(own) if own else None, own[0] if own else None, own[-1] if own else None, len(own)))
    return made


def together(run: Run) -> Group:
    """What the runs of one group have in common: all of them record the wall time of the whole."""
    return run.where.machine, run.costs.seconds, run.id if run.where.replicas <= 1 else ""


def times(runs: Sequence[Run]) -> dict[Group, float]:
    """Milliseconds an update of each group: its wall time over all updates that its runs made, however early some of them were solved.

    A group of which a run is missing or broke off has none: nobody knows how many updates it made.
    """
    groups: dict[Group, list[Run]] = {}
    for run in runs:
        groups.setdefault(together(run), []).append(run)
    whole = {group: sum(run.curve[-1].step for run in found) for group, found in groups.items() if len(found) == max(found[0].where.replicas, 1) and all(run.status == "done" and run.curve for run in found)}
    return {group: 1e3 * group[1] / updates for group, updates in whole.items() if group[1] is not None and updates}


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
