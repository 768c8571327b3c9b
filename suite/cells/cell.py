"""A recurrent cell as data: a table of what feeds each pre-activation, and the equations that use them.

Axes: T time, R replica, B batch, I inputs, W the width of a row or a state.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

LARGEST = 1_000_000  # units of anything; more is a slip of the keyboard

RESERVED = ("x", "b")
ROLES = ("keep", "new", "in", "out", "reset")
EACH = ("step", "sequence")
Affine = Mapping[str, str]
Function = Callable[[Any, Any, Any], Any]


class Link(NamedTuple):
    """One product of a row: the weight called `<row>.<weight>` times the value called `source`."""

    weight: str
    source: str


class Row(NamedTuple):
    """One pre-activation: a sum of products and a bias, or a value handed through untouched."""

    name: str
    width: int
    links: tuple[Link, ...]
    bias: bool
    raw: str  # "x" or "noise" for a row handed through, "" for a computed one


class Mask(NamedTuple):
    """How training draws a row of noise: 0 with probability `rate`, else 1, anew for `each` "step" or "sequence"; afterwards it is 1 - rate."""

    rate: float
    each: str = "step"


class Stage(NamedTuple):
    """Rows, the named tuple that carries them (and all earlier rows and values), and the function."""

    rows: tuple[Row, ...]
    names: type[Any]
    function: Function


@dataclass(frozen=True)
class Cell:
    """What one step of a recurrent network computes, and nothing about time, device or training.

    name       what tables and records call it
    stages     pairs (affine, function). An affine maps each row to its sources: `x` the input, `b` a
               bias, a state, a value of an earlier stage; `"h:rh"` multiplies the value `rh` by the
               weight called `h`; a lone `"=x"` hands the input through, a lone `"=noise"` a mask drawn
               outside. A function gets named tuples: `a` every row and value so far, `s` the states,
               `p` the extras. The last one returns the new `s`, the others a mapping of new values.
    state      name -> width; the first is the output
    extra      name -> width of parameters that the equations use themselves (peepholes)
    width      row -> width, for rows not as wide as the output
    start      state -> its value before the first step, where that is not zero
    truncated  states that no gradient re-enters through (the truncated gradient of 1997)
    masks      row fed by "=noise" -> how training draws it
    gates      row -> what its logistic does: "keep" multiplies the old memory, "in" the candidate, "new" the candidate
               while 1 - it multiplies the memory, "out" the output, "reset" what the candidate hears of the state
    initial    extra -> the value it starts at, where it is not drawn like a weight (gains of a normalisation)
    paper      citation key in `suite/papers.bib`

    >>> import torch
    >>> def step(a, s, p):
    ...     return s._replace(h=torch.tanh(a.a))
    >>> Cell("rnn", (({"a": "x h b"}, step),), {"h": 4}).shapes(inputs=3)
    {'a.x': (4, 3), 'a.h': (4, 4), 'a.b': (1, 4)}
    """

    name: str
    stages: tuple[tuple[Affine, Function], ...]
    state: Mapping[str, int]
    extra: Mapping[str, int] = field(default_factory=dict)
    width: Mapping[str, int] = field(default_factory=dict)
    start: Mapping[str, float] = field(default_factory=dict)
    truncated: tuple[str, ...] = ()
    masks: Mapping[str, Mask] = field(default_factory=dict)
    gates: Mapping[str, str] = field(default_factory=dict)
    initial: Mapping[str, float] = field(default_factory=dict)
    paper: str = ""

    def __post_init__(self) -> None:
        sizes = {**self.state, **self.extra, **self.width}
        for name, size in sizes.items():
            if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST:
                raise ValueError(f"cell '{self.name}': '{name}' must be a whole number of units, 1 to {LARGEST:,}, not {size!r}")
        if not self.state or not self.stages:
            raise ValueError(f"cell '{self.name}' needs at least one state and one stage")
        for stage in self.stages:
            if not (isinstance(stage, tuple) and len(stage) == 2 and isinstance(stage[0], Mapping) and callable(stage[1])):
                raise ValueError(f"cell '{self.name}': stages must be pairs (affine, function), as in ((rows, step),) with both commas")
        rows = [name for affine, _ in self.stages for name in affine]
        noisy = [name for affine, _ in self.stages for name, text in affine.items() if text == "=noise"]
        for what, kind, names, known in (
            ("width", "row", self.width, rows),
            ("start", "state", self.start, self.state),
            ("truncated", "state", self.truncated, self.state),
            ("masks", "row of noise", self.masks, noisy),
            ("gates", "row", self.gates, rows),
            ("initial", "extra", self.initial, self.extra),
        ):
            for name in names:
                if name not in known:
                    raise ValueError(f"cell '{self.name}': {what} names '{name}', which is no {kind}; {kind}s are {_listed(known)}")
        for name, (rate, each) in self.masks.items():
            if not 0 <= rate < 1 or each not in EACH:
                raise ValueError(f"cell '{self.name}': mask '{name}' needs a rate from 0 to less than 1 and one for each 'step' or 'sequence', not {rate!r} and {each!r}")
        for name, role in self.gates.items():
            if role not in ROLES:
                raise ValueError(f"cell '{self.name}': gate '{name}' must be one of {_listed(ROLES)}, not {role!r}")
        _ = self.table

    def __hash__(self) -> int:
        return hash((self.name, *self.state.items()))

    @property
    def units(self) -> int:
        """Width of the output."""
        return next(iter(self.state.values()))

    @property
    def takes(self) -> int | None:
        """The number of inputs a cell insists on because it uses x itself ("=x"); None for any."""
        return next((row.width for stage in self.table for row in stage.rows if row.raw == "x"), None)

    @cached_property
    def states(self) -> type[Any]:
        """The named tuple of the states."""
        return _named("states", *self.state)

    @cached_property
    def extras(self) -> type[Any]:
        """The named tuple of the extras."""
        return _named("extras", *self.extra)

    @cached_property
    def table(self) -> tuple[Stage, ...]:
        """The stages parsed and checked: every source known, every value of the width it is declared with."""
        return self._parsed[0]

    @cached_property
    def _parsed(self) -> tuple[tuple[Stage, ...], dict[str, int]]:
        """The table, and the width of every state and value; learnt by one step on zeros (the meta device costs a second of imports)."""
        s = self.states(**{name: _probe(width) for name, width in self.state.items()})
        p = self.extras(**{name: _probe(width) for name, width in self.extra.items()})
        known: dict[str, Tensor] = {}
        self._distinct()
        widths, stages = dict(self.state), []
        for number, (affine, function) in enumerate(self.stages, start=1):
            rows = tuple(self._row(name, text, widths) for name, text in affine.items())
            known |= {row.name: _probe(row.width) for row in rows}
            stage = Stage(rows, _named("rows", *known), function)
            stages.append(stage)
            values = self._step(stage, number, known, s, p)
            for name, value in values.items():
                if name in known or name in {*self.state, *self.extra, *RESERVED, *(row for affine, _ in self.stages for row in affine)}:
                    raise ValueError(f"cell '{self.name}', stage {number}: '{name}' is the name of something else, of a row, a state, an extra, x or b")
                widths[name] = value.shape[-1]
            known |= values
        return tuple(stages), widths

    def _distinct(self) -> None:
        """Rows, states and extras have names of their own, for the parameters and the sources are called by them."""
        names = [*(row for affine, _ in self.stages for row in affine), *self.extra]
        for name in (*names, *self.state):
            if name in RESERVED or (name in names and (names.count(name) > 1 or (name in self.state and name in self.extra))):
                raise ValueError(f"cell '{self.name}': '{name}' names two things, or is x or b; rows, states and extras need names of their own")

    def _row(self, name: str, text: str, widths: Mapping[str, int]) -> Row:
        if not isinstance(text, str):
            raise ValueError(f"row '{name}' of cell '{self.name}' needs its sources as one text, as in 'x h b', not {text!r}")
        sources = text.split()
        if len(sources) == 1 and sources[0] in ("=x", "=noise"):
            return Row(name, self.width.get(name, self.units), (), False, sources[0][1:])
        links = []
        for token in sources:
            weight, _, source = token.rpartition(":")
            if source not in ("x", "b", *widths):
                allowed = ", ".join(["x", "b", *widths, "'=x' or '=noise'"])
                raise ValueError(f"row '{name}' of cell '{self.name}' is fed by '{token}'; it can be fed by {allowed}")
            if weight == "b" or (source == "b" and weight):
                raise ValueError(f"row '{name}' of cell '{self.name}': '{token}' would be called {name}.b, which is the bias")
            if source != "b":
                links.append(Link(weight or source, source))
        if min(len({link.weight for link in links}), len({link.source for link in links})) + sources.count("b") != len(sources) or sources.count("b") > 1 or not sources:
            raise ValueError(f"row '{name}' of cell '{self.name}' needs one or more sources, each once, not '{text}'")
        return Row(name, self.width.get(name, self.units), tuple(links), "b" in sources, "")

    def _step(self, stage: Stage, number: int, known: dict[str, Tensor], s: Any, p: Any) -> dict[str, Tensor]:
        where = f"cell '{self.name}', stage {number}"
        try:
            result = stage.function(stage.names(**known), s, p)
        except Exception as error:  # whatever an equation can raise
            said = " ".join(str(error).split())
            raise ValueError(f"{where}: {said}; a has {_listed(known)}, s has {_listed(self.state)}, p has {_listed(self.extra)}") from None
        if number < len(self.stages):
            if not isinstance(result, Mapping):
                raise ValueError(f"{where} must return a mapping of named values, not {type(result).__name__}")
            for name, value in result.items():
                if not isinstance(value, Tensor):
                    raise ValueError(f"{where} returns {value!r} for '{name}', not a tensor")
            return dict(result)
        if not isinstance(result, self.states):
            raise ValueError(f"{where} must return the states (s._replace(...)), not {type(result).__name__}")
        for name, value in result._asdict().items():
            if not isinstance(value, Tensor):
                raise ValueError(f"{where} returns {value!r} for state '{name}', not a tensor")
            if value.shape[-1] != self.state[name]:
                raise ValueError(f"{where} returns state '{name}' of width {value.shape[-1]}, declared {self.state[name]}")
        return {}

    def shapes(self, inputs: int) -> dict[str, tuple[int, int]]:
        """Flat parameter name -> shape of one replica: weights (outputs, inputs), biases and extras (1, width)."""
        if isinstance(inputs, bool) or not isinstance(inputs, int) or inputs < 1:
            raise ValueError(f"inputs must be a whole number, 1 or more, not {inputs!r}")
        widths = {**self._parsed[1], "x": inputs}
        if self.takes not in (None, inputs):
            raise ValueError(f"cell '{self.name}' uses x itself beside its units: inputs must be {self.takes}, not {inputs}")
        shapes: dict[str, tuple[int, int]] = {}
        for stage in self.table:
            for row in stage.rows:
                for link in row.links:
                    shapes[f"{row.name}.{link.weight}"] = (row.width, widths[link.source])
                if row.bias:
                    shapes[f"{row.name}.b"] = (1, row.width)
        return shapes | {name: (1, width) for name, width in self.extra.items()}

    def costs(self, inputs: int) -> dict[str, int]:
        """Parameters, multiply-adds of the matrix products of a step (one sequence), and state values kept."""
        shapes = self.shapes(inputs)
        biases = {f"{row.name}.b" for stage in self.table for row in stage.rows if row.bias}
        weights = {name: rows * columns for name, (rows, columns) in shapes.items() if name not in self.extra}
        return {
            "parameters": sum(rows * columns for rows, columns in shapes.values()),
            "multiply_adds": sum(size for name, size in weights.items() if name not in biases),
            "state": sum(self.state.values()),
        }


@cache
def _named(kind: str, *names: str) -> type[Any]:
    """Cells of many widths share their named tuples: to make one takes longer than the rest of a cell."""
    return namedtuple(kind, names)


def _probe(width: int) -> Tensor:
    return torch.zeros(1, 1, width, device="cpu")


def _listed(names: Any) -> str:
    return ", ".join(names) or "nothing"
