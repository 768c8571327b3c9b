"""The tables of the documentation that are made from tasks: what they ask, between which scores their results lie, what was published."""

from __future__ import annotations

import inspect
from typing import Any

from suite.launch.describe import describe_task
from suite.tasks import TASKS
from suite.tasks.published import CONFIDENCE, published

WHERE = {"last": "at the end", "every": "at every step"}
COUNTS = {"answer": "", "sequence": ", a whole sequence counts once", "symbol": ", of all symbols"}


def tasks() -> str:
    """A row a task, at its default difficulty."""
    heads = ["task", "arguments", "what it asks", "answer", "measure", "chance", "solved", "data", "source"]
    return table(heads, [[f"`{name}`", arguments(name), *asked(describe_task(name))] for name in TASKS])


def arguments(name: str) -> str:
    """The arguments of a task with their defaults; `train` is every task's.

    >>> arguments("adding"), arguments("mnist-rows")
    ("`length=100`, `form='halves'`", '')
    """
    return ", ".join(f"`{p.name}={p.default!r}`" for p in inspect.signature(TASKS[name]).parameters.values())


def asked(entry: dict[str, Any]) -> list[str]:
    """The cells of a task's row after its arguments."""
    kinds = {"class": f"one of {entry['outputs']:,}", "number": "a number", "vector": f"a vector of {entry['outputs']:,}"}
    answer = f"{kinds[entry['answer']]}, {WHERE[entry['supervision']]}"
    measure = f"{entry['measure']}, {entry['better']} is better{COUNTS[entry['per']]}"
    return [entry["about"], answer, measure, f"{entry['chance']:.4g}", f"{entry['solved']:.4g}", entry["source"] or "drawn", entry["paper"]]


def figures() -> str:
    """A row a published figure, in the order of the tasks."""
    order = list(TASKS)
    ranked = sorted(published(), key=lambda figure: order.index(figure.task.partition("(")[0]))
    rows = [[f"`{f.task}`", f.setting, f.method, f.measure, f"{f.value:,g}{f' {f.unit}' if f.unit else ''}", f.source, f.confidence] for f in ranked]
    return table(["task", "setting", "method", "measure", "figure", "source", "how it is known"], rows)


def marks() -> str:
    """What the marks of published figures mean."""
    return "; ".join(f"*{mark}*: {meaning}" for mark, meaning in CONFIDENCE.items()) + "."


def table(heads: list[str], rows: list[list[str]]) -> str:
    """Rows as Markdown; a bar inside a cell would end it.

    >>> print(table(["a", "b"], [["1", "2"]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("|" + "|".join(cells) + "|" if cells[0] == "---" else f"| {' | '.join(cells)} |" for cells in lines)
