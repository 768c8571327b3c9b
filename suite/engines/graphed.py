"""The hoisted loop recorded as a CUDA graph, forwards and backwards: what it takes to launch thousands of small kernels is gone.

A graph holds for one cell and one shape. PyTorch records it (`torch.cuda.make_graphed_callables`); what it records shares
fixed memory between calls, so results are copied out, and each forward pass borrows a recording until its gradient is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from suite.cells.cell import Cell
from suite.engines import hoisted
from suite.engines.capture import Lease, Pool, capturing
from suite.engines.engine import Engine, Noise, Params, State

Recording = Callable[..., tuple[Tensor, ...]]
RECORDINGS: Pool[Recording] = Pool()


class Names(NamedTuple):
    """What the tensors of a call are, in order."""

    params: tuple[str, ...]
    state: tuple[str, ...]
    noise: tuple[str, ...]
    masked: bool


class Borrowed(torch.autograd.Function):
    """Hands tensors on. Its reverse is the last of a recording's: gradients are copied out, the recording is given back."""

    @staticmethod
    def forward(ctx: Any, lease: Lease[Recording], *tensors: Tensor) -> tuple[Tensor, ...]:
        """The same tensors."""
        ctx.lease = lease
        ctx.mark_non_differentiable(*(t for t in tensors if not t.is_floating_point()))
        ctx.set_materialize_grads(False)
        return tuple(t.view_as(t) for t in tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """The same gradients in memory of their own."""
        if ctx.lease.over:
            raise RuntimeError("engine 'graphed' gives one gradient for each pass, and this one has given it: run the pass again, or use engine 'hoisted'")
        found = [None if gradient is None else gradient.clone() for gradient in gradients]
        ctx.lease.release()
        return None, *found


def unroll(cell: Cell, params: Params, xs: Tensor, state: State, mask: Tensor | None, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
    """The cell over time; see `Engine.unroll`. Inside somebody else's recording the loop becomes a part of that."""
    if capturing(xs.device):
        return hoisted.unroll(cell, params, xs, state, mask, noise)
    names = Names(tuple(params), tuple(cell.state), tuple(noise), mask is not None)
    tensors = [xs, *params.values(), *(state[name] for name in cell.state), *noise.values(), *([] if mask is None else [mask])]
    wants = torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
    lease = RECORDINGS.take(key(cell, names, tensors, wants), lambda: recorded(cell, names, tensors, wants), xs.device)
    if wants:
        given = Borrowed.apply(lease, *tensors)  # type: ignore[no-untyped-call]
        found = [value.clone() for value in lease.session(*given)]
    else:
        found = [value.clone() for value in lease.session(*(t.detach() for t in tensors))]
        lease.release()
    return found[0], dict(zip(cell.state, found[1:], strict=True))


def key(cell: Cell, names: Names, tensors: Sequence[Tensor], wants: bool) -> tuple[Any, ...]:
    """What a recording holds for: cell, names, settings, and of every tensor shape, dtype, device and whether it asks for a gradient."""
    return (cell, names, settings(tensors[0].device), *((tuple(t.shape), t.dtype, t.device, wants and t.requires_grad) for t in tensors))


def settings(device: torch.device) -> tuple[Any, ...]:
    """How PyTorch is set to compute: precision of products, autocast, determinism."""
    matmul = torch.backends.cuda.matmul
    reduced = matmul.allow_fp16_reduced_precision_reduction, matmul.allow_bf16_reduced_precision_reduction
    cast = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else None
    return matmul.fp32_precision, *reduced, cast, torch.are_deterministic_algorithms_enabled()


def recorded(cell: Cell, names: Names, tensors: Sequence[Tensor], wants: bool) -> Recording:
    """A recording of the hoisted loop with samples of its own, which later calls are copied into."""
    samples = tuple(t.detach().clone(memory_format=torch.contiguous_format).requires_grad_(wants and t.requires_grad) for t in tensors)
    with torch.set_grad_enabled(wants):
        made: Any = torch.cuda.make_graphed_callables(called(cell, names), samples, allow_unused_input=True)
    return made  # type: ignore[no-any-return]


def called(cell: Cell, names: Names) -> Recording:
    """The hoisted loop as a function of tensors in order, its results a tuple of outputs and last states."""

    def loop(xs: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        left = list(rest)
        params, state, noise = ({name: left.pop(0) for name in those} for those in (names.params, names.state, names.noise))
        y, last = hoisted.unroll(cell, params, xs, state, left.pop(0) if names.masked else None, noise)
        return (y, *last.values())

    return loop


def refuses(cell: Cell, device: torch.device) -> str | None:
    """A sentence for another device than a CUDA GPU."""
    if device.type == "cuda":
        return None
    return f"engine 'graphed' records CUDA graphs and does not run on {device.type}: '{cell.name}' is left to another engine, of which 'hoisted' computes the same"


ENGINE = Engine("graphed", unroll, refuses)
