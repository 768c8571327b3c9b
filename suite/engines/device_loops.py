"""The loops over the buffers of a form, each way by steps or as one kernel for the whole sequence.

By steps: a product a source and a kernel a stage, 2 to 4 launches a step. On chip: a program a replica and a few sequences.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from suite.engines import triton_source
from suite.engines.columns import Product
from suite.engines.device_memory import Memory, merged, strides
from suite.engines.precision import HALVES, exact
from suite.engines.triton_kernel import SIDE, Kernel, padded

TILE = 256  # elements that a program of a step works on, of each row


class Loops:
    """What runs over the buffers of a form."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.warps = {kernel.name: memory.plan.warps(memory.form, kernel.name) for kernel in memory.plan.on_chip or ()}

    def launch(self, kernel: Kernel, t: int | None = None) -> None:
        """A kernel over all sequences: of one step, or of all of them."""
        memory, form = self.memory, self.memory.form
        options: dict[str, Any] = {"MASKED": bool(form.mask), "HALVED": form.dtype in HALVES, "T": _of_triton(memory.real)}
        options["H"] = _of_triton(form.dtype) if form.dtype in HALVES else options["T"]
        arguments = [value for buffer in kernel.buffers for value in (memory.at[buffer], *strides(memory.at[buffer]))]
        function = memory.plan.kernel(kernel)
        if t is None:
            grid: tuple[int, ...] = (form.replicas, -(-form.batch // SIDE))
            function[grid](*arguments, form.length, form.batch, ROWS=SIDE, PRECISION=form.precision, num_warps=self.warps[kernel.name], **options)
            return
        count = form.replicas * form.batch
        wide = kernel.shared or max(memory.plan.columns.widths[0], memory.plan.cell.units)
        columns = min(128, padded(wide)) if kernel.shared else padded(wide)
        rows = max(1, min(TILE // columns, padded(count)))
        shared = {"COLS": columns} if kernel.shared else {}
        grid = (-(-count // rows), -(-kernel.shared // columns) if kernel.shared else 1)
        function[grid](*arguments, t, form.batch, count, ROWS=rows, **shared, **options)

    def _whole(self, way: int) -> bool:
        """A whole sequence forwards (0) or backwards (1) as one kernel, where it is one."""
        kernel = self.memory.plan.on_chip and self.memory.plan.on_chip[way]
        if not kernel or not self.warps[kernel.name]:
            return False
        try:
            self.launch(kernel)
        except triton_source.too_large():  # other compilers take more than was foreseen
            self.warps[kernel.name] = 0
        return self.warps[kernel.name] > 0

    def forwards(self) -> None:
        """A forward pass over what was loaded."""
        memory = self.memory
        with exact(memory.form.dtype, memory.device):
            for stage, width in enumerate(memory.plan.columns.widths):
                if width:
                    memory.at[f"a{stage}"].copy_(memory.bias[stage].unsqueeze(1).expand_as(memory.at[f"a{stage}"]))
            for number, product in self._products("x"):
                add(merged(memory.at[f"a{product.stage}"][..., product.columns]), _spread(merged(memory.at["x"]), memory.form.replicas), memory.weights[number].mT)
            if self._whole(0):
                return
            for t in range(memory.form.length):
                for stage, kernel in enumerate(memory.plan.steps):
                    for number, product in self._recurrent(stage):
                        operand = memory.operands[product.source]
                        add(memory.at[f"a{stage}"][:, t, :, product.columns], operand[:, t % operand.shape[1]], memory.weights[number].mT)
                    self.launch(kernel, t)

    def backwards(self, wants_x: bool) -> None:
        """Its reverse."""
        self.memory.at["dx"].zero_()
        with exact(self.memory.form.dtype, self.memory.device):
            if not self._whole(1):
                self._steps_back()
            self._gather(wants_x)

    def _steps_back(self) -> None:
        memory = self.memory
        form, plan, at = memory.form, memory.plan, memory.at
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
                        add(at[f"u{plan.tape.values.index(product.source)}"][:, 0], at[f"q{stage}"][:, t, :, product.columns], memory.weights[number])
            for number, product in enumerate(plan.columns.products):
                if product.source in states and product.source not in plan.cell.truncated:
                    add(at[f"d{states.index(product.source)}"][:, t % 2], at[f"q{product.stage}"][:, t, :, product.columns], memory.weights[number])

    def _gather(self, wants_x: bool) -> None:
        """Gradients of weights, biases, extras and x from the derivatives of all pre-activations."""
        memory = self.memory
        form, plan, at, parts = memory.form, memory.plan, memory.at, memory.gradients.parts
        for number, product in enumerate(plan.columns.products):
            derived = merged(at[f"q{product.stage}"][..., product.columns])
            heard = _spread(merged(memory.operands[product.source][:, : form.length]), form.replicas)
            torch.bmm(derived.mT, heard, out=parts[number])
        for stage, width in enumerate(plan.columns.widths):
            if width:
                torch.sum(at[f"q{stage}"], (1, 2), out=parts[len(plan.columns.products) + stage])
        for k in range(len(plan.cell.extra)):
            torch.sum(at[f"g{k}"], 2, out=parts[len(parts) - len(plan.cell.extra) + k])
        if wants_x:
            for number, product in self._products("x"):
                add(merged(at["dx"]), merged(at[f"q{product.stage}"][..., product.columns]), memory.weights[number])

    def _products(self, source: str) -> list[tuple[int, Product]]:
        return [(number, product) for number, product in enumerate(self.memory.plan.columns.products) if product.source == source]

    def _recurrent(self, stage: int) -> list[tuple[int, Product]]:
        return [(number, p) for number, p in enumerate(self.memory.plan.columns.products) if p.source != "x" and p.stage == stage]


def add(to: Tensor, one: Tensor, other: Tensor) -> None:
    """A batched product added in place."""
    if len(one) != len(to):
        one = one.expand(len(to), -1, -1)
    to.baddbmm_(one, other)


def _spread(value: Tensor, replicas: int) -> Tensor:
    return value.expand(replicas, -1, -1)


def _of_triton(dtype: torch.dtype) -> Any:
    import triton.language as tl

    return {torch.float32: tl.float32, torch.float64: tl.float64, torch.bfloat16: tl.bfloat16, torch.float16: tl.float16}[dtype]
