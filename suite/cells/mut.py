"""The three cells that a search over ten thousand found (Jozefowicz et al. 2015). Not `gru`, though they look alike.

    MUT1  z = sigma(W x + b)             r = sigma(W x + U h(t-1) + b)   n = tanh(U (r * h(t-1)) + tanh(x) + b)
    MUT2  z = sigma(W x + U h(t-1) + b)  r = sigma(x + U h(t-1) + b)     n = tanh(U (r * h(t-1)) + W x + b)
    MUT3  z = sigma(W x + U tanh(h(t-1)) + b)   r as in gru-cho          n as in MUT2
    all   h = z * n + (1 - z) * h(t-1)

W is (units, inputs), U (units, units), b (1, units). The printed forms of MUT1 and MUT2 add x itself, so inputs and units
must be equal. Key: jozefowicz2015.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, sigmoid, tanh

from suite.cells.cell import Cell
from suite.cells.dropout import d
from suite.cells.gru import mixed


@dataclass(frozen=True)
class MUT:
    """One of the three.

    z, r, n   what feeds each row
    into      the row that x itself is added to, squashed by tanh in n
    """

    name: str
    z: str
    r: str
    n: str
    into: str = ""

    def squashed(self, a: Any, s: Any, p: Any) -> dict[str, Tensor]:
        """What MUT3's z hears of the state."""
        return {"th": tanh(d(a, "h", s.h))}

    def reset(self, a: Any, s: Any, p: Any) -> dict[str, Tensor]:
        """What the candidate hears of the state."""
        return {"rh": sigmoid(a.r + a.input if self.into == "r" else a.r) * d(a, "h", s.h)}

    def update(self, a: Any, s: Any, p: Any) -> Any:
        """The new state."""
        n = d(a, "g", tanh(a.n + tanh(a.input) if self.into == "n" else a.n))
        return s._replace(h=mixed(sigmoid(a.z), n, s.h))

    def __call__(self, units: int) -> Cell:
        """The cell at a width."""
        gates = {"z": self.z, "r": self.r} | ({"input": "=x"} if self.into else {})
        stages = [(gates, self.reset), ({"n": self.n}, self.update)]
        if "th" in self.z:
            stages.insert(0, ({}, self.squashed))
        return Cell(self.name, tuple(stages), {"h": units}, gates={"z": "new", "r": "reset"}, paper="jozefowicz2015")


CELLS: dict[str, Callable[[int], Cell]] = {
    variant.name: variant
    for variant in (
        MUT("mut1", "x b", "x h b", "h:rh b", into="n"),
        MUT("mut2", "x h b", "h b", "x h:rh b", into="r"),
        MUT("mut3", "x h:th b", "x h b", "x h:rh b"),
    )
}
