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
    """A series on a machine in an environment.

    figures      by commit
    failed       commits at which it failed
    skipped      commits at which the machine or the engine refused it
    environment  asv's name for the interpreter and torch
    dates        of the commits, milliseconds since 1970
    intervals    the ends of asv's 99 % interval by commit, where it kept one
    """

    series: Series
    machine: str
    figures: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    environment: str = ""
    dates: dict[str, int] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)


def read(folder: Path) -> list[Kept]:
    """Every series under asv's `results`. What was skipped has no figure and did not fail; a file that is damaged is passed over, as asv does."""
    known = _object(folder / "benchmarks.json")
    if not known:
        raise ValueError(f"'{folder}' has no benchmarks.json: asv has not run yet")
    found: dict[tuple[str, str, str], Kept] = {}
    for path in sorted(folder.glob("*/*-*.json")):
        kept = _object(path)
        if not (isinstance(kept.get("commit_hash"), str) and isinstance(kept.get("results"), dict) and isinstance(kept.get("result_columns"), list)):
            continue
        commit, environment = kept["commit_hash"], str(kept.get("env_name", ""))
        for name, parameters, value, interval in _figures(kept, known):
            key = (path.parent.name, environment, f"{name}[{parameters}]")
            each = found.setdefault(key, Kept(Series(key[2], _unit(known[name])), key[0], environment=environment))
            each.dates[commit] = int(kept.get("date") or 0)
            if value is None:
                each.failed.append(commit)
            elif not math.isfinite(value):
                each.skipped.append(commit)
            else:
                each.figures[commit] = value
                if interval:
                    each.intervals[commit] = interval
    return [found[key] for key in sorted(found)]


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _figures(kept: dict[str, Any], known: dict[str, Any]) -> Iterator[tuple[str, str, float | None, tuple[float, float] | None]]:
    """Name, parameters, figure and interval of every result of a file that is of the benchmark's version today; NaN for what was skipped, None for what failed."""
    for name, values in kept["results"].items():
        row = dict(zip(kept["result_columns"], values, strict=False)) if isinstance(values, list) else {}
        if not row or not isinstance(known.get(name), dict) or row.get("version") != known[name].get("version"):
            continue
        combinations = list(product(*row.get("params") or []))
        results, lows, highs = (row.get(column) or [None] * len(combinations) for column in ("result", "stats_ci_99_a", "stats_ci_99_b"))
        for parameters, value, *ends in zip(combinations, results, lows, highs, strict=False):
            yield name, ", ".join(str(each).strip("'") for each in parameters), _number(value), _interval(*ends)


def _interval(low: Any, high: Any) -> tuple[float, float] | None:
    return (float(low), float(high)) if isinstance(low, int | float) and isinstance(high, int | float) and math.isfinite(low) and math.isfinite(high) else None


def _number(value: Any) -> float | None:
    return None if value is None else float(value) if isinstance(value, int | float) else math.nan


def _unit(benchmark: dict[str, Any]) -> str:
    unit = str(benchmark.get("unit"))
    return unit if unit in UNITS else "seconds" if benchmark.get("type") == "time" else "score"
