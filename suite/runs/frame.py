"""Records as data frames: a row a run, a row a point of a curve."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from suite.runs.run import Run


def frame(runs: Iterable[Run]) -> pd.DataFrame:
    """One row a run: every field of the spec, `status`, scores, costs and where, nested names joined by dots."""
    rows = []
    for run in runs:
        row = run.model_dump(by_alias=True, exclude={"curve"})
        spec = row.pop("spec")
        where = row.pop("where") | {"versions": None}
        del where["versions"]
        rows.append({"id": row["id"], **_flat(spec), "status": row["status"], **_flat(row["score"] or {}), **_flat(row["costs"]), **_flat(where, "where")})
    return pd.DataFrame(rows)


def curves(runs: Iterable[Run]) -> pd.DataFrame:
    """One row an evaluation: id, task, cell, seed, step, loss, validation_loss, validation."""
    rows = [
        {"id": run.id, "task": run.spec.task, "cell": run.spec.cell, "seed": run.spec.seed, **point.model_dump()}
        for run in runs
        if run.spec.kind == "train"
        for point in run.curve
    ]
    return pd.DataFrame(rows, columns=["id", "task", "cell", "seed", "step", "loss", "validation_loss", "validation"])


def _flat(nested: dict[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in nested.items():
        name = f"{prefix}.{key}" if prefix else key
        flat |= _flat(value, name) if isinstance(value, dict) else {name: value}
    return flat
