"""Long short-term memory with forget gates, with and without peepholes, in the letters of Greff et al. (2017).

    z = tanh(W_z x + R_z h(t-1) + b_z)                          block input
    i = sigma(W_i x + R_i h(t-1) + p_i * c(t-1) + b_i)          input gate
    f = sigma(W_f x + R_f h(t-1) + p_f * c(t-1) + b_f)          forget gate
    c = z * i + c(t-1) * f                                      cell
    o = sigma(W_o x + R_o h(t-1) + p_o * c + b_o)               output gate, sees the new cell
    h = tanh(c) * o                                             output
"""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, sigmoid, tanh

from suite.cells.cell import Cell


@dataclass(frozen=True)
class LSTM:
    """One member of the family: its name, its ablations, and where it was published."""

    name: str
    peepholes: bool = True
    paper: str = "greff2017"

    def gate(self, pre: Tensor, peephole: str, c: Tensor, p: Any) -> Tensor:
        """The logistic of a gate's row, which a peephole lets see the cell."""
        return sigmoid(pre + getattr(p, peephole) * c) if self.peepholes else sigmoid(pre)

    def step(self, a: Any, s: Any, p: Any) -> Any:
        """The six equations above."""
        i, f = self.gate(a.i, "p_i", s.c, p), self.gate(a.f, "p_f", s.c, p)
        c = tanh(a.z) * i + s.c * f
        o = self.gate(a.o, "p_o", c, p)
        return s._replace(h=tanh(c) * o, c=c)

    def __call__(self, units: int) -> Cell:
        """The cell at a width."""
        rows = dict.fromkeys("zifo", "x h b")
        extra = dict.fromkeys(("p_i", "p_f", "p_o"), units) if self.peepholes else {}
        return Cell(self.name, ((rows, self.step),), {"h": units, "c": units}, extra, paper=self.paper)


CELLS = {
    variant.name: variant
    for variant in (
        LSTM("lstm", peepholes=False, paper="gers2000"),  # equals torch.nn.LSTM; called NP by Greff et al.
        LSTM("lstm-peephole"),
    )
}
