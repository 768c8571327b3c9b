"""A cell's step as boxes and lines: what hears what, and how. Read off its table and equations, written nowhere a second time.

Boxes are the input, the states before the step, every named equation, and the states after it. A line is a matrix of weights,
a vector of weights (a peephole), a gate that multiplies, or the value itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from suite.cells import Cell
from suite.launch.typeset import Tree, equations

ROLES = {"keep": "keeps", "new": "renews", "in": "lets in", "out": "lets out", "reset": "resets"}


class Box(NamedTuple):
    """One value of the step. `kind` is "given" (known before it), "equation" or "state" (its result)."""

    name: str
    kind: str
    function: str = ""
    role: str = ""


class Line(NamedTuple):
    """What a box hears of another one. `kind` is "matrix" (then `row` names the row of the table), "vector", "gate" or "value"."""

    source: str
    target: str
    kind: str
    row: str = ""


@dataclass(frozen=True)
class Wiring:
    """Boxes, each after those that it hears, and the lines between them."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def wiring(cell: Cell) -> Wiring:
    """Of a cell whose functions run on symbols its equations; of another one its table, every function as one box.

    >>> from suite.cells import CELLS
    >>> made = wiring(CELLS["rnn"](4))
    >>> [box.name for box in made.boxes]
    ['x(t)', 'h(t−1)', 'h(t)']
    >>> made.lines
    (Line(source='x(t)', target='h(t)', kind='matrix', row='a'), Line(source='h(t−1)', target='h(t)', kind='matrix', row='a'))
    """
    trees = _apart(equations(cell)) or _table(cell)
    names = [called(name) for name, _ in trees]
    lines: dict[Line, None] = {}
    for target, (_, tree) in zip(names, trees, strict=True):
        lines |= dict.fromkeys(Line(source, target, kind, row) for source, kind, row in _heard(tree, cell, {*names} - {target}))
    given = dict.fromkeys(line.source for line in lines if line.source not in names)
    first = sorted(given, key=lambda name: (name != "x(t)", name not in [called(["before", state]) for state in cell.state]))
    boxes = [Box(name, "given") for name in first]
    boxes += [Box(name, _kind(left), _function(tree), ROLES.get(cell.gates.get(name.removesuffix("(t)"), ""), "")) for name, (left, tree) in zip(names, trees, strict=True)]
    return Wiring(tuple(boxes), tuple(lines))


def called(tree: Tree) -> str:
    """The name of a value as it stands in its box.

    >>> called(["before", "c"]), called(["t", "c"]), called(["sub", "q", "1"]), called("i")
    ('c(t−1)', 'c(t)', 'q1', 'i')
    """
    if isinstance(tree, str):
        return tree
    kind, *rest = tree
    return {"before": f"{rest[0]}(t−1)", "t": f"{rest[0]}(t)"}.get(kind) or "".join(str(part) for part in rest)


def _apart(trees: Sequence[Any]) -> list[Any]:
    """Equations in which every sum that is multiplied as a whole has a line and a name of its own, that of its row."""
    made: list[Any] = []
    for name, tree in trees:
        left = _pulled(tree, made, {called(other) for other, _ in trees}, multiplied=False)
        made.append([name, left])
    return made


def _pulled(tree: Tree, made: list[Any], names: set[str], *, multiplied: bool) -> Tree:
    if isinstance(tree, str) or tree[0] in ("t", "before", "sub"):
        return tree
    terms = [part for part in (tree[1:] if tree[0] == "+" else [tree]) if not isinstance(part, str) and part[0] in ("W", "U")]
    if multiplied and terms and terms[0][1] not in names:
        made.append([terms[0][1], tree])
        return terms[0][1]
    head, parts = (2, tree[2:]) if tree[0] == "f" else (len(tree) - 1, tree[-1:]) if tree[0] in ("W", "U") else (1, tree[1:])
    return [*tree[:head], *(_pulled(part, made, names, multiplied=tree[0] == "*") for part in parts)]


def _kind(left: Tree) -> str:
    return "state" if not isinstance(left, str) and left[0] == "t" else "equation"


def _function(tree: Tree) -> str:
    return str(tree[1]) if not isinstance(tree, str) and tree[0] == "f" else ""


def _heard(tree: Tree, cell: Cell, names: set[str], kind: str = "value", row: str = "") -> Iterator[tuple[str, str, str]]:
    """(source, kind of line, row) of every value in an equation."""
    if isinstance(tree, str) or tree[0] in ("t", "before", "sub"):
        name = called(tree)
        if name in names or (not isinstance(tree, str) and tree[0] in ("t", "before")) or _mask(tree):
            gate = name.removesuffix("(t)") in cell.gates and kind != "matrix"
            yield name, "gate" if gate else kind, row if kind == "matrix" and not gate else ""
    elif tree[0] in ("W", "U"):
        yield from _weighed(tree[-1], cell, names, tree[1])
    else:
        parts = tree[2:] if tree[0] == "f" else tree[1:]
        weighed = "vector" if tree[0] == "*" and any(_extra(part, cell) for part in parts) and kind == "value" else kind
        for part in parts:
            yield from _heard(part, cell, names, weighed, row)


def _weighed(operand: Tree, cell: Cell, names: set[str], row: str) -> Iterator[tuple[str, str, str]]:
    """What a matrix multiplies; a gate inside a product multiplies first."""
    if isinstance(operand, str) or operand[0] in ("t", "before", "sub"):
        yield from _heard(operand, cell, names, "matrix", row)
        return
    for source, kind, _ in _heard(operand, cell, names):
        yield source, "gate" if kind == "gate" else "matrix", "" if kind == "gate" else row


def _extra(tree: Tree, cell: Cell) -> bool:
    name = tree if isinstance(tree, str) else "_".join(tree[1:]) if tree[0] == "sub" else ""
    return name in cell.extra


def _mask(tree: Tree) -> bool:
    return not isinstance(tree, str) and tree[:2] == ["sub", "m"]


def _table(cell: Cell) -> list[Any]:
    """The table alone as equations: every row a sum, every function one box that hears all rows so far."""
    made: list[Any] = []
    known: list[Tree] = []
    values: set[str] = set()
    for number, stage in enumerate(cell.table, start=1):
        for row in stage.rows:
            terms: list[Tree] = [_product(row.name, link.weight, link.source, values) for link in row.links]
            made += [[row.name, ["+", *terms]]] if terms else []
            known += [row.name] if terms else [["t", "x"]] if row.raw == "x" else []
        new = {link.source for later in cell.table[number:] for row in later.rows for link in row.links} - {"x", *cell.state} - values
        values |= new
        results: Sequence[Tree] = [["t", state] for state in cell.state] if number == len(cell.table) else sorted(new)
        made += [[result, ["f", "step", *known, *(["before", state] for state in cell.state)]] for result in results]
    return made


def _product(row: str, weight: str, source: str, values: set[str]) -> Tree:
    if source == "x":
        return ["W", row, ["t", "x"]]
    return ["U", row, weight, source if source in values else ["before", source]]
