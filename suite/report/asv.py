"""History of speed, memory and error from asv's results folder (its layout of version 2), read without asv."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure

from suite.report.style import INK, SETTINGS, Drawn, svg

LEAST = 3  # measurements before a step is looked for


class Point(NamedTuple):
    """One commit: when it was made (milliseconds since 1970), what was measured, the 99 % interval if asv kept one."""

    date: int
    commit: str
    value: float
    low: float | None
    high: float | None


class Series(NamedTuple):
    """One benchmark with its parameters, on one machine; `steps` are places in `points` where the level changes."""

    benchmark: str
    parameters: str
    machine: str
    unit: str
    points: tuple[Point, ...]
    steps: tuple[int, ...]


def history(folder: Path) -> list[Series]:
    """Every series of a results folder, by name; [] where there is none."""
    known = _object(folder / "benchmarks.json")
    found: dict[tuple[str, str, str], list[Point]] = {}
    for path in sorted(folder.glob("*/*.json")):
        if path.name != "machine.json":
            for name, parameters, point in _points(_object(path)):
                found.setdefault((name, parameters, path.parent.name), []).append(point)
    made = []
    for (name, parameters, machine), points in sorted(found.items()):
        about = known.get(name) if isinstance(known.get(name), dict) else {}
        ordered = tuple(sorted(points))
        made.append(Series(name, parameters, machine, str((about or {}).get("unit", "")), ordered, steps([point.value for point in ordered])))
    return made


def _points(result: dict[str, Any]) -> Iterator[tuple[str, str, Point]]:
    """What one file of results holds, a point a benchmark and combination of its parameters; what cannot be read is passed over."""
    columns, commit, date = result.get("result_columns"), result.get("commit_hash"), result.get("date")
    if not isinstance(columns, list) or not isinstance(commit, str) or not isinstance(date, int) or not isinstance(result.get("results"), dict):
        return
    for name, row in result["results"].items():
        if not isinstance(row, list):
            continue
        given = dict(zip(columns, row, strict=False))
        combinations = list(itertools.product(*(given.get("params") or [])))
        values = given.get("result")
        lows, highs = given.get("stats_ci_99_a") or [], given.get("stats_ci_99_b") or []
        for k, (value, parameters) in enumerate(zip(values if isinstance(values, list) else [], combinations or [()], strict=False)):
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                yield name, ", ".join(map(str, parameters)), Point(date, commit, float(value), _at(lows, k), _at(highs, k))


def _at(values: Any, k: int) -> float | None:
    found = values[k] if isinstance(values, list) and k < len(values) else None
    return float(found) if isinstance(found, (int, float)) else None


def _object(path: Path) -> dict[str, Any]:
    try:
        made = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return made if isinstance(made, dict) else {}


def steps(values: Sequence[float]) -> tuple[int, ...]:
    """Where the level of a series changes, by asv's own detection; none where asv is not installed or the series is short.

    >>> steps([1.0, 1.0])
    ()
    """
    if len(values) < LEAST:
        return ()
    try:
        from asv.step_detect import detect_steps  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        return ()
    return tuple(int(left) for left, *_ in detect_steps(list(values)) if left > 0)


def draw(series: Series, name: str) -> Drawn:
    """One series over commits, steps as lines with their commits."""
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(8.4, 2.3), layout="constrained")
        axes = figure.subplots()
        places = range(len(series.points))
        for place, point in zip(places, series.points, strict=True):
            if point.low is not None and point.high is not None:
                axes.plot([place, place], [point.low, point.high], color="#0173b2", linewidth=1.4, alpha=0.6)
        axes.plot(places, [point.value for point in series.points], marker="o", markersize=4.5, linewidth=1.2, color="#0173b2")
        for step in series.steps:
            axes.axvline(step - 0.5, color=INK, linewidth=1, linestyle="--")
            axes.annotate(series.points[step].commit[:8], (step - 0.5, 1), xycoords=("data", "axes fraction"), fontsize=8, xytext=(3, -9), textcoords="offset points")
        every = max(1, len(series.points) // 12)
        axes.set_xticks(list(places)[::every], [point.commit[:8] for point in series.points[::every]], rotation=30, ha="right")
        axes.set_ylabel(series.unit)
        axes.set_ylim(bottom=0)
    words = "; ".join(f"{point.commit[:8]} {point.value:.4g}" for point in series.points)
    return svg(figure, name, f"{series.benchmark} {series.parameters} over commits, {series.unit}", words)
