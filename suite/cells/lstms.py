"""LSTMs outside the family of Greff et al., each a change of a few fields that `lstm.py` explains.

    lstm97     z, i, o hear x, h(t-1), i(t-1), o(t-1)                           Hochreiter & Schmidhuber 1997
               c = c(t-1) + g(z) * sigma(i),  g = 4 sigma - 2
               h = h(c) * sigma(o),           h = 2 sigma - 1
    lstm2000   c = c(t-1) * sigma(f) + g(z) * sigma(i), rows hear x and h       Gers et al. 2000, g and h as above
    lstm1 2 3  gates sigma(U h + b), sigma(U h), sigma(b)                       Lu & Salem 2017
    lstm4 5    gates sigma(u * h), sigma(u * h + b)                             Akandeh & Salem 2017
    full       i, f = sigma(W x + U h + P c(t-1) + b), o = sigma(W x + U h + P c + b), P matrices
    use gate   h = tanh(W_u (f * c(t-1)) + b_u) * sigma(o)

In `lstm97` no error re-enters through h, i or o: the gradient of the paper, which runs on through c alone. `lstm97-full` has
the whole gradient, and so has `lstm2000` here, though its paper truncates too. `lstm97-nig` and `-nog` lack a gate of the 1997
cell; `lstm-nig` and `-nog` lack one of Greff et al.'s. `lstm-peephole-forget` has the one peephole p_f, `lstm-peephole` three.
`lstm1` … `lstm5` keep three gates, `lstm-nig` and kin two.

Weights are (row, inputs) from x, (row, units) from h and c, (row, blocks) from a gate; biases (1, row); u (1, units). A row is
as wide as the cells for z, as the blocks for a gate: `lstm97(size=2)` has blocks of two. Keys: hochreiter1997, gers2000,
lu2017, akandeh2017. The two last forms are ours to name: full matrices after gers2002, the use gate from course books.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from torch import Tensor, positive, sigmoid

from suite.cells.cell import Cell
from suite.cells.dropout import d
from suite.cells.lstm import CELLS as FAMILY
from suite.cells.lstm import LSTM, V


def centred_2(value: Tensor) -> Tensor:
    """g of 1997: the logistic stretched to [-2, 2]."""
    return 4 * sigmoid(value) - 2


def centred_1(value: Tensor) -> Tensor:
    """h of 1997: the logistic stretched to [-1, 1]."""
    return 2 * sigmoid(value) - 1


NP = FAMILY["lstm"]
GATES = {"i": "in", "f": "keep", "o": "out"}
OLD = LSTM("lstm97", "hochreiter1997", "io", peepholes="", carried="io", all_hear=True, g=centred_2, h=centred_1, truncated=("h", "i", "o"))


def remember(a: Any, s: Any, p: Any) -> dict[str, Tensor]:
    """The new cell, made before the output gate's row."""
    return {"new": NP.memory(a, s, p)[0]}


def release(a: Any, s: Any, p: Any) -> Any:
    """The output, its gate having seen the new cell."""
    return s._replace(h=NP.through(NP.gate("o", a, s, a.new, p), NP.h(a.new)), c=a.new)


def full_peepholes(units: int) -> Cell:
    """Peepholes as whole matrices: `i.c`, `f.c` see c(t-1), `o.c` sees c. Not `lstm-peephole`, whose peepholes are diagonals."""
    before = {"z": "x h b", "i": "x h c b", "f": "x h c b"}
    return Cell("lstm-peephole-full", ((before, remember), ({"o": "x h c:new b"}, release)), {"h": units, "c": units}, gates=GATES)


def kept(a: Any, s: Any, p: Any) -> dict[str, Tensor]:
    """What the forget gate leaves of the memory."""
    return {"kept": NP.through(NP.gate("f", a, s, s.c, p), s.c)}


def use(a: Any, s: Any, p: Any) -> Any:
    """The output reads what was kept; the new cell is as ever."""
    c = d(a, "c", a.kept + NP.through(NP.gate("i", a, s, s.c, p), d(a, "g", NP.g(a.z))))
    return s._replace(h=NP.through(NP.gate("o", a, s, c, p), NP.h(a.u)), c=c)


def use_gate(units: int) -> Cell:
    """The course-book form: the output reads what was kept through a matrix of its own. Not `lstm`, which reads the new cell."""
    rows = dict.fromkeys("zifo", "x h b")
    return Cell("lstm-use-gate", ((rows, kept), ({"u": "c:kept b"}, use)), {"h": units, "c": units}, gates=GATES)


@dataclass(frozen=True)
class Blocks:
    """A cell of 1997 whose gates may be shared: `lstm97(size=2)` has blocks of two cells."""

    member: LSTM

    def __call__(self, units: int, size: int = 1) -> Cell:
        """The cell with `units` cells, in blocks of `size`."""
        return self.member(units) if size == 1 else blocks(self.member, size)(units)


@cache
def blocks(member: LSTM, size: int) -> LSTM:
    """One object for the same blocks: cells are equal if their steps are methods of the same."""
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(f"cell '{member.name}': size must be a whole number of cells a block, 1 or more, not {size!r}")
    return replace(member, name=f"{member.name}(size={size})", size=size)


VARIANTS = (
    replace(V, name="lstm-cifg-noaf", gates="io", coupled=True, h=positive),
    replace(V, name="lstm-nig-noaf", gates="fo", h=positive),
    replace(V, name="lstm-peephole-forget", peepholes="f"),
    OLD,
    replace(OLD, name="lstm97-full", truncated=()),
    replace(OLD, name="lstm97-nig", gates="o", carried="o", truncated=("h", "o")),
    replace(OLD, name="lstm97-nog", gates="i", carried="i", truncated=("h", "i")),
    replace(NP, name="lstm2000", paper="gers2000", g=centred_2, h=centred_1),
    replace(NP, name="lstm1", paper="lu2017", hear="h b"),
    replace(NP, name="lstm2", paper="lu2017", hear="h"),
    replace(NP, name="lstm3", paper="lu2017", hear="b"),
    replace(NP, name="lstm4", paper="akandeh2017", hear="", vectors="ifo"),
    replace(NP, name="lstm5", paper="akandeh2017", hear="b", vectors="ifo"),
)
BLOCKED = [variant for variant in VARIANTS if variant.paper == "hochreiter1997"]
CELLS: dict[str, Callable[..., Cell]] = {variant.name: variant for variant in VARIANTS}
CELLS |= {variant.name: Blocks(variant) for variant in BLOCKED}
CELLS |= {"lstm-peephole-full": full_peepholes, "lstm-use-gate": use_gate}
