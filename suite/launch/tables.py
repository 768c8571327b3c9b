"""The tables of the documentation that are made from the catalogue: cells, tasks, engines, experiments, records, exit statuses, published figures."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

from suite.launch.describe import describe_task, listing
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


def cells() -> str:
    """A row a cell, counted at 128 units and 28 inputs."""
    heads = ["cell", "rows", "states", "parameters", "multiply–adds", "source"]
    made = []
    for cell in listing("cells", 128, 28):
        fed = "; ".join(f"{row} ← {' '.join(sources.split())}" for row, sources in cell["rows"])
        made.append([f"`{cell['name']}`", fed, " ".join(cell["states"]), f"{cell['parameters']:,}", f"{cell['multiply_adds']:,}", cell["paper"]])
    return table(heads, made)


def engines() -> str:
    """A row an engine."""
    return table(["engine", "what it is"], [[f"`{engine['name']}`", engine["about"]] for engine in listing("engines", 8, 8)])


def experiments() -> str:
    """A row an experiment."""
    return table(["experiment", "question"], [[f"`{experiment['name']}`", experiment["about"]] for experiment in listing("experiments", 8, 8)])


def statuses() -> str:
    """A row an exit status, from the sentence that opens the command line.

    >>> print(statuses().splitlines()[2])
    | 0 | finished |
    """
    from suite import cli

    sentence = (cli.__doc__ or "").partition("Exit status: ")[2].partition(".")[0]
    return table(["status", "meaning"], [list(pair) for pair in re.findall(r"(\d+) ([^,]+)", sentence)])


def records() -> str:
    """A table of fields a part of a record, from the published schema."""
    from suite.runs.schema import FILE

    schema = json.loads(FILE.read_text(encoding="utf-8"))
    parts = {"A record": schema, **{name: part for name, part in schema["$defs"].items() if "properties" in part}}
    told = []
    for name, part in parts.items():
        fields = table(["field", "is"], [[f"`{field}`", kind(about)] for field, about in part["properties"].items()])
        told += [f"### {name}", (part.get("description") or "").partition("\n\n")[0].replace("\n", " ") if name != "A record" else "", fields]
    return "\n\n".join(line for line in told if line)


def kind(about: dict[str, Any]) -> str:
    """What a field of a JSON schema may be, in words.

    >>> kind({"anyOf": [{"$ref": "#/$defs/Timing"}, {"type": "null"}]}), kind({"type": "array", "items": {"type": "number"}})
    ('Timing or nothing', 'list of number')
    """
    if "anyOf" in about:
        return " or ".join(kind(each) for each in about["anyOf"])
    if "$ref" in about:
        return str(about["$ref"]).rpartition("/")[2]
    if "const" in about or "enum" in about:
        return ", ".join(str(value) for value in about.get("enum", [about.get("const")]))
    inner = about.get("items") or about.get("additionalProperties")
    named = {"null": "nothing", "array": "list", "object": "mapping"}.get(str(about.get("type", "anything")), str(about.get("type", "anything")))
    return f"{named} of {kind(inner)}" if isinstance(inner, dict) and inner else named


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
