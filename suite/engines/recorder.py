"""PyTorch's operators written down while they run, below autograd: those of a derivative are seen, too.

A tensor is known by its memory, shape and strides, for autograd hands the same values on in other objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from suite.engines.graph import Graph, Name, Node, literal
from suite.engines.operations import COMPARISONS, FILLED, POINTWISE, POWERS, SAME, SPREAD, SUMS


class Untraceable(RuntimeError):
    """Half a sentence: what an equation does that generated code cannot."""


class Recorder(TorchDispatchMode):
    """A mode that writes down every operator that runs under it.

    lead   replicas and sequences of the inputs, (2, 3) say; a row of the graph is what follows them
    value  what the inputs are filled with
    """

    def __init__(self, lead: tuple[int, int], value: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lead, self.value, self.graph = lead, value, Graph()
        self.kept: list[Tensor] = []
        self.known: dict[Any, int] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # or the first operator imports PyTorch's compiler, which takes over a second

    def take(self, name: Name, width: int) -> Tensor:
        """A new input, (*lead, width)."""
        with _disable_current_modes():
            value = torch.full((*self.lead, width), self.value, dtype=torch.float64, device="cpu")
        self.graph.inputs[name] = self._learn(value, self.graph.add(Node("input", (), width, " ".join(name))))
        return value

    def number(self, value: Tensor) -> int:
        """The node of a tensor."""
        if _key(value) not in self.known:
            raise Untraceable("uses a tensor that is no row, state or extra")
        return self.known[_key(value)]

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        named = {argument.name: argument.default_value for argument in func._schema.arguments}
        named |= dict(zip(named, args, strict=False)) | (kwargs or {})
        result = func(*args, **(kwargs or {}))
        name = func._schema.name.partition("::")[2]
        changed = name.endswith("_") and not name.endswith("__")
        if isinstance(result, list):
            raise Untraceable(f"calls torch's '{name}'")
        for which, value in enumerate(result if isinstance(result, tuple) else (result,)):
            if not isinstance(value, Tensor):
                raise Untraceable(f"looks at the value of a tensor ({name})")
            if not changed and _key(value) in self.known:  # a view that changes nothing
                continue
            number = self._node(name.removesuffix("_") if changed else name, which, named, value)
            self._check(name, value, number)
            if changed:  # other views of the same memory hold something else now
                self.known = {key: node for key, node in self.known.items() if key[0] != value.data_ptr()}
            self._learn(value, number)
        return result

    def _check(self, name: str, value: Tensor, number: int) -> None:
        constant = self.graph.nodes[number].op == "number"
        if not constant and tuple(value.shape[:2]) != self.lead:
            raise Untraceable(f"mixes or reshapes replicas and sequences ({name})")
        if value.dtype != torch.float64 and not (value.dtype == torch.bool and (constant or name in COMPARISONS | SAME | SPREAD)):
            raise Untraceable(f"computes in {value.dtype} ({name})")

    def _learn(self, value: Tensor, number: int) -> int:
        self.kept.append(value)  # a freed tensor's address would be given to another
        self.known[_key(value)] = number
        return number

    def _width(self, value: Tensor) -> int:
        return value.numel() // prod(self.lead)

    def _node(self, name: str, which: int, named: Mapping[str, Any], result: Tensor) -> int:
        if name in ("_to_copy", "to") and named["self"].dtype == torch.bool:
            return self._map("T({self})", named, result)
        if name == "clamp":
            name = "clamp_max" if named["min"] is None else "clamp_min" if named["max"] is None else name
        if name in POINTWISE:
            template = POINTWISE[name][which]
            if name == "pow" and not isinstance(named["exponent"], Tensor):
                template = POWERS.get(named["exponent"], template)
            if named.get("rounding_mode") or named.get("approximate", "none") != "none" or named.get("is_result"):
                raise Untraceable(f"calls torch's '{name}' in a form that is not known")
            return self._map(template, named, result)
        if name in FILLED:
            value = FILLED[name]
            return self.graph.number(float(named[str(value)]) if isinstance(value, str) else value)
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
        return self.graph.add(Node("map", tuple(args), self._width(result), text))

    def _spread(self, value: Tensor, result: Tensor) -> int:
        number = self.number(value)
        node = self.graph.nodes[number]
        if node.op == "number" or value.numel() == result.numel():
            return number
        shape = (1,) * (result.ndim - value.ndim) + tuple(value.shape)
        first = next(axis for axis, (small, large) in enumerate(zip(shape, result.shape, strict=True)) if small != large)
        if prod(shape[first:]) != 1:
            raise Untraceable("repeats a row as a whole")
        return self.graph.add(Node("spread", (number,), self._width(result)))

    def _sum(self, named: Mapping[str, Any], result: Tensor, mean: bool) -> int:
        value, dims = named["self"], named.get("dim")
        gone = range(value.ndim) if not dims else [d % value.ndim for d in dims]
        if {0, 1} & set(gone):
            raise Untraceable("sums over replicas or sequences")
        first = min((d for d in gone if value.shape[d] > 1), default=value.ndim)
        if any(size > 1 and d not in gone for d, size in enumerate(value.shape) if d > first):
            raise Untraceable("sums over what are not neighbours")
        number, width = self.number(value), self._width(result)
        if self.graph.nodes[number].op == "number":
            raise Untraceable("sums a constant")
        if self.graph.nodes[number].width == width:
            return number
        total = self.graph.add(Node("sum", (number,), width))
        return self.graph.add(Node("map", (total,), width, f"{{0}} / T({value.numel() // result.numel()})")) if mean else total


def _key(value: Tensor) -> tuple[Any, ...]:
    return value.data_ptr(), value.dtype, tuple(value.shape), value.stride()
