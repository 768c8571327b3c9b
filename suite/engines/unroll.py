"""The public way to run a cell: arguments checked once and in words, then handed to an engine."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from suite.cells.cell import Cell
from suite.engines.engine import Engine, Refused


def unroll(
    cell: Cell,
    params: Mapping[str, Tensor],
    x: Tensor,
    state: Mapping[str, Tensor] | None = None,
    *,
    engine: Engine,
    mask: Tensor | None = None,
    noise: Mapping[str, Tensor] | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The cell over time; see `suite.unroll`, which takes an engine's name."""
    replicas = check_params(cell, params, x)
    length, _, batch, _ = x.shape
    full = {}
    for name, width in cell.state.items():
        given = (state or {}).get(name)
        shape = (replicas, batch, width)
        full[name] = x.new_full(shape, cell.start.get(name, 0.0)) if given is None else _same(f"state '{name}'", given, shape, x)
    for name in state or {}:
        if name not in cell.state:
            raise ValueError(f"'{name}' is no state of cell '{cell.name}'; its states are {', '.join(cell.state)}")
    if mask is not None and (mask.dtype != torch.bool or tuple(mask.shape) not in ((length, 1, batch), (length, replicas, batch))):
        raise ValueError(f"mask must be bool of shape ({length}, 1 or {replicas}, {batch}), not {mask.dtype} {tuple(mask.shape)}")
    drawn = check_noise(cell, noise or {}, x, replicas)
    sentence = engine.refuses(cell, x.device)
    if sentence:
        raise Refused(sentence)
    return engine.unroll(cell, params, x, full, mask, drawn)


def check_params(cell: Cell, params: Mapping[str, Tensor], x: Tensor) -> int:
    """The number of replicas, once x and every parameter fit the cell."""
    if x.ndim != 4 or 0 in x.shape:
        raise ValueError(f"x must be (time, replicas or 1, batch, inputs), each 1 or more, not {tuple(x.shape)}")
    if not x.is_floating_point():
        raise ValueError(f"x must be of a floating dtype, not {x.dtype}")
    shapes = cell.shapes(x.shape[-1])
    missing, surplus = [n for n in shapes if n not in params], [n for n in params if n not in shapes]
    if missing or surplus:
        parts = [f"misses {', '.join(missing)}"] * bool(missing) + [f"does not know {', '.join(surplus)}"] * bool(surplus)
        raise ValueError(f"cell '{cell.name}' {' and '.join(parts)}; its parameters are {', '.join(shapes)}")
    replicas = max([len(params[name]) for name in shapes if params[name].ndim == 3], default=x.shape[1])
    for name, shape in shapes.items():
        _same(f"parameter '{name}'", params[name], (replicas, *shape), x)
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
        _same(f"noise '{name}'", value, (*value.shape[:2], batch, wanted[name]), x)
    return dict(noise)


def _same(what: str, tensor: Tensor, shape: tuple[int, ...], x: Tensor) -> Tensor:
    if tuple(tensor.shape) != shape:
        raise ValueError(f"{what} must have shape {shape}, not {tuple(tensor.shape)}")
    if tensor.dtype != x.dtype or tensor.device != x.device:
        raise ValueError(f"{what} is {tensor.dtype} on {tensor.device}, x is {x.dtype} on {x.device}; they must agree")
    return tensor
