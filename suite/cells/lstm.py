"""Long short-term memory: one step whose ablations are fields, in the letters of Greff et al. (2017).

    z = g(W_z x + R_z h(t-1) + b_z)                             block input
    i = sigma(W_i x + R_i h(t-1) + p_i * c(t-1) + b_i)          input gate
    f = sigma(W_f x + R_f h(t-1) + p_f * c(t-1) + b_f)          forget gate
    c = z * i + c(t-1) * f                                      cell
    o = sigma(W_o x + R_o h(t-1) + p_o * c + b_o)               output gate, sees the new cell
    h = h(c) * o                                                output

W is (units, inputs), R (units, units), b and p (1, units). A gate that a variant lacks is open: no row, no peephole,
no product. `lstm` equals torch.nn.LSTM; it is not `lstm2000`, whose g and h are stretched logistics.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, positive, sigmoid, tanh

from suite.cells.cell import Cell
from suite.cells.dropout import d


@dataclass(frozen=True)
class LSTM:
    """A member of the family.

    gates      those it has; `coupled` makes f = 1 - i instead of a gate of its own
    peepholes  gates that see the cell through a diagonal p; `vectors`: gates that see h(t-1) through a diagonal u
    carried    gates whose last activation the gates hear, and z too if `all_hear`
    hear       what else feeds a gate's row (nothing: it has none), and `block` the row of z
    g, h       squashing of block input and output; `size` cells, one by default, are a block and share its gates
    """

    name: str
    paper: str = "greff2017"
    gates: str = "ifo"
    coupled: bool = False
    peepholes: str = "ifo"
    vectors: str = ""
    carried: str = ""
    all_hear: bool = False
    hear: str = "x h {} b"
    block: str = "x h {} b"
    g: Callable[[Tensor], Tensor] = tanh
    h: Callable[[Tensor], Tensor] = tanh
    size: int = 1
    truncated: tuple[str, ...] = ()

    def step(self, a: Any, s: Any, p: Any) -> Any:
        """The six equations above."""
        c, gates = self.memory(a, s, p)
        o = gates["o"] = self.gate("o", a, s, c, p)
        return s._replace(h=self.through(o, self.h(c)), c=c, **{name: gates[name] for name in self.carried})

    def memory(self, a: Any, s: Any, p: Any) -> tuple[Tensor, dict[str, Tensor | None]]:
        """The new cell, and the gates that made it."""
        i, f = self.gate("i", a, s, s.c, p), self.gate("f", a, s, s.c, p)
        f = 1 - i if self.coupled and i is not None else f
        return d(a, "c", self.through(i, d(a, "g", self.g(a.z))) + self.through(f, s.c)), {"i": i, "f": f}

    def gate(self, name: str, a: Any, s: Any, c: Tensor, p: Any) -> Tensor | None:
        """The logistic of all that feeds a gate; None where there is no gate."""
        if name not in self.gates:
            return None
        terms = [getattr(a, name)] if self.hear else []
        terms += [getattr(p, f"p_{name}") * c] if name in self.peepholes else []
        terms += [getattr(p, f"u_{name}") * d(a, "h", s.h)] if name in self.vectors else []
        return sigmoid(sum(terms[1:], terms[0]))

    def through(self, gate: Tensor | None, value: Tensor) -> Tensor:
        """What a gate lets through, everything if there is none; the cells of a block share its gate."""
        spread = gate if gate is None or self.size == 1 else gate.unsqueeze(-1).expand(*gate.shape, self.size).flatten(-2)
        return value if spread is None else value * spread

    def __call__(self, units: int) -> Cell:
        """The cell with `units` cells, in blocks of `size`."""
        if self.size > 1 and (units % self.size or self.peepholes or self.vectors):
            raise ValueError(f"cell '{self.name}' has blocks of {self.size}: units must be a multiple of it, not {units}, and no gate a diagonal")
        heard, width = " ".join(self.carried), units if self.size == 1 else units // self.size
        rows = {"z": self.block.format(heard * self.all_hear)} | {gate: self.hear.format(heard) for gate in self.gates if self.hear}
        extra = {f"{kind}_{gate}": units for kind, gates in (("p", self.peepholes), ("u", self.vectors)) for gate in gates if gate in self.gates}
        states = {"h": units, "c": units} | dict.fromkeys(self.carried, width)
        gates = {gate: role for gate, role in {"i": "new" if self.coupled else "in", "f": "keep", "o": "out"}.items() if gate in rows}
        return Cell(self.name, ((rows, self.step),), states, extra, dict.fromkeys(list(rows)[1:], width), truncated=self.truncated, gates=gates, paper=self.paper)


V = LSTM("lstm-peephole")
CELLS = {
    variant.name: variant
    for variant in (
        *(V, replace(V, name="lstm", peepholes="")),  # NP
        replace(V, name="lstm-nig", gates="fo"),
        replace(V, name="lstm-nfg", gates="io"),
        replace(V, name="lstm-nog", gates="if"),
        *(replace(V, name="lstm-niaf", g=positive), replace(V, name="lstm-noaf", h=positive)),  # torch's identity
        replace(V, name="lstm-cifg", gates="io", coupled=True),
        replace(V, name="lstm-fgr", carried="ifo"),
    )
}
