"""What a timing comes to: measured and derived numbers by name, each with its interval; the same for page, text and CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from suite.runs import Run, SpeedSpec, Timing
from suite.stats import covers

LSTM = "torch.nn.LSTM"


class Shape(NamedTuple):
    """What timings have in common that are comparable."""

    length: int
    batch: int
    inputs: int
    units: int
    threads: int
    dtype: str
    device: str
    replicas: int
    machine: str

    @property
    def brief(self) -> str:
        """Steps, batch, inputs, units as the command line takes them."""
        return f"{self.length},{self.batch},{self.inputs},{self.units}"

    @property
    def setting(self) -> str:
        """The rest in words."""
        side = f", {self.replicas} replicas" if self.replicas > 1 else ""
        return f"{self.dtype}, {self.device}, {self.threads} thread{'s' * (self.threads > 1)}{side}"

    @property
    def title(self) -> str:
        """All of it in words."""
        return f"{self.length} steps, batch {self.batch}, {self.inputs} inputs, {self.units} units; {self.setting}"


def shape_of(run: Run) -> Shape:
    """The shape of a timing."""
    s = run.spec
    assert isinstance(s, SpeedSpec)
    return Shape(s.length, s.batch, s.inputs, s.units, s.threads, s.dtype, s.device, s.replicas, run.where.machine)


def shapes(runs: Sequence[Run]) -> dict[Shape, list[Run]]:
    """Timed runs by shape, in the order of their numbers, and in each the fastest step first."""
    found: dict[Shape, list[Run]] = {}
    for run in sorted((run for run in runs if run.costs.step), key=lambda run: (shape_of(run), run.costs.step.median if run.costs.step else 0.0)):
        found.setdefault(shape_of(run), []).append(run)
    return found


def measured(run: Run) -> dict[str, Timing | None]:
    """Every number of a timing by name, in seconds, bytes, operations a second, shares and ratios.

    A derived one has the widest interval that its parts allow.
    """
    spec, costs = run.spec, run.costs
    assert isinstance(spec, SpeedSpec)
    flops, lstm = _per(costs.training_flops, costs.step), ratio(run, LSTM)
    own = next((r for r in costs.ratios if r.against != LSTM), None)
    return {
        "step_seconds": costs.step,
        "training_forward_seconds": costs.training_forward,
        "backward_seconds": costs.backward,
        "forward_seconds": costs.forward,
        "sequence_steps_per_second": _per(spec.length * spec.batch * spec.replicas, costs.step),
        "flops_per_second": flops,
        "share_of_peak": _over(flops, costs.arithmetic_peak or (None if spec.device == "cpu" else costs.product_peak)),
        "product_peak_flops_per_second": costs.product_peak,
        "arithmetic_peak_flops_per_second": costs.arithmetic_peak,
        "peak_bytes": costs.peak_bytes,
        "compile_seconds": costs.compile,
        "warm_start_seconds": costs.warm,
        "ratio_to_torch_lstm": lstm,
        "forward_ratio_to_torch_lstm": next((r.forward for r in costs.ratios if r.against == LSTM), None),
        "torch_lstm_step_seconds": next((r.seconds for r in costs.ratios if r.against == LSTM), None),
        "ratio_to_own_torch_layer": own.step if own else None,
        "forward_ratio_to_own_torch_layer": own.forward if own else None,
        "own_torch_layer_step_seconds": own.seconds if own else None,
    }


def ratio(run: Run, against: str) -> Timing | None:
    """How many times longer a torch.nn layer took for a training step."""
    return next((r.step for r in run.costs.ratios if r.against == against), None)


def own(run: Run) -> str:
    """The torch.nn layer of the very cell, where it is not the LSTM."""
    return next((r.against for r in run.costs.ratios if r.against != LSTM), "")


def _per(amount: float | None, time: Timing | None) -> Timing | None:
    if amount is None or time is None or not time.low:
        return None
    return Timing(median=amount / time.median, low=amount / time.high, high=amount / time.low, n=time.n)


def _over(value: Timing | None, whole: Timing | None) -> Timing | None:
    if value is None or whole is None or not whole.low:
        return None
    return Timing(median=value.median / whole.median, low=value.low / whole.high, high=value.high / whole.low, n=value.n)


class Mean(NamedTuple):
    """The geometric mean over n shapes of a cell's ratio to torch.nn.LSTM on a machine, with the smallest and the largest of them; `of` is the most shapes that any cell was timed at there."""

    cell: str
    engine: str
    setting: str
    machine: str
    value: float
    low: float
    high: float
    n: int
    of: int

    @property
    def counted(self) -> str:
        """How many of the shapes it is over: means over different ones do not compare."""
        return f"{self.n} of {self.of}" if self.n < self.of else f"{self.n}"


def means(runs: Sequence[Run]) -> list[Mean]:
    """One for each cell, engine, setting and machine, by setting and machine; those over all shapes first, the fastest first."""
    found: dict[tuple[str, str, str, str], list[float]] = {}
    for shape, group in shapes(runs).items():
        for run in group:
            timing = ratio(run, LSTM)
            if timing and timing.median:
                found.setdefault((run.spec.cell, run.spec.engine, shape.setting, shape.machine), []).append(timing.median)
    most: dict[tuple[str, str], int] = {}
    for (_, _, *place), values in found.items():
        most[place[0], place[1]] = max(len(values), most.get((place[0], place[1]), 0))
    made = [Mean(*key, math.exp(sum(map(math.log, values)) / len(values)), min(values), max(values), len(values), most[key[2:]]) for key, values in found.items()]
    return sorted(made, key=lambda mean: (mean.setting, mean.machine, mean.n < mean.of, -mean.value))


def table(runs: Sequence[Run]) -> str:
    """Every timing as CSV, a row a run, those without a time too; each number with its low and its high."""
    rows = [_row(run) for run in sorted(runs, key=lambda run: run.file) if isinstance(run.spec, SpeedSpec)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["id"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row(run: Run) -> dict[str, Any]:
    s, costs = run.spec, run.costs
    row: dict[str, Any] = {"id": run.id, "cell": s.cell, "engine": s.engine, **shape_of(run)._asdict(), "status": run.status, "n": costs.step.n if costs.step else 0, "low_to_high": covers(costs.step.n) if costs.step else ""}
    row |= {name: getattr(costs, name) for name in ("parameters", "multiply_adds", "state_bytes", "training_flops")} | {"own_torch_layer": own(run)}
    row |= {f"difference_{dtype}": costs.difference.get(dtype) for dtype in ("float64", "float32", "bfloat16")}
    row["instructions"] = costs.instructions
    row["torch_layers_instructions"] = next((r.instructions for r in costs.ratios), "")
    for name, timing in measured(run).items():
        row |= {name: timing and timing.median, f"{name}_low": timing and timing.low, f"{name}_high": timing and timing.high}
    return row | {"torch": run.where.versions.get("torch"), "commit": run.where.commit}
