"""What training will take, from what was measured on this machine: time of a group, time of all groups on some workers, memory.

A group's time follows from the shape of its network, its batches and its evaluations, at prices measured once for a cell on an engine
(`suite.launch.prices`). Records of the same machine correct it: what a task and a cell really took, over what was expected.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from statistics import median
from typing import NamedTuple

import torch

from suite.launch.lookup import task_of
from suite.launch.prices import COARSE, key, known
from suite.runs import Optimiser, Run, TrainSpec, where
from suite.training.calibrate import Speed, features
from suite.training.group import network_of
from suite.training.network import Network
from suite.training.scoring import EVALUATION_BATCH

LOOKED_AT = 33  # batches from which their length and the time to draw one are taken: generated examples are drawn 32 batches at a time


class Facts(NamedTuple):
    """A task's batches: steps of one, seconds to draw one, and (steps, sequences) of each batch of an evaluation."""

    length: float
    seconds: float
    evaluation: tuple[tuple[int, int], ...]


@cache
def facts(text: str, batch: int) -> Facts:
    """Found by drawing some batches; of a task that cannot draw any nothing is expected, and its runs will say why."""
    try:
        return drawn(text, batch)
    except Exception:  # somebody else's task
        return Facts(1.0, 0.0, ())


def drawn(text: str, batch: int) -> Facts:
    """The same, or whatever the task raises."""
    task = task_of(text)
    start = time.perf_counter()
    first = islice(task.batches("train", batch, torch.Generator().manual_seed(0)), LOOKED_AT)
    lengths = [len(examples.mask) for examples in first]
    seconds = (time.perf_counter() - start) / max(len(lengths), 1)
    rows = batch if task.stateful else EVALUATION_BATCH
    evaluated = ((len(examples.mask), examples.mask.shape[1]) for examples in task.batches("validation", rows, torch.Generator().manual_seed(0)))
    return Facts(sum(lengths) / max(len(lengths), 1), seconds, tuple(evaluated))


@dataclass
class Estimator:
    """Expects time and memory; `speeds` by `key`, `factors` by task, cell and engine."""

    speeds: Mapping[str, Speed]
    factors: dict[tuple[str, ...], float] = field(default_factory=dict)
    networks: dict[TrainSpec, Network] = field(default_factory=dict)

    def learn(self, runs: Iterable[Run], machine: str) -> None:
        """Correct expectations by the records of this machine: of one task and cell, else of one cell, the median of what it took over what was expected."""
        ratios: dict[tuple[str, ...], list[float]] = {}
        for spec, steps, replicas, seconds in groups_of(runs, machine):
            ratio = seconds / self._seconds(spec.model_copy(update={"steps": steps}), replicas)
            for of in ((spec.task, spec.cell, spec.engine), (spec.cell, spec.engine)):
                ratios.setdefault(of, []).append(ratio)
        self.factors = {of: median(values) for of, values in ratios.items()}

    def seconds(self, group: Sequence[TrainSpec]) -> float:
        """Of a group that trains as one model, to its last step."""
        spec = group[0]
        found = (self.factors.get(key) for key in ((spec.task, spec.cell, spec.engine), (spec.cell, spec.engine)))
        return self._seconds(spec, len(group)) * next(filter(None, found), 1.0)

    def bytes(self, group: Sequence[TrainSpec]) -> float:
        """Of the process that trains a group, at its height."""
        spec, speed = group[0], self.speed(group[0])
        known, net = facts(spec.task, spec.batch), self.network(group[0])
        update = _shape(features(net, spec.engine, spec.device, round(known.length), spec.batch, len(group)))
        widest = max(known.evaluation, key=lambda shape: shape[0] * shape[1], default=(1, 1))
        return max(_price(speed.update_bytes, update), _price(speed.forward_bytes, _shape(features(net, spec.engine, spec.device, *widest, len(group)))))

    def _seconds(self, spec: TrainSpec, replicas: int) -> float:
        speed, net, known = self.speed(spec), self.network(spec), facts(spec.task, spec.batch)
        update = known.seconds + _price(speed.update, features(net, spec.engine, spec.device, round(known.length), spec.batch, replicas))
        evaluation = sum(_price(speed.forward, features(net, spec.engine, spec.device, *shape, replicas)) for shape in known.evaluation)
        return spec.steps * update + (spec.steps // spec.evaluate_every + 2) * evaluation

    def speed(self, spec: TrainSpec) -> Speed:
        """The prices of a spec's cell on its engine."""
        return self.speeds.get(key(spec), COARSE)

    def network(self, spec: TrainSpec) -> Network:
        """A network, made once for all specs that have it."""
        same = spec.model_copy(update={"seed": 0, "optimiser": Optimiser(), "input_noise": 0.0, "frozen": ()})
        if same not in self.networks:
            task = task_of(spec.task)
            self.networks[same] = network_of(same, task.inputs, task.outputs)
        return self.networks[same]


def groups_of(runs: Iterable[Run], machine: str) -> Iterator[tuple[TrainSpec, int, int, float]]:
    """What trained together on a machine and came to an end: a spec, the steps of its longest run, replicas, seconds of all."""
    found: dict[tuple[str, float], list[Run]] = {}
    for run in runs:
        if run.status == "done" and run.spec.kind == "train" and run.where.machine == machine and run.curve and run.costs.seconds:
            found.setdefault((run.spec.cell, run.costs.seconds), []).append(run)
    for (_, seconds), group in found.items():
        spec = group[0].spec
        if isinstance(spec, TrainSpec):
            yield spec, max(run.curve[-1].step for run in group), group[0].where.replicas, seconds


def makespan(seconds: Iterable[float], workers: int) -> float:
    """How long some jobs take on some workers, the longest first as the pool takes them; one job cannot be shared out.

    >>> makespan([3.0, 1.0, 1.0, 1.0], 2), makespan([8.0], 4)
    (3.0, 8.0)
    """
    loads = [0.0] * max(workers, 1)
    for each in sorted(seconds, reverse=True):
        heapq.heapreplace(loads, loads[0] + each)
    return max(loads)


def _price(prices: Sequence[float], amounts: Sequence[float]) -> float:
    return sum(price * amount for price, amount in zip(prices, amounts, strict=True))


def _shape(amounts: Sequence[float]) -> list[float]:
    """What memory follows from: the process, values, parameters."""
    return [amounts[0], amounts[2], amounts[4]]


@cache
def at_hand() -> Estimator:
    """Expectations from the cache alone, read once."""
    return Estimator(known(where().machine))
