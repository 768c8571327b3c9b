"""The catalogue that a run writes beside its records, so that a report needs neither torch nor the data."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from suite import catalogue, names, papers
from suite.cells import CELLS, digest
from suite.tasks import TASKS


def describe(experiment: str, question: str, command: str, cells: Iterable[str], tasks: Iterable[str], baselines: Mapping[str, Any]) -> dict[str, Any]:
    """Everything a page says that is not in a record."""
    listed_cells = [describe_cell(name) for name in dict.fromkeys(cells)]
    listed_tasks = [describe_task(text) | {"label": text, "baselines": baselines.get(text, [])} for text in dict.fromkeys(tasks)]
    keys = [entry["paper"] for entry in (*listed_cells, *listed_tasks) if entry["paper"]]
    return {
        "experiment": experiment,
        "question": question,
        "command": command,
        "cells": listed_cells,
        "tasks": listed_tasks,
        "references": papers.references(keys),
    }


def describe_cell(name: str, units: int = 8, inputs: int | None = None) -> dict[str, Any]:
    """A cell's table, equations and source."""
    cell = catalogue.cell(name, units)
    functions = [getattr(function, "func", function) for _, function in cell.stages]
    made: dict[str, Any] = {
        "name": name,
        "digest": digest(cell),
        "rows": [[row, sources] for affine, _ in cell.stages for row, sources in affine.items()],
        "states": list(cell.state),
        "extras": list(cell.extra),
        "source": [equations(function) for function in functions],
        "paper": cell.paper,
    }
    if inputs is None:
        return made
    counted = cell.takes or inputs
    return made | {"units": units, "inputs": counted} | cell.costs(counted)


def equations(function: Any) -> str:
    """The source of a stage's function without its docstring, or its name where there is no source."""
    try:
        lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    except (OSError, TypeError):
        return str(getattr(function, "__qualname__", function))
    body = ast.parse("\n".join(lines)).body[0]
    first = body.body[0] if isinstance(body, ast.FunctionDef) else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        del lines[first.lineno - 1 : first.end_lineno]
    return "\n".join(lines)


def describe_task(text: str) -> dict[str, Any]:
    """A task's rule and the scores its results lie between."""
    task = catalogue.task(text)
    factory = names.resolve(names.parse_call(text)[0], TASKS, "task")
    return {
        "name": task.name,
        "about": (inspect.getdoc(inspect.getmodule(factory)) or "").partition("\n\n")[0],
        "inputs": task.inputs,
        "outputs": task.outputs,
        "supervision": task.supervision,
        "measure": task.measure,
        "better": task.better,
        "chance": task.chance,
        "solved": task.solved,
        "version": task.version,
        "data": task.data.checksum if task.data else "",
        "paper": task.paper,
    }


def listing(what: str, units: int, inputs: int) -> list[dict[str, Any]]:
    """What `carrousel list` prints: an object an entry, each with a name."""
    from suite.engines import ENGINES
    from suite.experiments import EXPERIMENTS

    makers: dict[str, Any] = {
        "cells": lambda: [describe_cell(name, units, inputs) for name in CELLS],
        "tasks": lambda: [describe_task(name) | {"name": name} for name in TASKS],
        "engines": lambda: [{"name": e.name, "about": _first(inspect.getmodule(e.unroll))} for e in ENGINES.values()],
        "experiments": lambda: [{"name": e.name, "about": e.question} for e in EXPERIMENTS.values()],
    }
    made: list[dict[str, Any]] = names.resolve(what, makers, "list")()
    return made


def _first(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]
