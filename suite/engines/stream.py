"""One step at a time, for what arrives while it is answered: the caller keeps the state, the weights are laid out once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd import forward_ad

from suite.cells.cell import Cell
from suite.engines import checks
from suite.engines.checks import check_params
from suite.engines.engine import Engine, Noise, Params, Refused, State, Streams, Whole, refusal


class Stream:
    """`y, state = step(x, state)` of one cell; see `suite.stream`.

    cell, engine   what steps, and on what
    inputs         width of x
    """

    def __init__(self, cell: Cell, params: Params, engine: Engine, inputs: int | None = None) -> None:
        like = next(iter(params.values()), torch.empty(0))
        self.cell, self.engine, self.inputs = cell, engine, width_of_x(cell, params, inputs)
        self.dtype, self.device = like.dtype, like.device
        self.replicas = check_params(cell, params, like.new_empty(1, 1, 1, self.inputs))
        sentence = refusal(engine, cell, like.device, like.dtype)
        if sentence:
            raise Refused(sentence)
        if checks.derived_forwards(params.values()):
            raise ValueError("a stream takes no derivative forwards: give it parameters that have none, or unroll the cell on engine 'hoisted'")
        own = {name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in params.items()}
        laid_out = engine.stream if params else None  # without weights there is nothing to lay out
        self._step = (laid_out or unrolled(engine))(cell, own, self.inputs, means(cell, like))
        self._direct: Whole = self._step.direct or (lambda x, state: None)
        self._names = tuple(cell.state)
        self._shapes: dict[torch.Size, tuple[torch.Size, ...]] = {}

    def __call__(self, x: Tensor, state: State | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """The output (R, B, units) of a step and every state after it, (R, B, width) each; the output is the first of them.

        x      (R, B, inputs); (1, B, inputs) and (B, inputs) are shared by all replicas
        state  what the step before returned; missing states, and all where there is none, are at the cell's start
        """
        if forward_ad._current_level >= 0:
            self._forwards(x, state)
        return self._direct(x, state) or self._carefully(x, state)

    def _forwards(self, x: Tensor, state: State | None) -> None:
        checks.kinds(self.cell, {}, x=x, state=state)
        if checks.derived_forwards((x, *(state or {}).values())):
            raise ValueError("a stream takes no derivative forwards: give it what has none, or unroll the cell on engine 'hoisted'")

    def _carefully(self, x: Tensor, state: State | None) -> tuple[Tensor, dict[str, Tensor]]:
        checks.kinds(self.cell, {}, x=x, state=state)
        if x.ndim == 2:
            x = x.unsqueeze(0)
        shapes = self._shapes.get(x.shape) or self._checked(x)
        if x.dtype is not self.dtype or x.device != self.device:
            raise ValueError(f"x is {x.dtype} on {x.device}, the parameters are {self.dtype} on {self.device}; they must agree")
        given: list[Tensor | None] = [state.get(name) for name in self._names] if state else [None for _ in self._names]
        if state and len(state) > len(given):
            self._known(state)
        wants = x.requires_grad
        for number, shape in enumerate(shapes):
            value = given[number]
            if value is None:
                self._known(state or {})
                given[number] = self._start(number, shape)
            elif value.shape == shape and value.dtype is self.dtype and value.device == self.device:
                wants = wants or value.requires_grad
            else:
                raise ValueError(f"state '{list(self.cell.state)[number]}' must be {self.dtype} {tuple(shape)} on {self.device}, not {value.dtype} {tuple(value.shape)} on {value.device}")
        if wants and torch.is_grad_enabled():
            raise ValueError("a stream takes no gradient: give it what does not require one, or unroll the cell")
        found = self._step(x, given)  # type: ignore[arg-type]
        return found[0], dict(zip(self._names, found, strict=True))

    def _known(self, state: State) -> None:
        for name in state:
            if name not in self.cell.state:
                raise ValueError(f"'{name}' is no state of cell '{self.cell.name}'; its states are {', '.join(self.cell.state)}")

    def _start(self, number: int, shape: torch.Size) -> Tensor:
        name = list(self.cell.state)[number]
        return torch.full(shape, self.cell.start.get(name, 0.0), dtype=self.dtype, device=self.device)

    def _checked(self, x: Tensor) -> tuple[torch.Size, ...]:
        """The shape of every state beside an x, once its own is right."""
        if x.ndim != 3 or x.shape[0] not in (1, self.replicas) or x.shape[2] != self.inputs or not x.shape[1]:
            raise ValueError(f"x must be ({self.replicas} or 1, batch, {self.inputs}) or (batch, {self.inputs}), not {tuple(x.shape)}")
        self._shapes[x.shape] = tuple(torch.Size((self.replicas, x.shape[1], width)) for width in self.cell.state.values())
        return self._shapes[x.shape]


def width_of_x(cell: Cell, params: Params, inputs: int | None) -> int:
    """The width of x, from the weights that multiply it where it is not said."""
    weights = [f"{row.name}.{link.weight}" for stage in cell.table for row in stage.rows for link in row.links if link.source == "x"]
    if inputs is not None and (not isinstance(inputs, int) or inputs < 1):
        raise ValueError(f"inputs must be a whole number, 1 or more, not {inputs!r}")
    found = inputs or cell.takes or next((int(params[name].shape[-1]) for name in weights if name in params and params[name].ndim), None)
    if not found:
        raise ValueError(f"no weight of cell '{cell.name}' tells how wide x is: say inputs=")
    return found


def means(cell: Cell, like: Tensor) -> dict[str, Tensor]:
    """What rows of dropout are on average, (1, 1, 1, W) each; other noise has no mean that a cell could tell."""
    rows = [row for stage in cell.table for row in stage.rows if row.raw == "noise"]
    for row in rows:
        if row.name not in cell.masks:
            raise Refused(f"a stream draws no noise, and row '{row.name}' of cell '{cell.name}' is fed nothing else: unroll it step by step with the noise you draw")
    return {row.name: like.new_full((1, 1, 1, row.width), 1 - cell.masks[row.name].rate) for row in rows}


class Unrolled:
    """The step of an engine that has no other: a sequence of one."""

    direct = None

    def __init__(self, engine: Engine, cell: Cell, params: Params, noise: Noise) -> None:
        self.engine, self.cell, self.params, self.noise = engine, cell, params, noise

    @torch.no_grad()
    def __call__(self, x: Tensor, states: list[Tensor]) -> list[Tensor]:
        """See `suite.engines.engine.Step`."""
        noise = {name: value.expand(1, 1, x.shape[1], -1) for name, value in self.noise.items()}
        _, last = self.engine.unroll(self.cell, self.params, x.unsqueeze(0), dict(zip(self.cell.state, states, strict=True)), None, noise)
        return [last[name] for name in self.cell.state]


def unrolled(engine: Engine) -> Streams:
    """What makes an `Unrolled` of a cell."""
    return lambda cell, params, inputs, noise: Unrolled(engine, cell, params, noise)
