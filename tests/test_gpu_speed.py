"""What `carrousel speed --device cuda` rests on: events, the allocator's peak, FlashRNN's layout. A GPU is faked."""

import sys
import types

import pytest
import torch

from suite.cells import CELLS
from suite.engines import ENGINES, ON_CUDA, Refused, flashrnn, unroll
from suite.engines.engine import Engine
from suite.runs import SpeedSpec
from suite.training import measure, speed

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def card(monkeypatch):
    """A device whose clock runs only while it works: `card.work(ms)`; what was asked of it, in order."""

    class Card:
        now, asked, allocated, most = 0.0, [], 0, 0

        def work(self, milliseconds, bytes_=0):
            self.now += milliseconds
            self.most = max(self.most, self.allocated + bytes_)

    made = Card()
    made.asked = []

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self, stream):
            made.asked.append("event")
            self.at = made.now

        def elapsed_time(self, other):
            return other.at - self.at

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: None)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: made.asked.append("wait"))
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: made.allocated)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: setattr(made, "most", made.allocated))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: made.most)
    return made


def test_time_on_a_gpu_is_that_between_events_and_nothing_waits_inside(card):
    found = measure.in_parts({"a": [lambda _: card.work(20), lambda _: card.work(60)], "b": [lambda _: card.work(5)]}, 3, CUDA, warmup=1)
    assert found["a"] == [[pytest.approx(0.020), pytest.approx(0.060)]] * 3
    assert found["b"] == [[pytest.approx(0.005)]] * 3
    assert "".join(word[0] for word in card.asked).startswith("weeew" * 2 + "weew" * 2)  # a warm-up and a first measurement each


def test_short_calls_are_repeated_between_two_events(card):
    found = measure.interleaved({"a": lambda: card.work(0.1)}, 2, CUDA, warmup=0, shortest=1e-3)
    assert found["a"] == [pytest.approx(1e-4)] * 2


def test_peak_memory_on_a_gpu_is_the_allocators(card):
    card.allocated = 100
    assert measure.peak_bytes(lambda: card.work(1, 70), CUDA) == 70


# FlashRNN


def step_of(function, wx, ry, b, states):
    """Its equations, from its documentation: gates second, heads third."""
    if function == "elman":
        return [torch.tanh(wx[:, 0] + ry[:, 0] + b[0])]
    if function == "lstm":
        i, f, z, o = (wx + ry + b).unbind(1)
        c = f.sigmoid() * states[1] + i.sigmoid() * z.tanh()
        return [o.sigmoid() * c.tanh(), c]
    g, r, z = ry[:, 0] + b[0], (wx[:, 0] + ry[:, 1] + b[1]).sigmoid(), (wx[:, 1] + ry[:, 2] + b[2]).sigmoid()
    return [z * states[0] + (1 - z) * torch.tanh(wx[:, 2] + b[3] + r * g)]


def fake_flashrnn(wx, recurrent, bias, states, function, backend, dtype):
    """wx (B, T, G, H, D), recurrent (G, H, D, P), bias (G, H, D), states (S, B, 1, H, D) -> all and last states (S, B, T, H, D)."""
    assert str(wx.dtype) == f"torch.{dtype}"
    now, found = [state[:, 0] for state in states], []
    for x in wx.unbind(1):
        now = step_of(function, x, torch.einsum("bhp,ghdp->bghd", now[0], recurrent), bias, now)
        found.append(torch.stack(now))
    return torch.stack(found, 2), found[-1].unsqueeze(2)


@pytest.fixture
def package(monkeypatch):
    monkeypatch.setitem(sys.modules, "flashrnn", types.SimpleNamespace(flashrnn=fake_flashrnn))


def of(name, dtype=torch.float32):
    generator, cell = torch.Generator().manual_seed(2), CELLS[name](4)
    params = {key: (torch.rand(3, *shape, generator=generator) - 0.5).to(dtype).requires_grad_() for key, shape in cell.shapes(2).items()}
    state = {key: torch.rand(3, 5, width, generator=generator).to(dtype) for key, width in cell.state.items()}
    return cell, params, torch.rand(6, 1, 5, 2, generator=generator).to(dtype), state


@pytest.mark.parametrize("name", flashrnn.GATES)
def test_rows_replicas_and_states_go_where_flashrnn_wants_them(package, name):
    cell, params, x, state = of(name)
    results = []
    for run in (flashrnn.unroll, ENGINES["reference"].unroll):
        y, last = run(cell, params, x, state, None, {})
        results.append([y, *last.values(), *torch.autograd.grad(y.sin().sum() + sum(v.cos().sum() for v in last.values()), list(params.values()))])
    assert all(torch.allclose(a, b, rtol=0, atol=1e-5) for a, b in zip(*results, strict=True))
    assert results[0][0].shape == (6, 3, 5, 4)


@pytest.mark.parametrize("name", flashrnn.GATES)
def test_the_package_itself_computes_the_same_in_its_plain_form(monkeypatch, name):
    pytest.importorskip("flashrnn", reason="flashrnn is not installed: `pip install flashrnn`")
    monkeypatch.setattr(flashrnn, "BACKEND", "vanilla")
    cell, params, x, state = of(name)
    y, last = flashrnn.unroll(cell, params, x, state, None, {})
    theirs, end = unroll(cell, params, x, state, engine=ENGINES["reference"])
    assert torch.allclose(y, theirs, rtol=0, atol=1e-5)
    assert all(torch.allclose(last[key], end[key], rtol=0, atol=1e-5) for key in end)


def test_flashrnn_refuses_in_words(monkeypatch, package):
    monkeypatch.setattr(flashrnn.importlib.util, "find_spec", lambda name: None)
    engine = ENGINES["flashrnn"]
    assert "its package is not installed (`pip install flashrnn`" in engine.refuses(CELLS["lstm"](4), CUDA)
    assert engine.refuses(CELLS["mgu"](4), CUDA) == "engine 'flashrnn' has no kernel for 'mgu': it computes rnn, lstm, gru only"
    assert "for 'rnn-relu'" in engine.refuses(CELLS["rnn-relu"](4), CUDA)
    monkeypatch.setattr(flashrnn.importlib.util, "find_spec", lambda name: True)
    assert engine.refuses(CELLS["lstm"](4), CUDA) is None
    assert "runs on CUDA and not on cpu: 'lstm'" in engine.refuses(CELLS["lstm"](4), CPU)
    cell, params, x, state = of("gru", torch.float64)
    assert engine.lacks(cell, torch.float64, CUDA) == "engine 'flashrnn' computes in float32, bfloat16 and float16, not in float64: 'gru' is left to another engine"
    assert engine.lacks(cell, torch.float32, CUDA) is None
    with pytest.raises(Refused, match="takes no mask: 'gru'"):
        flashrnn.unroll(cell, params, x, state, torch.ones(6, 1, 5, dtype=torch.bool), {})


def test_an_engine_without_doubles_is_held_to_the_reference_in_what_it_has(package, monkeypatch):
    monkeypatch.setitem(ENGINES, "flashrnn", Engine("flashrnn", flashrnn.unroll, lacks=flashrnn.lacks))
    spec = SpeedSpec(cell="gru", units=4, inputs=2, engine="flashrnn")
    gate = speed.barred(CELLS["gru"](4), ENGINES["flashrnn"], spec, CPU)
    assert gate.barred is None
    assert set(gate.difference) == {"float32"}


@pytest.mark.parametrize(("device", "expected"), [("cpu", False), ("cuda", True)])
def test_graphs_and_flashrnn_are_timed_on_a_gpu_only(device, expected, capsys, tmp_path):
    from suite.cli import main

    with pytest.raises(SystemExit) as left:
        main(["speed", "--device", device, "--cell", "lstm", "--shape", "3,2,2,4", "--dry-run", "--out", str(tmp_path)])
    said = capsys.readouterr().out
    assert left.value.code == 0
    assert all((f"engine {name}" in said or f"lstm {name}" in said) == expected for name in ON_CUDA)
    assert "compiled" not in said
