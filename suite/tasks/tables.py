"""Sequences, answers and splits from a table: a CSV or Parquet file, or a data frame of pandas.

    long   a row a step; `sequence` names the column that says which sequence it belongs to, `time` the one that orders it
    lists  a row a sequence, a column of lists (or of texts), or several of them side by side
    wide   a row a sequence, a column a step
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from suite.names import unknown


class Columns(NamedTuple):
    """What a table gives: sequences, answers, and which split each belongs to, if it says so."""

    x: list[Any]
    y: list[Any]
    split: list[Any] | None


def read(table: Any) -> pd.DataFrame:
    """A data frame from a file, or the one that was given."""
    if isinstance(table, pd.DataFrame):
        return table
    path = Path(table)
    readers = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
    if path.suffix not in readers:
        raise ValueError(f"'{path}' must end in .csv or .parquet")
    if not path.is_file():
        raise ValueError(f"there is no file '{path}'")
    try:
        found: pd.DataFrame = readers[path.suffix](path)  # type: ignore[operator]
    except Exception as error:  # whatever a damaged file makes a reader say
        raise ValueError(f"'{path}' cannot be read: {type(error).__name__}: {' '.join(str(error).split())[:160]}") from None
    return found


def columns(table: Any, x: str | Sequence[str], y: str, sequence: str, time: str, split: str, every: bool) -> Columns:
    """The sequences of a table, in the order in which they begin."""
    frame, names = read(table), [x] if isinstance(x, str) else list(x)
    for name in (*names, y, *filter(None, (sequence, time, split))):
        if name not in frame.columns:
            raise ValueError(unknown(str(name), map(str, frame.columns), "column"))
    if not len(frame):
        raise ValueError("the table has no rows")
    for name in (*names, *filter(None, (sequence, time, split))):
        if (lacking := frame[name].isna()).any():
            raise ValueError(f"column '{name}' misses {int(lacking.sum())} of {len(frame)} values, the first in row {int(np.argmax(lacking))}")
    if not sequence:
        if time:
            raise ValueError(f"time '{time}' orders the rows of a sequence: say which column names the sequence")
        return Columns(_rows(frame, names), values(frame[y]), frame[split].tolist() if split else None)
    parts = [part for _, part in frame.groupby(sequence, sort=False)]
    parts = [_ordered(part, time, sequence) for part in parts] if time else parts
    asked = [values(part[y]) if every else _constant(part, y, sequence, "; say supervision='every'") for part in parts]
    return Columns([_steps(part, names) for part in parts], asked, [_constant(part, split, sequence) for part in parts] if split else None)


def values(column: pd.Series[Any]) -> list[Any]:
    """The values of a column, None where one is missing, whatever it is kept in.

    >>> values(pd.Series([1, None], dtype="Int64"))
    [1, None]
    """
    return [None if lacking else value for value, lacking in zip(column.tolist(), column.isna(), strict=True)]


def _steps(part: pd.DataFrame, names: list[str]) -> Any:
    """The rows of one sequence: tokens from one column of texts, else numbers (T, I)."""
    if len(names) == 1 and not pd.api.types.is_numeric_dtype(part[names[0]]):
        return part[names[0]].tolist()
    return _numeric(part, names)


def _numeric(part: pd.DataFrame, names: list[str]) -> Any:
    for name in names:
        if not pd.api.types.is_numeric_dtype(part[name]):
            strange = next((value for value in part[name] if not isinstance(value, int | float | np.number)), part[name].iloc[0])
            raise ValueError(f"column '{name}' holds what is no number, {strange!r} for one")
    return part[names].to_numpy(dtype=float)


def _rows(frame: pd.DataFrame, names: list[str]) -> list[Any]:
    """A row a sequence: lists or texts of one column, lists of several side by side, or a number a column."""
    cells = [frame[name].iloc[0] for name in names]
    if len(names) == 1 and isinstance(cells[0], str | list | tuple | np.ndarray):
        return [cell if isinstance(cell, str) else _plain(cell) for cell in frame[names[0]]]
    if not all(isinstance(cell, list | tuple | np.ndarray) for cell in cells):
        return list(_numeric(frame, names))
    found = []
    for k, row in enumerate(zip(*(frame[name] for name in names), strict=True)):
        if len({len(cell) for cell in row}) > 1:
            raise ValueError(f"row {k} is ragged: its columns hold {', '.join(str(len(cell)) for cell in row)} steps")
        found.append(np.stack([np.asarray(cell) for cell in row], -1))
    return found


def _plain(cell: Any) -> Any:
    """A list as pandas hands it out of Parquet, an array of arrays."""
    return [_plain(each) for each in cell] if isinstance(cell, np.ndarray) and cell.dtype == object else cell.tolist() if isinstance(cell, np.ndarray) else cell


def _ordered(part: pd.DataFrame, time: str, sequence: str) -> pd.DataFrame:
    if part[time].duplicated().any():
        raise ValueError(f"sequence {part[sequence].tolist()[0]!r} has two rows at {time} {part[time][part[time].duplicated()].tolist()[0]!r}")
    return part.sort_values(time)


def _constant(part: pd.DataFrame, name: str, sequence: str, hint: str = "") -> Any:
    found = values(part[name])
    if any(value != found[0] for value in found):
        raise ValueError(f"column '{name}' changes within sequence {part[sequence].tolist()[0]!r}{hint}")
    return found[0]
