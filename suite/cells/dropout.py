"""Dropout inside the recurrence: a mask, drawn outside, on the candidate, on the memory, or on the state that the rows hear.

    candidate  c = f * c(t-1) + i * d(g), h = z * h(t-1) + (1 - z) * d(n)        Semeniuta, Severyn & Barth 2016
    memory     c = d(f * c(t-1) + i * g)                                          Moon, Choi, Lee & Song 2015
    state      every row and every reset hears d(h(t-1)) where it heard h(t-1)    Gal & Ghahramani 2016

d(v) = m * v, m one mask (B, width) a step, or one for the whole sequence. In training its entries are 0 with probability
`rate` and else 1; nothing is scaled up. Afterwards every entry is 1 - rate, as the code of Semeniuta et al. has it, for all
three, so that what is compared is the place alone. Keys: semeniuta2016, moon2015, gal2016.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from suite.cells.cell import Affine, Cell, Mask

PLACES = {"candidate": "d_g", "memory": "d_c", "state": "d_h"}
WHY = {
    "candidate": 'its equations mark none by d(a, "g", …)',
    "memory": 'its equations mark none by d(a, "c", …), as those of a cell whose memory is its output',
    "state": "no row hears its output",
}


def d(a: Any, what: str, value: Tensor) -> Tensor:
    """`value` under the mask `d_<what>`, where the cell's table has one."""
    mask = getattr(a, f"d_{what}", None)
    return value if mask is None else value * mask


@dataclass(frozen=True)
class Heard:
    """The first stage of a cell whose rows hear masked states."""

    names: tuple[str, ...]

    def values(self, a: Any, s: Any, p: Any) -> dict[str, Tensor]:
        """Every output state under its mask."""
        return {f"d{name}": d(a, name, getattr(s, name)) for name in self.names}


@cache
def hearing(names: tuple[str, ...]) -> Heard:
    """One object for the same states: stages are equal if they are methods of the same."""
    return Heard(names)


def dropout(cell: Cell, rate: float, on: str = "candidate", each: str = "step") -> Cell:
    """A cell with recurrent dropout, `on` its candidate, memory or state, with a mask for `each` step or sequence.

    >>> from suite.cells.lstm import CELLS
    >>> made = dropout(CELLS["lstm"](8), 0.25, on="memory", each="sequence")
    >>> made.name, made.masks
    ("lstm(drop=0.25, each='sequence', on='memory')", {'d_c': Mask(rate=0.25, each='sequence')})
    """
    if on not in [*PLACES]:
        raise ValueError(f"recurrent dropout is on 'candidate', 'memory' or 'state', not {on!r}")
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate < 1:
        raise ValueError(f"recurrent dropout needs a rate between 0 and 1, not {rate!r}; without dropout it is '{cell.name}' alone")
    if cell.masks:
        raise ValueError(f"cell '{cell.name}' has noise of its own already, in {', '.join(cell.masks)}")
    output = next(iter(cell.state))
    outputs = tuple(name for name in cell.state if name == output or re.fullmatch(r"h\d+", name))  # a stack has several
    stages = list(cell.stages)
    if on == "state":
        masks = {f"d_{name}": Mask(rate, each) for name in outputs}
        width = {f"d_{name}": cell.state[name] for name in outputs}
        stages = [(dict.fromkeys(masks, "=noise"), hearing(outputs).values), *((_rerouted(affine, outputs), function) for affine, function in stages)]
    else:
        affine, function = stages[0]
        masks, width = {PLACES[on]: Mask(rate, each)}, {}
        stages[0] = ({**affine, PLACES[on]: "=noise"}, function)
    inside = f"drop={rate}, each={each!r}, on={on!r}"
    name = f"{cell.name[:-1]}, {inside})" if cell.name.endswith(")") else f"{cell.name}({inside})"
    made = replace(cell, name=name, stages=tuple(stages), width={**cell.width, **width}, masks=masks)
    if not heard(made, tuple(masks)):
        raise ValueError(f"cell '{cell.name}' has no {on} that could be dropped: " + WHY[on])
    return made


def _rerouted(affine: Affine, outputs: tuple[str, ...]) -> dict[str, str]:
    """Rows that hear the masked state under the weight's old name."""
    rows = {}
    for row, text in affine.items():
        parts = [token.rpartition(":") for token in text.split()]
        rows[row] = " ".join(f"{weight or source}:d{source}" if source in outputs else f"{weight}{colon}{source}" for weight, colon, source in parts)
    return rows


def heard(cell: Cell, masks: tuple[str, ...]) -> bool:
    """Whether every mask changes what a step computes, or makes a value that a row hears."""
    generator = torch.Generator().manual_seed(0)

    def draw(widths: Mapping[str, int]) -> dict[str, Tensor]:
        return {name: torch.rand(1, 1, width, generator=generator, dtype=torch.float64) + 0.1 for name, width in widths.items()}

    s, p = cell.states(**draw(cell.state)), cell.extras(**draw(cell.extra))
    rows = draw({row.name: row.width for stage in cell.table for row in stage.rows})
    sources = {link.source for stage in cell.table for row in stage.rows for link in row.links}

    def heard_of(given: Mapping[str, Tensor]) -> list[Tensor]:
        known: dict[str, Tensor] = {}
        for stage in cell.table[:-1]:
            known |= {row.name: given[row.name] for row in stage.rows}
            known |= stage.function(stage.names(**known), s, p)
        last = cell.table[-1]
        states = last.function(last.names(**known, **{row.name: given[row.name] for row in last.rows}), s, p)
        return [*states, *(value for name, value in known.items() if name in sources)]

    whole = heard_of(rows)
    return all(any(not torch.equal(*pair) for pair in zip(whole, heard_of(rows | {mask: 0 * rows[mask]}), strict=True)) for mask in masks)
