"""Specs -> complete specs -> groups that share a replica axis -> what is still missing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from suite import catalogue
from suite.launch.completion import Completion
from suite.launch.filling import filled
from suite.runs.run import Run
from suite.runs.spec import SpeedSpec, TrainSpec, shared

TURNS = 6  # contestants that take turns in one process, beside torch.nn's layers: a drift hits them alike, and memory is bounded


@dataclass
class Plan:
    """What an experiment comes down to here."""

    train: list[list[TrainSpec]] = field(default_factory=list)
    speed: list[list[SpeedSpec]] = field(default_factory=list)
    refused: list[tuple[TrainSpec | SpeedSpec, str]] = field(default_factory=list)
    found: list[Run] = field(default_factory=list)
    again: list[str] = field(default_factory=list)  # why some of it is done again, a line a reason

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


def plan(specs: Iterable[TrainSpec | SpeedSpec], earlier: Sequence[Run], machine: str, elsewhere: bool = False) -> Plan:
    """Complete every spec, set aside what cannot run here and what has run, group the rest.

    Training that takes place `elsewhere` is not refused for want of a device on this machine.

    Names, numbers and data are checked here, before anything is trained: a mistake raises ValueError.
    """
    made, waiting = Plan(), []
    known = {run.id: run for run in earlier if run.done and (run.spec.kind == "train" or run.where.machine == machine)}
    asked = set()
    completed = Completion(elsewhere)
    for spec in specs:
        whole, sentence = completed(spec)
        number = whole.id
        if number in asked:
            continue
        asked.add(number)
        if number in known:  # also where it could not be run now: a result is not given up for a refusal
            made.found.append(known[number])
        elif sentence:
            made.refused.append((whole, sentence))
        else:
            waiting.append(whole)
    made.train = filled(together([s for s in waiting if isinstance(s, TrainSpec)]), elsewhere)
    speed = [s for s in waiting if isinstance(s, SpeedSpec)]
    made.speed = [chunk for group in alike(speed) for chunk in (group[k : k + TURNS] for k in range(0, len(group), TURNS))]
    return made


def alike(specs: Sequence[SpeedSpec]) -> list[list[SpeedSpec]]:
    """Timings that differ only in cell and engine, in the order asked for."""
    groups: dict[str, list[SpeedSpec]] = {}
    for spec in specs:
        groups.setdefault(group_of(spec), []).append(spec)
    return list(groups.values())


def together(specs: Sequence[TrainSpec]) -> list[list[TrainSpec]]:
    """Specs that differ only in seed, rate, momentum and input noise train as one model."""
    groups: dict[str, list[TrainSpec]] = {}
    for spec in specs:
        groups.setdefault(group_of(spec), []).append(spec)
    return list(groups.values())


def group_of(spec: TrainSpec | SpeedSpec) -> str:
    """What a spec has in common with those that it trains or is timed with, as one text."""
    common = shared(spec) if isinstance(spec, TrainSpec) else spec.model_dump(exclude={"cell", "cell_digest", "engine"})
    return json.dumps(common, sort_keys=True)


def seconds(specs: Sequence[TrainSpec]) -> float:
    """An estimate of a group's time from what has been measured on this machine, roughly where nothing has; nothing is measured now."""
    from suite.launch.estimate import at_hand

    return at_hand().seconds(specs)


def timing_seconds(specs: Sequence[SpeedSpec]) -> float:
    """A rough estimate of the time that a group of timings takes, peak memory and processes with it."""
    passes, whole = 1.4 * (specs[0].repeats + 6), 2.0
    for spec in specs:
        adds = catalogue.cell(spec.cell, spec.units).costs(spec.inputs)["multiply_adds"]
        step = spec.length * (1.3e-4 + 1.2e-10 * spec.replicas * spec.batch * adds)
        whole += (passes + 6) * step + 1.0
    return whole
