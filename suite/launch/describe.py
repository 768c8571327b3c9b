"""The catalogue that a run writes beside its records, so that a report needs neither torch nor the data."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

from suite import catalogue, names, papers, proofs
from suite.cells import CELLS, digest
from suite.launch.counting import formula
from suite.launch.diagram import diagram
from suite.launch.example import example
from suite.launch.lookup import canonical, task_of
from suite.launch.typeset import equations as typeset
from suite.tasks import TASKS, Task
from suite.tasks.baselines import Baseline, without_order
from suite.tasks.published import fitting

UNTIL = "until success"  # in the measure of figures that say how long a task took to be solved


def describe(experiment: str, question: str, command: str, cells: list[dict[str, Any]], tasks: Iterable[str], baselines: Mapping[str, Any]) -> dict[str, Any]:
    """Everything a page says that is not in a record."""
    listed_tasks = [
        describe_task(text)
        | {"name": canonical(text), "label": text, "baselines": found, "without_order": without_order(task_of(text), [Baseline(**b) for b in found])}
        | {"published": [figure.line for figure in fitting(canonical(text)) if UNTIL in figure.measure]}
        | {"figures": [dataclasses.asdict(figure) for figure in fitting(canonical(text))], "example": _example(text)}
        for text, found in ((text, baselines.get(text, [])) for text in dict.fromkeys(tasks))
    ]
    keys = [entry["paper"] for entry in (*cells, *listed_tasks) if entry["paper"]] + [figure["source"] for entry in listed_tasks for figure in entry["figures"]]
    return {
        "experiment": experiment,
        "question": question,
        "command": command,
        "made": datetime.now(UTC).date().isoformat(),
        "cells": cells,
        "tasks": listed_tasks,
        "references": papers.references(keys),
    }


@cache
def _example(text: str) -> dict[str, Any]:
    """Drawn once a command: real data take a while to read."""
    return example(task_of(text))


def describe_cells(units: Mapping[str, int]) -> list[dict[str, Any]]:
    """Every cell at the units it is used with, under the name that records carry, and drawn."""
    named = {catalogue.canonical_cell(name): width for name, width in units.items()}
    return [describe_cell(name, width) | {"diagram": diagram(catalogue.cell(name, width))} for name, width in named.items()]


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
        "equations": _written(functions[-1]),
        "source": [equations(function) for function in functions],
        "typeset": typeset(cell),
        "formula": formula(partial(catalogue.cell, name)),
        "proofs": [proof._asdict() for proof in proofs.proofs(name)],
        "paper": cell.paper,
    }
    if inputs is None:
        return made
    counted = cell.takes or inputs
    costs = cell.costs(counted)
    return made | {"units": units, "inputs": counted} | costs | {"state_bytes": 4 * costs["state"]}


def _written(function: Any) -> str:
    """The equations that the docstring of a cell's file sets out, indented there."""
    lines = (inspect.getdoc(inspect.getmodule(function)) or "").splitlines()
    return textwrap.dedent("\n".join(line for line in lines if line.startswith("    ")))


def equations(function: Any) -> str:
    """The source of a stage's function and of the helpers it calls, without docstrings; of a family's member its fields too."""
    member = getattr(function, "__self__", None)
    family = dataclasses.is_dataclass(member) and not isinstance(member, type)
    changed = [f"{f.name} = {_named(getattr(member, f.name))}" for f in dataclasses.fields(member) if _changed(f, member)] if family else []  # type: ignore[arg-type]
    head = ["# " + ", ".join(changed)] if changed else []
    return "\n\n".join([*head, *(bare(f) for f in _reached(getattr(function, "__func__", function), type(member)))])


def _changed(field: Any, member: Any) -> bool:
    return field.name not in ("name", "paper") and (field.default is dataclasses.MISSING or getattr(member, field.name) != field.default)


def _reached(function: Any, family: type) -> list[Any]:
    """A function, and the functions of its module and methods of its class that it calls, in the order of the calls."""
    found, waiting = [], [function]
    while waiting:
        here = waiting.pop(0)
        if here in found or not inspect.isfunction(here):
            continue
        found.append(here)
        called = [vars(family).get(name) or here.__globals__.get(name) for name in here.__code__.co_names]
        waiting += [c for c in called if inspect.isfunction(c) and c.__module__ == here.__module__]
    return found


def _named(value: Any) -> str:
    return str(getattr(value, "__name__", repr(value)))


def bare(function: Any) -> str:
    """Source without docstring, or the name where there is no source."""
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
    factory = catalogue.task_factory(names.parse_call(text)[0])
    return {
        "name": task.name,
        "about": _about(factory),
        "inputs": task.inputs,
        "outputs": task.outputs,
        "supervision": task.supervision,
        "beyond": {label: [other.chance, other.solved] for label, other in task.beyond.items()},
        "answer": task.answer,
        "per": task.per,
        "stateful": task.stateful,
        "measure": task.measure,
        "better": task.better,
        "chance": task.chance,
        "solved": task.solved,
        "version": task.version,
        "data": task.data.checksum if task.data else "",
        "source": task.data.name if task.data else "",
        "paper": task.paper,
    }


def _about(factory: Any) -> str:
    """The first paragraph of the file of a task, or of its function where a file has several; nothing of a Task that an outsider hands out."""
    if isinstance(factory, partial):
        return ""
    module = inspect.getmodule(factory)
    alone = sum(inspect.getmodule(other) is module for other in TASKS.values()) < 2
    text = inspect.getdoc(module if alone and module is not None else factory) or ""
    return " ".join(text.partition("\n\n")[0].split())


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


def cited(name: str) -> str:
    """The key of a source: a key itself, or the source of a cell or a task; ValueError for what is none of these, or has none."""
    base = name.partition("(")[0]
    if name in papers.library():
        return name
    if base not in CELLS and base not in TASKS and ":" not in base:
        raise ValueError(names.unknown(name, [*papers.library(), *CELLS, *TASKS], "source"))
    made = catalogue.either(name)
    key = made.paper if isinstance(made, Task) else made(8).paper
    if not key:
        raise ValueError(f"'{name}' names no source")
    return key


def _first(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]
