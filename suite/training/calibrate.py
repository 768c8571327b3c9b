"""How fast a cell trains on an engine here, and what it takes of memory: a few small networks measured, a line fitted through them.

Seconds of an update are a sum over what follows from the network's shape (`features`), each with a price that is measured:
one update, one step of one layer, one value of a row or a state, one multiply-add, one parameter. Bytes likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from suite import catalogue
from suite.engines import ENGINES
from suite.runs.spec import Optimiser
from suite.tasks import Task
from suite.tasks.scores import accuracy, certain, cross_entropy
from suite.tasks.task import Batch
from suite.training.build import network
from suite.training.measure import high_water, interleaved
from suite.training.network import Network
from suite.training.trainer import Trainer

SHAPES = ((4, 1, 8, 1), (32, 1, 8, 1), (8, 32, 32, 1), (8, 32, 32, 8), (8, 32, 128, 1), (16, 128, 128, 1), (2, 2, 160, 8))  # steps, batch, units, replicas
LARGE = ((2, 1, 16, 1), (64, 64, 64, 4), (2, 1, 256, 8))  # shapes that show in the memory of the process
REPEATS = 5
FURTHER = 8  # units tried beyond a width that a cell cannot have


class Speed(NamedTuple):
    """Prices of `features`: seconds of an update and of a pass without gradient, bytes at the height of either."""

    update: tuple[float, ...]
    forward: tuple[float, ...]
    update_bytes: tuple[float, ...]
    forward_bytes: tuple[float, ...]


def features(net: Network, engine: str, device: str, length: int, batch: int, replicas: int) -> list[float]:
    """One call; steps of layers; values of rows and states; multiply-adds; parameters."""
    ways = [way for ways in net.layers for way in ways]
    rows = net.rows(batch, ENGINES[engine], torch.device(device))
    values = sum(sum(row.width for stage in way.cell.table for row in stage.rows) + sum(way.cell.state.values()) for way in ways)
    adds = sum(way.cell.costs(way.inputs)["multiply_adds"] for way in ways)
    return [1.0, length * len(ways), length * replicas * rows * values, length * replicas * rows * adds, replicas * net.parameters]


def calibrate(cell: str, engine: str, dtype: str, device: str, threads: int) -> Speed:
    """Measure a cell on an engine; a fraction of a second, in a process of its own."""
    torch.set_num_threads(threads)
    subjects = {shape: Subject.of(cell, engine, dtype, device, *shape) for shape in (*LARGE, *SHAPES)}
    where = torch.device(device)
    bytes_of = {call: [high_water(getattr(subjects[shape], call), where) for shape in LARGE] for call in ("forward", "update")}  # first, the smaller before the larger: freed memory is kept
    found = interleaved({f"{call} {shape}": getattr(subjects[shape], call) for shape in SHAPES for call in ("update", "forward")}, REPEATS, where)
    wide = [subjects[shape].features for shape in LARGE]
    return Speed(
        *(fitted([subjects[shape].features for shape in SHAPES], [min(found[f"{call} {shape}"]) for shape in SHAPES]) for call in ("update", "forward")),
        *(fitted([[row[0], row[2], row[4]] for row in wide], [float(value or 0) for value in bytes_of[call]]) for call in ("update", "forward")),
    )


def fitted(rows: Sequence[Sequence[float]], values: Sequence[float]) -> tuple[float, ...]:
    """Prices, none negative, by which the features come nearest to what was measured, each value weighed by its size."""
    from scipy.optimize import nnls

    if not all(values):
        return (0.0,) * len(rows[0])
    scale = np.asarray(values)[:, None]
    prices, _ = nnls(np.asarray(rows) / scale, np.ones(len(values)))
    return tuple(map(float, prices))


class Subject(NamedTuple):
    """Something to measure: an update of a small network, and a pass of it without gradient."""

    update: Callable[[], Any]
    forward: Callable[[], Any]
    features: list[float]

    @classmethod
    def of(cls, name: str, engine: str, dtype: str, device: str, length: int, batch: int, units: int, replicas: int) -> Subject:
        """A cell at about a width, its classes and inputs drawn."""
        cell = _wide(name, units)
        net = network(cell, inputs=cell.takes or 8, outputs=2)
        generator = torch.Generator().manual_seed(0)
        given = Batch(torch.randn(length, batch, net.inputs, generator=generator), torch.zeros(batch, dtype=torch.long), torch.ones(length, batch, dtype=torch.bool))
        where = torch.device(device)
        trainer = Trainer(net, _task(net.inputs), list(range(replicas)), [Optimiser()] * replicas, where, getattr(torch, dtype), catalogue.engine(engine, cell, where))
        ready = trainer.ready(given)
        return cls(partial(trainer.learn, ready, 1_000_000), partial(_pass, trainer, ready), features(net, engine, device, length, batch, replicas))


def _wide(name: str, units: int) -> Any:
    for width in range(units, units + FURTHER):
        try:
            return catalogue.cell(name, width)
        except ValueError as error:
            refusal = error
    raise refusal


def _pass(trainer: Trainer, given: Batch) -> None:
    with torch.no_grad():
        trainer.network.run(trainer.layout.views(trainer.theta), given.x, given.mask, trainer.engine)


def _task(inputs: int) -> Task:
    """A task that is only trained on, batch by batch from outside."""
    return Task(
        name="calibration",
        batches=lambda split, size, generator: iter(()),
        inputs=inputs,
        outputs=2,
        loss=cross_entropy,
        metric=accuracy,
        oracle=lambda batch: certain(2)(batch.y),
        chance=0.5,
        solved=1.0,
        better="higher",
        measure="accuracy",
        version=1,
        data=None,
        paper="",
    )
