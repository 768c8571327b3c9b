"""What the gates of a cell say, step by step: its table changed so that the logistics of its equations are its output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from suite.cells import Cell

SEEN = "seen"
LOGISTIC = (torch.sigmoid, Tensor.sigmoid, torch.special.expit)


class Watched(NamedTuple):
    """A cell whose output is what its logistics say, and where each gate stands in it."""

    cell: Cell
    parts: dict[str, slice]


class Logistics(TorchFunctionMode):
    """Notes the result of every logistic."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Tensor] = []

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if function in LOGISTIC:
            self.found.append(result)
        return result


@dataclass(frozen=True)
class Watch:
    """One stage of a cell, looked at."""

    cell: Cell
    number: int

    def __call__(self, a: Any, s: Any, p: Any) -> Any:
        """What the stage makes, and beside it every logistic so far."""
        inner = self.cell.states(**{name: getattr(s, name) for name in self.cell.state})
        names = [name for name in a._fields if not name.startswith(SEEN)]
        rows = self.cell.table[self.number].names(**{name: getattr(a, name) for name in names})
        with Logistics() as noted:
            made = self.cell.stages[self.number][1](rows, inner, p)
        like = inner[0][..., :1]
        now = [value.expand(*like.shape[:-1], value.shape[-1]) for value in noted.found]
        if self.number < len(self.cell.stages) - 1:
            return {**made, f"{SEEN}{self.number}": torch.cat([*now, like], -1)}
        before = [getattr(a, name)[..., :-1] for name in a._fields if name.startswith(SEEN)]
        return s._replace(**{SEEN: torch.cat([*before, *now, like], -1)}, **made._asdict())


def watched(cell: Cell) -> Watched:
    """The cell with its logistics as output; a gate is the first logistic that moves when its row does."""
    stages = tuple((affine, Watch(cell, number)) for number, (affine, _) in enumerate(cell.stages))
    sizes = _sizes(cell, _drawn(cell, ""))
    whole = replace(cell, name=f"{cell.name}, watched", stages=stages, state={SEEN: sum(sizes) + 1, **cell.state}, width=_widths(cell))
    starts = [sum(sizes[:k]) for k in range(len(sizes))]
    parts: dict[str, slice] = {}
    for row in cell.gates:
        moved = _first(cell, row)
        if moved is not None and starts[moved] not in [part.start for part in parts.values()]:
            parts[row] = slice(starts[moved], starts[moved] + sizes[moved])
    return Watched(whole, parts)


def _widths(cell: Cell) -> dict[str, int]:
    """Widths written out, for the output is another now."""
    return {row.name: row.width for stage in cell.table for row in stage.rows}


def _logistics(cell: Cell, given: Mapping[str, Tensor]) -> list[Tensor]:
    """The logistics of one step from these rows, states and extras."""
    s = cell.states(**{name: given[name] for name in cell.state})
    p = cell.extras(**{name: given[name] for name in cell.extra})
    known: dict[str, Tensor] = {}
    with Logistics() as noted:
        for stage in cell.table:
            known |= {row.name: given[row.name] for row in stage.rows}
            made = stage.function(stage.names(**known), s, p)
            known |= made if isinstance(made, Mapping) else {}
    found: list[Tensor] = noted.found
    return found


def _drawn(cell: Cell, other: str) -> dict[str, Tensor]:
    """A random step, with another value for one row."""
    widths = {**cell.state, **cell.extra, **_widths(cell)}
    drawn = {}
    for number, (name, width) in enumerate(widths.items()):
        generator = torch.Generator().manual_seed(number + 1000 * (name == other))
        drawn[name] = torch.randn(1, 1, width, generator=generator, dtype=torch.float64)
    return drawn


def _sizes(cell: Cell, given: Mapping[str, Tensor]) -> list[int]:
    return [value.shape[-1] for value in _logistics(cell, given)]


def _first(cell: Cell, row: str) -> int | None:
    """Which logistic is the first to hear a row."""
    pairs = zip(_logistics(cell, _drawn(cell, "")), _logistics(cell, _drawn(cell, row)), strict=True)
    return next((number for number, (one, other) in enumerate(pairs) if not torch.equal(one, other)), None)
