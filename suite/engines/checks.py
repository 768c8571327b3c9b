"""What engines are given, looked at once: of the right kind first, then of the right names, shapes and dtypes. A mistake is a ValueError in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from suite.cells.cell import Cell


def kinds(cell: Any, params: Any, **tensors: Any) -> None:
    """A cell, its parameters by name, and more tensors, of which any but x may be None or left out; states and noise are mappings of them."""
    a_cell(cell)
    table("params", params, "parameters", cell.name)
    for what, value in tensors.items():
        if what in ("state", "noise"):
            table(what, value, "states" if what == "state" else "rows", cell.name)
        elif value is not None or what == "x":
            tensor(what, value)


def a_cell(given: Any) -> Cell:
    """The same, where it is one."""
    if isinstance(given, Cell):
        return given
    more = "; suite.from_torch makes cells and parameters of a torch module" if isinstance(given, nn.Module) else ""
    raise ValueError(f"a cell is what suite.cell(name, units) makes, not {said(given)}{more}")


def table(what: str, given: Any, holds: str, name: str) -> None:
    """A mapping of names to tensors, or None where it may be left out."""
    if given is None and what != "params":
        return
    if not isinstance(given, Mapping):
        raise ValueError(f"{what} must be a mapping of the {holds} of cell '{name}' by name, not {said(given)}")
    for key, value in given.items():
        if not isinstance(key, str):
            raise ValueError(f"{what} must be named by texts, not {said(key)}")
        if wrong(value) and (value is not None or what != "state"):
            tensor(f"{what}['{key}']", value)


def wrong(given: Any) -> bool:
    """Whether something is no tensor that holds values, all of them: looked at before a sentence is made, for this is asked at every call."""
    return not isinstance(given, Tensor) or given.is_meta or given.layout is not torch.strided


def tensor(what: str, given: Any) -> None:
    """A tensor that holds values, all of them."""
    if not isinstance(given, Tensor):
        raise ValueError(f"{what} must be a torch tensor, not {said(given)}")
    if given.is_meta:
        raise ValueError(f"{what} is on the device meta, where tensors hold no values")
    if given.layout is not torch.strided:
        raise ValueError(f"{what} must be dense, not {given.layout}")


def said(thing: Any) -> str:
    """What something is, in few words.

    >>> said("lstm"), said((1, 2)), said(nn.GRU(2, 3))
    ("'lstm'", 'a tuple', 'a torch.nn.GRU')
    """
    if thing is None or isinstance(thing, (str, int, float)):
        return repr(thing)
    kind = type(thing)
    named = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}"
    return f"a {named.replace('torch.', 'torch.nn.') if isinstance(thing, nn.Module) else named}"


def derived_forwards(tensors: Iterable[Tensor | None]) -> bool:
    """Whether any has a derivative forwards, which an engine with a loop of its own would lose."""
    return forward_ad._current_level >= 0 and any(given is not None and forward_ad.unpack_dual(given).tangent is not None for given in tensors)


def check_params(cell: Cell, params: Mapping[str, Tensor], x: Tensor) -> int:
    """The number of replicas, once x and every parameter fit the cell."""
    if x.ndim != 4 or 0 in x.shape:
        raise ValueError(f"x must be (time, replicas or 1, batch, inputs), each 1 or more, not {tuple(x.shape)}")
    if not x.is_floating_point() or x.itemsize < 2:
        raise ValueError(f"x must be of a floating dtype{' of 16 bits or more' * x.is_floating_point()}, not {x.dtype}")
    shapes = cell.shapes(x.shape[-1])
    missing, surplus = [n for n in shapes if n not in params], [n for n in params if n not in shapes]
    if missing or surplus:
        parts = [f"misses {', '.join(missing)}"] * bool(missing) + [f"does not know {', '.join(surplus)}"] * bool(surplus)
        raise ValueError(f"cell '{cell.name}' {' and '.join(parts)}; its parameters are {', '.join(shapes)}")
    replicas = max([len(params[name]) for name in shapes if params[name].ndim == 3], default=x.shape[1])
    for name, shape in shapes.items():
        same(f"parameter '{name}'", params[name], (replicas, *shape), x)
    if x.shape[1] not in (1, replicas):
        raise ValueError(f"x has {x.shape[1]} replicas and the parameters have {replicas}; x may have 1, shared by all")
    return replicas


def check_noise(cell: Cell, noise: Mapping[str, Tensor], x: Tensor, replicas: int) -> dict[str, Tensor]:
    """Noise of exactly the rows that ask for it, each (T or 1, R or 1, B, W)."""
    wanted = {row.name: row.width for stage in cell.table for row in stage.rows if row.raw == "noise"}
    if set(wanted) != set(noise):
        raise ValueError(f"cell '{cell.name}' needs noise for {', '.join(wanted) or 'no row'}, given was {', '.join(noise) or 'none'}")
    length, _, batch, _ = x.shape
    for name, value in noise.items():
        if value.ndim != 4 or value.shape[0] not in (1, length) or value.shape[1] not in (1, replicas):
            raise ValueError(f"noise '{name}' must be ({length} or 1, {replicas} or 1, {batch}, {wanted[name]}), not {tuple(value.shape)}")
        same(f"noise '{name}'", value, (*value.shape[:2], batch, wanted[name]), x)
    return dict(noise)


def same(what: str, given: Tensor, shape: tuple[int, ...], x: Tensor) -> Tensor:
    """A tensor of a shape, and of the dtype and on the device of x."""
    if tuple(given.shape) != shape:
        raise ValueError(f"{what} must have shape {shape}, not {tuple(given.shape)}")
    if given.dtype != x.dtype or given.device != x.device:
        raise ValueError(f"{what} is {given.dtype} on {given.device}, x is {x.dtype} on {x.device}; they must agree")
    return given
