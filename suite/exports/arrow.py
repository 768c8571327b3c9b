"""Records as Arrow tables whose columns and types follow from the models, so that files of different runs go together."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from suite.runs import Point, Run
from suite.runs import curves as curve_frame
from suite.runs.columns import Column, bare, columns, leaves

if TYPE_CHECKING:
    import pyarrow as pa

CURVE = ("id", "task", "cell", "seed")  # what an evaluation's row begins with


def table(runs: Sequence[Run], *, with_curves: bool = True) -> pa.Table:
    """One row a run, every field typed, null where it has none; `curve` is a list of evaluations."""
    import pyarrow as pa

    chosen = [*columns(), *([Column("curve", ("curve",), tuple[Point, ...])] if with_curves else [])]
    return pa.table({column.name: pa.array([_listed(column.of(run)) for run in runs], arrow(column.kind)) for column in chosen})


def curve_table(runs: Sequence[Run]) -> pa.Table:
    """One row an evaluation."""
    import pyarrow as pa

    kinds = {column.name: column.kind for column in (*columns(), *leaves(Point))}
    found = curve_frame(runs)
    names = [*CURVE, *Point.model_fields]
    return pa.table({name: pa.array(found[name].tolist(), arrow(kinds[name])) for name in names})


def parquet(runs: Sequence[Run], path: Path) -> None:
    """The table of runs with their curves."""
    import pyarrow.parquet as pq

    pq.write_table(table(runs), path)


def arrow(kind: Any) -> pa.DataType:
    """The Arrow type of an annotation: a sequence is a list, a model a struct, a mapping a list of keys and values."""
    import pyarrow as pa

    kind = bare(kind)
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return pa.list_(arrow(inside[0]))
    if origin is dict:
        return pa.list_(pa.struct([("key", arrow(inside[0])), ("value", arrow(inside[1]))]))
    if origin is typing.Literal:
        return arrow(type(inside[0]))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return pa.struct([(name, arrow(field.annotation)) for name, field in kind.model_fields.items()])
    return {str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}[kind]


def _listed(value: Any) -> Any:
    """Mappings within values as lists, which every reader of Arrow knows."""
    return [{"key": key, "value": item} for key, item in value.items()] if isinstance(value, Mapping) else value
