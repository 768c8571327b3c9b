"""From an experiment to specs that can be planned: budgets solved, names looked up, every mistake named at once."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from suite import names
from suite.experiments import EXPERIMENTS, Experiment, file
from suite.experiments.experiment import Asked
from suite.experiments.match import Match, units
from suite.experiments.mistakes import Mistakes, merged
from suite.launch.completion import Completion, deciding
from suite.launch.lookup import task_of
from suite.runs.spec import SpeedSpec, TrainSpec
from suite.training.group import costs_of, network_of


def experiment_of(experiment: str | Experiment, trials: int | None = None) -> Experiment:
    """The experiment of a name, of a TOML file, or of an outsider's `module:attribute`; with another number of random trials if one is given."""
    made = from_file(Path(experiment)) if isinstance(experiment, str) and experiment.endswith(".toml") else named(experiment)
    return made if trials is None else made.drawing(trials)


def named(experiment: str | Experiment) -> Experiment:
    """The experiment of a name or of an outsider's `module:attribute`, or itself."""
    made = names.resolve(experiment, EXPERIMENTS, "experiment") if isinstance(experiment, str) else experiment
    if not isinstance(made, Experiment):
        raise ValueError(f"experiment '{experiment}' must be a suite.experiments.Experiment, not a {type(made).__name__}")
    return made


def from_file(path: Path) -> Experiment:
    """The experiment of a TOML file; mistakes of its form, and of what it names in the rest, are raised together."""
    raw = file.load(path)
    try:
        return file.experiment(raw, path.stem)
    except Mistakes as wrong:
        lines = list(wrong.lines)
        if isinstance(wrong.__cause__, ValidationError):
            lines += in_the_rest(raw, wrong.__cause__, path.stem)
        raise Mistakes(f"{path}: {line}" for line in lines) from None


def in_the_rest(raw: Mapping[str, Any], error: ValidationError, name: str) -> list[str]:
    """The mistakes in what is left of a file without the entries that have no right form."""
    rest = copy.deepcopy(dict(raw))
    for each in error.errors(include_url=False):
        dropped(rest, each["loc"][:-1] if each["type"] == "missing" else each["loc"])
    kept = [number for number, task in enumerate(rest.get("tasks") or ()) if task is not None]
    try:
        made = file.experiment(whole(rest), name)
        recipes = (replace(recipe, place=f"tasks[{number}]") for recipe, number in zip(made.recipes, kept, strict=True))
        asked(replace(made, recipes=tuple(recipes)))
    except Mistakes as wrong:
        return [] if isinstance(wrong.__cause__, ValidationError) else wrong.lines
    return []


def dropped(rest: dict[str, Any], path: Sequence[str | int]) -> None:
    """Take out what stands at a path; in a list its place stays, so that the others keep their numbers."""
    node: Any = rest
    try:
        for part in path[:-1]:
            node = node[part]
        node[path[-1]] = None
    except (KeyError, IndexError, TypeError):  # written otherwise than the model sees it
        if path:
            rest[str(path[0])] = None


def whole(rest: Any) -> Any:
    """The same without what was taken out."""
    if isinstance(rest, dict):
        return {key: whole(value) for key, value in rest.items() if value is not None}
    return [whole(value) for value in rest if value is not None] if isinstance(rest, list) else rest


def asked(experiment: Experiment, **options: Any) -> Asked:
    """What an experiment comes to, see `Experiment.ask`; every name in it is known and every setting fits, or all that does not is raised."""
    budgets = cache(solved)
    try:
        found = experiment.ask(**options, solve=lambda spec, match: budgets(deciding(spec).model_copy(update={"units": 1}), match))
    except Mistakes as wrong:
        raise Mistakes([*wrong.lines, *in_what_is_fixed(experiment, options)]) from None
    completed, tried = Completion(), set()
    faults: list[tuple[str, str]] = []
    every: list[tuple[str, TrainSpec | SpeedSpec]] = [(each.place, trial[0]) for each in found.contestants for trial in each.trials]
    for place, spec in (*every, *(("shapes", spec) for spec in found.timed)):
        key = (place, deciding(spec) if isinstance(spec, TrainSpec) else spec)
        if key not in tried:
            tried.add(key)
            faults += [(place, said) for said in completed.mistakes(spec)]
    if faults:
        raise Mistakes(merged(faults, len({place for place, _ in tried})))
    return found


def in_what_is_fixed(experiment: Experiment, options: Mapping[str, Any]) -> list[str]:
    """The mistakes that are left where nothing varies."""
    fixed = replace(experiment, grid={}, sample=None, match=None, search=None)
    try:
        if fixed != experiment:
            asked(fixed, **options)
    except Mistakes as wrong:
        return wrong.lines
    return []


def solved(spec: TrainSpec, match: Match) -> int:
    """The units at which the whole network of a spec takes what a budget allows."""
    task, refusals, counted = task_of(spec.task), [], []

    def count(width: int) -> int | None:
        given = spec.model_copy(update={"units": width} | ({"embedding": width} if task.tokens and not spec.embedding else {}))
        try:
            counted.append(int(getattr(costs_of(network_of(given, task.inputs, task.outputs), spec.dtype), match.of[0])))
        except ValueError as error:  # a width that this cell cannot have, or a name that is wrong at every width
            refusals.append(error)
            return None
        return counted[-1]

    try:
        return units(match, count)
    except ValueError as error:
        raise ValueError(f"cell '{spec.cell}': {error}" if counted else str(refusals[-1])) from None
