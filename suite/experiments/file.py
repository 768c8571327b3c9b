"""An experiment as a TOML file: what `Experiment` says in Python, read with every mistake named at once."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, model_validator

from suite.experiments.checks import COMPLETED, ELSEWHERE, SETTINGS
from suite.experiments.experiment import Experiment, Recipe
from suite.experiments.match import Match
from suite.experiments.mistakes import Mistakes, sentences
from suite.experiments.points import Grid, Sample
from suite.experiments.search import Search
from suite.experiments.study import Study
from suite.runs.spec import Above, Frozen, Optimiser, Positive, SpeedSpec, TrainSpec

Name = Annotated[str, Field(min_length=1)]


def some(name: str, of: type[BaseModel], fields: Iterable[str], base: type[BaseModel] = Frozen, **instead: Any) -> type[BaseModel]:
    """A model of some fields of another, none of them required: what is not given is decided elsewhere."""
    taken = {field: (of.model_fields[field].rebuild_annotation(), of.model_fields[field].get_default()) for field in fields}
    made: type[BaseModel] = create_model(name, __base__=base, **(taken | instead))
    return made


Rule = some("Optimiser", Optimiser, Optimiser.model_fields)
Layer = create_model("Layer", __base__=Frozen, cell=(Name, ...), units=(Above.model_fields["units"].rebuild_annotation(), ...))
Settings = some("Settings", TrainSpec, SETTINGS, optimiser=(Rule, Field(default_factory=Rule)), above=(tuple[Layer, ...], ()))  # type: ignore[valid-type]
Shape = some("Shape", SpeedSpec, [name for name in SpeedSpec.model_fields if name not in {"engine", *ELSEWHERE, *COMPLETED}])


class Task(Settings):  # type: ignore[valid-type,misc]
    """One task, its settings, and `cells` where not all of the experiment's take part."""

    task: Name
    cells: tuple[Name, ...] = ()


class Described(Frozen):
    """An experiment that `carrousel run FILE.toml` carries out; see the documentation, "Running"."""

    model_config = ConfigDict(title="Carrousel experiment")

    name: Annotated[str, Field(pattern=r"^\w[\w.+-]*$", description="the folder of its records, the file's name unless given")] = "experiment"
    question: Name
    cells: Annotated[tuple[Name, ...], Field(min_length=1)]
    tasks: tuple[Task, ...] = ()
    shapes: tuple[Shape, ...] = ()  # type: ignore[valid-type]
    engines: Annotated[tuple[Name, ...], Field(description="timed at the shapes")] = ("scan", "hoisted", "vendor")
    seeds: Positive = 3
    settings: Settings = Field(default_factory=Settings)  # type: ignore[valid-type]
    grid: Grid = Field(default_factory=dict)
    sample: Sample | None = None
    match: Match | None = None
    search: Search | None = None
    study: Study = Study()

    @model_validator(mode="after")
    def _something_to_do(self) -> Self:
        if not self.tasks and not self.shapes:
            raise ValueError("has neither tasks to train on nor shapes to time")
        return self


def load(path: Path) -> dict[str, Any]:
    """The tables of a file; ValueError in one sentence where it is no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"there is no file '{path}'") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"'{path}' is no TOML file: {' '.join(str(error).split())}") from None


def experiment(raw: Mapping[str, Any], name: str) -> Experiment:
    """The experiment of a file's tables; every mistake in them raises `Mistakes`.

    >>> made = experiment({"question": "?", "cells": ["gru"], "tasks": [{"task": "adding", "optimiser": {"lr": 0.1}}]}, "mine")
    >>> made.specs()[0].optimiser.lr
    0.1
    """
    try:
        found = Described.model_validate_json(json.dumps({"name": name} | dict(raw), default=str))
    except ValidationError as error:
        raise Mistakes(sentences(error, Described)) from error
    shared = _plain(found.settings)
    recipes = tuple(Recipe(task.task, _joined(shared, _plain(task, "task", "cells")), task.cells, f"tasks[{number}]") for number, task in enumerate(found.tasks))
    whole = {field: getattr(found, field) for field in ("name", "question", "cells", "engines", "seeds", "grid", "sample", "match", "search", "study")}
    return Experiment(recipes=recipes, settings=shared, shapes=tuple(_plain(shape) for shape in found.shapes), **whole)


def _plain(model: BaseModel, *without: str) -> dict[str, Any]:
    """What was given in a table."""
    return model.model_dump(exclude_unset=True, exclude=set(without))


def _joined(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a task over those of all tasks, an optimiser field by field."""
    rule = {**shared.get("optimiser", {}), **own.get("optimiser", {})}
    return {**shared, **own} | ({"optimiser": rule} if rule else {})
