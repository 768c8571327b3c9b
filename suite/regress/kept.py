"""What asv keeps of its runs: its result files as series over commits, a machine at a time."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from suite.regress.series import UNITS, Series


@dataclass
class Kept:
    """A series on a machine: figures by commit, and the commits at which it failed."""

    series: Series
    machine: str
    figures: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def read(folder: Path) -> list[Kept]:
    """Every series under asv's `results`. What was skipped has no figure and did not fail."""
    try:
        known = json.loads((folder / "benchmarks.json").read_bytes())
    except (OSError, ValueError):
        raise ValueError(f"'{folder}' has no benchmarks.json: asv has not run yet") from None
    found: dict[tuple[str, str, str], Kept] = {}
    for path in sorted(folder.glob("*/*-*.json")):
        kept = json.loads(path.read_bytes())
        for name, parameters, value in _figures(kept, known):
            key = (path.parent.name, kept["env_name"], f"{name}[{parameters}]")
            each = found.setdefault(key, Kept(Series(key[2], _unit(known[name])), key[0]))
            if value is None:
                each.failed.append(kept["commit_hash"])
            elif math.isfinite(value):
                each.figures[kept["commit_hash"]] = value
    return [found[key] for key in sorted(found)]


def _figures(kept: dict[str, Any], known: dict[str, Any]) -> Iterator[tuple[str, str, float | None]]:
    """Name, parameters and figure of every result of a file that is of the benchmark's version today; NaN for what was skipped, None for what failed."""
    for name, values in kept["results"].items():
        row = dict(zip(kept["result_columns"], values, strict=False))
        if name not in known or row.get("version") != known[name]["version"]:
            continue
        combinations = list(product(*row.get("params") or []))
        results = row.get("result") or [None] * len(combinations)
        for parameters, value in zip(combinations, results, strict=False):
            yield name, ", ".join(each.strip("'") for each in parameters), _number(value)


def _number(value: Any) -> float | None:
    return None if value is None else float(value) if isinstance(value, int | float) else math.nan


def _unit(benchmark: dict[str, Any]) -> str:
    unit = str(benchmark.get("unit"))
    return unit if unit in UNITS else "seconds" if benchmark.get("type") == "time" else "score"
