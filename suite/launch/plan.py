"""Specs -> complete specs -> groups that share a replica axis -> what is still missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

import torch

from suite import catalogue, names
from suite.cells import Cell, digest
from suite.data import NotAvailable
from suite.runs.run import Run
from suite.runs.spec import SpeedSpec, TrainSpec, shared
from suite.tasks import Task
from suite.training.fit import carries
from suite.training.group import network_of

TURNS = 6  # contestants that take turns in one process, beside torch.nn's layers: a drift hits them alike, and memory is bounded


@dataclass
class Plan:
    """What an experiment comes down to here."""

    train: list[list[TrainSpec]] = field(default_factory=list)
    speed: list[list[SpeedSpec]] = field(default_factory=list)
    refused: list[tuple[TrainSpec | SpeedSpec, str]] = field(default_factory=list)
    found: list[Run] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """Runs still to be carried out."""
        return sum(map(len, self.train)) + sum(map(len, self.speed))

    @property
    def about(self) -> str:
        """How an estimate of its time begins: runs that end when their task is solved may take far less."""
        return "at most about" if any(group[0].until_solved for group in self.train) else "about"

    @property
    def impossible(self) -> list[str]:
        """A line for every reason why something cannot run here."""
        counted: dict[tuple[str, str], int] = {}
        for spec, sentence in self.refused:
            key = (getattr(spec, "task", f"timing on engine {spec.engine}"), sentence)
            counted[key] = counted.get(key, 0) + 1
        return [f"not run: {what}, {n} run{'s' * (n > 1)}: {sentence}" for (what, sentence), n in counted.items()]


def plan(specs: Iterable[TrainSpec | SpeedSpec], earlier: Sequence[Run], machine: str) -> Plan:
    """Complete every spec, set aside what cannot run here and what has run, group the rest.

    Names, numbers and data are checked here, before anything is trained: a mistake raises ValueError.
    """
    made, waiting = Plan(), []
    known = {run.id: run for run in earlier if run.done and (run.spec.kind == "train" or run.where.machine == machine)}
    asked = set()
    for spec in specs:
        whole, sentence = complete(spec)
        if whole.id in asked:
            continue
        asked.add(whole.id)
        if whole.id in known:  # also where it could not be run now: a result is not given up for a refusal
            made.found.append(known[whole.id])
        elif sentence:
            made.refused.append((whole, sentence))
        else:
            waiting.append(whole)
    made.train = together([s for s in waiting if isinstance(s, TrainSpec)])
    speed = [s for s in waiting if isinstance(s, SpeedSpec)]
    made.speed = [chunk for group in alike(speed) for chunk in (group[k : k + TURNS] for k in range(0, len(group), TURNS))]
    return made


def alike(specs: Sequence[SpeedSpec]) -> list[list[SpeedSpec]]:
    """Timings that differ only in cell and engine, in the order asked for."""
    groups: dict[str, list[SpeedSpec]] = {}
    for spec in specs:
        groups.setdefault(repr(spec.model_dump(exclude={"cell", "cell_digest", "engine"})), []).append(spec)
    return list(groups.values())


def together(specs: Sequence[TrainSpec]) -> list[list[TrainSpec]]:
    """Specs that differ only in seed, rate and momentum train as one model."""
    groups: dict[str, list[TrainSpec]] = {}
    for spec in specs:
        groups.setdefault(repr(sorted(shared(spec).items())), []).append(spec)
    return list(groups.values())


def complete(spec: TrainSpec | SpeedSpec) -> tuple[TrainSpec | SpeedSpec, str | None]:
    """The spec with everything filled in that its names decide, and the sentence why it cannot run here, if so."""
    cell = catalogue.cell(spec.cell, spec.units)
    device, sentence = device_of(spec.device)
    cells = [cell, *(catalogue.cell(layer.cell, layer.units) for layer in spec.above)] if isinstance(spec, TrainSpec) else [cell]
    engine = catalogue.engine(spec.engine, cells, device)
    filled: dict[str, object] = {"cell": catalogue.canonical_cell(spec.cell), "cell_digest": digest(cell), "engine": engine.name}
    refusals = (engine.refuses(each, device) or noisy(each) for each in cells)
    sentence = sentence or next(filter(None, refusals), None)
    if isinstance(spec, TrainSpec):
        task = task_of(spec.task)
        above = zip(spec.above, cells[1:], strict=True)
        filled["above"] = tuple(layer.model_copy(update={"cell": catalogue.canonical_cell(layer.cell), "cell_digest": digest(each)}) for layer, each in above)
        filled |= {"task": canonical(spec.task), "task_version": task.version, "data": task.data.checksum if task.data else ""}
        if task.supervision == "every":
            filled["readout"] = "every"
        elif spec.readout == "every":
            raise ValueError(f"task '{spec.task}' is asked once a sequence: readout must be 'last' or 'mean', not 'every'")
        if spec.embedding and not task.tokens:
            raise ValueError(f"task '{spec.task}' has no tokens and takes no embedding")
        if task.tokens and not spec.embedding:
            filled["embedding"] = spec.units
        carries(task, spec.bidirectional, spec.stateful, spec.reset_every)
        whole = spec.model_copy(update=filled)
        misfit = unfit(network_of(whole.model_copy(update={"frozen": ()}), task.inputs, task.outputs).shapes)
        if misfit is None:
            network_of(whole, task.inputs, task.outputs)  # says what cannot be frozen
        sentence = sentence or misfit or unavailable(task)
    else:
        sentence = sentence or unfit(lambda: cell.shapes(spec.inputs))
    return spec.model_copy(update=filled), sentence


def noisy(cell: Cell) -> str | None:
    """The sentence for a cell that asks for noise and does not say which."""
    rows = [row.name for stage in cell.table for row in stage.rows if row.raw == "noise" and row.name not in cell.masks]
    return f"cell '{cell.name}' asks for noise in {', '.join(rows)} and has no mask that says how it is drawn" if rows else None


def unfit(count: Callable[[], object]) -> str | None:
    """The sentence why a cell does not fit its inputs."""
    try:
        count()
    except ValueError as error:
        return str(error)
    return None


@cache
def task_of(text: str) -> Task:
    """A task, made once."""
    return catalogue.task(text)


def canonical(text: str) -> str:
    """A task's name with every argument written out, so that a changed default is another spec."""
    name, given = names.parse_call(text)
    return names.format_call(name, names.arguments(catalogue.task_factory(name), given))


_answers: dict[str, str | None] = {}


def unavailable(task: Task) -> str | None:
    """The sentence why a task's data cannot be had; altered or incomplete data raise DataError."""
    if task.data is None or task.data.content:
        return None
    if task.data.name not in _answers:
        try:
            task.data.load()
            _answers[task.data.name] = None
        except NotAvailable as error:
            _answers[task.data.name] = " ".join(str(error).split())
    return _answers[task.data.name]


def device_of(name: str) -> tuple[torch.device, str | None]:
    """A device, and the sentence why it is not here."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"unknown device '{name}'; known: cpu, cuda, cuda:0 …") from None
    if device.type not in ("cpu", "cuda") or (device.type == "cpu" and device.index):
        raise ValueError(f"unknown device '{name}'; known: cpu, cuda, cuda:0 …")
    if device.type == "cuda" and not torch.cuda.is_available():
        return device, "this machine has no CUDA device that PyTorch can use"
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        return device, f"this machine has {torch.cuda.device_count()} CUDA devices, and no '{name}'"
    return device, None


def seconds(specs: Sequence[TrainSpec]) -> float:
    """A rough estimate of a group's time on one core, good enough to order groups and to weigh progress by."""
    first = specs[0]
    task = task_of(first.task)
    net = network_of(first, task.inputs, task.outputs)
    length = len(next(task.batches("train", first.batch, torch.Generator().manual_seed(0))).x)
    adds = sum(layer.cell.costs(layer.inputs)["multiply_adds"] for ways in net.layers for layer in ways)
    step = length * (1.3e-4 + 1.2e-10 * len(specs) * first.batch * adds) + 6e-9 * len(specs) * net.parameters
    return 1.2 * first.steps * step


def timing_seconds(specs: Sequence[SpeedSpec]) -> float:
    """A rough estimate of the time that a group of timings takes, peak memory and processes with it."""
    passes, whole = 1.4 * (specs[0].repeats + 6), 2.0
    for spec in specs:
        adds = catalogue.cell(spec.cell, spec.units).costs(spec.inputs)["multiply_adds"]
        step = spec.length * (1.3e-4 + 1.2e-10 * spec.replicas * spec.batch * adds)
        whole += (passes + 6) * step + 1.0
    return whole
