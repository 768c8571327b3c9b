"""What a table of runs has as columns, taken from the models: the same whatever the runs are."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from pydantic import BaseModel

from suite.runs.machine import Where
from suite.runs.run import Costs, Run, Score
from suite.runs.spec import SpeedSpec, TrainSpec


class Column(NamedTuple):
    """A column's name, the fields that lead to its values, and their annotation."""

    name: str
    path: tuple[str, ...]
    kind: Any

    def of(self, run: Run) -> Any:
        """A run's value, None where it has none; models as mappings."""
        value: Any = run
        for name in self.path:
            value = getattr(value, name, None)
        return plain(value)


@cache
def columns() -> tuple[Column, ...]:
    """Every field of a record but its curve, nested names joined by dots; a sequence or a mapping is one column.

    >>> [column.name for column in columns()][:4]
    ['id', 'cell', 'cell_digest', 'units']
    """
    specs = {column.name: column for model in (TrainSpec, SpeedSpec) for column in leaves(model, ("spec",))}
    return (
        Column("id", ("id",), str),
        *specs.values(),
        Column("status", ("status",), str),
        *leaves(Score, ("score",)),
        *leaves(Costs, ("costs",)),
        *leaves(Where, ("where",), "where."),
    )


def leaves(model: type[BaseModel], path: tuple[str, ...] = (), prefix: str = "") -> Iterator[Column]:
    """The fields of a model, those of a model in it after its name."""
    for name, field in model.model_fields.items():
        kind = bare(field.annotation)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from leaves(kind, (*path, name), f"{prefix}{name}.")
        else:
            yield Column(f"{prefix}{name}", (*path, name), kind)


def bare(kind: Any) -> Any:
    """An annotation without its constraints and without None.

    >>> bare(int | None)
    <class 'int'>
    """
    if typing.get_origin(kind) is typing.Annotated:
        return bare(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        (inside,) = (each for each in typing.get_args(kind) if each is not type(None))
        return bare(inside)
    return kind


def plain(value: Any) -> Any:
    """A value without models."""
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    return {key: plain(item) for key, item in sorted(value.items())} if isinstance(value, Mapping) else value
