"""`scan` on CUDA: generated Triton from the same recorded equations and the same tape as the native code for the CPU."""

from __future__ import annotations

from collections.abc import Sequence as Many
from functools import lru_cache

import torch
from torch import Tensor

from suite.cells.cell import Cell
from suite.engines import device_exchange, triton_source
from suite.engines.capture import Pool
from suite.engines.columns import columns
from suite.engines.device_plan import DevicePlan, Form, plan_of
from suite.engines.engine import Refused
from suite.engines.precision import HALVES, products
from suite.engines.sequence import Given
from suite.engines.session import Session
from suite.engines.tape import Tape

DTYPES = (torch.float32, torch.float64, *HALVES)
SESSIONS: Pool[Session] = Pool(share=lambda session: session.memory.share)


@lru_cache(maxsize=256)
def planned(tape: Tape, inputs: int, dtype: torch.dtype) -> DevicePlan:
    """The kernels of a cell at a number of inputs; compiled when they are first launched."""
    sentence = lacks(tape.cell, dtype)
    if sentence:
        raise Refused(sentence)
    return plan_of(tape, columns(tape.cell, inputs), inputs)


def refuses(cell: Cell) -> str | None:
    """A sentence where there is no Triton."""
    sentence = triton_source.missing()
    return f"engine 'scan' cannot run '{cell.name}' on CUDA: {sentence}" if sentence else None


def lacks(cell: Cell, dtype: torch.dtype) -> str | None:
    """A sentence for a dtype that no kernel is made for."""
    known = ", ".join(str(one).removeprefix("torch.") for one in DTYPES)
    return None if dtype in DTYPES else f"engine 'scan' computes in {known} on CUDA, not in {dtype}: '{cell.name}' is left to another engine"


def prepare(made: DevicePlan, dtype: torch.dtype, device: torch.device) -> None:
    """Two steps of one sequence, there and back: every kernel of the cell is compiled."""
    shapes, inputs = made.cell.shapes(made.inputs), made.inputs
    tensors = [torch.zeros(1, *shapes[name], dtype=dtype, device=device) for name in (*made.weights, *made.biases, *made.cell.extra)]
    tensors += [torch.zeros(1, 1, width, dtype=dtype, device=device) for width in made.cell.state.values()]
    widths = {row.name: row.width for stage in made.cell.table for row in stage.rows}
    noise = tuple(torch.ones(1, 1, 1, widths[name], dtype=dtype, device=device) for name in made.noise)
    run = DeviceSequence(made, Given(None, noise), torch.zeros(2, 1, 1, inputs, dtype=dtype, device=device), tensors, kept=True)
    run.forward()
    run.reverse(None, [None] * len(made.cell.state), wants_x=True)
    SESSIONS.clear()


class DeviceSequence:
    """A sequence carried out on a device, and its way back once; as `Sequence` on the CPU."""

    def __init__(self, made: DevicePlan, given: Given, x: Tensor, tensors: Many[Tensor], kept: bool) -> None:
        start = tensors[-1]
        noise = tuple((value.shape[1], value.shape[0]) for value in given.noise)
        shape = (len(x), len(start), x.shape[2], x.shape[3], x.shape[1], 0 if given.mask is None else given.mask.shape[1])
        form = Form(*shape, noise, x.dtype, x.device, kept, products(x.dtype))
        self.kept = kept
        self.lease = SESSIONS.take((made, form), lambda: Session(made, form), x.device)
        device_exchange.load(self.lease.session.memory, x, tensors, given.mask, given.noise)

    def forward(self) -> tuple[Tensor, list[Tensor]]:
        """Outputs (T, R, B, W) and the states after the last step, (R, B, W) each."""
        session = self.lease.session
        SESSIONS.pressed(session.forwards)
        found = device_exchange.results(session.memory)
        if not self.kept:
            self.lease.release()
        return found

    def reverse(self, dy: Tensor | None, last: Many[Tensor | None], wants_x: bool) -> list[Tensor | None]:
        """Gradients of x, the parameters and the states at the start, in the order of the tensors."""
        session = self.lease.session
        device_exchange.load_gradients(session.memory, dy, last)
        SESSIONS.pressed(lambda: session.backwards(wants_x))
        found = device_exchange.found(session.memory, wants_x)
        self.lease.release()
        return found
