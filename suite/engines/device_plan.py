"""A cell ready for a device: its kernels, and which of the two ways a shape of it goes, by steps or on chip."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch

from suite.cells.cell import Cell
from suite.engines import emit_triton, triton_sequences, triton_source
from suite.engines.columns import Columns
from suite.engines.precision import HALVES
from suite.engines.tape import Tape
from suite.engines.triton_kernel import SIDE, Kernel, padded

# units up to -> warps of a program that carries whole sequences, where products are exact in float32, and where tensor cores
# make them (halves, TF32); 0 and more units: by steps. From what the compiler for compute capability 9.0 says of registers
ON_CHIP = ((16, 4, 4), (32, 4, 4), (64, 8, 8), (128, 0, 8))
SHARED = {"forwards": (1, 12 << 10), "backwards": (2, 32 << 10)}  # bytes of shared memory: so many times the weights, and so much more
HOPPER = 227 << 10  # bytes of shared memory that a program may have there


class Form(NamedTuple):
    """What buffers and graphs depend on. `x`, `mask`, `noise` are (replicas, times) that they come with; no mask has no replicas."""

    length: int
    replicas: int
    batch: int
    inputs: int
    x: int
    mask: int
    noise: tuple[tuple[int, int], ...]
    dtype: torch.dtype
    device: torch.device
    kept: bool
    precision: str


@dataclass(frozen=True, eq=False)
class DevicePlan:
    """A cell ready for a device: its kernels, and in which order it takes parameters.

    on_chip  whether a whole sequence can be one kernel
    """

    cell: Cell
    inputs: int
    tape: Tape
    columns: Columns
    steps: tuple[Kernel, ...]
    backs: tuple[Kernel, ...]
    on_chip: tuple[Kernel, Kernel] | None
    text: str

    @cached_property
    def weights(self) -> list[str]:
        """Parameters that are multiplied."""
        return self.columns.weights

    @cached_property
    def biases(self) -> list[str]:
        """Parameters that are added."""
        return [name for name, *_ in self.columns.biases]

    @property
    def noise(self) -> list[str]:
        """Rows of noise."""
        return self.tape.noise

    def kernel(self, kernel: Kernel) -> Any:
        """A kernel, ready to be launched."""
        return triton_source.loaded(self.text)[kernel.name]

    def warps(self, form: Form, kernel: str) -> int:
        """Warps of a program that carries whole sequences; 0 where the cell is too large for that, or the dtype is not made for it."""
        if self.on_chip is None or form.dtype == torch.float64:
            return 0
        side = padded(self.cell.units, SIDE)
        size = sum(len(p.weights) for p in self.columns.recurrent) * side * side * form.dtype.itemsize
        times, more = SHARED[kernel]
        if times * size + more > room_on_chip(form.device):
            return 0
        cores = form.dtype in HALVES or form.precision == "tf32"
        return next((warps[cores] for units, *warps in ON_CHIP if side <= units), 0)


def room_on_chip(device: torch.device) -> int:
    """Bytes of shared memory that one program may have."""
    if device.type != "cuda":
        return HOPPER
    about = torch.cuda.get_device_properties(device)
    return int(getattr(about, "shared_memory_per_block_optin", about.shared_memory_per_block))


def plan_of(tape: Tape, columns: Columns, inputs: int) -> DevicePlan:
    """The kernels of a cell."""
    stages = range(len(tape.cell.table))
    steps, backs = tuple(emit_triton.step(tape, columns, k) for k in stages), tuple(emit_triton.back(tape, columns, k) for k in stages)
    whole = (triton_sequences.sequence(tape, columns), triton_sequences.sequence_back(tape, columns)) if triton_sequences.fits(tape, columns) else None
    return DevicePlan(tape.cell, inputs, tape, columns, steps, backs, whole, "\n\n".join(kernel.text for kernel in (*steps, *backs, *(whole or ()))))
