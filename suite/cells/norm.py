"""Layer normalisation inside a step: pre-activations and memory less their mean over units, over their standard deviation.

    N(v) = (v - mean(v)) / sqrt(mean((v - mean(v))^2) + 1e-5)

    lstm-ln       (z, i, f, o) = g_x * N(W x) + g_h * N(U h(t-1)) + b
                  c = tanh(z) * sigma(i) + c(t-1) * sigma(f),  h = tanh(g_c * N(c) + b_c) * sigma(o)
    lstm-ln-gate  z, i, f, o = g * N(W x + U h(t-1) + b) + b', each alone; c and h as above
    gru-ln        (z, r) = g_x * N(W x) + g_h * N(U h(t-1)) + b
                  n = tanh(g_nx * N(W_n x) + b_n + sigma(r) * (g_mh * N(U_n h(t-1)) + b_m))
                  h = (1 - sigma(z)) * h(t-1) + sigma(z) * n

What stands in brackets on the left is normalised together: one mean and one variance over all its rows (4H or 2H values).
A row of two letters is a product, `zx` is W_z x and `zh` U_z h(t-1), with a gain of its own, g_zx and g_zh; the row `z` is
the bias. The biases of the two normalisations and b are one sum, hence one a row; the candidate of `gru-ln` has n.b outside
the reset and m.b inside, as `gru` has. In `lstm-ln-gate` b (z.b) is normalised and b' (b_z) is not.

W is (units, inputs), U (units, units), biases and gains (1, units); gains start at 1, b_c and b' at 0. N of one value alone
is 0, and of two nearly +-1 with a gradient nearly 0, of which float32 has three digits. Keys: ba2016, ha2017.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, tanh

from suite.cells.cell import Cell, Function
from suite.cells.gru import reset_after_in
from suite.cells.lstms import GATES, NP

EPSILON = 1e-5  # inside the root, as in torch.nn.LayerNorm


def normalised(*rows: Tensor) -> list[Tensor]:
    """N of equally wide rows taken together, without gain and bias."""
    means = [row.mean(-1, keepdim=True) for row in rows]
    mean = sum(means[1:], means[0]) / len(rows)
    centred = [row - mean for row in rows]
    squares = [row.square().mean(-1, keepdim=True) for row in centred]
    scale = torch.rsqrt(sum(squares[1:], squares[0]) / len(rows) + EPSILON)
    return [row * scale for row in centred]


def lstm(a: Any, s: Any, p: Any) -> Any:
    """The LSTM whose output squashes the normalised memory; the memory itself is carried as it is."""
    return replace(NP, h=lambda c: tanh(p.g_c * normalised(c)[0] + p.b_c)).step(a, s, p)


@dataclass(frozen=True)
class Normalised:
    """A cell that normalises before its equations.

    equations  what follows once every row is normalised
    together   rows that share one mean and one variance; their first letter is the row they are summed into
    heard      what feeds the rows summed into: the bias that is added, or what is normalised itself
    states     letters of the states
    gates      row -> what its logistic does
    """

    name: str
    paper: str
    equations: Function
    together: tuple[str, ...]
    heard: str
    states: str
    gates: tuple[tuple[str, str], ...]

    def step(self, a: Any, s: Any, p: Any) -> Any:
        """Every row the sum of its normalised products, each times its gain, and its bias."""
        sums: dict[str, Tensor] = {}
        for rows in map(str.split, self.together):
            for name, value in zip(rows, normalised(*(getattr(a, name) for name in rows)), strict=True):
                bias = getattr(p, f"b_{name}") if len(name) == 1 else getattr(a, name[0])
                sums[name[0]] = sums.get(name[0], bias) + getattr(p, f"g_{name}") * value
        return self.equations(a._replace(**sums), s, p)

    def __call__(self, units: int) -> Cell:
        """The cell at a width."""
        names = " ".join(self.together).split()
        rows = {name[0]: self.heard for name in names} | {name: name[1] for name in names if len(name) > 1}
        ones = [f"g_{name}" for name in names] + ["g_c"] * ("c" in self.states)
        zeros = [f"b_{name}" for name in names if len(name) == 1] + ["b_c"] * ("c" in self.states)
        initial = dict.fromkeys(ones, 1.0) | dict.fromkeys(zeros, 0.0)
        states, extra = dict.fromkeys(self.states, units), dict.fromkeys(initial, units)
        return Cell(self.name, ((rows, self.step),), states, extra, gates=dict(self.gates), initial=initial, paper=self.paper)


LSTM_GATES, GRU_GATES = tuple(GATES.items()), (("r", "reset"), ("z", "new"))
CELLS: dict[str, Callable[[int], Cell]] = {
    variant.name: variant
    for variant in (
        Normalised("lstm-ln", "ba2016", lstm, ("zx ix fx ox", "zh ih fh oh"), "b", "hc", LSTM_GATES),
        Normalised("lstm-ln-gate", "ha2017", lstm, ("z", "i", "f", "o"), "x h b", "hc", LSTM_GATES),
        Normalised("gru-ln", "ba2016", reset_after_in, ("zx rx", "zh rh", "nx", "mh"), "b", "h", GRU_GATES),
    )
}
