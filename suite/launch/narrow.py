"""Which of some specs this command carries out: those of its shard, and what there is time for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from suite.launch.budget import told, within
from suite.launch.completion import Completion
from suite.launch.estimate import Estimator
from suite.launch.plan import Plan
from suite.launch.prices import measured
from suite.launch.shard import Shard, part
from suite.runs import SpeedSpec, TrainSpec, Where

Specs = Sequence[TrainSpec | SpeedSpec]
Prepare = Callable[[Specs], tuple[Plan, Where]]


def narrowed(prepare: Prepare, shard: Shard | None, budget: float | None, workers: int | None) -> Callable[[Specs], Specs]:
    """Something that chooses among specs; the seconds of the budget count from now."""
    end = time.monotonic() + (budget or 0.0)

    def keep(specs: Specs) -> Specs:
        mine = part(specs, shard) if shard else list(specs)
        return mine if budget is None else timely(mine, prepare, end, workers)

    return keep


def timely(specs: Specs, prepare: Prepare, end: float, workers: int | None) -> Specs:
    """Those that have run, and those that there is time for until `end` of the steady clock; the others are listed. What it takes to measure speeds is gone."""
    todo, here = prepare(specs)
    at_once = workers or max(1, here.cores // max((group[0].threads for group in todo.train), default=1))
    expected = expectations(todo, here)
    chosen = within(todo, end - time.monotonic(), at_once, expected)
    print(*told(chosen.left), sep="\n", file=sys.stderr, flush=True)
    left, completed = {spec.id for spec in chosen.left}, Completion()
    return [spec for spec in specs if completed.fitted(spec)[0].id not in left]


def expectations(todo: Plan, here: Where) -> Estimator:
    """What the rest of a plan will take, by the speed of this machine, measured where it is not known, and by the records found."""
    made = Estimator(measured((spec for group in todo.train for spec in group[:1]), here.machine))
    made.learn(todo.found, here.machine)
    return made
