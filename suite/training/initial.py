"""How parameters start, as named functions of a cell's table: `init="orthogonal+keep"`, `init="chrono(longest=750)"`.

    default                     every entry of a layer from U(-1/sqrt(units), 1/sqrt(units)), as torch.nn
    orthogonal(gain=1.0)        weights from states and values: orthonormal rows or columns, times the gain
    identity(scale=1.0)         square weights from states and values: the unit matrix, times the scale; biases 0 (Le et al. 2015)
    keep(value=1.0)             the bias by which a memory is kept: +value on a gate that keeps, -value on one that lets in
                                and keeps the rest (f of an LSTM and z of `gru` +, i of a coupled LSTM and z of `gru1` -)
    chrono(longest)             log of a number from U(1, longest - 1) a unit, + on what keeps, - on what lets in; the same
                                number on f and i of a unit, as b_i = -b_f (Tallec & Ollivier 2018)
    uniform(range=0.1)          every weight, bias and extra, the readout's too, from U(-range, range): the ranges of 1997
    bias(row, values)           a row's bias: one number, or one a block in turn, as the gate biases -1, -2, -3 of 1997

They apply in the order written, each on top of what stands. A cell without a gate that keeps, or whose gate has no bias, is
left as it is by `keep` and `chrono`, so that one setting can be asked of every cell. Keys: le2015, tallec2018, hochreiter1997.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

from suite import names
from suite.cells import Cell

if TYPE_CHECKING:
    from suite.training.network import Network

Params = dict[str, Tensor]
SIGNS = {"keep": 1.0, "new": -1.0}


def start(net: Network, seed: int) -> Params:
    """Parameters of one replica of a network, (1, *shape) each."""
    generator = torch.Generator().manual_seed(seed)
    params = {name: _drawn(net, name, shape, generator) for name, shape in net.shapes().items()}
    parts: list[tuple[str, Cell | None]] = [(layer.prefix, layer.cell) for ways in net.layers for layer in ways]
    for prefix, cell in parts:
        params |= {f"{prefix}{name}": torch.full_like(params[f"{prefix}{name}"], value) for name, value in (cell.initial if cell else {}).items()}
    for text in net.init.split("+"):
        name, arguments = names.parse_call(text)
        function = names.resolve(name, INITIAL, "initialisation")
        for prefix, cell in (*parts, ("embedding.", None), ("readout.", None)):
            own = {key.removeprefix(prefix): value for key, value in params.items() if key.startswith(prefix)}
            changed = names.call(partial(function, cell, own, generator), name, arguments, "initialisation")
            params |= {f"{prefix}{key}": value for key, value in changed.items()}
    return params


def _drawn(net: Network, name: str, shape: tuple[int, int], generator: Generator) -> Tensor:
    """The default; embeddings from N(0, 1/width), which torch draws from N(0, 1)."""
    part = name.partition(".")[0]
    if part == "embedding":
        return torch.randn(1, *shape, generator=generator) / math.sqrt(net.embedding)
    units = net.cells[-1 if part == "readout" else int(part.removesuffix("r"))].units
    return (2 * torch.rand(1, *shape, generator=generator) - 1) / math.sqrt(units)


def default(cell: Cell | None, own: Params, generator: Generator) -> Params:
    """What was drawn stays."""
    del cell, own, generator
    return {}


def orthogonal(cell: Cell | None, own: Params, generator: Generator, gain: float = 1.0) -> Params:
    """The Q of a Gaussian matrix, its signs fixed by R so that it is uniform over the orthogonal matrices."""
    return {name: gain * _orthonormal(own[name].shape[1], own[name].shape[2], generator) for name in recurrent(cell)}


def _orthonormal(rows: int, columns: int, generator: Generator) -> Tensor:
    q, r = torch.linalg.qr(torch.randn(max(rows, columns), min(rows, columns), generator=generator, dtype=torch.float64))
    signed: Tensor = q * r.diagonal().sign()
    return (signed if rows >= columns else signed.mT).float()[None]


def identity(cell: Cell | None, own: Params, generator: Generator, scale: float = 1.0) -> Params:
    """Square recurrent matrices are the unit matrix, biases are zero."""
    del generator
    square = [name for name in recurrent(cell) if own[name].shape[1] == own[name].shape[2]]
    zero = {name: torch.zeros_like(value) for name, value in own.items() if cell is not None and name.endswith(".b")}
    return zero | {name: scale * torch.eye(own[name].shape[-1])[None] for name in square}


def keep(cell: Cell | None, own: Params, generator: Generator, value: float = 1.0) -> Params:
    """The biases of the gates that keep."""
    del generator
    return {bias: torch.full_like(own[bias], sign * value) for bias, sign in keepers(cell).items()}


def chrono(cell: Cell | None, own: Params, generator: Generator, *, longest: int) -> Params:
    """Time constants of 1 to `longest` - 1 steps, spread evenly over the units."""
    if isinstance(longest, bool) or not isinstance(longest, int) or longest < 3:
        raise ValueError(f"chrono needs longest, the longest lag in steps, 3 or more, not {longest!r}")
    found, drawn = keepers(cell), {}
    for name, sign in found.items():
        drawn[name] = sign * (1 + (longest - 2) * torch.rand(own[name].shape, generator=generator)).log()
    for first in list(drawn)[:1]:
        drawn |= {name: -found[first] * drawn[first] for name in biases(cell, "in") if own[name].shape == own[first].shape}
    return drawn


def uniform(cell: Cell | None, own: Params, generator: Generator, range: float = 0.1) -> Params:
    """Everything anew, but what has a value to start at."""
    fixed = cell.initial if cell is not None else {}
    return {name: (2 * torch.rand(value.shape, generator=generator) - 1) * range for name, value in own.items() if name not in fixed}


def bias(cell: Cell | None, own: Params, generator: Generator, *, row: str, values: float | tuple[float, ...]) -> Params:
    """A row's bias, in every layer; the readout's where the row is called "readout"."""
    del generator
    if cell is None or row == "readout":
        return {"b": torch.full_like(own["b"], values)} if cell is None and row == "readout" and "b" in own and not isinstance(values, tuple) else {}
    rows = [each.name for stage in cell.table for each in stage.rows]
    name = bias_of(cell, row) if row in rows else None
    if name is None:
        raise ValueError(f"cell '{cell.name}' has no bias in row '{row}'; rows with one are {', '.join(each for each in rows if bias_of(cell, each)) or 'none'}")
    width, listed = own[name].shape[-1], torch.tensor(values if isinstance(values, tuple) else (values,), dtype=torch.float32)
    return {name: listed.repeat(-(-width // len(listed)))[:width].view(1, 1, width)}


def recurrent(cell: Cell | None) -> list[str]:
    """Weights that are fed by a state or by a value of the step."""
    links = [(row.name, link) for stage in (cell.table if cell else ()) for row in stage.rows for link in row.links]
    return [f"{row}.{link.weight}" for row, link in links if link.source != "x"]


def bias_of(cell: Cell, row: str) -> str | None:
    """What shifts a row's logistic: the bias of its normalisation, or its own."""
    if f"b_{row}" in cell.extra:
        return f"b_{row}"
    biased = {each.name for stage in cell.table for each in stage.rows if each.bias}
    return f"{row}.b" if row in biased else None


def keepers(cell: Cell | None) -> dict[str, float]:
    """Bias -> the sign that keeps the memory."""
    return {name: sign for role, sign in SIGNS.items() for name in biases(cell, role)}


def biases(cell: Cell | None, role: str) -> list[str]:
    """The biases of the gates of a role, of those that have one."""
    if cell is None:
        return []
    found = [bias_of(cell, row) for row, its in cell.gates.items() if its == role]
    return [name for name in found if name is not None]


INITIAL: dict[str, Callable[..., Params]] = {
    "default": default,
    "orthogonal": orthogonal,
    "identity": identity,
    "keep": keep,
    "chrono": chrono,
    "uniform": uniform,
    "bias": bias,
}
