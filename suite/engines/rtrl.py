"""Real-time recurrent learning: gradients carried forwards in time beside the state, so no step is kept; for small cells.

    P(t) = J(t) P(t-1) + D(t)      P = ds(t) / dθ, J = ds(t) / ds(t-1), D = ds(t) / dθ of step t alone

s is all states side by side, θ the parameters. A gradient g(t) that arrives at step t adds g(t) P(t) to that of θ. The first
state and every x have columns of P too where their gradients are asked for; those of x are as many as the sequence is long.
Keys: williams1989, williams1995.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from suite.cells.cell import Cell
from suite.engines import reference
from suite.engines.engine import Engine, Noise, Params, Refused, State
from suite.engines.linear import Given, Wanted, identity, linear

MOST = 2**20  # sensitivities of the parameters, values of P a sequence


def carried(given: Given, wanted: Wanted, dy: Tensor, last: Tensor) -> Tensor:
    """Gradients of outputs (T, R, B, W) and of all last states (R, B, states), as those of parameters, first states and x: (R, B, columns)."""
    sizes, own = given.sizes, sum(given.params[name][0].numel() for name in wanted.params)
    sensitivities = dy.new_zeros(*sizes, own)
    if wanted.start:
        sensitivities = torch.cat([sensitivities, identity(dy, sizes)], -1)
    found = torch.zeros_like(sensitivities[:, :, 0])
    arriving = dy if given.mask is None else torch.where(given.mask.unsqueeze(-1), dy, 0.0)
    for step, g in zip(linear(given, wanted), arriving.unbind(0), strict=True):
        sensitivities = step.by_state @ sensitivities
        sensitivities.narrow(-1, 0, own).add_(step.by_params)
        if wanted.x:
            sensitivities = torch.cat([sensitivities, step.by_x], -1)
        found = pad(found, (0, step.by_x.shape[-1])) + contracted(g, sensitivities)
    return found + contracted(last, sensitivities)


def contracted(g: Tensor, sensitivities: Tensor) -> Tensor:
    """(R, B, W) times the rows of the first W values of the states, the output first of all: (R, B, columns)."""
    return (g.unsqueeze(2) @ sensitivities.narrow(2, 0, g.shape[-1])).squeeze(2)


def by_name(given: Given, wanted: Wanted, found: Tensor) -> dict[str, Tensor]:
    """Gradients as each is to have them: of parameters and of a shared x summed over those who share them."""
    params = {name: given.params[name] for name in wanted.params}
    states = {name: given.state[name] for name in given.cell.state if wanted.start}
    widths = [value[0].numel() for value in params.values()] + [value.shape[-1] for value in states.values()]
    *parts, by_x = found.split([*widths, found.shape[-1] - sum(widths)], -1)
    gradients = {name: part.sum(1).view_as(value) for (name, value), part in zip(params.items(), parts, strict=False)}
    gradients |= dict(zip(states, parts[len(params) :], strict=True))
    return gradients | ({"x": by_x.unflatten(-1, (len(given.xs), -1)).permute(2, 0, 1, 3).sum_to_size(given.xs.shape)} if wanted.x else {})


class Learning(torch.autograd.Function):
    """A sequence as one operator of autograd; its reverse goes through time forwards, once more from the first step."""

    @staticmethod
    def forward(ctx: Any, cell: Cell, names: Sequence[tuple[str, ...]], mask: Tensor | None, xs: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Outputs (T, R, B, W) and last states (R, B, W)."""
        ctx.cell, ctx.names = cell, names
        ctx.save_for_backward(mask, xs, *tensors)
        y, last = reference.unroll(*_given(cell, names, mask, xs, tensors))
        return y, *last.values()

    @staticmethod
    def backward(ctx: Any, dy: Tensor, *last: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of x, the parameters and the first states."""
        mask, xs, *tensors = ctx.saved_tensors
        given = _given(ctx.cell, ctx.names, mask, xs, tensors)
        x, *needs = ctx.needs_input_grad[3:]
        of_noise, of_params, of_state = _dealt(ctx.names, needs)
        wanted = Wanted(tuple(name for name, need in of_params.items() if need), any(of_state.values()), x)
        gradients = by_name(given, wanted, carried(given, wanted, dy, torch.cat(last, -1)))
        return None, None, None, gradients.get("x"), *(None for _ in of_noise), *(gradients.get(name) for name in (*of_params, *of_state))


def unroll(cell: Cell, params: Params, xs: Tensor, state: State, mask: Tensor | None, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
    """The cell over time; see `Engine.unroll`."""
    if any(value.requires_grad for value in noise.values()):
        raise Refused(f"engine 'rtrl' takes no gradient of noise, which '{cell.name}' was given with requires_grad")
    kinds = (noise, params, {name: state[name] for name in cell.state})
    tensors = [value for kind in kinds for value in kind.values()]
    y, *last = Learning.apply(cell, tuple(tuple(kind) for kind in kinds), mask, xs, *tensors)  # type: ignore[no-untyped-call]
    return y, dict(zip(cell.state, last, strict=True))


def refuses(cell: Cell, device: torch.device) -> str | None:
    """A sentence for a cell with more sensitivities than are reasonable, counted with as many inputs as units, and for one that mixes sequences."""
    del device
    inputs = cell.takes or cell.units
    costs = cell.costs(inputs)
    many = costs["state"] * costs["parameters"]
    if many <= MOST:
        return f"engine 'rtrl' derives each sequence by itself, and in '{cell.name}' one hears another: use another engine" if mixes(cell) else None
    return f"engine 'rtrl' would carry {many:,} sensitivities a sequence for '{cell.name}' of {cell.units} units at {inputs} inputs, more than {MOST:,}: use another engine"


@lru_cache(maxsize=256)
def mixes(cell: Cell) -> bool:
    """Whether a sequence or a replica hears another: two by two of them do one step together, and each does it alone."""
    inputs = cell.takes or 1
    params = {name: _waves(2, *shape) for name, shape in cell.shapes(inputs).items()}
    noise = {row.name: _waves(1, 2, 2, row.width) for stage in cell.table for row in stage.rows if row.raw == "noise"}
    x, state = _waves(1, 2, 2, inputs), {name: _waves(2, 2, width) for name, width in cell.state.items()}
    _, together = reference.unroll(cell, params, x, state, None, noise)
    for r, b in ((0, 0), (0, 1), (1, 0), (1, 1)):

        def own(value: Tensor, r: int = r, b: int = b) -> Tensor:
            return value.narrow(-3, r, 1).narrow(-2, b, 1)

        weights = {name: value.narrow(0, r, 1) for name, value in params.items()}
        _, alone = reference.unroll(cell, weights, own(x), {name: own(v) for name, v in state.items()}, None, {name: own(v) for name, v in noise.items()})
        if not all(torch.allclose(own(value), alone[name], rtol=1e-9, atol=1e-12, equal_nan=True) for name, value in together.items()):
            return True
    return False


def _waves(*shape: int) -> Tensor:
    return torch.arange(1, math.prod(shape) + 1, dtype=torch.float64).sin().view(shape)


def _given(cell: Cell, names: Sequence[tuple[str, ...]], mask: Tensor | None, xs: Tensor, tensors: Sequence[Tensor]) -> Given:
    noise, params, state = _dealt(names, tensors)
    return Given(cell, params, xs, state, mask, noise)


def _dealt(names: Sequence[tuple[str, ...]], values: Sequence[Any]) -> list[dict[str, Any]]:
    rest = iter(values)
    return [{name: next(rest) for name in kind} for kind in names]


ENGINE = Engine("rtrl", unroll, refuses, by_width=True)
