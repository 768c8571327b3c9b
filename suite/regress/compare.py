"""Two places of records held against each other: scores by seed, times and memory of one machine, parameters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from suite.regress.judge import Judged
from suite.regress.places import Place
from suite.regress.scores import scored
from suite.regress.timings import counted_figures, timed
from suite.runs import Run, TrainSpec
from suite.runs.sources import counted

CODE = {"cell_digest", "task_version", "data"}  # what a commit may change of the same question
MEANS = {"engine", "device", "dtype", "threads"}  # what answers it

Key = str
Group = dict[Key, list[Run]]


def compared(before: Place, after: Place) -> list[Judged]:
    """A verdict for every score, time, weight and count that either place has."""
    return [*trained(before, after), *timings(before, after)]


def trained(before: Place, after: Place) -> list[Judged]:
    """Scores and parameters a task and cell."""
    pair = keyed(before, after, "train", {"seed"})
    found: list[Judged] = []
    for key, name in named(pair).items():
        first, second = (each.get(key, []) for each in pair)
        task = next(run.spec for run in (*first, *second))
        assert isinstance(task, TrainSpec)
        about = after.tasks.get(task.task) or before.tasks.get(task.task)
        found += [scored(name, first, second, about), *counted_figures(name, first, second, ("parameters",))]
    return found


def timings(before: Place, after: Place) -> list[Judged]:
    """Times, memory and counts of every contestant."""
    pair = keyed(before, after, "speed", set())
    return [each for key, name in named(pair).items() for each in timed(name, pair[0].get(key, []), pair[1].get(key, []))]


def keyed(before: Place, after: Place, kind: str, apart: set[str]) -> tuple[Group, Group]:
    """The runs of a kind by what they share; engine, device, dtype and threads tell them apart only where one place has several."""
    every = kind == "speed"
    runs = [[run for run in counted(place.runs, every=every) if run.spec.kind == kind] for place in (before, after)]
    means = set() if kind == "speed" or not any(_twice(some, CODE | MEANS) for some in runs) else MEANS
    leave = CODE | apart | (MEANS - means if kind == "train" else set())
    for place, some in zip((before, after), runs, strict=True):
        again = _twice(some, leave - apart, machine=every)
        if again:
            raise ValueError(
                f"'{place.name}' has several records of one run, {said(again.spec.model_dump())}; say which, as in {place.name}@{again.where.commit[:9] or again.where.machine}"
            )
    first, second = (_groups(some, leave) for some in runs)
    return first, second


def _twice(runs: Iterable[Run], leave: set[str], machine: bool = False) -> Run | None:
    """A run whose question another has answered too."""
    seen = set()
    for run in runs:
        key = (_key(run, leave), run.where.machine if machine else "")
        if key in seen:
            return run
        seen.add(key)
    return None


def _groups(runs: Iterable[Run], leave: set[str]) -> Group:
    found: Group = {}
    for run in runs:
        found.setdefault(_key(run, leave), []).append(run)
    return found


def _key(run: Run, leave: set[str]) -> Key:
    return json.dumps({name: value for name, value in run.spec.model_dump().items() if name not in leave}, sort_keys=True)


def named(pair: Sequence[Mapping[Key, Any]]) -> dict[Key, str]:
    """A name for every key: task and cell, or cell and engine, with the settings in which keys of one such name differ."""
    fields = {key: _flat(json.loads(key)) for each in pair for key in each}
    plain: Callable[[Mapping[str, Any]], str] = lambda f: f"{f['task']}, {f['cell']}" if f["kind"] == "train" else f"{f['cell']}, {f['engine']}"  # noqa: E731
    alike: dict[str, list[Key]] = {}
    for key, values in fields.items():
        alike.setdefault(plain(values), []).append(key)
    made = {}
    for name, keys in alike.items():
        differing = [field for field in fields[keys[0]] if len({repr(fields[key].get(field)) for key in keys}) > 1]
        for key in keys:
            made[key] = ", ".join([name, *(f"{field} {fields[key].get(field)}" for field in differing)])
    return dict(sorted(made.items(), key=lambda entry: entry[1]))


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": value}
    return found


def said(spec: Mapping[str, Any]) -> str:
    """A run for people.

    >>> said({"task": "adding(length=50)", "cell": "gru", "seed": 3, "units": 32})
    'adding(length=50), gru, seed 3'
    """
    return f"{spec['task']}, {spec['cell']}, seed {spec['seed']}" if "task" in spec else f"{spec['cell']}, {spec['engine']}"
