"""Figure and table: time of a training step and of a forward pass, peak memory, by cell and engine at one shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from suite.report.style import INK, Look, canvas, logarithmic, svg
from suite.runs import Run, SpeedSpec

Shape = tuple[int, int, int, int, int, str, str, str]


def shapes(runs: Sequence[Run]) -> dict[Shape, list[Run]]:
    """Timed runs by shape, threads, dtype, device and machine: only those are comparable."""
    found: dict[Shape, list[Run]] = {}
    for run in runs:
        if isinstance(run.spec, SpeedSpec) and run.costs.step is not None:
            s = run.spec
            found.setdefault((s.length, s.batch, s.inputs, s.units, s.threads, s.dtype, s.device, run.where.machine), []).append(run)
    return found


def title(shape: Shape) -> str:
    """A shape in words."""
    length, batch, inputs, units, threads, dtype, device, _ = shape
    return f"{length} steps, batch {batch}, {inputs} inputs, {units} units; {dtype}, {device}, {threads} thread{'s' * (threads > 1)}"


def draw(shape: Shape, runs: Sequence[Run], look: Look, name: str) -> str:
    """Step and forward time of every cell and engine, with intervals."""
    ordered = ranked(runs, look)
    figure, axes = canvas(6.4, 0.8 + 0.34 * len(ordered))
    for row, run in enumerate(ordered):
        colour, mark = look.colours[run.spec.cell], look.marks[run.spec.cell]
        for timing, full in ((run.costs.step, True), (run.costs.forward, False)):
            if timing is None:
                continue
            axes.plot([1e3 * timing.low, 1e3 * timing.high], [row, row], color=colour, linewidth=2.2, solid_capstyle="butt")
            axes.plot([1e3 * timing.median], [row], marker=mark, color=colour, markersize=7, markerfacecolor=colour if full else "none")
    axes.set_yticks(range(len(ordered)), [f"{run.spec.cell}, {run.spec.engine}" for run in ordered])
    axes.invert_yaxis()
    seconds = [t for run in ordered for timing in (run.costs.step, run.costs.forward) if timing for t in (timing.low, timing.high)]
    logarithmic(axes, 1e3 * min(seconds) / 1.15, 1e3 * max(seconds) * 1.15, lambda v: f"{v:g}")
    axes.set_xlabel("milliseconds, log scale: filled a training step, hollow a forward pass", color=INK)
    words = "; ".join(f"{r.spec.cell} {r.spec.engine} {1e3 * r.costs.step.median:.3g} ms a step" for r in ordered if r.costs.step)
    return svg(figure, name, f"Time by cell and engine: {title(shape)}", words)


def ranked(runs: Sequence[Run], look: Look) -> list[Run]:
    """By cell as everywhere, then by engine."""
    return sorted(runs, key=lambda run: (look.cells.index(run.spec.cell), run.spec.engine))


def rows(runs: Sequence[Run], look: Look) -> list[dict[str, Any]]:
    """The table beside the figure."""
    made = []
    for run in ranked(runs, look):
        c = run.costs
        made.append(
            {
                "cell": run.spec.cell,
                "engine": run.spec.engine,
                "step": milliseconds(c.step),
                "forward": milliseconds(c.forward),
                "memory": "not measured here" if c.peak_bytes is None else f"{c.peak_bytes / 2**20:.1f} MiB",
                "parameters": c.parameters,
                "multiply_adds": c.multiply_adds,
                "state_bytes": c.state_bytes,
                "n": c.step.n if c.step else 0,
            }
        )
    return made


def milliseconds(timing: Any) -> str:
    """A median and its interval."""
    return "" if timing is None else f"{1e3 * timing.median:.2f} ms [{1e3 * timing.low:.2f}, {1e3 * timing.high:.2f}]"
