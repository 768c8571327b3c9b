"""How parameters start, as named functions of a cell's table: `init="orthogonal+keep"`, `init="chrono(longest=750)"`.

    default                     every entry of a layer from U(-1/sqrt(units), 1/sqrt(units)), as torch.nn
    orthogonal(gain=1.0)        weights from states and values: orthonormal rows or columns, times the gain
    identity(scale=1.0)         square weights from states and values: the unit matrix, times the scale; biases 0 (Le et al. 2015)
    keep(value=1.0)             the bias by which a memory is kept: +value on a gate that keeps, -value on one that lets in
                                and keeps the rest (f of an LSTM and z of `gru` +, i of a coupled LSTM and z of `gru1` -)
    chrono(longest)             log of a number from U(1, longest - 1) a unit, + on what keeps, - on what lets in: lags of
                                2 to longest; the same number on f and i of a unit, b_i = -b_f (Tallec & Ollivier 2018)
    uniform(range=0.1)          every weight, bias and extra, the readout's too, from U(-range, range): the ranges of 1997
    normal(deviation=0.1)       the same from N(0, deviation squared) (Greff et al. 2017)
    bias(row, values)           a row's bias: one number, or one a block in turn, as the gate biases -1, -2, -3 of 1997

They apply in the order written, each on top of what stands. A cell without a gate that keeps, or whose gate has no bias, is
left as it is by `keep` and `chrono`, so that one setting can be asked of every cell. Keys: le2015, tallec2018, hochreiter1997,
greff2017.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

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
    for name, arguments in asked(net.init):
        for prefix, cell in (*parts, ("embedding.", None), ("readout.", None)):
            own = {key.removeprefix(prefix): value for key, value in params.items() if key.startswith(prefix)}
            changed = INITIAL[name](cell, own, generator, **arguments)
            params |= {f"{prefix}{key}": value for key, value in changed.items()}
    return params


def check(text: str, cells: Sequence[Cell]) -> None:
    """Raise ValueError, one sentence, for an `init` that a network of these cells cannot have; nothing is drawn."""
    for name, arguments in asked(text):
        if name == "chrono":
            longest_of(arguments["longest"])
        for cell in cells if name == "bias" and arguments["row"] != "readout" else ():
            biased(cell, arguments["row"])


@cache
def asked(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Names and arguments, joined by "+" outside brackets. A name is one of ours: a file of weights that is read runs no other code."""
    found = []
    for part in re.split(r"\+(?![^(]*\))", text):
        name, arguments = names.parse_call(part)
        if name not in INITIAL:
            raise ValueError(names.unknown(name, INITIAL, "initialisation"))
        names.call(partial(_bound(name), name), name, arguments, "initialisation")
        for key, value in arguments.items():
            numbers = value if isinstance(value, tuple) else (value,)
            if key != "row" and not (numbers and all(isinstance(n, (int, float)) and not isinstance(n, bool) and math.isfinite(n) for n in numbers)):
                raise ValueError(f"initialisation '{name}': {key} must be a number{' or several, (-1.0, -2.0)' if key == 'values' else ''}, not {value!r}")
            if isinstance(value, tuple) and key != "values":
                raise ValueError(f"initialisation '{name}': {key} must be one number, not {value!r}")
        found.append((name, arguments))
    return found


def _bound(name: str) -> Callable[..., None]:
    """Something that takes the arguments of an initialisation and does nothing."""
    wanted = list(inspect.signature(INITIAL[name]).parameters.values())[3:]

    def nothing(*given: Any, **arguments: Any) -> None:
        del given, arguments

    nothing.__signature__ = inspect.Signature([inspect.Parameter("name", inspect.Parameter.POSITIONAL_ONLY), *wanted])  # type: ignore[attr-defined]
    return nothing


def _drawn(net: Network, name: str, shape: tuple[int, int], generator: Generator) -> Tensor:
    """The default; embeddings from N(0, 1/width), which torch draws from N(0, 1)."""
    part = name.partition(".")[0]
    if part == "embedding":
        return torch.randn(1, *shape, generator=generator) / math.sqrt(net.embedding)
    units = net.cells[-1 if part == "readout" else int(part.rstrip("rd"))].units
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
    longest_of(longest)
    found, drawn = keepers(cell), {}
    for name, sign in found.items():
        drawn[name] = sign * (1 + (longest - 2) * torch.rand(own[name].shape, generator=generator)).log()
    shared = {name: next((kept for kept in found if kept[1:] == name[1:] and own[kept].shape == own[name].shape), None) for name in biases(cell, "in")}
    return drawn | {name: -found[kept] * drawn[kept] for name, kept in shared.items() if kept}


def longest_of(longest: Any) -> None:
    """Raise ValueError for what is no longest lag."""
    if isinstance(longest, bool) or not isinstance(longest, int) or longest < 3:
        raise ValueError(f"chrono needs longest, the longest lag in steps, 3 or more, not {longest!r}")


def uniform(cell: Cell | None, own: Params, generator: Generator, range: float = 0.1) -> Params:
    """Everything anew, but what has a value to start at."""
    fixed = cell.initial if cell is not None else {}
    return {name: (2 * torch.rand(value.shape, generator=generator) - 1) * range for name, value in own.items() if name not in fixed}


def normal(cell: Cell | None, own: Params, generator: Generator, deviation: float = 0.1) -> Params:
    """Everything anew, but what has a value to start at."""
    fixed = cell.initial if cell is not None else {}
    return {name: torch.randn(value.shape, generator=generator) * deviation for name, value in own.items() if name not in fixed}


def bias(cell: Cell | None, own: Params, generator: Generator, *, row: str, values: float | tuple[float, ...]) -> Params:
    """A row's bias, in every layer; the readout's where the row is called "readout"."""
    del generator
    if cell is None or row == "readout":
        return {"b": torch.full_like(own["b"], values)} if cell is None and row == "readout" and "b" in own and not isinstance(values, tuple) else {}
    name = biased(cell, row)
    width, listed = own[name].shape[-1], torch.tensor(values if isinstance(values, tuple) else (values,), dtype=torch.float32)
    return {name: listed.repeat(-(-width // len(listed)))[:width].view(1, 1, width)}


def biased(cell: Cell, row: str) -> str:
    """The bias of a row; ValueError where it has none."""
    rows = [each.name for stage in cell.table for each in stage.rows]
    name = bias_of(cell, row) if row in rows else None
    if name is None:
        raise ValueError(f"cell '{cell.name}' has no bias in row '{row}'; rows with one are {', '.join(each for each in rows if bias_of(cell, each)) or 'none'}")
    return name


def recurrent(cell: Cell | None) -> list[str]:
    """Weights that are fed by a state, or by a value that is made of one; what is called x is fed from below."""
    links = [(row.name, link) for stage in (cell.table if cell else ()) for row in stage.rows for link in row.links]
    return [f"{row}.{link.weight}" for row, link in links if link.weight != "x"]


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
    "normal": normal,
    "bias": bias,
}
