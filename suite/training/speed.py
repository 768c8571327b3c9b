"""Timing specs carried out: a training step (forward, backward, every weight's gradient) and a forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from suite import catalogue
from suite.cells import Cell
from suite.engines import Engine, unroll
from suite.runs.run import Timing
from suite.runs.spec import SpeedSpec
from suite.stats import median_interval
from suite.training.agreement import TOLERANCE, difference
from suite.training.measure import interleaved, peak_bytes


def calls(spec: SpeedSpec, cell: Cell, engine: Engine, length: int, batch: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """The step and the forward pass of a spec, ready to be called again and again."""
    generator, device, dtype = torch.Generator().manual_seed(0), torch.device(spec.device), getattr(torch, spec.dtype)
    params = {name: (0.1 * torch.randn(spec.replicas, *shape, generator=generator)).to(device, dtype).requires_grad_() for name, shape in cell.shapes(spec.inputs).items()}
    x = torch.randn(length, 1, batch, spec.inputs, generator=generator).to(device, dtype)
    weights: list[Tensor] = list(params.values())

    def step() -> object:
        y, _ = unroll(cell, params, x, engine=engine)
        return torch.autograd.grad(y.sum(), weights)

    def forward() -> object:
        with torch.no_grad():
            return unroll(cell, params, x, engine=engine)

    return step, forward


def times(specs: Sequence[SpeedSpec]) -> list[tuple[Timing, Timing] | str]:
    """Step and forward of each spec, all interleaved, or the sentence why its engine did not pass the gate."""
    torch.set_num_threads(specs[0].threads)
    device, contestants, found = torch.device(specs[0].device), {}, {}
    for number, spec in enumerate(specs):
        cell, engine = catalogue.cell(spec.cell, spec.units), catalogue.engine(spec.engine)
        sentence = barred(cell, engine, spec, device)
        if sentence:
            found[number] = sentence
        else:
            contestants[f"{number} step"], contestants[f"{number} forward"] = calls(spec, cell, engine, spec.length, spec.batch)
    seconds = {name: spread(values) for name, values in interleaved(contestants, specs[0].repeats, device).items()}
    return [found[n] if n in found else (seconds[f"{n} step"], seconds[f"{n} forward"]) for n in range(len(specs))]


def barred(cell: Cell, engine: Engine, spec: SpeedSpec, device: torch.device) -> str | None:
    """The sentence why a cell is not timed on an engine: it does not agree with the reference, in float64 and in the dtype timed."""
    for dtype in dict.fromkeys((torch.float64, getattr(torch, spec.dtype))):
        try:
            off = difference(cell, engine, spec.inputs, device, dtype)
        except Exception as error:  # whatever a contestant raises, the others are timed
            return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        if not off <= TOLERANCE[dtype]:
            return f"engine '{spec.engine}' differs from the reference by {off:.1e} on '{spec.cell}' in {dtype}; no speed is published"
    return None


def spread(values: Sequence[float]) -> Timing:
    """Median, interval and number of some measurements."""
    interval = median_interval(values)
    return Timing(median=interval.center, low=interval.low, high=interval.high, n=interval.n)


def peak(spec: SpeedSpec) -> int | None:
    """Peak bytes of one training step; call it in a fresh process."""
    torch.set_num_threads(spec.threads)
    cell, engine = catalogue.cell(spec.cell, spec.units), catalogue.engine(spec.engine)
    calls(spec, cell, engine, 2, 1)[0]()  # libraries and their threads are loaded before the mark is set
    step, _ = calls(spec, cell, engine, spec.length, spec.batch)
    return peak_bytes(step, torch.device(spec.device))
