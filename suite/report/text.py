"""The table of timings for people: on a terminal as text, on the page with the same columns."""

from __future__ import annotations

import math
from collections.abc import Sequence

from suite.report.timings import LSTM, means, measured, shapes
from suite.runs import Run, Timing, Where
from suite.stats import covers

COLUMNS = {  # heading -> name in `measured`, unit
    "step, ms": ("step_seconds", 1e3),
    "its forward, ms": ("training_forward_seconds", 1e3),
    "backward, ms": ("backward_seconds", 1e3),
    "inference, ms": ("forward_seconds", 1e3),
    "10³ seq. steps/s": ("sequence_steps_per_second", 1e-3),
    "GFLOP/s": ("flops_per_second", 1e-9),
    "% of peak": ("share_of_peak", 1e2),
    "memory, MiB": ("peak_bytes", 2**-20),
    "compile, s": ("compile_seconds", 1.0),
    "warm, s": ("warm_start_seconds", 1.0),
    "× nn.LSTM": ("ratio_to_torch_lstm", 1.0),
    "× own nn layer": ("ratio_to_own_torch_layer", 1.0),
}


def tables(runs: Sequence[Run]) -> str:
    """One table a shape and number of threads, the fastest step first; then the geometric means over shapes."""
    parts = [_machine(where) for where in {run.where.machine: run.where for run in runs}.values()]
    for shape, group in shapes(runs).items():
        numbers = [measured(run) for run in group]
        used = {head: (name, unit) for head, (name, unit) in COLUMNS.items() if any(row[name] for row in numbers)}
        rows = [[run.spec.cell, run.spec.engine, *(cell(row[name], unit) for name, unit in used.values())] for run, row in zip(group, numbers, strict=True)]
        parts.append(f"({shape.brief}): {shape.title}; {repeats(group)}\n" + aligned(["cell", "engine", *used], rows))
    found = means(runs)
    if found:
        rows = [[m.cell, m.engine, m.setting, m.machine, f"{brief(m.value)} [{brief(m.low)}, {brief(m.high)}]", m.counted] for m in found]
        head = f"times faster than {LSTM}: geometric mean over shapes [smallest, largest]"
        parts.append(f"{head}\n" + aligned(["cell", "engine", "setting", "machine", "× nn.LSTM", "shapes"], rows))
    return "\n\n".join(parts)


def repeats(group: Sequence[Run]) -> str:
    """The number of repeats and how often the rest was measured, and so what stands in brackets, in words."""
    counts = sorted({run.costs.step.n for run in group if run.costs.step})
    weighed = sorted({t.n for run in group for t in (run.costs.peak_bytes, run.costs.compile) if t})
    said = f"median [{covers(*counts)}] of n = {' or '.join(map(str, counts))} repeats"
    return said + (f", memory and compile time [{covers(*weighed)}] of n = {' or '.join(map(str, weighed))}" if weighed else "")


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they must be, names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [[text.ljust(w) if k < 2 else text.rjust(w) for k, (text, w) in enumerate(zip(row, widths, strict=True))] for row in [head, *rows]]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def cell(timing: Timing | None, unit: float) -> str:
    """A median and its limits: 12.3 [11.9, 12.8]; nothing where nothing was measured."""
    return "" if timing is None else f"{brief(unit * timing.median)} [{brief(unit * timing.low)}, {brief(unit * timing.high)}]"


def brief(value: float) -> str:
    """Three digits, without an exponent.

    >>> brief(1234.5), brief(12.345), brief(0.012345), brief(0)
    ('1,234', '12.3', '0.0123', '0')
    """
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:,.{min(digits, 9)}f}"


def _machine(where: Where) -> str:
    return (
        f"machine {where.machine}: {where.processor}, {where.cores} cores, {where.memory_bytes / 2**30:.0f} GiB, accelerator {where.accelerator}, "
        f"{where.system}, Python {where.python}, torch {where.versions.get('torch', 'unknown')}, commit {where.commit[:8] or 'unknown'}"
    )
