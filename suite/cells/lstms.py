"""LSTMs outside the Greff family, each a change of a few fields: what the field says of them is in `lstm.py`.

`lstm97` is Hochreiter & Schmidhuber's: no forget gate, g in [-2, 2], h in [-1, 1]; every row hears the gates of the step
before; no error re-enters through h, i or o (`lstm97-full`: it does). `lstm2000` (Gers et al.) adds forget gates, and its
rows hear no gates; its paper trains it with a truncated gradient, here it has the whole one; not `lstm`, which has tanh.
`lstm1` … `lstm3` (Lu & Salem): gates hear the state with a bias, the state, a bias; `lstm4`, `lstm5` (Akandeh & Salem): the
state through a diagonal, that and a bias. Not `lstm-nig` and kin, whose remaining gates hear everything.
`lstm-peephole-full` and `lstm-use-gate` need a second product in the step.

Weights are (row, inputs) from x, (row, units) from h, (row, blocks) from a gate; biases (1, row); u (1, units). A row is as
wide as the cells for z, as the blocks for a gate. Keys: hochreiter1997, gers2000, gers2002, lu2017, akandeh2017.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Tensor, positive, sigmoid, tanh

from suite.cells.cell import Cell
from suite.cells.lstm import LSTM, V


def centred_2(value: Tensor) -> Tensor:
    """g of 1997: the logistic stretched to [-2, 2]."""
    return 4 * sigmoid(value) - 2


def centred_1(value: Tensor) -> Tensor:
    """h of 1997: the logistic stretched to [-1, 1]."""
    return 2 * sigmoid(value) - 1


NP = replace(V, name="lstm", paper="gers2000", peepholes="")
OLD = LSTM("lstm97", "hochreiter1997", "io", peepholes="", carried="io", all_hear=True, g=centred_2, h=centred_1, truncated=("h", "i", "o"))


def remember(a: Any, s: Any, p: Any) -> dict[str, Tensor]:
    """The new cell, made before the output gate's row."""
    return {"new": NP.memory(a, s, p)[0]}


def release(a: Any, s: Any, p: Any) -> Any:
    """h = tanh(c) * o."""
    return s._replace(h=tanh(a.new) * sigmoid(a.o), c=a.new)


def full_peepholes(units: int) -> Cell:
    """Peepholes as whole matrices: `i.c`, `f.c` see c(t-1), `o.c` sees c. Not `lstm-peephole`, whose peepholes are diagonals."""
    before = {"z": "x h b", "i": "x h c b", "f": "x h c b"}
    return Cell("lstm-peephole-full", ((before, remember), ({"o": "x h c:new b"}, release)), {"h": units, "c": units}, paper="gers2002")


def kept(a: Any, s: Any, p: Any) -> dict[str, Tensor]:
    """What the forget gate leaves of the memory."""
    return {"kept": sigmoid(a.f) * s.c}


def use(a: Any, s: Any, p: Any) -> Any:
    """h = tanh(W_u (f * c(t-1)) + b_u) * sigma(o), c = f * c(t-1) + i * z."""
    return s._replace(h=tanh(a.u) * sigmoid(a.o), c=a.kept + sigmoid(a.i) * tanh(a.z))


def use_gate(units: int) -> Cell:
    """The course-book form: the output reads what was kept through a matrix of its own. Not `lstm`, which reads the new cell."""
    rows = dict.fromkeys("zifo", "x h b")
    return Cell("lstm-use-gate", ((rows, kept), ({"u": "c:kept b"}, use)), {"h": units, "c": units}, paper="gers2000")


VARIANTS = (
    replace(V, name="lstm-cifg-noaf", gates="io", coupled=True, h=positive),
    replace(V, name="lstm-nig-noaf", gates="fo", h=positive),
    replace(V, name="lstm-peephole-forget", peepholes="f"),
    OLD,
    replace(OLD, name="lstm97-full", truncated=()),
    replace(OLD, name="lstm97-nig", gates="o", carried="o", truncated=("h", "o")),
    replace(OLD, name="lstm97-nog", gates="i", carried="i", truncated=("h", "i")),
    replace(NP, name="lstm2000", g=centred_2, h=centred_1),
    replace(NP, name="lstm1", paper="lu2017", hear="h b"),
    replace(NP, name="lstm2", paper="lu2017", hear="h"),
    replace(NP, name="lstm3", paper="lu2017", hear="b"),
    replace(NP, name="lstm4", paper="akandeh2017", hear="", vectors="ifo"),
    replace(NP, name="lstm5", paper="akandeh2017", hear="b", vectors="ifo"),
)
CELLS: dict[str, Callable[[int], Cell]] = {variant.name: variant for variant in VARIANTS}
CELLS |= {"lstm-peephole-full": full_peepholes, "lstm-use-gate": use_gate}
