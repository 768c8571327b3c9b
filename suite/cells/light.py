"""Cells with one gate or none, and diagonal or no recurrent products.

    janet     c = sigma(s) * c(t-1) + (1 - sigma(s - 1)) * tanh(W x + U c(t-1) + b), s = W_s x + U_s c(t-1) + b_s, h = c
    indrnn    h = relu(W x + u * h(t-1) + b), u a vector
    min-gru   h = (1 - z) * h(t-1) + z * n, z = sigma(W_z x + b_z), n = W_n x + b_n
    min-lstm  h = f' * h(t-1) + i' * n, f' = f / (f + i), i' = i / (f + i), f and i gates of x alone

W is (units, inputs), U (units, units), b and u (1, units). Keys: westhuizen2018, li2018, feng2024.
The papers of min-gru and min-lstm write "Linear" for W x and say nothing of a bias; PyTorch's Linear has one, so have they.
"""

from collections.abc import Callable
from typing import Any

from torch import relu, sigmoid, tanh
from torch.nn.functional import logsigmoid

from suite.cells.cell import Cell
from suite.cells.dropout import d
from suite.cells.gru import mixed

BETA = 1.0


def remember(a: Any, s: Any, p: Any) -> Any:
    """A forget gate alone; what is let in is what was forgotten, shifted by beta."""
    return s._replace(h=sigmoid(a.s) * s.h + (1 - sigmoid(a.s - BETA)) * d(a, "g", tanh(a.z)))


def janet(units: int) -> Cell:
    """Just another network (van der Westhuizen & Lasenby 2018): an LSTM's forget gate. Not `lstm-cifg`, which has an output gate."""
    return Cell("janet", (({"s": "x h b", "z": "x h b"}, remember),), {"h": units}, gates={"s": "keep"}, paper="westhuizen2018")


def independent(a: Any, s: Any, p: Any) -> Any:
    """Every unit hears itself alone."""
    return s._replace(h=relu(a.a + p.u * d(a, "h", s.h)))


def indrnn(units: int) -> Cell:
    """Independently recurrent network (Li et al. 2018). Not `rnn-relu`, whose recurrent matrix is full."""
    return Cell("indrnn", (({"a": "x b"}, independent),), {"h": units}, {"u": units}, paper="li2018")


def let_in(a: Any, s: Any, p: Any) -> Any:
    """A gate of the input alone mixes the old state with a linear candidate."""
    return s._replace(h=mixed(sigmoid(a.z), d(a, "g", a.n), s.h))


def min_gru(units: int) -> Cell:
    """GRU without any product of the state (Feng et al. 2024). Not `gru-x`, whose candidate hears the state."""
    return Cell("min-gru", (({"z": "x b", "n": "x b"}, let_in),), {"h": units}, gates={"z": "new"}, paper="feng2024")


def normalised(a: Any, s: Any, p: Any) -> Any:
    """f / (f + i) of two logistics, written so that two shut gates are no 0 / 0: sigma(log f - log i)."""
    return s._replace(h=mixed(sigmoid(logsigmoid(a.f) - logsigmoid(a.i)), s.h, d(a, "g", a.n)))


def min_lstm(units: int) -> Cell:
    """LSTM without any product of the state (Feng et al. 2024): its gates sum to one, it has no output gate and no c."""
    return Cell("min-lstm", ((dict.fromkeys("fin", "x b"), normalised),), {"h": units}, gates={"f": "keep", "i": "in"}, paper="feng2024")


CELLS: dict[str, Callable[[int], Cell]] = {"janet": janet, "indrnn": indrnn, "min-gru": min_gru, "min-lstm": min_lstm}
