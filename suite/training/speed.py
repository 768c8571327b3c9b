"""Timing specs carried out: a training step (forward, backward, every weight's gradient) and a forward pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch

from suite import catalogue
from suite.cells import Cell
from suite.engines import Engine
from suite.engines.precision import alike, of_rnn
from suite.runs.run import Costs, Ratio, Timing
from suite.runs.spec import SpeedSpec
from suite.stats import median_interval
from suite.training.agreement import TOLERANCE, difference
from suite.training.contestants import ARITHMETIC, Contestant, of_engine, of_torch, peaks, training_flops, yardsticks
from suite.training.measure import Part, in_parts, peak_bytes, ratio


class Measured(NamedTuple):
    """What came of one spec: its costs, and the sentence why it was not timed, if so."""

    costs: Costs
    barred: str | None


class Gate(NamedTuple):
    """Whether a cell may be timed on an engine: the differences found by dtype, and the sentence if not."""

    difference: dict[str, float]
    barred: str | None


def calls(spec: SpeedSpec, cell: Cell, engine: Engine, length: int, batch: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """The step and the forward pass of a spec, ready to be called again and again."""
    made = of_engine(spec, cell, engine, length, batch)
    return lambda: made.gradients(made.forward(None)), made.inference


@alike()
def times(specs: Sequence[SpeedSpec]) -> list[Measured]:
    """Specs of one shape, torch.nn's layers and a matrix product, all interleaved; a spec whose engine did not pass the gate is left out.

    On CUDA all multiply float32 as IEEE has it: by default cuDNN alone would do it in TF32.
    """
    shape = specs[0]
    torch.set_num_threads(shape.threads)
    device, cells, gates, admitted = torch.device(shape.device), {}, {}, {}
    for number, spec in enumerate(specs):
        cell, engine = catalogue.cell(spec.cell, spec.units), catalogue.engine(spec.engine)
        gates[number], cells[number] = barred(cell, engine, spec, device), cell
        if gates[number].barred is None:
            contestant = of_engine(spec, cell, engine, spec.length, spec.batch)
            gates[number] = gates[number]._replace(barred=stumbles(contestant))
            if gates[number].barred is None:
                admitted[str(number)] = contestant
    layers = yardsticks([cells[int(number)] for number in admitted])
    parts = laid_out(admitted | {name: of_torch(shape, layer) for name, layer in layers.items()} if admitted else {})
    most = peaks(shape) if admitted else {}
    parts |= {name: [lambda _, call=each.call: call()] for name, each in most.items()}  # type: ignore[misc]
    found = in_parts(parts, shape.repeats, device)
    rates = {name: spread([each.operations / s for (s,) in found[name]]) for name, each in most.items()}
    return [Measured(costs(str(n), specs[n], cells[n], found, rates, gate), gate.barred) for n, gate in gates.items()]


def laid_out(contestants: Mapping[str, Contestant]) -> dict[str, Sequence[Part]]:
    """The calls of every contestant by name."""
    made: dict[str, Sequence[Part]] = {}
    for name, c in contestants.items():
        made[f"{name} step"] = [c.forward, c.gradients]
        made[f"{name} forward"] = [lambda _, call=c.inference: call()]  # type: ignore[misc]
    return made


def costs(name: str, spec: SpeedSpec, cell: Cell, found: Mapping[str, list[list[float]]], rates: Mapping[str, Timing], gate: Gate) -> Costs:
    """What was measured of a contestant; of one that was left out, the differences alone."""
    if gate.barred:
        return Costs(difference=gate.difference)
    dtype, device = getattr(torch, spec.dtype), torch.device(spec.device)
    whole = {key: [sum(parts) for parts in values] for key, values in found.items()}
    ratios = [
        Ratio(
            against=layer,
            step=spread(ratio(whole, f"{layer} step", f"{name} step")),
            forward=spread(ratio(whole, f"{layer} forward", f"{name} forward")),
            seconds=spread(whole[f"{layer} step"]),
            instructions=of_rnn(dtype, device),
        )
        for layer in yardsticks([cell])
    ]
    return Costs(
        step=spread(whole[f"{name} step"]),
        forward=spread(whole[f"{name} forward"]),
        training_forward=spread([forward for forward, _ in found[f"{name} step"]]),
        backward=spread([backward for _, backward in found[f"{name} step"]]),
        training_flops=training_flops(cell, spec),
        product_peak=max((rate for name, rate in rates.items() if name != ARITHMETIC), key=lambda rate: rate.median, default=None),
        arithmetic_peak=rates.get(ARITHMETIC),
        ratios=tuple(ratios),
        difference=gate.difference,
        instructions=catalogue.engine(spec.engine).instructions(dtype, device),
    )


def barred(cell: Cell, engine: Engine, spec: SpeedSpec, device: torch.device) -> Gate:
    """Whether a cell agrees with the reference on an engine, in float64 if it has that and in the dtype timed: only then is it timed."""
    found: dict[str, float] = {}
    timed = getattr(torch, spec.dtype)
    for dtype in dict.fromkeys((timed,) if engine.lacks(cell, torch.float64, device) else (torch.float64, timed)):
        try:
            off = difference(cell, engine, spec.inputs, device, dtype)
        except Exception as error:  # whatever a contestant raises, the others are timed
            return Gate(found, said(error))
        if math.isfinite(off):
            found[str(dtype).removeprefix("torch.")] = off
        if not off <= TOLERANCE[dtype]:
            return Gate(found, f"engine '{spec.engine}' differs from the reference by {off:.1e} on '{spec.cell}' in {dtype}; no speed is published")
    return Gate(found, None)


def stumbles(contestant: Contestant) -> str | None:
    """The sentence of a contestant that raises at the shape to be timed."""
    try:
        contestant.gradients(contestant.forward(None))
        contestant.inference()
    except Exception as error:
        return said(error)
    return None


def said(error: Exception) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def spread(values: Sequence[float]) -> Timing:
    """Median, interval and number of some measurements."""
    interval = median_interval(values)
    return Timing(median=interval.center, low=interval.low, high=interval.high, n=interval.n)


@alike()
def peak(spec: SpeedSpec) -> int | None:
    """Peak bytes of one training step; call it in a fresh process."""
    torch.set_num_threads(spec.threads)
    cell, engine = catalogue.cell(spec.cell, spec.units), catalogue.engine(spec.engine)
    calls(spec, cell, engine, 2, 1)[0]()  # libraries and their threads are loaded before the mark is set
    step, _ = calls(spec, cell, engine, spec.length, spec.batch)
    return peak_bytes(step, torch.device(spec.device))
