"""Forward passes that keep nothing, and bfloat16, beside torch.nn: `nox -s speed -- -k inference`."""

import math
from statistics import median

import pytest
import torch

import suite
from suite.engines import ENGINES, scan
from suite.engines.torch_nn import LAYERS
from suite.experiments.speed import SHAPES, shape
from suite.runs.spec import SpeedSpec
from suite.stats import median_interval
from suite.training.agreement import TOLERANCE, difference
from suite.training.contestants import of_engine, of_torch
from suite.training.measure import interleaved, ratio

CPU = torch.device("cpu")


def many(benchmark):
    return benchmark.enabled if hasattr(benchmark, "enabled") else not benchmark.disabled


def told(benchmark, name, seconds, ours, theirs):
    """The median of the ratios, once printed with its interval."""
    found = median_interval(ratio(seconds, theirs, ours))
    benchmark.extra_info[f"{name}: {theirs} / {ours}"] = found.center
    print(f"\n{name}: {ours} {1e6 * median(seconds[ours]):.1f} us, {theirs} {1e6 * median(seconds[theirs]):.1f} us, {found.center:.2f} times, {found.low:.2f} to {found.high:.2f}, n = {found.n}")
    return found.center


@pytest.mark.benchmark(group="inference")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_passes_beside_the_lstm_of_torch(benchmark, dtype, threads):
    torch.set_num_threads(threads)
    found = {"forward": [], "step": []}
    for length, batch, inputs, units in [tuple(shape(text).values()) for text in SHAPES] if many(benchmark) else [(2, 2, 2, 2)]:
        spec = SpeedSpec(cell="lstm", engine="scan", length=length, batch=batch, inputs=inputs, units=units, dtype=dtype, threads=threads)
        cell = suite.cell("lstm", units)
        assert difference(cell, ENGINES["scan"], inputs, CPU, getattr(torch, dtype)) <= TOLERANCE[getattr(torch, dtype)]
        ours, theirs = of_engine(spec, cell, ENGINES["scan"], length, batch), of_torch(spec, LAYERS["lstm"])
        calls = {"scan forward": ours.inference, "nn forward": theirs.inference}
        calls |= {f"{name} step": lambda c=c: c.gradients(c.forward(None)) for name, c in (("scan", ours), ("nn", theirs))}
        seconds = interleaved(calls, 15 if many(benchmark) else 1, CPU)
        for kind, values in found.items():
            values.append(told(benchmark, f"{kind} {length, batch, inputs, units} {dtype} {threads} threads", seconds, f"scan {kind}", f"nn {kind}"))
    for kind, values in found.items():
        print(f"{kind}, {dtype}, {threads} threads, {scan.instructions(getattr(torch, dtype))}: geometric mean {math.exp(sum(map(math.log, values)) / len(values)):.2f}")
    benchmark.pedantic(ours.inference, rounds=1)
    torch.set_num_threads(1)
