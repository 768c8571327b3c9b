"""What an engine is, what it says when it cannot, and the one way to carry a cell's equations through a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from suite.cells.cell import Cell, Stage
from suite.engines import precision

Params = Mapping[str, Tensor]  # flat name -> (R, rows, columns)
State = Mapping[str, Tensor]  # state -> (R, B, W)
Noise = Mapping[str, Tensor]  # row -> (T or 1, R or 1, B, W)
Unroll = Callable[[Cell, Params, Tensor, State, Tensor | None, Noise], tuple[Tensor, dict[str, Tensor]]]
Whole = Callable[[Tensor, State | None], tuple[Tensor, dict[str, Tensor]] | None]  # all that a stream does; None: something is not as usual, and nothing was done


class Refused(RuntimeError):
    """An engine's sentence why it does not run this cell here. It goes into the record."""


class Step(Protocol):
    """A step of a stream: x (R or 1, B, I) and all states (R, B, W) -> all states, no gradient; its arguments have been checked.

    direct  all that a stream does in one call, where there is such a way
    """

    @property
    def direct(self) -> Whole | None: ...

    def __call__(self, x: Tensor, states: list[Tensor]) -> list[Tensor]:
        """All states after the step, in the order of the cell's."""


Streams = Callable[[Cell, Params, int, Noise], Step]  # with the width of x; parameters have been checked and change no more; noise (1, 1, 1, W) for every step


@dataclass(frozen=True)
class Engine:
    """A way to run any cell over time.

    name     what the command line and records call it
    unroll   (cell, params, xs (T, R or 1, B, I), state, mask (T, R or 1, B) or None, noise)
             -> (outputs (T, R, B, W), state after the last step); its arguments have been checked
    refuses  (cell, device) -> a sentence, or None where it runs
    prepare  (cell, dtype, device) -> what is made once for a cell (compiled code) is made now, not at the first unroll
    stream   (cell, params, inputs, noise) -> a step whose weights are laid out; None: each is a sequence of one
    instructions  (dtype, device) -> what products are made with there, where that is worth saying; else nothing. That of PyTorch's own unless it says otherwise
    by_width whether it may refuse a cell at one width and run the same equations at another
    rowwise  devices on which a sequence has the same bits in a batch of any size; elsewhere batches are filled up
    by_name  whether it takes many seconds to make a cell ready, and so is tried and timed only where it is named
    lacks    (cell, dtype, device) -> a sentence for a dtype that it does not compute in there, or None
    """

    name: str
    unroll: Unroll
    refuses: Callable[[Cell, torch.device], str | None] = lambda cell, device: None
    prepare: Callable[[Cell, torch.dtype, torch.device], None] = lambda cell, dtype, device: None
    stream: Streams | None = None
    instructions: Callable[[torch.dtype, torch.device], str] = precision.instructions
    by_width: bool = False
    rowwise: tuple[str, ...] = ()
    by_name: bool = False
    lacks: Callable[[Cell, torch.dtype, torch.device], str | None] = lambda cell, dtype, device: None


def refusal(engine: Engine, cell: Cell, device: torch.device, dtype: torch.dtype | None = None) -> str | None:
    """Why an engine does not run a cell on a device, and in a dtype where one is given; None where it does."""
    return engine.refuses(cell, device) or (None if dtype is None else engine.lacks(cell, dtype, device))


Pre = Callable[[int, Stage, Mapping[str, Tensor]], Mapping[str, Tensor]]


def advance(cell: Cell, pre: Pre, state: Any, extras: Any) -> Any:
    """The states after one step.

    `pre(number, stage, known)` gives the pre-activations of a stage by row, where `known` holds the states
    and the values of earlier stages. This is the only place that calls a cell's equations.
    """
    heard = state._asdict()
    for name in cell.truncated:
        heard[name] = heard[name].detach()
    state = state._replace(**{name: heard[name] for name in cell.truncated})
    rows: dict[str, Tensor] = {}
    for number, stage in enumerate(cell.table[:-1]):
        rows.update(pre(number, stage, heard))
        values = stage.function(stage.names(**rows), state, extras)
        heard.update(values)
        rows.update(values)
    last = cell.table[-1]
    rows.update(pre(len(cell.table) - 1, last, heard))
    return last.function(last.names(**rows), state, extras)


def held(new: Any, old: Any, mask: Tensor | None) -> tuple[Any, Tensor]:
    """States and output (R, B, W) of a step under its mask (R or 1, B, 1): a masked step keeps the state and outputs 0."""
    if any(n.shape != o.shape for n, o in zip(new, old, strict=True)):  # a state that hears a bias alone
        new = type(new)(*(n.expand_as(o) for n, o in zip(new, old, strict=True)))
    if mask is None:
        return new, new[0]
    kept = type(new)(*(torch.where(mask, n, o) for n, o in zip(new, old, strict=True)))
    return kept, torch.where(mask, new[0], 0.0)


def steps(mask: Tensor | None, length: int) -> list[Tensor | None]:
    """A mask (T, R or 1, B) step by step, ready to be spread over units."""
    return [None] * length if mask is None else list(mask.unsqueeze(-1).unbind(0))


def noise_steps(noise: Noise, length: int) -> list[dict[str, Tensor]]:
    """Noise row by row and step by step; one mask for the whole sequence is shared by all steps."""
    rows = {name: value.expand(length, *value.shape[1:]).unbind(0) for name, value in noise.items()}
    return [{name: row[t] for name, row in rows.items()} for t in range(length)]
