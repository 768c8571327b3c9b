"""Whether an experiment decides every setting once, and varies it over values that it may have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from suite import names
from suite.experiments import points
from suite.experiments.mistakes import known, sentence, written
from suite.experiments.points import CALLS, Sample
from suite.runs.spec import TrainSpec

if TYPE_CHECKING:
    from suite.experiments.experiment import Experiment

ELSEWHERE = {"task": "tasks", "cell": "cells", "seed": "seeds", "device": "--device"}  # fields of a spec that no setting is, and what decides them
COMPLETED = ("kind", "cell_digest", "task_version", "data")  # and those that follow when a spec is completed
SETTINGS = [name for name in TrainSpec.model_fields if name not in {*ELSEWHERE, *COMPLETED}]


def faults(experiment: Experiment, given: Iterable[str]) -> list[tuple[str, str]]:
    """Every fault as (place, sentence); `given` are settings that options decide."""
    spaces: dict[str, Mapping[str, Any] | Sample | None] = {"grid": experiment.grid, "sample": experiment.sample}
    if experiment.search:
        spaces |= {"search.grid": experiment.search.grid, "search.sample": experiment.search.sample}
    found = [fault for place, space in spaces.items() for fault in misfits(place, space)]
    where: dict[str, list[str]] = {}
    for place, space in spaces.items():
        for path in paths(space):
            where.setdefault(path, []).append(place)
    fixed = {name for settings in (experiment.settings, *(recipe.settings for recipe in experiment.recipes)) for name in settings}
    found += [(name, f"is decided by {ELSEWHERE[name]}, not by a setting") for name in ELSEWHERE if name in fixed]
    if experiment.match:
        where.setdefault("units", []).append("match")
        if "units" in fixed:
            where["units"].append("settings")
    for name in given:
        if name in where:
            where[name].append("the options")
    return found + [(path, f"is decided in {' and in '.join(places)}, and can be in one of them only") for path, places in where.items() if len(places) > 1]


def paths(space: Mapping[str, Any] | Sample | None) -> list[str]:
    """The settings that a grid or a sample varies."""
    return list(space.space if isinstance(space, Sample) else space or ())


def misfits(place: str, space: Mapping[str, Any] | Sample | None) -> Iterator[tuple[str, str]]:
    """A fault for every varied path that is no setting, and every value that its setting cannot have."""
    for path in paths(space):
        at = f"{place}.{path}" if not isinstance(space, Sample) else f"{place}.space.{path}"
        first, _, inner = path.partition(".")
        if first in CALLS and inner:
            continue  # the cell and the task say what they take
        if first in ELSEWHERE:
            yield at, f"is decided by {ELSEWHERE[first]}{f', or varied as {first}.ARGUMENT' if first in CALLS else ''}"
        elif first not in SETTINGS:
            yield at, names.unknown(first, SETTINGS, "setting")
        elif inner and inner not in known(TrainSpec, [first]):
            yield at, names.unknown(inner, known(TrainSpec, [first]), f"setting of {first}")
        else:
            yield from forbidden(at, path, list(space.space[path].extremes if isinstance(space, Sample) else (space or {})[path]))


def forbidden(at: str, path: str, values: list[Any]) -> Iterator[tuple[str, str]]:
    """A fault for every value that a setting cannot have."""
    for number, value in enumerate(values):
        try:
            TrainSpec(**points.changed({"task": "", "cell": ""}, {path: value}))
        except ValidationError as error:
            yield written((at, number)), sentence(error.errors(include_url=False)[0], TrainSpec)
