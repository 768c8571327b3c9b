"""A spec with everything filled in that its names decide, and the sentence why it cannot run here, if so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch

from suite import catalogue
from suite.cells import Cell, digest
from suite.engines import Engine
from suite.engines.engine import refusal
from suite.launch.lookup import canonical, task_of, unavailable
from suite.runs.spec import Optimiser, SpeedSpec, TrainSpec
from suite.tasks import Task
from suite.training.decoding import decodes
from suite.training.devices import device_of
from suite.training.fit import carries
from suite.training.free_running import feeds_back
from suite.training.group import network_of
from suite.training.noise import check as check_noise


def complete(spec: TrainSpec | SpeedSpec, elsewhere: bool = False) -> tuple[TrainSpec | SpeedSpec, str | None]:
    """The spec with everything filled in that its names decide, and the sentence why it cannot run here, if so."""
    return Completion(elsewhere)(spec)


class Completion:
    """Completes many specs, and makes what several of them share once: cells, digests, refusals, networks."""

    def __init__(self, elsewhere: bool = False) -> None:
        self.elsewhere = elsewhere
        self.cells: dict[tuple[str, int], tuple[Cell, str, str]] = {}
        self.tasks: dict[str, dict[str, object]] = {}
        self.decoded: set[str] = set()
        self.digests: dict[int, str] = {}
        self.refusals: dict[tuple[str | int, ...], str | None] = {}
        self.networks: dict[TrainSpec, tuple[dict[str, object], str | None]] = {}

    def __call__(self, spec: TrainSpec | SpeedSpec) -> tuple[TrainSpec | SpeedSpec, str | None]:
        """See `complete`."""
        whole, sentence = self.fitted(spec)
        if isinstance(spec, TrainSpec) and sentence is None:
            sentence = unavailable(task_of(spec.task))
            if sentence is None and spec.decoder and spec.task not in self.decoded:
                decodes(task_of(spec.task))
                self.decoded.add(spec.task)
        return whole, sentence

    def fitted(self, spec: TrainSpec | SpeedSpec) -> tuple[TrainSpec | SpeedSpec, str | None]:
        """The same without a look at the data."""
        made = [self.cell(name, units) for name, units in stack(spec)]
        device, sentence = device_of(spec.device)
        sentence = None if self.elsewhere and isinstance(spec, TrainSpec) else sentence
        dtype = getattr(torch, spec.dtype)
        engine = catalogue.engine(spec.engine, [cell for cell, _, _ in made], device, dtype, self.refuses)
        filled: dict[str, object] = {"cell": made[0][1], "cell_digest": made[0][2], "engine": engine.name}
        refusals = (self.refuses(engine, cell, device, dtype) or noisy(cell) for cell, _, _ in made)
        sentence = sentence or next(filter(None, refusals), None)
        if isinstance(spec, SpeedSpec):
            return spec.model_copy(update=filled), sentence or unfit(lambda: made[0][0].shapes(spec.inputs))
        task = task_of(spec.task)
        found, misfit = self.network(spec, task, made)
        return spec.model_copy(update=filled | found), sentence or misfit

    def mistakes(self, spec: TrainSpec | SpeedSpec) -> list[str]:
        """A sentence for everything that is wrong with a spec; where all its names are known, for the first thing that does not fit."""
        looked_up: list[Callable[[], object]] = [partial(self.cell, name, units) for name, units in stack(spec)]
        looked_up += [partial(device_of, spec.device), partial(catalogue.engine, spec.engine, ())]
        looked_up += [partial(task_of, spec.task)] if isinstance(spec, TrainSpec) else []
        return [said for said in map(unfit, looked_up) if said] or [said for said in [unfit(partial(self.fitted, spec))] if said]

    def cell(self, name: str, units: int) -> tuple[Cell, str, str]:
        """A cell, the name that records carry, its digest."""
        if (name, units) not in self.cells:
            cell = catalogue.cell(name, units)
            self.digests[id(cell)] = digest(cell)
            self.cells[name, units] = cell, catalogue.canonical_cell(name), self.digests[id(cell)]
        return self.cells[name, units]

    def refuses(self, engine: Engine, cell: Cell, device: torch.device, dtype: torch.dtype | None) -> str | None:
        """What an engine says of a cell; the same at every width, unless the engine says it judges by width."""
        key = (engine.name, cell.name, self.digests[id(cell)], str(device), str(dtype), cell.units if engine.by_width else 0)
        if key not in self.refusals:
            self.refusals[key] = refusal(engine, cell, device, dtype)
        return self.refusals[key]

    def network(self, spec: TrainSpec, task: Task, made: Sequence[tuple[Cell, str, str]]) -> tuple[dict[str, object], str | None]:
        """What the task and the network decide of a spec, and the sentence of a network that does not fit."""
        key = deciding(spec)
        if key not in self.networks:
            filled, misfit = networked(spec, task, made)
            self.networks[key] = filled | self.task(spec.task, task), misfit
        return self.networks[key]

    def task(self, text: str, task: Task) -> dict[str, object]:
        """What a task is called with every argument written out, its version, its data."""
        if text not in self.tasks:
            self.tasks[text] = {"task": canonical(text), "task_version": task.version, "data": task.data.checksum if task.data else ""}
        return self.tasks[text]


def stack(spec: TrainSpec | SpeedSpec) -> list[tuple[str, int]]:
    """Cells and units, the one that is compared first."""
    above = spec.above if isinstance(spec, TrainSpec) else ()
    return [(spec.cell, spec.units), *((layer.cell, layer.units) for layer in above)]

UNDECIDING: dict[str, object] = {"seed": 0, "data_seed": 0, "optimiser": Optimiser(), "batch": 1, "steps": 1, "evaluate_every": 1, "patience": 0, "until_solved": False}


def deciding(spec: TrainSpec) -> TrainSpec:
    """What of a spec decides its network and whether it fits its task: the rest as if it were not given."""
    return spec.model_copy(update={**UNDECIDING, "input_noise": float(spec.input_noise > 0)})


def networked(spec: TrainSpec, task: Task, made: Sequence[tuple[Cell, str, str]]) -> tuple[dict[str, object], str | None]:
    """Fields that follow from the task and from the cells above, and the sentence of a network that does not fit."""
    above = tuple(layer.model_copy(update={"cell": name, "cell_digest": number}) for layer, (_, name, number) in zip(spec.above, made[1:], strict=True))
    filled: dict[str, object] = {"above": above}
    if task.supervision == "every":
        filled["readout"] = "every"
    elif spec.readout == "every":
        raise ValueError(f"task '{spec.task}' is asked once a sequence: readout must be 'last' or 'mean', not 'every'")
    if spec.embedding and not task.tokens:
        raise ValueError(f"task '{spec.task}' has no tokens and takes no embedding")
    if task.tokens and not spec.embedding:
        filled["embedding"] = spec.units
    carries(task, spec.bidirectional, spec.stateful, spec.reset_every)
    if task.feedback:
        feeds_back(task, spec.bidirectional, spec.decoder)
    check_noise([spec.input_noise], task.tokens, spec.task)
    whole = spec.model_copy(update=filled)
    cells = [made[0][0]] * spec.layers + [cell for cell, _, _ in made[1:]]
    net = network_of(whole.model_copy(update={"frozen": ()}), task.inputs, task.outputs, cells)
    misfit = unfit(net.shapes)
    if misfit is None:
        network_of(whole, task.inputs, task.outputs, cells)  # says what cannot be frozen
    return filled, misfit


def noisy(cell: Cell) -> str | None:
    """The sentence for a cell that asks for noise and does not say which."""
    rows = [row.name for stage in cell.table for row in stage.rows if row.raw == "noise" and row.name not in cell.masks]
    return f"cell '{cell.name}' asks for noise in {', '.join(rows)} and has no mask that says how it is drawn" if rows else None


def unfit(count: Callable[[], object]) -> str | None:
    """The sentence of what does not fit, as of a cell and its inputs."""
    try:
        count()
    except ValueError as error:
        return str(error)
    return None
