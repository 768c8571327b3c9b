"""A cell's equations as a tree that a page can typeset: read off its table and its functions, written nowhere a second time.

The functions run once on symbols in place of tensors. What comes of it is named after the rows, as papers do: the logistic of
a row `i` is called i, a row that is used bare or more than once is an equation of its own, the rest is written out in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from suite.cells import Cell
from suite.cells.cell import Row

Tree = Any  # a name, or [operator, tree, …], as JSON has it

SAME = {"unsqueeze", "squeeze", "expand", "expand_as", "flatten", "unflatten", "view", "reshape", "clone", "positive", "detach", "contiguous"}
OPERATORS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "true_divide": "/", "pow": "^", "neg": "neg"}
REFLECTED = {"rsub": "-", "rdiv": "/", "radd": "+", "rmul": "*"}
ACTIVATIONS = {"sigmoid", "tanh", "relu", "log_sigmoid", "logsigmoid", "positive", "softplus", "elu", "exp", "sin", "hardtanh", "leaky_relu", "gelu", "silu"}
LETTERS = {"sigmoid": "σ", "log_sigmoid": "log σ", "logsigmoid": "log σ"}


@dataclass(frozen=True, eq=False)
class Symbol:
    """Stands for a tensor while an equation runs; `node` says what was done: ("sigmoid", node, …), or a leaf ("row", "i")."""

    node: tuple[Any, ...]

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        """Whatever of torch is called with a symbol."""
        return applied(function.__name__.strip("_"), args, kwargs or {})

    def __getattr__(self, name: str) -> Any:
        """A tensor's method."""
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **kwargs: applied(name, (self, *args), kwargs)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one replica, one sequence and one unit."""
        return (1, 1, 1)

    def __add__(self, other: Any) -> Symbol:
        return applied("add", (self, other), {})

    def __radd__(self, other: Any) -> Symbol:
        return applied("add", (other, self), {})

    def __sub__(self, other: Any) -> Symbol:
        return applied("sub", (self, other), {})

    def __rsub__(self, other: Any) -> Symbol:
        return applied("sub", (other, self), {})

    def __mul__(self, other: Any) -> Symbol:
        return applied("mul", (self, other), {})

    def __rmul__(self, other: Any) -> Symbol:
        return applied("mul", (other, self), {})

    def __truediv__(self, other: Any) -> Symbol:
        return applied("div", (self, other), {})

    def __rtruediv__(self, other: Any) -> Symbol:
        return applied("div", (other, self), {})

    def __pow__(self, other: Any) -> Symbol:
        return applied("pow", (self, other), {})

    def __neg__(self) -> Symbol:
        return applied("neg", (self,), {})


def applied(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Symbol:
    """The symbol of a function's result. Options that are no numbers or symbols, axes for one, are left out."""
    first = next(value for value in args if isinstance(value, Symbol))
    if name in SAME:
        return first if name != "positive" else Symbol(("positive", first.node))
    if name in REFLECTED:
        args, name = args[::-1], {"rsub": "sub", "rdiv": "div", "radd": "add", "rmul": "mul"}[name]
    nodes = tuple(value.node if isinstance(value, Symbol) else ("number", value) for value in args if name in OPERATORS or isinstance(value, Symbol))
    return Symbol((name, *nodes))


@dataclass
class Written:
    """A cell's step as nodes, and what each node is called where it has a name."""

    rows: dict[str, Row]
    values: dict[str, tuple[Any, ...]]
    new: dict[str, tuple[Any, ...]]
    named: dict[tuple[Any, ...], Tree]


def equations(cell: Cell) -> list[Tree]:
    """[name, tree] of every equation of a step, each after those that it uses; [] where the functions cannot run on symbols.

    >>> from suite.cells import CELLS
    >>> equations(CELLS["rnn"](4))
    [[['t', 'h'], ['f', 'tanh', ['+', ['W', 'a', ['t', 'x']], ['U', 'a', '', ['before', 'h']], ['sub', 'b', 'a']]]]]
    """
    try:
        return _equations(_recorded(cell))
    except Exception:  # an outsider's functions may do anything with what they are given; the page shows their source
        return []


def _recorded(cell: Cell) -> Written:
    state = cell.states(**{name: Symbol(("state", name)) for name in cell.state})
    extras = cell.extras(**{name: Symbol(("extra", name)) for name in cell.extra})
    known: dict[str, Symbol] = {}
    values: dict[str, tuple[Any, ...]] = {}
    result: Any = None
    for stage in cell.table:
        known |= {row.name: Symbol(("x",) if row.raw == "x" else ("row", row.name)) for row in stage.rows}
        result = stage.function(stage.names(**known), state, extras)
        if isinstance(result, Mapping):
            known |= result
            values |= {name: value.node for name, value in result.items()}
    rows = {row.name: row for stage in cell.table for row in stage.rows if not row.raw}
    new = {name: value.node for name, value in result._asdict().items()}
    return Written(rows, values, new, {})


def _order(written: Written) -> list[tuple[Any, ...]]:
    """Every node of the step, each after its parts; the sources of a row are parts of it."""
    found: dict[tuple[Any, ...], None] = {}

    def visit(node: tuple[Any, ...]) -> None:
        if node in found:
            return
        for part in _parts(node, written):
            visit(part)
        found[node] = None

    for node in written.new.values():
        visit(node)
    return list(found)


def _parts(node: tuple[Any, ...], written: Written) -> list[tuple[Any, ...]]:
    if node[0] == "row":
        row = written.rows.get(node[1])
        return [written.values[link.source] for link in row.links if link.source in written.values] if row else []
    return [part for part in node[1:] if isinstance(part, tuple)]


def _equations(written: Written) -> list[Tree]:
    order = _order(written)
    parents: dict[tuple[Any, ...], int] = {}
    for node in order:
        for part in _parts(node, written):
            parents[part] = parents.get(part, 0) + 1
    once = {node for node in order if node[0] == "row" and parents.get(node, 0) == 1}
    covered: set[tuple[Any, ...]] = set()
    for node in order:  # the function of a row, or of a sum that begins with one, takes its name
        if node[0] in ACTIVATIONS and len(node) == 2:
            direct = [leaf for leaf in _direct(node, written) if leaf in once and leaf not in covered]
            if direct and direct[0][1] not in written.named.values():
                written.named[node] = direct[0][1]
                covered.update(direct)
    for node in order:
        if node[0] == "row" and node not in covered and node[1] in written.rows:
            written.named[node] = node[1] if node[1] not in written.named.values() else f"{node[1]}̂"
    states = {node: name for name, node in written.new.items() if node[0] not in ("state", "extra", "number", "x")}
    again = [node for node in order if parents.get(node, 0) > 1 and node not in states and node not in written.named and _size(node, written) > 2]
    written.named |= {node: ["sub", "q", str(k)] for k, node in enumerate(again, start=1)}
    lines = []
    for node in order:
        if node in states:
            lines.append([["t", states[node]], _tree(node, written, states, top=True)])
        elif node in written.named:
            lines.append([written.named[node], _tree(node, written, states, top=True)])
    lines += [[["t", name], _tree(node, written, {}, top=False)] for name, node in written.new.items() if node not in states and node != ("state", name)]
    return lines


def _direct(node: tuple[Any, ...], written: Written) -> list[tuple[Any, ...]]:
    """The rows that a node is made of, not through anything that has a name."""
    found: list[tuple[Any, ...]] = []
    for part in node[1:]:
        if not isinstance(part, tuple) or part in written.named:
            continue
        found += [part] if part[0] == "row" else _direct(part, written)
    return found


def _size(node: tuple[Any, ...], written: Written) -> int:
    """Operands of a node, those behind a name counted as one."""
    parts = [part for part in node[1:] if isinstance(part, tuple)]
    return sum(1 if part in written.named else _size(part, written) for part in parts) if parts else 1


def _tree(node: tuple[Any, ...], written: Written, states: Mapping[tuple[Any, ...], str], *, top: bool = False) -> Tree:
    if not top and node in states:
        return ["t", states[node]]
    if not top and node in written.named:
        return written.named[node]
    kind, rest = node[0], node[1:]
    if kind == "x":
        return ["t", "x"]
    if kind == "state":
        return ["before", rest[0]]
    if kind == "extra":
        letter, _, below = rest[0].partition("_")
        letter += "′" * (letter == "b" and below in written.rows and written.rows[below].bias)
        return ["sub", letter, below] if below else rest[0]
    if kind == "number":
        return f"{rest[0]:g}"
    if kind == "row":
        return _sum(rest[0], written, states)
    parts = [_tree(part, written, states) for part in rest]
    if kind == "positive" or (kind == "div" and parts[1] == "1"):
        return parts[0]
    if kind in OPERATORS:
        return [OPERATORS[kind], *parts]
    return ["f", LETTERS.get(kind, kind.replace("_", " ")), *parts]


def _sum(name: str, written: Written, states: Mapping[tuple[Any, ...], str]) -> Tree:
    """A row written out: W x + U h(t - 1) + b; where it hears several states, each U says which."""
    row = written.rows.get(name)
    if row is None:
        return ["sub", "m", name]  # a mask drawn outside
    heard = [link for link in row.links if link.source != "x"]
    terms: list[Tree] = [["W", name, ["t", "x"]] for link in row.links if link.source == "x"]
    for link in heard:
        source = _tree(written.values[link.source], written, states) if link.source in written.values else ["before", link.source]
        terms.append(["U", name, link.weight if len(heard) > 1 else "", source])
    terms += [["sub", "b", name]] if row.bias else []
    return terms[0] if len(terms) == 1 else ["+", *terms]
