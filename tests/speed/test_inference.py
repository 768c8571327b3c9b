"""Forward passes that keep nothing, one step at a time, and bfloat16, beside torch.nn: `nox -s speed -- -k inference`."""

import math
from statistics import median

import pytest
import torch

import suite
from suite.engines import ENGINES, scan
from suite.engines.torch_nn import LAYERS, from_torch
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


@pytest.mark.benchmark(group="inference")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("inputs", [1, 128, 512])
@pytest.mark.parametrize("units", [128, 256, 512])
def test_one_streaming_step_beside_those_of_torch(benchmark, units, inputs, threads):
    torch.set_num_threads(threads)
    layer, single = torch.nn.LSTM(inputs, units), torch.nn.LSTMCell(inputs, units)
    ((cell, params),) = from_torch(layer)
    assert difference(cell, ENGINES["scan"], inputs, CPU, torch.float32) <= TOLERANCE[torch.float32]
    step, x = suite.stream(cell, params, engine="scan"), torch.randn(1, 1, inputs)
    with torch.inference_mode():
        y, state = step(x)
        carried, last = layer(x)[1], single(x[0])
        assert torch.allclose(y, carried[0], atol=1e-6)
        calls = {"stream": lambda: step(x, state), "nn.LSTM": lambda: layer(x, carried), "nn.LSTMCell": lambda: single(x[0], last)}
        seconds = interleaved(calls, 25 if many(benchmark) else 1, CPU, shortest=1e-2)  # long enough for the weights to come from cache
        benchmark.pedantic(calls["stream"], rounds=1)
    for other in ("nn.LSTM", "nn.LSTMCell"):
        told(benchmark, f"one step, batch 1, {inputs} inputs, {units} units, {threads} threads", seconds, "stream", other)
    torch.set_num_threads(1)
