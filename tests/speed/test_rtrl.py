"""What real-time recurrent learning costs beside backpropagation through time: a training step of the fully recurrent network."""

from statistics import median

import pytest
import torch

import suite
from suite.engines import ENGINES
from suite.runs.spec import SpeedSpec
from suite.stats import median_interval
from suite.training.measure import interleaved, ratio
from suite.training.speed import calls

STEPS, BATCH, INPUTS = 20, 1, 4


@pytest.mark.benchmark(group="rtrl")
@pytest.mark.parametrize("units", [4, 8, 16, 32, 64])
def test_rtrl_beside_backpropagation_through_time(benchmark, units):
    torch.set_num_threads(1)
    many = benchmark.enabled if hasattr(benchmark, "enabled") else not benchmark.disabled
    repeats = 25 if many else 1
    spec = SpeedSpec(cell="rnn-logistic", length=STEPS, batch=BATCH, inputs=INPUTS, units=units)
    cell = suite.cell("rnn-logistic", units)
    steps = {name: calls(spec, cell, ENGINES[name], STEPS, BATCH)[0] for name in ("rtrl", "reference", "hoisted")}
    benchmark.pedantic(steps["rtrl"], rounds=1)
    seconds = interleaved(steps, repeats, torch.device("cpu"))
    for other in ("reference", "hoisted"):
        found = ratio(seconds, "rtrl", other)
        interval = median_interval(found)
        benchmark.extra_info[f"rtrl / {other}"] = median(found)
        print(f"\n({STEPS}, {BATCH}, {INPUTS}, {units}): rtrl {1e3 * median(seconds['rtrl']):.2f} ms, rtrl / {other} {interval.center:.2f}, {interval.low:.2f} to {interval.high:.2f}, {interval.n} pairs")
