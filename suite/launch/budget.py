"""What to run where there is not time for all: the runs that narrow the intervals most.

A contestant is a cell on a task with its settings, whatever its seed. The interval of its mean score has the half-width t s / sqrt(n);
one more run is expected to narrow it by the difference of that for n and n + 1. The next run is always the one that narrows most
for the seconds it takes alone, in units of the task's way from chance to solved. s is that of the records found; where there are
fewer than two, the largest that the task has, and before anything is known all are alike. A mean of fewer than two runs has no
interval: contestants with none, then with one, come first, the cheapest first. What does not fit is passed over for what does, until
nothing fits; runs that train as one model take the time of that model. Timings come last, in their order.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from scipy import stats

from suite.launch.estimate import Estimator, makespan
from suite.launch.lookup import task_of
from suite.launch.plan import Plan, timing_seconds
from suite.runs import SpeedSpec, TrainSpec


@dataclass
class Standing:
    """A contestant: scores found, runs counted on, runs it waits for."""

    scores: list[float] = field(default_factory=list)
    n: int = 0
    spread: float = 1.0
    waiting: list[tuple[int, TrainSpec]] = field(default_factory=list)


@dataclass
class Chosen:
    """What fits into the time, and what does not."""

    train: list[list[TrainSpec]] = field(default_factory=list)
    speed: list[list[SpeedSpec]] = field(default_factory=list)
    left: list[TrainSpec | SpeedSpec] = field(default_factory=list)


def within(todo: Plan, seconds: float, workers: int, expected: Estimator) -> Chosen:
    """The part of a plan that is expected to end within some seconds on some workers."""
    made = Chosen(train=[[] for _ in todo.train])
    costs = [0.0] * len(todo.train)
    contestants = standings(todo)
    queue = [(rank(who, expected), number) for number, who in enumerate(contestants) if who.waiting]
    heapq.heapify(queue)
    while queue:
        _, number = heapq.heappop(queue)
        who = contestants[number]
        group, spec = who.waiting.pop(0)
        cost = expected.seconds([*made.train[group], spec])
        before, costs[group] = costs[group], cost
        if fits(costs, seconds, workers):
            made.train[group].append(spec)
            who.n += 1
        else:
            costs[group] = before
            made.left.append(spec)
        if who.waiting:
            heapq.heappush(queue, (rank(who, expected), number))
    rest = seconds - makespan(costs, workers)
    made.train = [group for group in made.train if group]
    for timings in todo.speed:
        cost = timing_seconds(timings)
        if cost <= rest:
            made.speed.append(timings)
            rest -= cost
        else:
            made.left += timings
    return made


def fits(costs: Sequence[float], seconds: float, workers: int) -> bool:
    """Whether some jobs end within some seconds on some workers, as the pool takes them; their shares and the longest mostly decide it alone.

    >>> fits([3.0, 3.0, 3.0], 5.0, 2), fits([3.0, 3.0, 3.0], 6.0, 2)
    (False, True)
    """
    share, longest = sum(costs) / workers, max(costs, default=0.0)
    return max(share, longest) <= seconds and (share + longest <= seconds or makespan(costs, workers) <= seconds)


def standings(todo: Plan) -> list[Standing]:
    """Every contestant of a plan, its spread known or guessed."""
    found: dict[TrainSpec, Standing] = {}
    for run in todo.found:
        if isinstance(run.spec, TrainSpec) and run.score is not None and run.score.test is not None:
            found.setdefault(unseeded(run.spec), Standing()).scores.append(run.score.test)
    for number, group in enumerate(todo.train):
        for spec in sorted(group, key=lambda spec: spec.seed):
            found.setdefault(unseeded(spec), Standing()).waiting.append((number, spec))
    largest: dict[str, float] = {}
    for spec, who in found.items():
        who.n, task = len(who.scores), task_of(spec.task)
        if who.n > 1:
            who.spread = float(np.std(who.scores, ddof=1)) / (abs(task.solved - task.chance) or 1.0)
            largest[spec.task] = max(largest.get(spec.task, 0.0), who.spread)
    for spec, who in found.items():
        who.spread = who.spread if who.n > 1 else largest.get(spec.task, 1.0)
    return list(found.values())


def unseeded(spec: TrainSpec) -> TrainSpec:
    """What all runs of a contestant have in common."""
    return spec.model_copy(update={"seed": 0})


def rank(who: Standing, expected: Estimator) -> tuple[int, float]:
    """Whose turn it is: the smallest first."""
    cost = expected.seconds([who.waiting[0][1]])
    return (who.n, cost) if who.n < 2 else (2, -gain(who.n, who.spread) / max(cost, 1e-9))


def gain(n: int, spread: float) -> float:
    """By how much run n + 1 narrows the half-width of a mean's 95 % interval."""
    return half_width(n, spread) - half_width(n + 1, spread)


@cache
def quantile(n: int) -> float:
    """Student's t of n runs."""
    return float(stats.t.ppf(0.975, n - 1))


def half_width(n: int, spread: float) -> float:
    """Of the 95 % interval of a mean of n runs with a standard deviation.

    >>> round(half_width(3, 1.0), 2)
    2.48
    """
    return quantile(n) * spread / math.sqrt(n)


def told(left: Sequence[TrainSpec | SpeedSpec]) -> list[str]:
    """A line for every task and cell, and every timing, that there is no time for."""
    counted = Counter(f"{spec.task} {spec.cell}" if isinstance(spec, TrainSpec) else f"timing of {spec.cell} on {spec.engine}" for spec in left)
    return [f"not run, for want of time: {what}, {n} run{'s' * (n > 1)}" for what, n in counted.items()]
