"""Recurrent cells as equations. Needs torch and nothing else."""

from collections.abc import Callable

from suite.cells import feedback, gru, guessing, light, lstm, lstms, mut, norm, rnn
from suite.cells.cell import Cell, Mask
from suite.cells.digest import Fixed, digest
from suite.cells.dropout import dropout

CELLS: dict[str, Callable[[int], Cell]] = {**rnn.CELLS, **lstm.CELLS, **lstms.CELLS, **gru.CELLS, **mut.CELLS, **light.CELLS, **norm.CELLS, **feedback.CELLS, **guessing.CELLS}

# other names of the same cell; records carry the first
ALIASES = {"lstm-np": "lstm"}
CELLS |= {alias: CELLS[name] for alias, name in ALIASES.items()}

__all__ = ["ALIASES", "CELLS", "Cell", "Fixed", "Mask", "digest", "dropout"]
