"""The gate before any timing is published: an engine's outputs, final states and gradients against the reference."""

from __future__ import annotations

import torch
from torch import Tensor

from suite.cells import Cell
from suite.engines import ENGINES, Engine, unroll

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}


def difference(cell: Cell, engine: Engine, inputs: int, device: torch.device, dtype: torch.dtype = torch.float64) -> float:
    """The largest difference from the reference in float64, relative to the largest value of each result."""
    ours, theirs = _results(cell, engine, inputs, device, dtype), _results(cell, ENGINES["reference"], inputs, device, torch.float64)
    return max(float((a - b).abs().max() / b.abs().max().clamp(min=1e-30)) for a, b in zip(ours, theirs, strict=True))


def _results(cell: Cell, engine: Engine, inputs: int, device: torch.device, dtype: torch.dtype) -> list[Tensor]:
    """Outputs, states and the gradients of a loss that weighs every entry differently; two replicas, five steps."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return (torch.rand(*shape, generator=generator, dtype=torch.float64) - 0.5).to(device, dtype).requires_grad_()

    params = {name: draw(2, *shape) for name, shape in cell.shapes(inputs).items()}
    state = {name: draw(2, 3, width) for name, width in cell.state.items()}
    x = draw(5, 1, 3, inputs)
    y, last = unroll(cell, params, x, state, engine=engine)
    results = [y, *last.values()]
    loss = sum(((value * torch.arange(value.numel(), device=device).view_as(value).cos()).sum() for value in results), torch.zeros((), device=device, dtype=dtype))
    return [r.double() for r in [*(r.detach() for r in results), *torch.autograd.grad(loss, [*params.values(), *state.values(), x], materialize_grads=True)]]
