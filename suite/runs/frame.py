"""Records as data frames: a row a run, a row a point of a curve."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from typing import Any

import pandas as pd

from suite.runs.columns import Column, columns
from suite.runs.run import Run

APART = ("where.versions",)  # names and versions of packages are for the record


def frame(runs: Iterable[Run]) -> pd.DataFrame:
    """One row a run: every field of the spec, `status`, scores, costs and where, nested names joined by dots."""
    found = list(runs)
    table: dict[str, list[Any]] = {}
    for column in columns():
        if column.name not in APART:
            table |= _values(column, [column.of(run) for run in found])
    return pd.DataFrame(table)


def _values(column: Column, values: list[Any]) -> dict[str, list[Any]]:
    """A column, or one for every key of a mapping."""
    if typing.get_origin(column.kind) is not dict:
        return {column.name: values}
    keys = sorted({key for value in values for key in value or ()})
    return {f"{column.name}.{key}": [(value or {}).get(key) for value in values] for key in keys}


def curves(runs: Iterable[Run]) -> pd.DataFrame:
    """One row an evaluation: id, task, cell, seed, step, loss, validation_loss, validation."""
    rows = [
        {"id": run.id, "task": run.spec.task, "cell": run.spec.cell, "seed": run.spec.seed, **point.model_dump()}
        for run in runs
        if run.spec.kind == "train"
        for point in run.curve
    ]
    return pd.DataFrame(rows, columns=["id", "task", "cell", "seed", "step", "loss", "validation_loss", "validation"])
