"""The gate before any timing is published: an engine's outputs, final states and gradients against the reference."""

from __future__ import annotations

import torch
from torch import Tensor

from suite.cells import Cell
from suite.engines import ENGINES, Engine, unroll
from suite.engines.precision import alike

SMALL = 1e-6
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4, torch.bfloat16: 2.0**-4, torch.float16: 2.0**-7}  # halves round by 2^-9 and 2^-12 at every product of five steps


def difference(cell: Cell, engine: Engine, inputs: int, device: torch.device, dtype: torch.dtype = torch.float64) -> float:
    """The largest difference from the reference in float64, relative to the largest value of each result; not a number if one is.

    Both are given the same values, those of `dtype`: what is compared is arithmetic, float32 multiplied as IEEE has it.
    """
    with alike():
        ours, theirs = (_results(cell, one, inputs, device, dtype, of) for one, of in ((engine, dtype), (ENGINES["reference"], torch.float64)))
    floor = SMALL * torch.stack([b.abs().max() for b in theirs]).max()  # a gradient that is zero but for rounding is compared with the others
    return float(torch.stack([(a - b).abs().max() / torch.maximum(b.abs().max(), floor) for a, b in zip(ours, theirs, strict=True)]).max())


def _results(cell: Cell, engine: Engine, inputs: int, device: torch.device, drawn: torch.dtype, dtype: torch.dtype) -> list[Tensor]:
    """Outputs, states and the gradients of a loss that weighs every entry differently; two replicas, five steps."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return (torch.rand(*shape, generator=generator, dtype=torch.float64) - 0.5).to(drawn).to(device, dtype).requires_grad_()

    params = {name: draw(2, *shape) for name, shape in cell.shapes(inputs).items()}
    state = {name: draw(2, 3, width) for name, width in cell.state.items()}
    x = draw(5, 1, 3, inputs)
    noise = {row.name: draw(5, 1, 3, row.width).detach() for stage in cell.table for row in stage.rows if row.raw == "noise"}
    y, last = unroll(cell, params, x, state, engine=engine, noise=noise)
    results = [y, *last.values()]
    loss = sum(((value * torch.arange(value.numel(), device=device).view_as(value).cos()).sum() for value in results), torch.zeros((), device=device, dtype=dtype))
    return [r.double() for r in [*(r.detach() for r in results), *torch.autograd.grad(loss, [*params.values(), *state.values(), x], materialize_grads=True)]]
