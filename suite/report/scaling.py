"""How the time of a training step grows with length, batch and units: exponents fitted on log axes, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from suite.report.style import SETTINGS, Drawn, Look, powers, svg
from suite.report.timings import Shape, shape_of
from suite.runs import Run

GROWN = ("length", "batch", "units")


class Growth(NamedTuple):
    """One cell and engine at shapes that differ in one size alone: the exponent of that size, Student's interval of it from three sizes on."""

    cell: str
    engine: str
    size: str
    rest: str
    points: tuple[tuple[int, float, float, float], ...]
    exponent: float
    low: float | None
    high: float | None

    @property
    def said(self) -> str:
        """The exponent for people."""
        spread = f"[{self.low:.2f}, {self.high:.2f}]" if self.low is not None else "no interval from two sizes"
        return f"{self.exponent:.2f} {spread}, n = {len(self.points)} sizes"


def growths(runs: Sequence[Run]) -> list[Growth]:
    """Every series of two sizes or more. Units grow with the inputs where both were the same, else alone."""
    made = []
    for size in GROWN:
        series: dict[tuple[str, str, str], dict[int, Run]] = {}
        for run in (run for run in runs if run.costs.step):
            shape = shape_of(run)
            series.setdefault((run.spec.cell, run.spec.engine, _rest(shape, size)), {})[getattr(shape, size)] = run
        made += [_fitted(*key, size, found) for key, found in series.items() if len(found) > 1]
    return made


def _rest(shape: Shape, size: str) -> str:
    fixed = {name: getattr(shape, name) for name in ("length", "batch", "inputs", "units") if name != size}
    if size == "units" and shape.inputs == shape.units:
        fixed["inputs"] = 0
    sizes = ", ".join(f"{value} {name}" if value else "as many inputs as units" for name, value in fixed.items())
    return f"{sizes}; {shape.setting}; machine {shape.machine}"


def _fitted(cell: str, engine: str, rest: str, size: str, found: dict[int, Run]) -> Growth:
    points = tuple((x, t.median, t.low, t.high) for x, run in sorted(found.items()) if (t := run.costs.step))
    logs = np.log([(x, median) for x, median, _, _ in points])
    fit = stats.linregress(logs[:, 0], logs[:, 1])
    half = float(stats.t.ppf(0.975, len(points) - 2) * fit.stderr) if len(points) > 2 else None
    slope = float(fit.slope)
    return Growth(cell, engine, size, rest, points, slope, None if half is None else slope - half, None if half is None else slope + half)


def draw(size: str, rest: str, found: Sequence[Growth], look: Look, name: str) -> Drawn:
    """A panel an engine: time over size on log axes, a line a cell, its interval a bar."""
    engines = [engine for engine in look.engines if any(g.engine == engine for g in found)]
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(min(9.2, 1.2 + 3.2 * len(engines)), 3.3), layout="constrained")
        for axes, engine in zip(figure.subplots(1, len(engines), sharey=True, squeeze=False)[0], engines, strict=True):
            for growth in (g for g in found if g.engine == engine):
                xs, medians, lows, highs = (np.array(column, dtype=float) for column in zip(*growth.points, strict=True))
                colour = look.colours[growth.cell]
                axes.errorbar(xs, 1e3 * medians, 1e3 * np.array([medians - lows, highs - medians]), color=colour, marker=look.marks[growth.cell], markersize=5, linewidth=1.4, capsize=3)
            axes.set(xscale="log", yscale="log", title=engine, xlabel=size)
            ticks = sorted({x for g in found for x, *_ in g.points})
            axes.set_xticks(ticks, [f"{x:g}" for x in ticks])
            axes.set_xticks([], minor=True)
            powers(axes.yaxis)
        figure.axes[0].set_ylabel("training step, ms")
    words = "; ".join(f"{g.cell} on {g.engine}: exponent {g.said}" for g in found)
    return svg(figure, name, f"Time of a training step over {size}: {rest}", words)
