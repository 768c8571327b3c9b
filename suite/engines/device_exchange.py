"""What goes into the buffers of a form and what comes out of them: copies, so that a graph finds its memory where it was."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Many

import torch
from torch import Tensor

from suite.engines.columns import Product
from suite.engines.device_memory import Memory


def load(memory: Memory, x: Tensor, tensors: Many[Tensor], mask: Tensor | None, noise: Many[Tensor]) -> None:
    """Everything that a forward pass is given, parameters in the order of the plan, then the states at the start."""
    plan = memory.plan
    memory.at["x"].copy_(x.transpose(0, 1))
    if mask is not None:
        memory.at["mask"].copy_(mask.transpose(0, 1).unsqueeze(-1))
    for j, value in enumerate(noise):
        memory.at[f"n{j}"].copy_(value.transpose(0, 1))
    fixed = [part for number, product in enumerate(plan.columns.products) for part in parts_of(memory.weights[number], product)]
    fixed += [memory.bias[stage][..., start : start + width] for _, stage, start, width in plan.columns.biases]
    fixed += [memory.at[f"e{k}"].squeeze(2) for k in range(len(plan.cell.extra))]
    first = [memory.at[f"s{k}"][:, 0] for k in range(len(plan.cell.state))]
    starts = tensors[len(fixed) :]
    torch._foreach_copy_([*fixed, *first], [*tensors])
    for k, start in enumerate(starts):
        if memory.at[f"h{k}"] is not memory.at[f"s{k}"]:
            memory.at[f"h{k}"][:, 0].copy_(start)


def results(memory: Memory) -> tuple[Tensor, list[Tensor]]:
    """Outputs (T, R, B, W) and last states, in the dtype asked for."""
    form, dtype = memory.form, memory.form.dtype
    outputs = memory.at["y"] if form.mask else memory.at["s0"][:, 1:]
    last = [memory.at[f"s{k}"][:, -1] for k in range(len(memory.plan.cell.state))]
    return outputs.transpose(0, 1).to(dtype, memory_format=torch.contiguous_format, copy=True), [value.to(dtype, copy=True) for value in last]


def load_gradients(memory: Memory, dy: Tensor | None, last: Many[Tensor | None]) -> None:
    """Derivatives of what `results` gave."""
    for buffer, value in (("dy", None if dy is None else dy.transpose(0, 1)), *((f"f{k}", None if d is None else d.unsqueeze(1)) for k, d in enumerate(last))):
        if value is None:
            memory.at[buffer].zero_()
        else:
            memory.at[buffer].copy_(value)


def found(memory: Memory, wants_x: bool) -> list[Tensor | None]:
    """Gradients of x, the parameters and the states at the start."""
    plan, dtype = memory.plan, memory.form.dtype
    parts = memory.gradients.cut(memory.gradients.whole.to(dtype, copy=True))
    count = len(plan.columns.products)
    sums = parts[count : count + len(plan.columns.widths)]
    found = [part for number, product in enumerate(plan.columns.products) for part in parts_of(parts[number], product)]
    found += [sums[stage][:, None, start : start + width] for _, stage, start, width in plan.columns.biases]
    found += parts[count + len(sums) :]
    found += [memory.at[f"d{k}"][:, 0].to(dtype, copy=True) for k in range(len(plan.cell.state))]
    if not wants_x:
        return [None, *found]
    dx = memory.at["dx"].transpose(0, 1)
    return [(dx.sum(1, keepdim=True) if memory.form.x < memory.form.replicas else dx).to(dtype, memory_format=torch.contiguous_format, copy=True), *found]


def parts_of(whole: Tensor, product: Product) -> Iterator[Tensor]:
    """The rows of a product that each of its weights has."""
    for _, start, width in product.weights:
        yield whole[:, start - product.columns.start : start - product.columns.start + width]
