"""Sequences of one cell and one shape on a device: fixed buffers, and the loop each way over them.

Two ways. By steps: a product a source and a kernel a stage, 2 to 4 launches a step, which are recorded as one graph. On
chip: one kernel for the whole sequence, a program a replica and a few sequences, where `ON_CHIP` says that the recurrent
weights stay in registers and shared memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Many
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor

from suite.cells.cell import Cell
from suite.engines import emit_triton, triton_source
from suite.engines.capture import Replayed
from suite.engines.columns import Columns, Product
from suite.engines.emit_triton import SIDE, Kernel, padded
from suite.engines.precision import HALVES, exact
from suite.engines.tape import Tape

# units up to -> warps of a program that carries whole sequences, where products are exact in float32, and where tensor cores
# make them (halves, TF32); 0 and more units: by steps. From what the compiler for compute capability 9.0 says of registers
ON_CHIP = ((16, 4, 4), (32, 4, 4), (64, 8, 8), (128, 0, 8))
SHARED = {"forwards": (1, 12 << 10), "backwards": (2, 32 << 10)}  # bytes of shared memory: so many times the weights, and so much more
HOPPER = 227 << 10  # bytes of shared memory that a program may have there
TILE = 256  # elements that a program of a step works on, of each row


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
    whole = (emit_triton.sequence(tape, columns), emit_triton.sequence_back(tape, columns)) if emit_triton.fits(tape, columns) else None
    return DevicePlan(tape.cell, inputs, tape, columns, steps, backs, whole, "\n\n".join(kernel.text for kernel in (*steps, *backs, *(whole or ()))))


class Flat:
    """Several tensors in one, so that all of them are copied at once."""

    def __init__(self, shapes: Many[tuple[int, ...]], dtype: torch.dtype, device: torch.device) -> None:
        self.shapes, self.whole = shapes, torch.zeros(sum(map(prod, shapes)), dtype=dtype, device=device)
        self.parts = self.cut(self.whole)

    def cut(self, whole: Tensor) -> list[Tensor]:
        """The tensors inside one that is laid out like this."""
        return [part.view(shape) for part, shape in zip(whole.split([prod(shape) for shape in self.shapes]), self.shapes, strict=True)]


class Session:
    """Buffers of a form, each (R, time, B, columns), and what runs over them; see `emit_triton.Writer.place` for their names."""

    def __init__(self, plan: DevicePlan, form: Form) -> None:
        self.plan, self.form, self.device = plan, form, form.device
        self.real = torch.float32 if form.dtype in HALVES else form.dtype
        self.warps = {kernel.name: plan.warps(form, kernel.name) for kernel in plan.on_chip or ()}
        self.at: dict[str, Tensor] = {}
        self._inputs()
        self._made()
        if form.kept:
            _ = self.gradients  # here, where short memory gives up what nobody uses
        self._forwards = Replayed(self.device)
        self._backwards = {wants_x: Replayed(self.device) for wants_x in (False, True)}

    def forwards(self) -> None:
        """A forward pass over what was loaded."""
        self._forwards(self._forward)

    def backwards(self, wants_x: bool) -> None:
        """Its reverse."""
        self._backwards[wants_x](lambda: self._backward(wants_x))

    @cached_property
    def share(self) -> float:
        """Which part of its GPU's memory the buffers take; 0 elsewhere."""
        if self.device.type != "cuda":
            return 0.0
        held = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in (*self.at.values(), *self.weights, *self.bias)}
        return sum(held.values()) / torch.cuda.get_device_properties(self.device).total_memory

    def room(self, *shape: int) -> Tensor:
        """A buffer."""
        return torch.zeros(shape, dtype=self.real, device=self.device)

    def _inputs(self) -> None:
        form, cell, at = self.form, self.plan.cell, self.at
        at["x"] = self.room(form.x, form.length, form.batch, form.inputs)
        at["mask"] = torch.zeros((max(form.mask, 1), form.length, form.batch, 1), dtype=torch.int8, device=self.device)
        raw = {row.name: row.width for stage in cell.table for row in stage.rows if row.raw}
        for j, (name, (replicas, times)) in enumerate(zip(self.plan.noise, form.noise, strict=True)):
            at[f"n{j}"] = self.room(replicas, times, form.batch, raw[name])
        self.weights = [self.room(form.replicas, p.columns.stop - p.columns.start, p.width) for p in self.plan.columns.products]
        at |= {f"w{number}": weight for number, weight in enumerate(self.weights)}
        self.bias = [self.room(form.replicas, 1, width) for width in self.plan.columns.widths]
        at |= {f"e{k}": self.room(form.replicas, 1, 1, width) for k, width in enumerate(cell.extra.values())}

    def _made(self) -> None:
        form, plan, at = self.form, self.plan, self.at
        batch, length = form.batch, form.length
        at |= {f"a{stage}": self.room(form.replicas, length, batch, width) for stage, width in enumerate(plan.columns.widths)}
        at["tape"] = self.room(form.replicas, length if form.kept else 1, batch, plan.tape.columns)
        for k, width in enumerate(plan.cell.state.values()):
            at[f"s{k}"] = self.room(form.replicas, length + 1, batch, width)
        at["y"] = self.room(form.replicas, length, batch, plan.cell.units) if form.mask else at["s0"]
        self.operands = {"x": at["x"]} | {name: at[f"s{k}"] for k, name in enumerate(plan.cell.state)}
        for name, column in plan.tape.value.items():
            self.operands[name] = at["tape"][..., column : column + self._width(name)]
        halved = form.dtype in HALVES
        for kind, names in (("h", list(plan.cell.state)), ("z", plan.tape.values)):
            for k, name in enumerate(names):
                at[f"{kind}{k}"] = self.operands[name]
                if halved and name in {p.source for p in plan.columns.recurrent}:
                    at[f"{kind}{k}"] = self.operands[name] = torch.zeros_like(self.operands[name], memory_format=torch.contiguous_format)

    def _width(self, value: str) -> int:
        graph = self.plan.tape.graph
        return graph.nodes[graph.outputs["value", value]].width

    @cached_property
    def gradients(self) -> Flat:
        """Of weights, product by product; of all columns of every stage, whose sums are the biases'; of extras."""
        form, cell, at = self.form, self.plan.cell, self.at
        shape = (form.replicas, form.length, form.batch)
        at |= {f"q{stage}": self.room(*shape, width) for stage, width in enumerate(self.plan.columns.widths)}
        at["dy"], at["dx"] = self.room(*shape, cell.units), self.room(*shape, form.inputs)
        for k, width in enumerate(cell.state.values()):
            at[f"d{k}"], at[f"f{k}"] = self.room(form.replicas, 2, form.batch, width), self.room(form.replicas, 1, form.batch, width)
        at |= {f"u{j}": self.room(form.replicas, 1, form.batch, self._width(name)) for j, name in enumerate(self.plan.tape.values)}
        at |= {f"g{k}": self.room(form.replicas, 1, form.batch, width) for k, width in enumerate(cell.extra.values())}
        shapes = [*(tuple(weight.shape) for weight in self.weights), *((form.replicas, width) for width in self.plan.columns.widths)]
        return Flat([*shapes, *((form.replicas, 1, width) for width in cell.extra.values())], self.real, self.device)

    # what goes in and comes out

    def load(self, x: Tensor, tensors: Many[Tensor], mask: Tensor | None, noise: Many[Tensor]) -> None:
        """Everything that a forward pass is given, parameters in the order of the plan, then the states at the start."""
        plan = self.plan
        self.at["x"].copy_(x.transpose(0, 1))
        if mask is not None:
            self.at["mask"].copy_(mask.transpose(0, 1).unsqueeze(-1))
        for j, value in enumerate(noise):
            self.at[f"n{j}"].copy_(value.transpose(0, 1))
        fixed = [part for number, product in enumerate(plan.columns.products) for part in _parts(self.weights[number], product)]
        fixed += [self.bias[stage][..., start : start + width] for _, stage, start, width in plan.columns.biases]
        fixed += [self.at[f"e{k}"].squeeze(2) for k in range(len(plan.cell.extra))]
        first = [self.at[f"s{k}"][:, 0] for k in range(len(plan.cell.state))]
        starts = tensors[len(fixed) :]
        torch._foreach_copy_([*fixed, *first], [*tensors])
        for k, start in enumerate(starts):
            if self.at[f"h{k}"] is not self.at[f"s{k}"]:
                self.at[f"h{k}"][:, 0].copy_(start)

    def results(self) -> tuple[Tensor, list[Tensor]]:
        """Outputs (T, R, B, W) and last states, in the dtype asked for."""
        form, dtype = self.form, self.form.dtype
        outputs = self.at["y"] if form.mask else self.at["s0"][:, 1:]
        last = [self.at[f"s{k}"][:, -1] for k in range(len(self.plan.cell.state))]
        return outputs.transpose(0, 1).to(dtype, memory_format=torch.contiguous_format, copy=True), [value.to(dtype, copy=True) for value in last]

    def load_gradients(self, dy: Tensor | None, last: Many[Tensor | None]) -> None:
        """Derivatives of what `results` gave."""
        for buffer, value in (("dy", None if dy is None else dy.transpose(0, 1)), *((f"f{k}", None if d is None else d.unsqueeze(1)) for k, d in enumerate(last))):
            if value is None:
                self.at[buffer].zero_()
            else:
                self.at[buffer].copy_(value)

    def found(self, wants_x: bool) -> list[Tensor | None]:
        """Gradients of x, the parameters and the states at the start."""
        plan, dtype = self.plan, self.form.dtype
        parts = self.gradients.cut(self.gradients.whole.to(dtype, copy=True))
        count = len(plan.columns.products)
        sums = parts[count : count + len(plan.columns.widths)]
        found = [part for number, product in enumerate(plan.columns.products) for part in _parts(parts[number], product)]
        found += [sums[stage][:, None, start : start + width] for _, stage, start, width in plan.columns.biases]
        found += parts[count + len(sums) :]
        found += [self.at[f"d{k}"][:, 0].to(dtype, copy=True) for k in range(len(plan.cell.state))]
        if not wants_x:
            return [None, *found]
        dx = self.at["dx"].transpose(0, 1)
        return [(dx.sum(1, keepdim=True) if self.form.x < self.form.replicas else dx).to(dtype, memory_format=torch.contiguous_format, copy=True), *found]

    # the loops

    def launch(self, kernel: Kernel, t: int | None = None) -> None:
        """A kernel over all sequences: of one step, or of all of them."""
        form = self.form
        options: dict[str, Any] = {"MASKED": bool(form.mask), "HALVED": form.dtype in HALVES, "T": _of_triton(self.real)}
        options["H"] = _of_triton(form.dtype) if form.dtype in HALVES else options["T"]
        arguments = [value for buffer in kernel.buffers for value in (self.at[buffer], *strides(self.at[buffer]))]
        function = self.plan.kernel(kernel)
        if t is None:
            grid: tuple[int, ...] = (form.replicas, -(-form.batch // SIDE))
            function[grid](*arguments, form.length, form.batch, ROWS=SIDE, PRECISION=form.precision, num_warps=self.warps[kernel.name], **options)
            return
        count = form.replicas * form.batch
        wide = kernel.shared or max(self.plan.columns.widths[0], self.plan.cell.units)
        columns = min(128, padded(wide)) if kernel.shared else padded(wide)
        rows = max(1, min(TILE // columns, padded(count)))
        shared = {"COLS": columns} if kernel.shared else {}
        grid = (-(-count // rows), -(-kernel.shared // columns) if kernel.shared else 1)
        function[grid](*arguments, t, form.batch, count, ROWS=rows, **shared, **options)

    def _whole(self, way: int) -> bool:
        """A whole sequence forwards (0) or backwards (1) as one kernel, where it is one."""
        kernel = self.plan.on_chip and self.plan.on_chip[way]
        if not kernel or not self.warps[kernel.name]:
            return False
        try:
            self.launch(kernel)
        except triton_source.too_large():  # other compilers take more than was foreseen
            self.warps[kernel.name] = 0
        return self.warps[kernel.name] > 0

    def _forward(self) -> None:
        with exact(self.form.dtype, self.device):
            for stage, width in enumerate(self.plan.columns.widths):
                if width:
                    self.at[f"a{stage}"].copy_(self.bias[stage].unsqueeze(1).expand_as(self.at[f"a{stage}"]))
            for number, product in self._products("x"):
                add(_merged(self.at[f"a{product.stage}"][..., product.columns]), _spread(_merged(self.at["x"]), self.form.replicas), self.weights[number].mT)
            if self._whole(0):
                return
            for t in range(self.form.length):
                for stage, kernel in enumerate(self.plan.steps):
                    for number, product in self._recurrent(stage):
                        operand = self.operands[product.source]
                        add(self.at[f"a{stage}"][:, t, :, product.columns], operand[:, t % operand.shape[1]], self.weights[number].mT)
                    self.launch(kernel, t)

    def _backward(self, wants_x: bool) -> None:
        self.at["dx"].zero_()
        with exact(self.form.dtype, self.device):
            if not self._whole(1):
                self._steps_back()
            self._gather(wants_x)

    def _steps_back(self) -> None:
        form, plan, at = self.form, self.plan, self.at
        for k in range(len(plan.cell.state)):
            at[f"d{k}"][:, form.length % 2].copy_(at[f"f{k}"][:, 0])
        for k in range(len(plan.cell.extra)):
            at[f"g{k}"].zero_()
        states = list(plan.cell.state)
        for t in reversed(range(form.length)):
            for j in range(len(plan.tape.values)):
                at[f"u{j}"].zero_()
            for stage in reversed(range(len(plan.backs))):
                self.launch(plan.backs[stage], t)
                for number, product in self._recurrent(stage):
                    if product.source in plan.tape.values:
                        add(at[f"u{plan.tape.values.index(product.source)}"][:, 0], at[f"q{stage}"][:, t, :, product.columns], self.weights[number])
            for number, product in enumerate(plan.columns.products):
                if product.source in states and product.source not in plan.cell.truncated:
                    add(at[f"d{states.index(product.source)}"][:, t % 2], at[f"q{product.stage}"][:, t, :, product.columns], self.weights[number])

    def _gather(self, wants_x: bool) -> None:
        """Gradients of weights, biases, extras and x from the derivatives of all pre-activations."""
        form, plan, at, parts = self.form, self.plan, self.at, self.gradients.parts
        for number, product in enumerate(plan.columns.products):
            derived = _merged(at[f"q{product.stage}"][..., product.columns])
            heard = _spread(_merged(self.operands[product.source][:, : form.length]), form.replicas)
            torch.bmm(derived.mT, heard, out=parts[number])
        for stage, width in enumerate(plan.columns.widths):
            if width:
                torch.sum(at[f"q{stage}"], (1, 2), out=parts[len(plan.columns.products) + stage])
        for k in range(len(plan.cell.extra)):
            torch.sum(at[f"g{k}"], 2, out=parts[len(parts) - len(plan.cell.extra) + k])
        if wants_x:
            for number, product in self._products("x"):
                add(_merged(at["dx"]), _merged(at[f"q{product.stage}"][..., product.columns]), self.weights[number])

    def _products(self, source: str) -> list[tuple[int, Product]]:
        return [(number, product) for number, product in enumerate(self.plan.columns.products) if product.source == source]

    def _recurrent(self, stage: int) -> list[tuple[int, Product]]:
        return [(number, p) for number, p in enumerate(self.plan.columns.products) if p.source != "x" and p.stage == stage]


def add(to: Tensor, one: Tensor, other: Tensor) -> None:
    """A batched product added in place."""
    if len(one) != len(to):
        one = one.expand(len(to), -1, -1)
    to.baddbmm_(one, other)


def strides(buffer: Tensor) -> list[int]:
    """Of replica, time and sequence; an axis of one element is shared by all."""
    found = [0 if size == 1 else stride for size, stride in zip(buffer.shape, buffer.stride(), strict=True)]
    return found[:3]


def _parts(whole: Tensor, product: Product) -> Iterator[Tensor]:
    for _, start, width in product.weights:
        yield whole[:, start - product.columns.start : start - product.columns.start + width]


def _merged(buffer: Tensor) -> Tensor:
    """(R, T, B, C) as (R, T * B, C), the same memory."""
    replicas, length, batch, columns = buffer.shape
    return buffer.as_strided((replicas, length * batch, columns), (buffer.stride(0), buffer.stride(2), buffer.stride(3)))


def _spread(value: Tensor, replicas: int) -> Tensor:
    return value.expand(replicas, -1, -1)


def _of_triton(dtype: torch.dtype) -> Any:
    import triton.language as tl

    return {torch.float32: tl.float32, torch.float64: tl.float64, torch.bfloat16: tl.bfloat16, torch.float16: tl.float16}[dtype]
