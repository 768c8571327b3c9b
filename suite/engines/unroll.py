"""The public way to run a cell: arguments checked once and in words, then handed to an engine."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from suite.cells.cell import Cell
from suite.engines.checks import check_noise, check_params, same
from suite.engines.engine import Engine, Refused, refusal


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
        full[name] = x.new_full(shape, cell.start.get(name, 0.0)) if given is None else same(f"state '{name}'", given, shape, x)
    for name in state or {}:
        if name not in cell.state:
            raise ValueError(f"'{name}' is no state of cell '{cell.name}'; its states are {', '.join(cell.state)}")
    if mask is not None and (mask.dtype != torch.bool or tuple(mask.shape) not in ((length, 1, batch), (length, replicas, batch))):
        raise ValueError(f"mask must be bool of shape ({length}, 1 or {replicas}, {batch}), not {mask.dtype} {tuple(mask.shape)}")
    if mask is not None and mask.device != x.device:
        raise ValueError(f"mask is on {mask.device}, x on {x.device}; they must agree")
    drawn = check_noise(cell, noise or {}, x, replicas)
    sentence = refusal(engine, cell, x.device, x.dtype)
    if sentence:
        raise Refused(sentence)
    return engine.unroll(cell, params, x, full, mask, drawn)
