"""Recurrent cells as equations. Needs torch and nothing else."""

from collections.abc import Callable

from suite.cells import gru, lstm, rnn
from suite.cells.cell import Cell
from suite.cells.digest import digest

CELLS: dict[str, Callable[[int], Cell]] = {**rnn.CELLS, **lstm.CELLS, **gru.CELLS}

__all__ = ["CELLS", "Cell", "digest"]
