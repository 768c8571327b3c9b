"""Figure and table of one shape: time of a training step and peak memory, a row a cell, a mark an engine."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from suite.report.style import INK, SETTINGS, Look, logarithmic, svg
from suite.report.text import COLUMNS, cell
from suite.report.timings import LSTM, Shape, measured
from suite.runs import Run, Timing

DODGE = 0.2  # how far the marks of engines stand apart in a row


def draw(shape: Shape, runs: Sequence[Run], look: Look, name: str) -> str:
    """Time of a step and peak memory, each with its interval; cells by their fastest engine, torch.nn.LSTM as a line."""
    cells = list(dict.fromkeys(run.spec.cell for run in runs))
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(9.2, 0.9 + max(0.24 * len(cells), 0.5)), layout="constrained")
        time, memory = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        _marks(time, [run.costs.step for run in runs], runs, cells, look, 1e3)
        _marks(memory, [run.costs.peak_bytes for run in runs], runs, cells, look, 2**-20)
    layer = [1e3 * r.seconds.median for run in runs for r in run.costs.ratios if r.against == LSTM]
    bounds = [1e3 * t for run in runs if run.costs.step for t in (run.costs.step.low, run.costs.step.high)] + layer
    logarithmic(time, min(bounds) / 1.15, max(bounds) * 1.15, lambda v: f"{v:g}")
    if layer:
        time.axvline(median(layer), color=INK, linestyle=(0, (4, 3)), linewidth=1)
    memory.set_xlim(0, 1.08 * max([2**-20 * run.costs.peak_bytes.high for run in runs if run.costs.peak_bytes], default=0.0) or 1.0)
    time.set_ylim(len(cells) - 0.5, -0.5)
    time.set_yticks(range(len(cells)), cells)
    time.set(xlabel=f"training step, ms, log scale{f'; dashed: {LSTM}' if layer else ''}", ylabel="")
    memory.set(xlabel="peak memory of a training step, MiB", ylabel="")
    words = "; ".join(f"{run.spec.cell} on {run.spec.engine} {1e3 * run.costs.step.median:.3g} ms a step" for run in runs if run.costs.step)
    return svg(figure, name, f"Time and memory by cell and engine: {shape.title}", words)


def _marks(axes: Any, values: Sequence[Timing | None], runs: Sequence[Run], cells: Sequence[str], look: Look, unit: float) -> None:
    """One mark a cell and engine, in the engine's colour and shape, a bar for its interval."""
    here = [engine for engine in look.engines if any(run.spec.engine == engine for run in runs)]
    rows: list[dict[str, Any]] = [
        {"row": cells.index(run.spec.cell) + DODGE * (here.index(run.spec.engine) - (len(here) - 1) / 2), "engine": run.spec.engine, "value": unit * v.median, "timing": v}
        for run, v in zip(runs, values, strict=True)
        if v
    ]
    if not rows:
        axes.annotate("not measured on this system", (0.5, 0.5), xycoords="axes fraction", ha="center")
        axes.set_xticks([])
        return
    for row in rows:
        axes.plot([unit * row["timing"].low, unit * row["timing"].high], [row["row"]] * 2, color=look.colours[str(row["engine"])], linewidth=2.2, solid_capstyle="butt")
    common = {"hue": "engine", "style": "engine", "palette": look.colours, "markers": look.marks, "legend": False, "s": 34}
    sns.scatterplot(pd.DataFrame(rows), x="value", y="row", ax=axes, linewidth=0, zorder=3, **common)


def headings(runs: Sequence[Run]) -> dict[str, tuple[str, float]]:
    """The columns that hold anything: heading -> name and unit."""
    numbers = [measured(run) for run in runs]
    return {head: (name, unit) for head, (name, unit) in COLUMNS.items() if any(row[name] for row in numbers)}


def rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """The table beside the figure."""
    columns = headings(runs)
    return [
        {
            "cell": run.spec.cell,
            "engine": run.spec.engine,
            "numbers": [cell(found[name], unit) for name, unit in columns.values()],
            "counts": [counted(run.costs.parameters), counted(run.costs.multiply_adds), counted(run.costs.state_bytes)],
            "difference": ", ".join([*(f"{off:.0e} in {dtype}" for dtype, off in run.costs.difference.items()), *filter(None, [run.costs.instructions])]) or "not recorded",
        }
        for run, found in ((run, measured(run)) for run in runs)
    ]


def counted(number: int | None) -> str:
    """A count with thousands apart."""
    return "" if number is None else f"{number:,}"
