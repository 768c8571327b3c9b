"""A few operators on the rows of one sequence: what is recorded of a step, and what code is emitted from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

Name = tuple[str, str]  # ("row", "i"), ("state", "c"), ("seed", "c"), ("d row", "i") ...


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

    def number(self, value: float) -> int:
        """The node of a number."""
        return self.add(Node("number", (), 1, literal(value)))

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


def literal(value: float) -> str:
    """A number in C."""
    if math.isnan(value):
        return "std::numeric_limits<T>::quiet_NaN()"
    return f"{'-' if value < 0 else ''}std::numeric_limits<T>::infinity()" if math.isinf(value) else f"T({float(value)!r})"
