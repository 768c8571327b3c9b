"""Figure: the size of dh(T)/ds(T - lag) over the lag, by cell, from what `carrousel run --collect gradients` keeps beside the records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pydantic import BaseModel, ConfigDict, ValidationError

from suite.report.catalogue import Finite
from suite.report.style import SETTINGS, Drawn, Look, powers, short, svg
from suite.report.summary import Summary
from suite.runs import Run, TrainSpec

FOLDER, FILE = "gradients", "gradients.json"
TENTH = 0.1


class LayerEntry(BaseModel):
    """One layer of one run: state -> the median norm over sequences by lag; gate -> its mean."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    norms: dict[str, list[Finite | None]]
    gates: dict[str, Finite] = {}


class Curve(NamedTuple):
    """One cell, layer and state: medians and quartiles over runs by lag; `half` the first lag at which a tenth is left."""

    cell: str
    layer: str
    state: str
    lags: tuple[int, ...]
    low: tuple[float, ...]
    center: tuple[float, ...]
    high: tuple[float, ...]
    half: int | None
    last: float
    n: int
    gates: dict[str, float]


def read(folder: Path) -> dict[str, dict[str, LayerEntry]]:
    """What a folder holds, by id of the run and layer; files that are something else are passed over."""
    raw: dict[str, Any] = {}
    for path in sorted((folder / FOLDER).glob("*.json")):
        raw[path.stem] = _object(path)
    raw |= _object(folder / FILE)
    found = {}
    for run, layers in raw.items():
        if not layers:
            continue
        try:
            found[run] = {name: LayerEntry.model_validate_json(json.dumps(entry)) for name, entry in layers.items()}
        except (ValidationError, AttributeError, ValueError):
            continue
    return found


def _object(path: Path) -> dict[str, Any]:
    try:
        made = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return made if isinstance(made, dict) else {}


def flows(summary: Summary, runs: Sequence[Run], kept: dict[str, dict[str, LayerEntry]]) -> list[Curve]:
    """A curve a cell, layer and state of the runs of one task."""
    groups: dict[tuple[str, str, str], list[LayerEntry]] = {}
    for run in runs:
        if isinstance(run.spec, TrainSpec) and run.spec.task == summary.name:
            for layer, entry in kept.get(run.id, {}).items():
                for state in entry.norms:
                    groups.setdefault((run.spec.cell, layer, state), []).append(entry)
    return [_curve(*key, entries) for key, entries in groups.items() if any(_seen(entry.norms[key[2]]) for entry in entries)]


def _seen(norms: Sequence[float | None]) -> bool:
    return any(value is not None for value in norms)


def _curve(cell: str, layer: str, state: str, entries: Sequence[LayerEntry]) -> Curve:
    longest = max(len(entry.norms[state]) for entry in entries)
    table = np.full((len(entries), longest), np.nan)
    for row, entry in zip(table, entries, strict=True):
        row[: len(entry.norms[state])] = [np.nan if value is None else value for value in entry.norms[state]]
    lags = np.flatnonzero(np.isfinite(table).any(axis=0))
    low, center, high = np.nanquantile(table[:, lags], (0.25, 0.5, 0.75), axis=0)
    most = center.max()
    after = np.flatnonzero(center < TENTH * most)
    after = after[after > int(center.argmax())]
    gates = {gate: float(np.mean([entry.gates[gate] for entry in entries if gate in entry.gates])) for gate in entries[0].gates}
    bottom, middle, top = (tuple(map(float, column)) for column in (low, center, high))
    return Curve(cell, layer, state, tuple(map(int, lags)), bottom, middle, top, int(lags[after[0]]) if len(after) else None, float(center[-1]), len(entries), gates)


def draw(summary: Summary, found: Sequence[Curve], look: Look, name: str) -> Drawn:
    """A panel a layer and state, logarithmic, a line a cell, its quartiles a band."""
    panels = list(dict.fromkeys((curve.layer, curve.state) for curve in found))
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(min(9.2, 1.4 + 3.6 * len(panels)), 3.2), layout="constrained")
        for axes, (layer, state) in zip(figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], panels, strict=True):
            for curve in (c for c in found if (c.layer, c.state) == (layer, state)):
                low, center, high = (np.where(np.array(values) > 0, values, np.nan) for values in (curve.low, curve.center, curve.high))  # 0 has no place on a log axis
                axes.plot(curve.lags, center, color=look.colours[curve.cell], linewidth=1.7, marker=look.marks[curve.cell], markevery=max(1, len(curve.lags) // 6), markersize=5)
                axes.fill_between(curve.lags, low, high, color=look.colours[curve.cell], alpha=0.15, linewidth=0)
            axes.set(yscale="log", xlabel="lag, steps", title=f"{short(state)}, layer {short(layer)}")
            powers(axes.yaxis)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.axes[0].set_ylabel("gradient of the last output")
    said = "; ".join(f"{c.cell}, {c.state} of layer {c.layer}: {c.last:.2g} at lag {c.lags[-1]}, n = {c.n}" for c in found)
    return svg(figure, name, f"Gradient flow on {summary.label}", said)
