"""Weights between our cells and the layers of torch.nn, both ways.

torch keeps two biases a row where a cell has one: the sum is what counts, except in `torch.nn.GRU`, whose second
candidate bias stands inside the reset product and is our `m.b`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from suite.cells import CELLS, Cell
from suite.engines.engine import Params


@dataclass(frozen=True)
class Layer:
    """A torch.nn layer: the order of its rows as fed by the input and by the state."""

    cell: str
    module: type[Any]
    from_input: str
    from_state: str
    nonlinearity: str = "tanh"


LAYERS = {
    layer.cell: layer
    for layer in (
        Layer("rnn", nn.RNN, "a", "a"),
        Layer("rnn-relu", nn.RNN, "a", "a", "relu"),
        Layer("lstm", nn.LSTM, "ifzo", "ifzo"),
        Layer("gru", nn.GRU, "rzn", "rzm"),
    )
}


@lru_cache(maxsize=256)
def layer_of(cell: Cell) -> Layer | None:
    """The torch.nn layer that computes this very cell, equations compared and not only names."""
    layer = LAYERS.get(cell.name)
    return layer if layer is not None and CELLS[layer.cell](cell.units) == cell else None


def flat_weights(layer: Layer, params: Params, replica: int) -> list[Tensor]:
    """[w_ih, w_hh, b_ih, b_hh] of one replica in torch's order; b_hh is zero but for the inner rows of a GRU."""
    w_ih = torch.cat([params[f"{row}.x"][replica] for row in layer.from_input])
    w_hh = torch.cat([params[f"{row}.h"][replica] for row in layer.from_state])
    b_ih = torch.cat([params[f"{row}.b"][replica, 0] for row in layer.from_input])
    inner = [params[f"{h}.b"][replica, 0] if h != x else torch.zeros_like(params[f"{h}.b"][replica, 0]) for x, h in zip(layer.from_input, layer.from_state, strict=True)]
    return [w_ih, w_hh, b_ih, torch.cat(inner)]


def from_torch(module: nn.RNNBase) -> list[tuple[Cell, dict[str, Tensor]]]:
    """One (cell, params) a layer and direction, in torch's order (layer 0 forward, layer 0 backward, layer 1 …).

    Every parameter gets a replica axis of 1. A layer without biases becomes a cell with zero biases.

    >>> import torch
    >>> [(cell.name, params["i.x"].shape) for cell, params in from_torch(torch.nn.LSTM(3, 4))]
    [('lstm', torch.Size([1, 4, 3]))]
    """
    named = [layer for layer in LAYERS.values() if isinstance(module, layer.module) and layer.nonlinearity == getattr(module, "nonlinearity", "tanh")]
    if not named or module.proj_size:
        known = ", ".join(sorted({layer.module.__name__ for layer in LAYERS.values()}))
        raise ValueError(f"from_torch reads {known} without projection, not {type(module).__name__}")
    layer, units, pairs = named[0], module.hidden_size, []
    for suffix in (f"l{k}{way}" for k in range(module.num_layers) for way in ("", "_reverse")[: 1 + int(module.bidirectional)]):
        w_ih, w_hh = getattr(module, f"weight_ih_{suffix}").detach(), getattr(module, f"weight_hh_{suffix}").detach()
        zero = torch.zeros(len(w_ih), dtype=w_ih.dtype, device=w_ih.device)
        b_ih, b_hh = (getattr(module, f"bias_{kind}_{suffix}").detach() if module.bias else zero for kind in ("ih", "hh"))
        params: dict[str, Tensor] = {}
        for k, (x, h) in enumerate(zip(layer.from_input, layer.from_state, strict=True)):
            rows = slice(k * units, (k + 1) * units)
            params[f"{x}.x"], params[f"{h}.h"] = w_ih[rows][None].clone(), w_hh[rows][None].clone()
            if x == h:
                params[f"{x}.b"] = (b_ih[rows] + b_hh[rows])[None, None]
            else:
                params[f"{x}.b"], params[f"{h}.b"] = b_ih[rows][None, None].clone(), b_hh[rows][None, None].clone()
        pairs.append((CELLS[layer.cell](units), params))
    return pairs


def to_torch(pairs: Sequence[tuple[Cell, Params]], bidirectional: bool = False) -> nn.RNNBase:
    """The torch.nn module of what `from_torch` returns: all layers of one cell and one width, one replica.

    >>> import torch
    >>> x, lstm = torch.randn(5, 2, 3), torch.nn.LSTM(3, 4, num_layers=2)
    >>> torch.allclose(to_torch(from_torch(lstm))(x)[0], lstm(x)[0], atol=1e-6)
    True
    """
    directions = 1 + bidirectional
    if not pairs or len(pairs) % directions or len({(cell.name, cell.units) for cell, _ in pairs}) > 1:
        raise ValueError(f"to_torch needs layers of one cell and one width, {directions} a layer, not {[(c.name, c.units) for c, _ in pairs]}")
    layer = layer_of(pairs[0][0])
    if layer is None:
        raise ValueError(f"torch.nn has no layer for '{pairs[0][0].name}'; it has {', '.join(LAYERS)}")
    first = pairs[0][1][f"{layer.from_input[0]}.x"]
    if len(first) != 1:
        raise ValueError(f"to_torch takes one replica, not {len(first)}; select one first")
    options = {"nonlinearity": layer.nonlinearity} if layer.module is nn.RNN else {}
    module: nn.RNNBase = layer.module(
        first.shape[-1], pairs[0][0].units, num_layers=len(pairs) // directions, bidirectional=bidirectional, dtype=first.dtype, device=first.device, **options
    )
    with torch.no_grad():
        for k, (_, params) in enumerate(pairs):
            targets = list(module.parameters())[4 * k : 4 * k + 4]
            for target, value in zip(targets, flat_weights(layer, params, 0), strict=True):
                target.copy_(value)
    return module
