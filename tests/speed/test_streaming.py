"""One step at batch 1 beside those of torch.nn, a row of docs/explanation/engine.md each: `nox -s speed -- -k streaming` prints the table.

Calls take turns, 25 of each, every one long enough for the weights to come from cache; medians with their 95 % intervals. Measure on
a machine that does nothing else.
"""

import pytest
import torch

import suite
from suite.engines import ENGINES, direct
from suite.engines.torch_nn import from_torch
from suite.stats import covers, median_interval
from suite.training.agreement import TOLERANCE, difference
from suite.training.measure import interleaved, ratio

CPU = torch.device("cpu")
REPEATS, SHORTEST = 25, 1e-2  # of every call, seconds of one measurement
F32, BF16 = torch.float32, torch.bfloat16
ROWS = [  # units, inputs, threads, dtype
    *((units, inputs, threads, F32) for threads in (1, 2) for inputs in (1, 128, 512) for units in (128, 256, 512)),
    (512, 1, 1, BF16),
]
OTHERS = ("torch.nn.LSTM", "torch.nn.LSTMCell")


@pytest.fixture
def threads_after():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", autouse=True)
def heading():
    said = direct.refuses()
    how = f"; steps take the longer way: {said}" if said else ""
    print(f"\n\nmedian [{covers(REPEATS)}] of n = {REPEATS}, PyTorch {torch.__version__}{how}\n")
    print(f"| one step, batch 1 | `suite.stream`, µs | {' | '.join(f'`{other}` / it' for other in OTHERS)} |\n|---|---|---|---|")


def shown(values, unit=1.0):
    found = median_interval([unit * value for value in values])
    return f"{found.center:.3g} [{found.low:.3g}, {found.high:.3g}]"


def calls(units, inputs, dtype):
    """The same step three times over, its weights and its state the same."""
    layer, single = torch.nn.LSTM(inputs, units, dtype=dtype), torch.nn.LSTMCell(inputs, units, dtype=dtype)
    single.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    ((cell, params),) = from_torch(layer)
    step, x = suite.stream(cell, params, engine="scan"), torch.randn(1, 1, inputs, dtype=dtype)
    (y, state), carried, last = step(x), layer(x)[1], single(x[0])
    for theirs in (carried[0], last[0]):
        assert torch.allclose(y, theirs, atol=TOLERANCE[dtype])
    return {"suite.stream": lambda: step(x, state), OTHERS[0]: lambda: layer(x, carried), OTHERS[1]: lambda: single(x[0], last)}


@pytest.mark.benchmark(group="streaming")
@pytest.mark.parametrize(("units", "inputs", "threads", "dtype"), ROWS, ids=lambda value: str(value).removeprefix("torch."))
def test_a_streaming_step_beside_those_of_torch(benchmark, threads_after, units, inputs, threads, dtype):
    assert difference(suite.cell("lstm", units), ENGINES["scan"], inputs, CPU, dtype) <= TOLERANCE[dtype]
    torch.set_num_threads(threads)
    many = not getattr(benchmark, "disabled", False)
    with torch.inference_mode():
        made = calls(units, inputs, dtype)
        seconds = interleaved(made, REPEATS if many else 1, CPU, shortest=SHORTEST if many else 0.0)
        benchmark.pedantic(made["suite.stream"], rounds=1)
    ratios = {other: ratio(seconds, other, "suite.stream") for other in OTHERS}
    benchmark.extra_info |= {"seconds": seconds["suite.stream"], **{f"{other} / suite.stream": values for other, values in ratios.items()}}
    name = f"{units} units, {inputs} input{'s' * (inputs > 1)}, {threads} thread{'s' * (threads > 1)}{', bfloat16' * (dtype is BF16)}"
    print(f"| {name} | {shown(seconds['suite.stream'], 1e6)} | {' | '.join(shown(values) for values in ratios.values())} |")
