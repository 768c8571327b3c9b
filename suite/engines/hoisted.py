"""Plain PyTorch made fast: all input products at once, one product of each carried source a step, autograd.

Slices are taken by `unbind` and `split`, never by index: the reverse of an index writes a full-size zero tensor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from suite.cells.cell import Cell, Stage
from suite.engines.engine import Engine, Noise, Params, State, advance, held, noise_steps, steps
from suite.engines.packing import Packing, packings


@dataclass(frozen=True)
class Hoisted:
    """A stage ready to be stepped: what is known before the loop, and the packed recurrent matrices."""

    packing: Packing
    base: tuple[tuple[Tensor, ...] | Tensor | None, ...]  # a block's input part step by step (in one while it is hoisted, time second), or its bias alone
    recurrent: tuple[tuple[str, Tensor, tuple[int, ...]], ...]  # source, matrix, blocks that hear it

    def pre(self, t: int, known: Mapping[str, Tensor], x: Tensor, drawn: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Pre-activations of step t by row."""
        sums: list[Tensor | None] = [base[t] if isinstance(base, tuple) else base for base in self.base]
        for source, matrix, numbers in self.recurrent:
            if len(numbers) == 1:  # the sum goes into the product
                sums[numbers[0]] = product(known[source], matrix, sums[numbers[0]])
                continue
            widths = [sum(self.packing.blocks[n].widths) for n in numbers]
            for number, part in zip(numbers, product(known[source], matrix, None).split(widths, -1), strict=True):
                before = sums[number]
                sums[number] = part if before is None else before + part
        rows = {row.name: x if row.raw == "x" else drawn[row.name] for row in self.packing.raw}
        for block, value in zip(self.packing.blocks, sums, strict=True):
            if value is not None:
                rows.update(zip(block.names, value.split(block.widths, -1), strict=True))
        return rows

    def by_step(self) -> Hoisted:
        """The same with input parts cut into steps."""
        return replace(self, base=tuple(base.unbind(1) if isinstance(base, Tensor) and base.ndim == 4 else base for base in self.base))


def product(value: Tensor, matrix: Tensor, added: Tensor | None) -> Tensor:
    """(R, B, inputs) times (R, inputs, columns), plus what was there."""
    if len(value) != len(matrix):
        value = value.expand(len(matrix), -1, -1)
    if added is None:
        return torch.bmm(value, matrix)
    if value.shape[1] == 1 < added.shape[1]:  # a value made of biases alone has one row for the whole batch
        return added + torch.bmm(value, matrix)
    return torch.baddbmm(added, value, matrix)


def hoist(packing: Packing, params: Params, xs: Tensor) -> Hoisted:
    """Everything of a stage that does not wait for the state; `xs` is (T, R or 1, B, I)."""
    length, shared, batch, inputs = xs.shape
    base: list[tuple[Tensor, ...] | Tensor | None] = [packing.bias(params, n) for n in range(len(packing.blocks))]
    numbers = packing.hearing("x")
    if numbers:
        flat = xs.transpose(0, 1).reshape(shared, length * batch, inputs)
        matrix = packing.matrix(params, "x")
        widths = [sum(packing.blocks[n].widths) for n in numbers]
        biases = [base[n] for n in numbers]
        if all(bias is not None for bias in biases):
            wide = product(flat, matrix, torch.cat(biases, -1) if len(biases) > 1 else biases[0])  # type: ignore[arg-type]
        else:
            wide = product(flat, matrix, None)
        parts = wide.view(len(matrix), length, batch, -1).split(widths, -1)
        for number, part in zip(numbers, parts, strict=True):
            bias = base[number]
            late = bias is not None and any(b is None for b in biases)
            base[number] = part + bias.unsqueeze(1) if late else part  # type: ignore[union-attr]
    recurrent = tuple((s, packing.matrix(params, s), tuple(packing.hearing(s))) for s in packing.sources if s != "x")
    return Hoisted(packing, tuple(base), recurrent)


def unroll(cell: Cell, params: Params, xs: Tensor, state: State, mask: Tensor | None, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
    """The cell over time; see `Engine.unroll`."""
    stages = [hoist(packing, params, xs).by_step() for packing in packings(cell)]
    return carried(cell, stages, cell.extras(**{name: params[name] for name in cell.extra}), xs, state, mask, noise)


def carried(cell: Cell, stages: Sequence[Hoisted], extras: Any, xs: Tensor, state: State, mask: Tensor | None, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
    """The loop over time, everything hoisted that can be."""
    now, outputs = cell.states(**state), []
    drawn = noise_steps(noise, len(xs))
    for t, (x, valid) in enumerate(zip(xs.unbind(0), steps(mask, len(xs)), strict=True)):

        def pre(number: int, stage: Stage, known: Mapping[str, Tensor], t: int = t, x: Tensor = x) -> dict[str, Tensor]:
            del stage
            return stages[number].pre(t, known, x, drawn[t])

        now, output = held(advance(cell, pre, now, extras), now, valid)
        outputs.append(output)
    return torch.stack(outputs), dict(now._asdict())


ENGINE = Engine("hoisted", unroll)
