"""Why a run is done again: the record that is nearest to it, and what has changed since."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from functools import lru_cache
from typing import Any

from suite.runs.flat import flat
from suite.runs.run import Run
from suite.runs.spec import SpeedSpec, TrainSpec
from suite.runs.store import Skipped

Flat = dict[str, Any]
DRIFT = ("cell_digest", "data", "task_version")  # what changes without anybody asking for another run
NEAR = 64  # records that a run is compared with, at most
NAMED = 3  # differences told with their values; more are told by name

WORDS = {
    "cell_digest": "the equations of {cell} changed",
    "data": "the data of {task} changed",
    "task_version": "{task} is version {now}, was {before}",
}


def why(missing: Sequence[TrainSpec | SpeedSpec], asked: Container[str], earlier: Iterable[Run], skipped: Iterable[Skipped] = ()) -> list[str]:
    """One line a reason for runs that have no result here though a record of them, or of nearly the same run, lies here.

    `asked` are the ids of all runs of the plan: a record that one of them uses is nothing that another one has replaced.
    A run is compared with records of its task, its cell and its seed; a run that was never tried has no line.
    """
    runs = list(earlier)
    same = {run.id: run for run in sorted(runs, key=lambda run: not run.done)}  # what has ended badly here, rather than a timing from elsewhere
    unread = {path.name.partition("-")[0] for path, _ in skipped}
    left = _Left(run for run in runs if run.id not in asked)
    counted: Counter[str] = Counter()
    for spec in missing:
        if spec.id in same:
            counted[ended(same[spec.id])] += 1
        elif spec.id in unread:
            counted["the record cannot be read"] += 1
        elif (near := left.nearest(spec)) is not None:
            counted[changed(spec, near)] += 1
    return [f"again: {n} run{'s' * (n > 1)}: {reason}" for reason, n in counted.most_common()]


def ended(run: Run) -> str:
    """Why a record of the very run is no result here."""
    kind, _, said = run.status.partition(": ")
    if run.done:
        return "a timing counts on its own machine only" if run.spec.kind == "speed" else "the weights were not kept"
    return {"cut off": "cut off before", "failed": f"failed before: {said}", "refused": f"not possible before: {said}"}[kind]


def changed(spec: TrainSpec | SpeedSpec, before: TrainSpec | SpeedSpec) -> str:
    """What one spec has otherwise than another, in words."""
    now, then = _flat(spec), _flat(before)
    names = [name for name in {**now, **then} if now.get(name) != then.get(name)]
    told = list(dict.fromkeys(_told(name, now, then) for name in names))
    return "; ".join(told) if len(told) <= NAMED else f"{', '.join(names[:NAMED])} and {len(names) - NAMED} other settings changed"


def _told(name: str, now: Flat, then: Flat) -> str:
    place, _, field = name.rpartition(".")
    words = WORDS.get(field, "{name} is {now}, was {before}")
    cell = now.get(f"{place}.cell" if place else "cell", "a layer")
    return words.format(name=name, cell=cell, task=now.get("task"), now=_brief(now.get(name)), before=_brief(then.get(name)))


def _brief(value: object) -> str:
    return "nothing" if value is None else f"{value:g}" if isinstance(value, float) else f"'{value}'" if isinstance(value, str) else str(value)


class _Left:
    """Records that no run of the plan uses."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self.alike: dict[str, TrainSpec | SpeedSpec] = {}
        self.kin: dict[tuple[object, ...], list[TrainSpec | SpeedSpec]] = {}
        for run in runs:
            self.alike.setdefault(_steady(run.spec), run.spec)
            self.kin.setdefault(_kin(run.spec), []).append(run.spec)

    def nearest(self, spec: TrainSpec | SpeedSpec) -> TrainSpec | SpeedSpec | None:
        """The record with the fewest differences; none where a name was asked for with other arguments."""
        if (found := self.alike.get(_steady(spec))) is not None:
            return found
        near = [other for other in self.kin.get(_kin(spec), [])[:NEAR] if _same_question(spec, other)]
        items = set(_flat(spec).items())
        return min(near, key=lambda other: len(items ^ set(_flat(other).items())), default=None)


def _steady(spec: TrainSpec | SpeedSpec) -> str:
    drift = (*DRIFT, "engine") if isinstance(spec, TrainSpec) else DRIFT  # "best" is another one with a compiler
    return repr([item for item in _flat(spec).items() if item[0].rpartition(".")[2] not in drift])


def _kin(spec: TrainSpec | SpeedSpec) -> tuple[object, ...]:
    cell = spec.cell.partition("(")[0]
    if isinstance(spec, SpeedSpec):
        return cell, spec.engine, spec.length, spec.batch, spec.inputs, spec.units, spec.threads, spec.replicas, spec.dtype, spec.device
    return cell, spec.task.partition("(")[0], spec.seed, spec.data_seed


def _same_question(spec: TrainSpec | SpeedSpec, other: TrainSpec | SpeedSpec) -> bool:
    """Whether names are the same, or were written with arguments of other names: adding(length=9) is no change of adding(length=5)."""
    pairs = [(getattr(spec, name, ""), getattr(other, name, "")) for name in ("cell", "task")]
    return all(now == then or re.findall(r"(\w+)=", now) != re.findall(r"(\w+)=", then) for now, then in pairs)


@lru_cache(maxsize=2**15)
def _flat(spec: TrainSpec | SpeedSpec) -> Flat:
    return flat(spec.model_dump(), inside=True)
