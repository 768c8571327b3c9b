"""A sequence linearised step by step.

    J = ds(t) / ds(t-1), D = ds(t) / dθ with s(t-1) held      s all states side by side, θ parameters and x
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import vjp

from suite.cells.cell import Cell
from suite.engines import reference
from suite.engines.engine import Noise, Params, State, advance, held, noise_steps, steps

Sizes = tuple[int, int, int]  # replicas, sequences, values of all states


class Given(NamedTuple):
    """What an engine is given."""

    cell: Cell
    params: Params
    xs: Tensor
    state: State
    mask: Tensor | None
    noise: Noise

    @property
    def sizes(self) -> Sizes:
        """R, B and the values of all states."""
        replicas, batch, _ = next(iter(self.state.values())).shape
        return replicas, batch, sum(self.cell.state.values())


class Wanted(NamedTuple):
    """What needs a gradient: parameters by name, any first state, x."""

    params: tuple[str, ...]
    start: bool
    x: bool


class Step(NamedTuple):
    """J, and D by the wanted parameters and by x if it is wanted: each (R, B, states, columns)."""

    by_state: Tensor
    by_params: Tensor
    by_x: Tensor


def linear(given: Given, wanted: Wanted) -> Iterator[Step]:
    """A sequence from its first step to its last, each linearised where the states have got to.

    Every value of the states gets a replica of its own in which it alone is derived: as replicas are independent of each
    other, one reverse of one step is all of J and D.
    """
    cell, sizes, length = given.cell, given.sizes, len(given.xs)
    widths = list(cell.state.values())
    params = {name: spread(value.unsqueeze(1), sizes) for name, value in given.params.items()}
    now = torch.cat([given.state[name] for name in cell.state], -1)
    each = identity(now, sizes).unsqueeze(3).flatten(0, 2)
    for x, valid, drawn in zip(given.xs.unbind(0), steps(given.mask, length), noise_steps(given.noise, length), strict=True):
        values = params | {"x": spread(x.unsqueeze(2), sizes)}
        noise = {name: spread(value.unsqueeze(2), sizes) for name, value in drawn.items()}
        mask = None if valid is None else spread(valid.unsqueeze(2), sizes)

        def after(before: Tensor, moved: Params, values: Params = values, noise: Noise = noise, mask: Tensor | None = mask) -> Tensor:
            known = {**values, **moved}
            old = cell.states(*before.split(widths, -1))
            new = advance(cell, reference.heard(known, known["x"], noise), old, cell.extras(**{name: known[name] for name in cell.extra}))
            return torch.cat(held(new, old, mask)[0], -1)

        moving = (*wanted.params, "x") if wanted.x else wanted.params
        reached, back = vjp(after, spread(now.unsqueeze(2), sizes), {name: values[name] for name in moving})  # type: ignore[misc]
        by_state, by = back(each)
        by_x = [by.pop("x")] if wanted.x else []
        yield Step(*(_columns(gradients, now, sizes) for gradients in ([by_state], list(by.values()), by_x)))
        now = reached.unflatten(0, sizes).select(2, 0).squeeze(2)


def spread(value: Tensor, sizes: Sizes) -> Tensor:
    """(R or 1, B or 1, rows, columns) once for every replica, sequence and value of the states: (R * B * states, rows, columns)."""
    return value.unsqueeze(2).expand(*sizes, *value.shape[2:]).flatten(0, 2)


def identity(like: Tensor, sizes: Sizes) -> Tensor:
    """A unit matrix for every replica and sequence."""
    return torch.eye(sizes[-1], dtype=like.dtype, device=like.device).expand(*sizes, -1)


def _columns(gradients: list[Tensor], like: Tensor, sizes: Sizes) -> Tensor:
    return torch.cat([like.new_empty(*sizes, 0), *(gradient.reshape(*sizes, -1) for gradient in gradients)], -1)
