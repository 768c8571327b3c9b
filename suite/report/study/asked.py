"""What every section of a study is made from: the records by task and cell, and the words for scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from suite.names import parse_call
from suite.report.catalogue import Catalogue, TaskEntry
from suite.report.style import Look, alike, difference
from suite.report.summary import clipped
from suite.runs import Run, SpeedSpec, TrainSpec
from suite.stats import Interval, Welch

CALLED = {"optimiser.lr": "rate", "units": "units", "input_noise": "input noise", "optimiser.momentum": "momentum", "cell": "variant"}


@dataclass(frozen=True)
class Asked:
    """A catalogue, its runs, and one look for all figures."""

    catalogue: Catalogue
    runs: Sequence[Run]
    look: Look

    @cached_property
    def tasks(self) -> list[TaskEntry]:
        """Tasks that have runs, in the order of the catalogue."""
        ran = {run.spec.task for run in self.runs if isinstance(run.spec, TrainSpec)}
        return [task for task in self.catalogue.tasks if task.name in ran]

    @cached_property
    def timed(self) -> list[Run]:
        """Timings that came to an end."""
        return [run for run in self.runs if isinstance(run.spec, SpeedSpec) and run.status == "done"]

    def trained(self, task: str) -> dict[str, list[Run]]:
        """Cell -> its runs on a task, by seed."""
        found: dict[str, list[Run]] = {}
        for run in self.runs:
            if isinstance(run.spec, TrainSpec) and run.spec.task == task:
                found.setdefault(run.spec.cell, []).append(run)
        order = {name: k for k, name in enumerate(self.look.cells)}
        return {cell: sorted(found[cell], key=lambda run: getattr(run.spec, "seed", 0)) for cell in sorted(found, key=lambda cell: order.get(cell, len(order)))}

    def groups(self, argument: str) -> list[list[tuple[Any, TaskEntry]]]:
        """Tasks that differ in one argument alone, two or more together, each with its value, in order."""
        found: dict[str, list[tuple[Any, TaskEntry]]] = {}
        for task in self.tasks:
            name, given = parsed(task.name)
            if isinstance(given.get(argument), int | float):
                rest = {key: value for key, value in given.items() if key != argument}
                found.setdefault(f"{name} {sorted(rest.items())}", []).append((given[argument], task))
        return [sorted(group, key=lambda pair: pair[0]) for group in found.values() if len(group) > 1]


def parsed(name: str) -> tuple[str, dict[str, Any]]:
    """A task's name and arguments; an outsider's may not be a call."""
    try:
        return parse_call(name)
    except ValueError:
        return name, {}


def asked(catalogue: Catalogue, runs: Sequence[Run], look: Look) -> Asked:
    """The same as one thing; runs as they are named on the page."""
    return Asked(catalogue, runs, look)


def tests(runs: Sequence[Run]) -> list[float]:
    """The test scores that there are."""
    return [run.score.test for run in runs if run.score is not None and run.score.test is not None]


def lost(runs: Sequence[Run]) -> str:
    """What there is to say of runs without a score: a cell must not be judged by those of its runs that went well."""
    missing = len(runs) - len(tests(runs))
    return f"{missing} of {len(runs)} runs of {runs[0].spec.cell} have no score" if missing else ""


def useful(value: float | None, task: TaskEntry) -> float:
    """A score; that of the best constant answer where there is none, for the run diverged, or where it is worse: knowing less than nothing says no more."""
    if value is None:
        return task.chance
    return min(value, task.chance) if task.better == "lower" else max(value, task.chance)


def outcome(tested: Welch, task: TaskEntry) -> str:
    """Better, worse, or tied at p < 0.05 after correction."""
    if tested.adjusted >= 0.05:
        return "tied"
    return "better" if (tested.difference.center > 0) == (task.better == "higher") else "worse"


def scored(interval: Interval, task: TaskEntry) -> str:
    """A score with its interval and n, for people; an interval ends where scores do."""
    interval = clipped(interval, task) or interval
    center, low, high = alike(interval.center, interval.low, interval.high, share=task.share)
    return f"{center} [{low}, {high}], n = {interval.n}"


def differing(interval: Interval, task: TaskEntry) -> str:
    """A difference of scores with its interval and n; of shares in points of a hundred."""
    return f"{difference(interval.center, interval.low, interval.high, task.share)}, n = {interval.n}"


def short(task: TaskEntry) -> str:
    """A task without its arguments."""
    return task.label.partition("(")[0]
