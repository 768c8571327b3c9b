"""Gated recurrent units: the reset gate after the recurrent product (torch, cuDNN) or before it (Cho et al. 2014).

    r = sigma(W_r x + U_r h(t-1) + b_r)                 reset gate
    z = sigma(W_z x + U_z h(t-1) + b_z)                 update gate
    n = tanh(W_n x + U_n (r * h(t-1)) + b_n)            candidate, reset before the product
    h = z * h(t-1) + (1 - z) * n                        Cho et al. and torch: z keeps
    h = (1 - z) * h(t-1) + z * n                        Dey & Salem, Zhou et al.: z lets in
    gru1 2 3   r, z = sigma(U h(t-1) + b), sigma(U h(t-1)), sigma(b)
    gru-x      r, z = sigma(W x + b): ours, the counterpart of gru1 that is deaf to the state; not min-gru
    mgu        f = sigma(W_f x + U_f h(t-1) + b_f), n = tanh(W_n x + U_n (f * h(t-1)) + b_n), h = (1 - f) * h(t-1) + f * n
    mgu1 2 3   f = sigma(U h(t-1) + b), sigma(U h(t-1)), sigma(b)

W is (units, inputs), U (units, units), b (1, units). A second product needs a second stage; `gru` alone has its reset after
the product and one stage. Keys: cho2014, dey2017 (gru1 … gru3, not mgu1 … mgu3, which have one gate), zhou2016, heck2017.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, sigmoid, tanh

from suite.cells.cell import Cell
from suite.cells.dropout import d


@dataclass(frozen=True)
class GRU:
    """A member of the family with the reset before the product.

    gates   rows of the reset and of the update gate; one letter serves as both
    hear    what feeds a gate's row
    keeps   whether the update gate keeps the old state, or lets the new one in
    """

    name: str
    paper: str
    gates: str = "rz"
    hear: str = "x h b"
    keeps: bool = True

    def reset(self, a: Any, s: Any, p: Any) -> dict[str, Tensor]:
        """`rh`, what the candidate hears of the state, and `u`, the update gate."""
        r, *update = [sigmoid(getattr(a, gate)) for gate in self.gates]
        return {"rh": r * d(a, "h", s.h), "u": update[0] if update else r}

    def update(self, a: Any, s: Any, p: Any) -> Any:
        """The new state, in the paper's sign."""
        old, new = s.h, d(a, "g", tanh(a.n))
        return s._replace(h=mixed(a.u, old, new) if self.keeps else mixed(a.u, new, old))

    def __call__(self, units: int) -> Cell:
        """The cell at a width."""
        stages = (dict.fromkeys(self.gates, self.hear), self.reset), ({"n": "x h:rh b"}, self.update)
        update = "keep" if self.keeps else "new"
        gates = {"r": "reset", "z": update} if len(self.gates) > 1 else {self.gates: update}
        return Cell(self.name, stages, {"h": units}, gates=gates, paper=self.paper)


def mixed(u: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """u * one + (1 - u) * other."""
    return u * one + (1 - u) * other


def candidate(a: Any) -> Tensor:
    """n = tanh(W x + b + r * (U h(t-1) + b_m)): the state is multiplied first and reset then."""
    return d(a, "g", tanh(a.n + sigmoid(a.r) * a.m))


def reset_after(a: Any, s: Any, p: Any) -> Any:
    """The candidate above, z keeping the old state."""
    return s._replace(h=mixed(sigmoid(a.z), s.h, candidate(a)))


def reset_after_in(a: Any, s: Any, p: Any) -> Any:
    """The candidate above, z letting it in."""
    return s._replace(h=mixed(sigmoid(a.z), candidate(a), s.h))


def gru(units: int) -> Cell:
    """Reset after the product; equals `torch.nn.GRU`. Not `gru-cho`, which resets the state before it."""
    rows = {"r": "x h b", "z": "x h b", "n": "x b", "m": "h b"}
    return Cell("gru", ((rows, reset_after),), {"h": units}, gates={"r": "reset", "z": "keep"}, paper="cho2014")


CELLS: dict[str, Callable[[int], Cell]] = {
    "gru": gru,
    **{
        variant.name: variant
        for variant in (
            GRU("gru-cho", "cho2014"),  # not `gru`, which torch and cuDNN compute
            GRU("gru-x", "", hear="x b"),
            GRU("gru1", "dey2017", hear="h b", keeps=False),
            GRU("gru2", "dey2017", hear="h", keeps=False),
            GRU("gru3", "dey2017", hear="b", keeps=False),
            GRU("mgu", "zhou2016", "f", keeps=False),
            GRU("mgu1", "heck2017", "f", hear="h b", keeps=False),
            GRU("mgu2", "heck2017", "f", hear="h", keeps=False),
            GRU("mgu3", "heck2017", "f", hear="b", keeps=False),
        )
    },
}
