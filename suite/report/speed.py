"""Figure and table: time of a training step and of a forward pass, peak memory, by cell and engine at one shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from suite.report.style import SETTINGS, Look, logarithmic, svg
from suite.runs import Run, SpeedSpec, Timing

Shape = tuple[int, int, int, int, int, str, str, str]


def shapes(runs: Sequence[Run]) -> dict[Shape, list[Run]]:
    """Timed runs by shape, threads, dtype, device and machine: only those are comparable."""
    found: dict[Shape, list[Run]] = {}
    for run in runs:
        if isinstance(run.spec, SpeedSpec) and run.costs.step is not None and run.costs.forward is not None:
            s = run.spec
            found.setdefault((s.length, s.batch, s.inputs, s.units, s.threads, s.dtype, s.device, run.where.machine), []).append(run)
    return found


def title(shape: Shape) -> str:
    """A shape in words."""
    length, batch, inputs, units, threads, dtype, device, _ = shape
    return f"{length} steps, batch {batch}, {inputs} inputs, {units} units; {dtype}, {device}, {threads} thread{'s' * (threads > 1)}"


def draw(shape: Shape, runs: Sequence[Run], look: Look, name: str) -> str:
    """Time of a step (filled) and of a forward pass (hollow), and peak memory, each with its interval."""
    ordered = ranked(runs, look)
    labels = [f"{run.spec.cell}, {run.spec.engine}" for run in ordered]
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(9.2, 0.8 + 0.34 * len(ordered)), layout="constrained")
        time, memory = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        for kind, filled in (("step", True), ("forward", False)):
            _marks(time, [getattr(run.costs, kind) for run in ordered], ordered, labels, look, 1e3, filled)
        _marks(memory, [run.costs.peak_bytes for run in ordered], ordered, labels, look, 2**-20, True)
    bounds = [1e3 * t for run in ordered for timing in (run.costs.step, run.costs.forward) if timing for t in (timing.low, timing.high)]
    logarithmic(time, min(bounds) / 1.15, max(bounds) * 1.15, lambda v: f"{v:g}")
    memory.set_xlim(0, 1.08 * max([2**-20 * run.costs.peak_bytes.high for run in ordered if run.costs.peak_bytes], default=1.0))
    time.set_ylim(len(ordered) - 0.5, -0.5)
    time.set(xlabel="ms, log scale: filled a training step, hollow a forward pass", ylabel="")
    memory.set(xlabel="peak memory of a training step, MiB", ylabel="")
    words = "; ".join(f"{label} {1e3 * run.costs.step.median:.3g} ms a step" for label, run in zip(labels, ordered, strict=True) if run.costs.step)
    return svg(figure, name, f"Time and memory by cell and engine: {title(shape)}", words)


def _marks(axes: Any, values: Sequence[Timing | None], runs: Sequence[Run], labels: Sequence[str], look: Look, unit: float, filled: bool) -> None:
    """One mark a row, in the cell's colour and shape, a bar for its interval."""
    rows = [
        {"row": label, "cell": run.spec.cell, "value": unit * v.median, "low": unit * v.low, "high": unit * v.high}
        for label, run, v in zip(labels, runs, values, strict=True)
        if v
    ]
    if not rows:
        axes.annotate("not measured on this system", (0.5, 0.5), xycoords="axes fraction", ha="center")
        return
    for row in rows:
        axes.plot([row["low"], row["high"]], [row["row"]] * 2, color=look.colours[str(row["cell"])], linewidth=2.2, solid_capstyle="butt")
    common = {"hue": "cell", "style": "cell", "palette": look.colours, "markers": look.marks, "legend": False, "s": 55}
    sns.scatterplot(pd.DataFrame(rows), x="value", y="row", ax=axes, linewidth=0, zorder=3, **common)
    if not filled:
        for points in axes.collections[-1:]:
            points.set_edgecolors(points.get_facecolors())
            points.set_linewidths(1.4)
            points.set_facecolors("none")


def ranked(runs: Sequence[Run], look: Look) -> list[Run]:
    """By cell as everywhere, then by engine."""
    return sorted(runs, key=lambda run: (look.cells.index(run.spec.cell), run.spec.engine))


def rows(runs: Sequence[Run], look: Look) -> list[dict[str, Any]]:
    """The table beside the figure."""
    return [
        {
            "cell": run.spec.cell,
            "engine": run.spec.engine,
            "step": written(run.costs.step, 1e3, "ms", 2),
            "forward": written(run.costs.forward, 1e3, "ms", 2),
            "memory": written(run.costs.peak_bytes, 2**-20, "MiB", 1) or "not measured here",
            "parameters": counted(run.costs.parameters),
            "multiply_adds": counted(run.costs.multiply_adds),
            "state_bytes": counted(run.costs.state_bytes),
            "n": run.costs.step.n if run.costs.step else 0,
        }
        for run in ranked(runs, look)
    ]


def written(value: Timing | None, unit: float, name: str, digits: int) -> str:
    """A median and its interval."""
    return "" if value is None else f"{unit * value.median:.{digits}f} {name} [{unit * value.low:.{digits}f}, {unit * value.high:.{digits}f}]"


def counted(number: int | None) -> str:
    """A count with thousands apart."""
    return "" if number is None else f"{number:,}"
