"""Gated recurrent units: the reset gate after the recurrent product (torch, cuDNN) and before it (Cho et al. 2014).

In both, z keeps the old state: h = (1 - z) * n + z * h(t-1). The papers of Dey & Salem and of Zhou et al.
write the opposite sign, z lets the new value in.
"""

from typing import Any

from torch import Tensor, sigmoid, tanh

from suite.cells.cell import Cell


def reset_after(a: Any, s: Any, p: Any) -> Any:
    """r = sigma(a.r), z = sigma(a.z), n = tanh(W x + b + r * (U h(t-1) + b_m)), h = (1 - z) * n + z * h(t-1)."""
    r, z = sigmoid(a.r), sigmoid(a.z)
    n = tanh(a.n + r * a.m)
    return s._replace(h=(1 - z) * n + z * s.h)


def reset(a: Any, s: Any, p: Any) -> dict[str, Tensor]:
    """rh = sigma(a.r) * h(t-1), what the candidate of the second stage hears of the state."""
    return {"rh": sigmoid(a.r) * s.h}


def update(a: Any, s: Any, p: Any) -> Any:
    """z = sigma(a.z), n = tanh(W x + U rh + b), h = z * h(t-1) + (1 - z) * n."""
    z = sigmoid(a.z)
    return s._replace(h=z * s.h + (1 - z) * tanh(a.n))


def gru(units: int) -> Cell:
    """Reset after the product; equals `torch.nn.GRU`. Not `gru-cho`, which resets the state before it."""
    rows = {"r": "x h b", "z": "x h b", "n": "x b", "m": "h b"}
    return Cell("gru", ((rows, reset_after),), {"h": units}, paper="cho2014")


def gru_cho(units: int) -> Cell:
    """Reset before the product, as published: two products in a step. Not `gru`, which torch and cuDNN compute."""
    gates, candidate = {"r": "x h b", "z": "x h b"}, {"n": "x h:rh b"}
    return Cell("gru-cho", ((gates, reset), (candidate, update)), {"h": units}, paper="cho2014")


CELLS = {"gru": gru, "gru-cho": gru_cho}
