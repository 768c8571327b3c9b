"""Cells are proved by their limits, by steps worked by hand, and by counting their parameters."""

import math

import pytest
import torch

import suite
from suite.engines import ENGINES, unroll

INPUTS, UNITS, B, T = 3, 4, 2, 6


def drawn(cell, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(1, *shape, generator=generator, dtype=torch.float64) for name, shape in cell.shapes(INPUTS).items()}


def outputs(name, params):
    x = torch.randn(T, 1, B, INPUTS, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    return unroll(suite.cell(name, UNITS), params, x, engine=ENGINES["reference"])[0]


def without_peepholes(p):
    return p | {name: torch.zeros(1, 1, UNITS, dtype=torch.float64) for name in ("p_i", "p_f", "p_o")}


def gates(r, z):
    """A plain RNN's weights as a GRU's, its gates pinned at r and z."""

    def mapped(p):
        zero, square = torch.zeros_like(p["a.x"]), torch.zeros_like(p["a.h"])
        shut = {"r.x": zero, "z.x": zero, "r.h": square, "z.h": square, "r.b": torch.full_like(p["a.b"], 50.0 * r), "z.b": torch.full_like(p["a.b"], 50.0 * z)}
        return shut | {"n.x": p["a.x"], "n.h": p["a.h"], "n.b": p["a.b"]}

    return mapped


def torch_gates(p):
    """As above for the GRU that resets after the product."""
    mapped = gates(1, -1)(p)
    return {key: value for key, value in mapped.items() if key != "n.h"} | {"m.h": p["a.h"], "m.b": torch.zeros_like(p["a.b"])}


def one_bias_moved(p):
    """`gru` with no reset is `gru-cho` with no reset."""
    shut = p | {"r.x": 0 * p["r.x"], "r.h": 0 * p["r.h"], "r.b": 0 * p["r.b"] + 50.0}
    return {key: value for key, value in shut.items() if key != "n.h"} | {"m.h": p["n.h"], "m.b": 0 * p["n.b"]}


def open_reset(p):
    return p | {"r.x": 0 * p["r.x"], "r.h": 0 * p["r.h"], "r.b": 0 * p["r.b"] + 50.0}


same = dict

LIMITS = [  # a cell, its parameters; another, and its parameters made from those of the first
    ("lstm", same, "lstm-peephole", without_peepholes),
    ("rnn", same, "gru-cho", gates(r=1, z=-1)),
    ("rnn", same, "gru", torch_gates),
    ("gru-cho", open_reset, "gru", one_bias_moved),
]


@pytest.mark.parametrize(("one", "own", "other", "mapped"), LIMITS, ids=[f"{one} is {other}" for one, _, other, _ in LIMITS])
def test_limit(one, own, other, mapped):
    params = drawn(suite.cell(one, UNITS))
    torch.testing.assert_close(outputs(one, own(params)), outputs(other, mapped(params)), atol=1e-12, rtol=1e-12)


def test_relu_rnn_is_the_rnn_where_tanh_is_linear():
    params = {name: value.abs() * 1e-5 for name, value in drawn(suite.cell("rnn", UNITS)).items()}
    x = torch.ones(T, 1, B, INPUTS, dtype=torch.float64)
    one, other = (unroll(suite.cell(name, UNITS), params, x, engine=ENGINES["reference"])[0] for name in ("rnn", "rnn-relu"))
    torch.testing.assert_close(one, other, atol=0, rtol=1e-8)


def test_logistic_rnn_is_the_rnn_on_another_scale():
    # s(v) = (1 + tanh(v / 2)) / 2, so its units are (1 + h) / 2 of an rnn that hears U / 4, W / 2 and half of b + U 1/2, from h = -1 on
    params = drawn(suite.cell("rnn-logistic", UNITS))
    half = {"a.x": params["a.x"] / 2, "a.h": params["a.h"] / 4, "a.b": (params["a.b"] + params["a.h"].sum(-1).unsqueeze(1) / 2) / 2}
    x = torch.randn(T, 1, B, INPUTS, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    h, _ = unroll(suite.cell("rnn", UNITS), half, x, {"h": -torch.ones(1, B, UNITS, dtype=torch.float64)}, engine=ENGINES["reference"])
    torch.testing.assert_close(outputs("rnn-logistic", params), (1 + h) / 2, atol=1e-12, rtol=1e-12)


def test_rnn_logistic_by_hand():
    found = worked("rnn-logistic", {"a.x": 0.5, "a.h": -2.0, "a.b": 0.1}, 3.0, {"h": 0.25})
    assert found["h"] == pytest.approx(sigmoid(1.5 - 0.5 + 0.1), rel=1e-12)


def test_z_keeps_the_old_state():
    for name in ("gru", "gru-cho"):
        cell = suite.cell(name, UNITS)
        params = drawn(cell) | {"z.b": torch.full((1, 1, UNITS), 1000.0, dtype=torch.float64)}
        h = torch.randn(1, B, UNITS, dtype=torch.float64)
        y, _ = unroll(cell, params, torch.randn(T, 1, B, INPUTS, dtype=torch.float64), {"h": h}, engine=ENGINES["reference"])
        torch.testing.assert_close(y, h.expand_as(y), atol=1e-12, rtol=0)


def worked(name, params, x, state):
    """One unit, one input, one step: floats in, floats out."""
    cell = suite.cell(name, 1)
    tensors = {key: torch.full((1, 1, 1), value, dtype=torch.float64) for key, value in params.items()}
    start = {key: torch.full((1, 1, 1), value, dtype=torch.float64) for key, value in state.items()}
    y, last = unroll(cell, tensors, torch.full((1, 1, 1, 1), x, dtype=torch.float64), start, engine=ENGINES["reference"])
    assert float(y) == float(last["h"])
    return {key: float(value) for key, value in last.items()}


def sigmoid(v):
    return 1 / (1 + math.exp(-v))


def test_lstm_peephole_by_hand():
    weights = {"z.x": 0.5, "z.h": -1.0, "z.b": 0.1, "i.x": 1.0, "i.h": 0.5, "i.b": -0.2, "f.x": -0.5, "f.h": 0.3, "f.b": 1.0, "o.x": 0.8, "o.h": -0.6, "o.b": 0.0}
    found = worked("lstm-peephole", weights | {"p_i": 0.7, "p_f": -0.4, "p_o": 1.5}, 2.0, {"h": 0.5, "c": -1.0})
    # z = tanh(1 - 0.5 + 0.1) = tanh 0.6; i = s(2 + 0.25 - 0.2 - 0.7) = s 1.35; f = s(-1 + 0.15 + 1 + 0.4) = s 0.55
    c = math.tanh(0.6) * sigmoid(1.35) - 1.0 * sigmoid(0.55)
    h = math.tanh(c) * sigmoid(1.3 + 1.5 * c)  # o sees the new cell: 1.6 - 0.3
    assert (found["c"], found["h"]) == (pytest.approx(c, rel=1e-12), pytest.approx(h, rel=1e-12))
    assert (c, h) == (pytest.approx(-0.207649, abs=1e-6), pytest.approx(-0.149195, abs=1e-6))


def test_gru_cho_by_hand():
    weights = {"r.x": 1.0, "r.h": -2.0, "r.b": 0.5, "z.x": -0.5, "z.h": 0.4, "z.b": 0.5, "n.x": 0.7, "n.h": 2.0, "n.b": -0.1}
    found = worked("gru-cho", weights, 1.0, {"h": 0.5})
    # r = s(1 - 1 + 0.5) = s 0.5; z = s(-0.5 + 0.2 + 0.5) = s 0.2; n = tanh(0.7 + 2 * 0.5 r - 0.1)
    z, n = sigmoid(0.2), math.tanh(0.6 + sigmoid(0.5))
    assert found["h"] == pytest.approx(z * 0.5 + (1 - z) * n, rel=1e-12)
    assert found["h"] == pytest.approx(0.653227, abs=1e-6)


def test_gru_by_hand():
    weights = {"r.x": 1.0, "r.h": -2.0, "r.b": 0.5, "z.x": -0.5, "z.h": 0.4, "z.b": 0.5, "n.x": 0.7, "n.b": -0.1, "m.h": 2.0, "m.b": 0.3}
    found = worked("gru", weights, 1.0, {"h": 0.5})
    assert found["h"] == pytest.approx(sigmoid(0.2) * 0.5 + (1 - sigmoid(0.2)) * math.tanh(0.6 + sigmoid(0.5) * 1.3), rel=1e-12)


@pytest.mark.parametrize(("x", "h"), [(3, 5), (1, 1), (28, 128)])
@pytest.mark.parametrize(("name", "count"), [
    ("rnn", lambda x, h: h * (h + x + 1)),
    ("rnn-relu", lambda x, h: h * (h + x + 1)),
    ("rnn-logistic", lambda x, h: h * (h + x + 1)),
    ("gru-cho", lambda x, h: 3 * ((x + h) * h + h)),
    ("gru", lambda x, h: 3 * ((x + h) * h + h) + h),
    ("lstm", lambda x, h: 4 * h * (h + x + 1)),
    ("lstm-peephole", lambda x, h: 4 * h * (h + x + 1) + 3 * h),
])
def test_number_of_parameters(name, count, x, h):
    cell = suite.cell(name, h)
    assert cell.costs(x)["parameters"] == count(x, h) == sum(rows * columns for rows, columns in cell.shapes(x).values())


@pytest.mark.parametrize(("name", "adds", "state"), [("rnn", 1, 1), ("lstm", 4, 2), ("lstm-peephole", 4, 2), ("gru", 3, 1), ("gru-cho", 3, 1)])
def test_multiply_adds_and_state(name, adds, state):
    costs = suite.cell(name, 8).costs(5)
    assert costs["multiply_adds"] == adds * 8 * (8 + 5)
    assert costs["state"] == state * 8


CONTRACT = {
    "rnn": "a.x a.h a.b",
    "rnn-relu": "a.x a.h a.b",
    "rnn-logistic": "a.x a.h a.b",
    "lstm": "z.x z.h z.b i.x i.h i.b f.x f.h f.b o.x o.h o.b",
    "lstm-peephole": "z.x z.h z.b i.x i.h i.b f.x f.h f.b o.x o.h o.b p_i p_f p_o",
    "gru": "r.x r.h r.b z.x z.h z.b n.x n.b m.h m.b",
    "gru-cho": "r.x r.h r.b z.x z.h z.b n.x n.h n.b",
}


@pytest.mark.parametrize("name", CONTRACT)
def test_parameter_names_and_shapes_are_the_contract(name):
    shapes = suite.cell(name, UNITS).shapes(INPUTS)
    assert set(shapes) == set(CONTRACT[name].split())
    for key, shape in shapes.items():
        assert shape == ((UNITS, INPUTS) if key.endswith(".x") else (UNITS, UNITS) if key.endswith(".h") else (1, UNITS))
