"""A step by way of Python's C interface and one by way of ctypes: the same bits and sentences, and nothing lost where the first is missing."""

import gc
import sys
import weakref
from types import MappingProxyType

import pytest
import torch

import suite
from suite.cells import CELLS
from suite.engines import ENGINES, compiler, direct, unroll

UNITS, INPUTS = 5, 3
DTYPES = [torch.float32, torch.float64, torch.bfloat16]


def made(name="lstm", dtype=torch.float32, replicas=2, batch=3):
    cell, generator = CELLS[name](UNITS), torch.Generator().manual_seed(5)
    params = {key: torch.randn(replicas, *shape, generator=generator).to(dtype) for key, shape in cell.shapes(INPUTS).items()}
    xs = torch.randn(6, replicas, batch, INPUTS, generator=generator).to(dtype)
    return cell, params, xs


@pytest.fixture
def headless(monkeypatch):
    """No headers of Python."""
    monkeypatch.setattr(direct, "flags", lambda: ("-include", "no-such-header.h"))


@pytest.fixture
def headed():
    if direct.refuses():
        pytest.skip(direct.refuses())


def through(step, xs):
    """All outputs, all states, and how many steps went the short way."""
    state, outputs, short = None, [], 0
    for x in xs.unbind(0):
        short += step._direct(x, state) is not None
        y, state = step(x, state)
        outputs.append(y)
    return torch.stack(outputs), state, short


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["lstm", "gru-cho", "lstm-fgr", "rnn"])
def test_both_ways_give_the_same_bits(name, dtype, headed, monkeypatch):
    cell, params, xs = made(name, dtype)
    y, state, short = through(suite.stream(cell, params, engine="scan"), xs)
    assert short == len(xs) - 1  # all but the first, whose state and shape are new
    monkeypatch.setattr(direct, "flags", lambda: ("-include", "no-such-header.h"))
    other, theirs, none = through(suite.stream(cell, params, engine="scan"), xs)
    assert none == 0
    assert torch.equal(y, other)
    assert list(state) == list(theirs) == list(cell.state)
    assert all(torch.equal(state[key], theirs[key]) for key in state)
    assert y.dtype == dtype


@pytest.mark.parametrize("name", CELLS)
def test_a_step_of_bfloat16_is_a_sequence_of_one(name):
    cell = CELLS[name](UNITS)
    generator = torch.Generator().manual_seed(7)
    inputs = cell.takes or INPUTS
    params = {key: torch.randn(2, *shape, generator=generator).bfloat16() for key, shape in cell.shapes(inputs).items()}
    xs = torch.randn(3, 2, 4, inputs, generator=generator).bfloat16()
    if ENGINES["scan"].refuses(cell, torch.device("cpu")):
        pytest.skip("not compiled")
    step, state = suite.stream(cell, params, engine="scan"), None
    for x in xs.unbind(0):
        theirs, last = unroll(cell, params, x.unsqueeze(0), state, engine=ENGINES["scan"], noise={row: torch.full((1, 1, 4, m.width), 1 - m.rate).bfloat16() for row, m in cell.masks.items()} or None)
        y, state = step(x, state)
        assert torch.equal(y, theirs[0])
        assert all(torch.equal(state[key], last[key]) for key in last)


def test_what_is_not_a_number_stays_so_in_bfloat16():
    cell, params, xs = made("rnn-relu", torch.bfloat16)
    for odd in (float("nan"), float("inf")):
        x = xs[0].clone()
        x[0, 0, 0] = odd
        y, _ = suite.stream(cell, params, engine="scan")(x)
        theirs, _ = unroll(cell, params, x.unsqueeze(0), engine=ENGINES["scan"])
        assert not torch.isfinite(y).all()
        assert torch.allclose(y, theirs[0], rtol=0, atol=0, equal_nan=True)


class Mine(torch.Tensor):
    """A subclass."""


UNUSUAL = {
    "a subclass": lambda x, s: (x.as_subclass(Mine), s),
    "other strides": lambda x, s: (x.mT.contiguous().mT, s),
    "a state of other strides": lambda x, s: (x, s | {"c": s["c"].mT.contiguous().mT}),
    "a batch that was not seen": lambda x, s: (x[:, :1], {key: value[:, :1].contiguous() for key, value in s.items()}),
    "no state": lambda x, s: (x, None),
    "a part of the state": lambda x, s: (x, {"c": s["c"]}),
    "another mapping": lambda x, s: (x, MappingProxyType(s)),
    "a negative bit": lambda x, s: (torch._neg_view(x), s),
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_what_is_unusual_goes_the_longer_way(kind, headed):
    cell, params, xs = made()
    step = suite.stream(cell, params, engine="scan")
    _, state = step(xs[0])
    assert step._direct(xs[0], state) is not None
    x, given = UNUSUAL[kind](xs[1], state)
    assert step._direct(x, given) is None
    full = {key: torch.zeros(2, x.shape[1], UNITS) for key in state} | dict(given or {})
    theirs, _ = unroll(cell, params, (x.as_subclass(torch.Tensor) + 0).unsqueeze(0), full, engine=ENGINES["scan"])
    y, last = step(x, given)
    assert torch.equal(y, theirs[0])
    assert step._direct(xs[1][:, : x.shape[1]].contiguous(), last) is not None  # and the next goes the short one


def test_mistakes_are_told_after_good_steps_too():
    cell, params, xs = made()
    step = suite.stream(cell, params, engine="scan")
    _, state = step(xs[0])
    step(xs[1], state)
    for x, given, sentence in [
        (xs[0].double(), state, "x is torch.float64"),
        (xs[0][0, 0], state, "x must be"),
        (xs[0], state | {"d": state["c"]}, "'d' is no state"),
        (xs[0], {"h": state["h"], "d": state["c"]}, "'d' is no state"),
        (xs[0], state | {"c": state["c"][:, :2]}, "state 'c' must be"),
        (xs[0], state | {"c": state["c"].double()}, "state 'c' must be"),
        (xs[0].clone().requires_grad_(), state, "a stream takes no gradient"),
        (xs[0], state | {"c": state["c"].clone().requires_grad_()}, "a stream takes no gradient"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            step(x, given)
    with torch.no_grad():
        assert torch.equal(step(xs[0].clone().requires_grad_(), state)[0], step(xs[0], state)[0])


def test_new_tensors_are_those_of_the_callers_mode(headed):
    cell, params, xs = made()
    step = suite.stream(cell, params, engine="scan")
    _, state = step(xs[0])
    for mode, known in ((torch.inference_mode, True), (torch.no_grad, False)):
        with mode():
            y, last = step._direct(xs[1], state)
        assert y is last["h"]
        assert y.is_inference() is known
        assert not y.requires_grad
        assert last["c"].data_ptr() not in (y.data_ptr(), state["c"].data_ptr())


def test_nothing_is_held_on_to(headed):
    cell, params, xs = made()
    step = suite.stream(cell, params, engine="scan")
    state = step(xs[0])[1]
    things = (xs, state, *state, *state.values())
    before = [sys.getrefcount(thing) for thing in things]
    for _ in range(100):
        step(xs[1], state)
        step(xs[1].double().float(), state | {"c": state["c"].clone()})
    assert [sys.getrefcount(thing) for thing in things] == before
    y, last = step(xs[2], state)
    ends = [weakref.ref(y), weakref.ref(last["c"]), weakref.ref(step._step)]
    del y, last, step
    gc.collect()
    assert [end() for end in ends] == [None] * 3


def test_without_headers_the_engine_says_why_and_steps(headless):
    cell, params, xs = made()
    sentence = direct.refuses()
    assert "no-such-header.h" in sentence
    assert "\n" not in sentence
    step = suite.stream(cell, params, engine="scan")
    y, _state = step(xs[0])
    theirs, _ = unroll(cell, params, xs[:1], engine=ENGINES["scan"])
    assert torch.equal(y, theirs[0])


def test_an_unknown_layout_of_tensors_is_left_alone(monkeypatch):
    direct.offset.cache_clear()
    monkeypatch.setattr(direct, "object", type("Odd", (), {"__basicsize__": 0}), raising=False)  # there is the count of references, and the type
    try:
        assert "wraps tensors in a way that is not known" in direct.refuses()
        cell, params, _xs = made()
        assert suite.stream(cell, params, engine="scan")._step.direct is None
    finally:
        direct.offset.cache_clear()


def test_another_torch_or_python_has_an_entry_of_its_own(headed, monkeypatch):
    texts = []
    monkeypatch.setattr(compiler, "library", lambda text, *flags: texts.append((text, flags)) or compiler.ctypes.CDLL(None))
    monkeypatch.setattr(direct.ctypes, "PyDLL", lambda *_, **__: type("Library", (), {"direct": type("F", (), {})(), "know": type("F", (), {})()}))
    direct.loaded()
    monkeypatch.setattr(torch, "__version__", "9.9.9")
    direct.loaded()
    monkeypatch.setattr(direct.sysconfig, "get_config_var", lambda name: "cpython-999")
    direct.loaded()
    assert len(set(texts)) == 3


def misaligned(tensor):
    """The same values one byte off, as memory from elsewhere may lie."""
    raw = torch.zeros(tensor.numel() * tensor.itemsize + 1, dtype=torch.uint8)
    moved = torch.frombuffer(raw.numpy(), dtype=tensor.dtype, offset=1, count=tensor.numel()).view(tensor.shape)
    moved.copy_(tensor)
    assert moved.data_ptr() % tensor.itemsize
    return moved


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("headers", [True, False])
def test_memory_that_lies_between_elements_gives_the_same_bits(dtype, headers, request):
    request.getfixturevalue("headed" if headers else "headless")
    cell, params, xs = made(dtype=dtype)
    step = suite.stream(cell, params, engine="scan")
    _, state = step(xs[0])
    usual, ours = step(xs[1], state), step(misaligned(xs[1]), {name: misaligned(value) for name, value in state.items()})
    assert torch.equal(usual[0], ours[0])
    assert all(torch.equal(usual[1][name], ours[1][name]) for name in state)
