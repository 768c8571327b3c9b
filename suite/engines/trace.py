"""A step and its reverse as one short graph, recorded while PyTorch itself carries them out on one sequence.

The recorder stands below autograd, so it sees the operators of the derivative too: no derivative is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from suite.cells.cell import Cell, Stage
from suite.engines.engine import advance
from suite.engines.operations import FILLED, POINTWISE, POWERS, SAME, SPREAD, SUMS

Name = tuple[str, str]  # ("row", "i"), ("state", "c"), ("seed", "c"), ("d row", "i") ...


class Untraceable(RuntimeError):
    """Half a sentence: what an equation does that generated code cannot."""


@dataclass(frozen=True)
class Node:
    """One value of a step.

    op     "input", "number", "map" (text is a C expression of {0}, {1} ...), "spread" (each element repeated) or
           "sum" (of neighbours), both until the width is reached
    args   numbers of the nodes that it is made of
    width  how many elements it has
    """

    op: str
    args: tuple[int, ...] = ()
    width: int = 1
    text: str = ""


@dataclass
class Graph:
    """Nodes, each after its arguments; where the inputs come in and the results go out."""

    nodes: list[Node] = field(default_factory=list)
    inputs: dict[Name, int] = field(default_factory=dict)
    outputs: dict[Name, int] = field(default_factory=dict)

    def add(self, node: Node) -> int:
        """The number of a node, the old one where it is there already."""
        if node.op != "input" and node in self.nodes:
            return self.nodes.index(node)
        self.nodes.append(node)
        return len(self.nodes) - 1

    def behind(self, numbers: Iterable[int], stop: Callable[[int], bool] = lambda number: False) -> set[int]:
        """These nodes and all that they are made of; nothing behind a node that stops."""
        found: set[int] = set()
        waiting = list(numbers)
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                waiting += () if stop(number) else self.nodes[number].args
        return found


class Recorder(TorchDispatchMode):
    """Writes down every operator that runs under it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph = Graph()
        self.kept: list[Tensor] = []
        self.known: dict[Any, int] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # or the first operator imports PyTorch's compiler, which takes over a second

    def take(self, name: Name, width: int) -> Tensor:
        """A new input."""
        value = torch.full((1, 1, width), 0.5, dtype=torch.float64)
        self.graph.inputs[name] = self._learn(value, self.graph.add(Node("input", (), width, " ".join(name))))
        return value

    def number(self, value: Tensor) -> int:
        """The node of a tensor; a lone element that came from elsewhere is a constant."""
        key = _key(value)
        if key not in self.known:
            if value.numel() != 1:
                raise Untraceable("uses a tensor that is no row, state or extra")
            with _disable_current_modes():
                self._learn(value, self._number(float(value)))
        return self.known[key]

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        named = {argument.name: argument.default_value for argument in func._schema.arguments}
        named |= dict(zip(named, args, strict=False)) | (kwargs or {})
        result = func(*args, **(kwargs or {}))
        name = func._schema.name.partition("::")[2]
        for which, value in enumerate(result if isinstance(result, tuple) else (result,)):
            if not isinstance(value, Tensor):
                raise Untraceable(f"looks at the value of a tensor ({name})")
            if _key(value) in self.known:
                continue
            number = self._learn(value, self._node(name, which, named, value))
            if tuple(value.shape[:2]) != (1, 1) and self.graph.nodes[number].op != "number":
                raise Untraceable(f"mixes or reshapes replicas and sequences ({name})")
        return result

    def _learn(self, value: Tensor, number: int) -> int:
        self.kept.append(value)  # a freed tensor's address would be given to another
        self.known[_key(value)] = number
        return number

    def _number(self, value: float) -> int:
        return self.graph.add(Node("number", (), 1, literal(value)))

    def _node(self, name: str, which: int, named: Mapping[str, Any], result: Tensor) -> int:
        if name in POINTWISE:
            template = POINTWISE[name][which]
            if name == "pow":
                template = POWERS.get(named["exponent"], template) if not isinstance(named["exponent"], Tensor) else template
            if named.get("rounding_mode"):
                raise Untraceable("divides with rounding")
            return self._map(template, named, result)
        if name in FILLED:
            value = FILLED[name]
            return self._number(float(named[str(value)]) if isinstance(value, str) else value)
        if name in SAME:
            return self.number(named["self"] if "self" in named else named["a"])
        if name in SPREAD:
            return self._spread(named["self"], result)
        if name in SUMS:
            return self._sum(named, result, name == "mean")
        raise Untraceable(f"calls torch's '{name}'")

    def _map(self, template: str, named: Mapping[str, Any], result: Tensor) -> int:
        args: list[int] = []
        words = {}
        for name, value in named.items():
            if isinstance(value, Tensor) and "{" + name + "}" in template:
                number = self._spread(value, result)
                args += [] if number in args else [number]
                words[name] = f"{{{args.index(number)}}}"
            elif isinstance(value, (bool, int, float)):
                words[name] = literal(value)
        text = template.format(**words)
        ones = [a for a in args if self.graph.nodes[a] == Node("number", text=literal(1.0))]
        if text in ("{0} * {1}", "{1} * {0}") and ones and len(args) == 2:
            return next(a for a in args if a != ones[0])
        return self.graph.add(Node("map", tuple(args), result.numel(), text))

    def _spread(self, value: Tensor, result: Tensor) -> int:
        number = self.number(value)
        node = self.graph.nodes[number]
        if node.op == "number" or node.width == result.numel():
            return number
        shape = (1,) * (result.ndim - value.ndim) + tuple(value.shape)
        first = next(axis for axis, (small, large) in enumerate(zip(shape, result.shape, strict=True)) if small != large)
        if prod(shape[first:]) != 1:
            raise Untraceable("repeats a row as a whole")
        return self.graph.add(Node("spread", (number,), result.numel()))

    def _sum(self, named: Mapping[str, Any], result: Tensor, mean: bool) -> int:
        value, dims = named["self"], named.get("dim")
        gone = range(value.ndim) if not dims else [d % value.ndim for d in dims]
        if {0, 1} & set(gone):
            raise Untraceable("sums over replicas or sequences")
        first = min((d for d in gone if value.shape[d] > 1), default=value.ndim)
        if any(size > 1 and d not in gone for d, size in enumerate(value.shape) if d > first):
            raise Untraceable("sums over what are not neighbours")
        number = self.number(value)
        if self.graph.nodes[number].op == "number":
            raise Untraceable("sums a constant")
        if self.graph.nodes[number].width == result.numel():
            return number
        total = self.graph.add(Node("sum", (number,), result.numel()))
        return self.graph.add(Node("map", (total,), result.numel(), f"{{0}} / T({value.numel() // result.numel()})")) if mean else total


def _key(value: Tensor) -> tuple[Any, ...]:
    return value.data_ptr(), value.dtype, tuple(value.shape), value.stride()


def literal(value: float) -> str:
    """A number in C."""
    return f"T({float(value)!r})" if abs(value) != float("inf") else f"{'-' if value < 0 else ''}std::numeric_limits<T>::infinity()"


def trace(cell: Cell) -> Graph:
    """Inputs `row`, `state`, `extra`, and a `seed` for each result; results `value`, `new`, and `d row`, `d state`, `d extra`.

    A `value` is what an earlier stage makes and a later row multiplies. A derivative that is zero is not there.
    """
    recorder = Recorder()
    with recorder, torch.enable_grad():
        rows = {row.name: recorder.take(("row", row.name), row.width).requires_grad_() for stage in cell.table for row in stage.rows}
        state = cell.states(*(recorder.take(("state", name), width).requires_grad_() for name, width in cell.state.items()))
        extras = cell.extras(*(recorder.take(("extra", name), width).requires_grad_() for name, width in cell.extra.items()))
        heard: dict[str, Tensor] = {}

        def pre(number: int, stage: Stage, known: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
            del number
            heard.update(known)
            return {row.name: rows[row.name] for row in stage.rows}

        new = advance(cell, pre, state, extras)
        results = {("value", source): heard[source] for source in products(cell) if source not in cell.state}
        results |= {("new", name): value for name, value in new._asdict().items()}
        recorder.graph.outputs |= {name: recorder.number(value) for name, value in results.items()}
        seeds = {name: recorder.take(("seed", name[1]), value.numel()).view(value.shape) for name, value in results.items() if value.requires_grad}
    leaves = {("row", name): value for name, value in rows.items()}
    leaves |= {("state", name): value for name, value in state._asdict().items()} | {("extra", name): value for name, value in extras._asdict().items()}
    with torch.enable_grad():
        weighed = sum(((results[name] * seed).sum() for name, seed in seeds.items()), torch.zeros(()))  # as grad_outputs they cost 0.3 s of imports
        with recorder:
            found = torch.autograd.grad(weighed, list(leaves.values()), create_graph=True, allow_unused=True)
            for (kind, name), value in zip(leaves, found, strict=True):
                if value is not None:
                    recorder.graph.outputs[f"d {kind}", name] = recorder.number(value)
    return recorder.graph


def products(cell: Cell) -> list[str]:
    """Everything but x that a row multiplies by a weight."""
    return list(dict.fromkeys(link.source for stage in cell.table for row in stage.rows for link in row.links if link.source != "x"))
