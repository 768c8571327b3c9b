"""The fixed memory of a form: buffers for what goes in, what a pass makes and what its reverse makes."""

from __future__ import annotations

from collections.abc import Sequence as Many
from functools import cached_property
from math import prod

import torch
from torch import Tensor

from suite.engines.device_plan import DevicePlan, Form
from suite.engines.precision import HALVES


class Flat:
    """Several tensors in one, so that all of them are copied at once."""

    def __init__(self, shapes: Many[tuple[int, ...]], dtype: torch.dtype, device: torch.device) -> None:
        self.shapes, self.whole = shapes, torch.zeros(sum(map(prod, shapes)), dtype=dtype, device=device)
        self.parts = self.cut(self.whole)

    def cut(self, whole: Tensor) -> list[Tensor]:
        """The tensors inside one that is laid out like this."""
        return [part.view(shape) for part, shape in zip(whole.split([prod(shape) for shape in self.shapes]), self.shapes, strict=True)]


class Memory:
    """Buffers of a form, each (R, time, B, columns); see `triton_writer.Writer.place` for their names."""

    def __init__(self, plan: DevicePlan, form: Form) -> None:
        self.plan, self.form, self.device = plan, form, form.device
        self.real = torch.float32 if form.dtype in HALVES else form.dtype
        self.at: dict[str, Tensor] = {}
        self._inputs()
        self._made()
        if form.kept:
            _ = self.gradients  # here, where short memory gives up what nobody uses

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


def strides(buffer: Tensor) -> list[int]:
    """Of replica, time and sequence; an axis of one element is shared by all."""
    found = [0 if size == 1 else stride for size, stride in zip(buffer.shape, buffer.stride(), strict=True)]
    return found[:3]


def merged(buffer: Tensor) -> Tensor:
    """(R, T, B, C) as (R, T * B, C), the same memory."""
    replicas, length, batch, columns = buffer.shape
    return buffer.as_strided((replicas, length * batch, columns), (buffer.stride(0), buffer.stride(2), buffer.stride(3)))
