"""Gated feedback: a stack of layers in one cell, each hearing every layer's last state through a gate of one unit.

    v = x for the first layer, h(t) of the layer below for the others
    g_ij = sigma(w_ij v + u_ij h*(t-1))                         a scalar from layer i to layer j; h* all layers' h
    S_j = sum over i of g_ij * (U_ij h_i(t-1))
    gf-rnn   h = tanh(W v + S + b)
    gf-lstm  z = tanh(W_z v + S + b_z), and i, f, o, c, h as in lstm: the gates hear v and their own layer
    gf-gru   n = tanh(W_n v + sigma(r) * S + b_n),  h = (1 - sigma(z)) * h(t-1) + sigma(z) * n, the gates as in gru

Layers count from 1, up to 9: row `z2` is z of the second, `u12` its product U_12 h_1(t-1), `g12` the gate of that. W is
(units, units of v), U (units, units), w and u (1, width of what they hear), b (1, units); g has no bias. The first state,
the output, is h of the top layer. With recurrent dropout on the candidate or the memory all layers share a mask. Key: chung2015.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

from torch import sigmoid

from suite.cells.cell import Cell, Function
from suite.cells.digest import Fixed
from suite.cells.gru import reset_after_in
from suite.cells.lstms import GATES, NP
from suite.cells.rnn import CELLS as RNNS

LAYERS = 3
ONE = Fixed(1)


class Own(NamedTuple):
    """A layer's rows under the letters of its equations, and the masks of dropout."""

    a: Any = None
    z: Any = None
    i: Any = None
    f: Any = None
    o: Any = None
    r: Any = None
    n: Any = None
    m: Any = None
    d_g: Any = None
    d_c: Any = None


class State(NamedTuple):
    """A layer's states."""

    h: Any
    c: Any = None


@dataclass(frozen=True)
class Feedback:
    """A stack with gated feedback.

    equations    those of a layer
    rows, joins  a layer's rows; the one that the gated sum is added to, or that it is
    states       letters of a layer's states
    gates        row -> what its logistic does; these hear h of their own layer, the other row only what is below
    layer, of    the layer that a stage computes, of how many
    """

    name: str
    equations: Function
    rows: str
    joins: str
    states: str = "h"
    gates: tuple[tuple[str, str], ...] = ()
    layer: int = 0
    of: int = LAYERS

    def step(self, a: Any, s: Any, p: Any) -> Any:
        """A layer's equations, S in place; those of the top layer hand all new states on."""
        j = self.layer
        own = {row: getattr(a, f"{row}{j}") for row in self.rows}
        terms = [own[self.joins]] if self.joins in own else []
        terms += [sigmoid(getattr(a, f"g{i}{j}")) * getattr(a, f"u{i}{j}") for i in range(1, self.of + 1)]
        own[self.joins] = sum(terms[1:], terms[0])
        masks = {name: getattr(a, name, None) for name in ("d_g", "d_c")}
        last = State(*(getattr(s, f"{name}{j}") for name in self.states))
        made = self.equations(Own(**own, **masks), last, p)
        new = {f"{name}{j}": getattr(made, name) for name in self.states}
        if j < self.of:
            return {f"new_{name}": value for name, value in new.items()}
        return s._replace(**{name: getattr(a, f"new_{name}") for name in s._fields if name not in new}, **new)

    def affine(self) -> dict[str, str]:
        """What feeds the rows of a layer."""
        j, layers = self.layer, range(1, self.of + 1)
        below = "x" if j == 1 else f"x:new_h{j - 1}"
        rows = {f"{row}{j}": f"{below} h:h{j} b" if row in dict(self.gates) else f"{below} b" for row in self.rows}
        heard = " ".join(f"h{i}" for i in layers)
        return rows | {f"u{i}{j}": f"h:h{i}" for i in layers} | {f"g{i}{j}": f"{below} {heard}" for i in layers}

    def __call__(self, units: int, layers: int = LAYERS) -> Cell:
        """The cell with `layers` layers of `units` each, a stage a layer."""
        if not 1 <= layers <= 9:
            raise ValueError(f"cell '{self.name}': layers must be a whole number, 1 to 9, not {layers!r}")
        stack, numbers = [layer(self, j, layers) for j in range(1, layers + 1)], range(1, layers + 1)
        names = [f"h{layers}", *(f"h{j}" for j in numbers[:-1]), *(f"{name}{j}" for name in self.states[1:] for j in numbers)]
        return Cell(
            self.name if layers == LAYERS else f"{self.name}(layers={layers})",
            tuple((each.affine(), each.step) for each in stack),
            dict.fromkeys(names, units),
            width={f"g{i}{j}": ONE for j in numbers for i in numbers},
            gates={f"{row}{j}": role for j in numbers for row, role in self.gates},
            paper="chung2015",
        )


@cache
def layer(member: Feedback, number: int, of: int) -> Feedback:
    """One object a layer, however often the cell is made: stages are equal if they are methods of the same."""
    return replace(member, layer=number, of=of)


CELLS: dict[str, Callable[..., Cell]] = {
    variant.name: variant
    for variant in (
        Feedback("gf-rnn", RNNS["rnn"].step, "a", "a"),
        Feedback("gf-lstm", NP.step, "zifo", "z", "hc", tuple(GATES.items())),
        Feedback("gf-gru", reset_after_in, "rzn", "m", gates=(("r", "reset"), ("z", "new"))),
    )
}
