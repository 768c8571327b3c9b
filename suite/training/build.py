"""A network from the names of its cells, and what of a description fits no network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch

from suite import catalogue
from suite.cells import Cell
from suite.engines.checks import a_cell
from suite.training import initial
from suite.training.network import Network, Readout

Named = str | Cell | Callable[[int], Cell]


def cell_of(given: Named, units: int) -> Cell:
    """The cell of a layer."""
    if isinstance(given, str):
        return catalogue.cell(given, units)
    if isinstance(given, (Cell, torch.nn.Module)) or not callable(given):
        return a_cell(given)
    return a_cell(given(units))


def network(
    cells: Named | Sequence[Named],
    units: int | Sequence[int] = 128,
    *,
    inputs: int,
    outputs: int,
    readout: Readout = "last",
    embedding: int = 0,
    bidirectional: bool = False,
    dropout: float = 0.0,
    residual: bool = False,
    linear: bool = True,
    init: str = "default",
    frozen: str | Sequence[str] = (),
    decoder: bool = False,
) -> Network:
    """A network of one or more layers; a layer is a cell's name, a callable units -> Cell, or a `Cell`, which has its own units.

    See `Network` for what else it may have.

    >>> network(["lstm", "gru"], units=[8, 4], inputs=3, outputs=2).shapes()["1.n.x"]
    (4, 8)
    >>> network("lstm(drop=0.25)", 8, inputs=3, outputs=2, init="orthogonal+keep", bidirectional=True).shapes()["readout.w"]
    (2, 16)
    >>> "1d.i.x" in network(["lstm", "lstm"], 8, inputs=11, outputs=11, readout="every", decoder=True).shapes()
    True
    """
    listed = list(cells) if isinstance(cells, Iterable) and not (isinstance(cells, (str, Cell)) or callable(cells)) else [cells]
    widths = [units] * len(listed) if isinstance(units, int) else list(units)
    if not listed or len(widths) != len(listed):
        raise ValueError(f"{len(listed)} layers need as many units, one number for all or one each, not {units}")
    if min(inputs, outputs) < 1 or embedding < 0:
        raise ValueError(f"inputs and outputs must be 1 or more and embedding 0 or more, not {inputs}, {outputs} and {embedding}")
    if readout not in ("last", "mean", "every"):
        raise ValueError(f"readout must be 'last', 'mean' or 'every', not {readout!r}")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout between layers must be from 0 to less than 1, not {dropout!r}")
    if dropout and len(listed) == 1:
        raise ValueError(f"dropout {dropout:g} is between layers, and there is one; dropout inside a cell is asked for by its name, lstm(drop={dropout:g})")
    if decoder and bidirectional:
        raise ValueError("a decoder answers step after step from what it said so far, and goes on from the states of an encoder like it: neither can be bidirectional")
    if decoder and readout != "every":
        raise ValueError(f"a decoder answers at every step of a target: readout must be 'every', not {readout!r}")
    made = [cell_of(c, u) for c, u in zip(listed, widths, strict=True)]
    if residual and len({cell.units for cell in made}) > 1:
        raise ValueError(f"residual links need layers of one width, not {', '.join(str(cell.units) for cell in made)}")
    net = Network(
        tuple(made), inputs, outputs, readout, embedding, bidirectional, dropout, residual, linear, init, (frozen,) if isinstance(frozen, str) else tuple(frozen), decoder
    )
    if not linear and outputs > net.width:
        raise ValueError(f"without a linear readout the answer is {outputs} of the last layer's units, and it has {net.width}")
    initial.check(init, made)
    net.trained()
    return net
