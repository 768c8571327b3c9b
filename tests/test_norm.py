"""Layer normalisation: torch's own on concatenated rows, what it makes a cell deaf to, one unit, counts."""

import pytest
import torch
from torch.nn.functional import layer_norm

import suite
from suite.cells.norm import CELLS, EPSILON, normalised
from suite.engines import ENGINES, unroll
from suite.training.agreement import difference

INPUTS, UNITS, B, T = 3, 5, 2, 6
F64 = torch.float64
CPU = torch.device("cpu")


def drawn(name, units=UNITS, scale=1.0):
    """All parameters at random, gains and biases included; those of what is normalised times `scale`."""
    generator = torch.Generator().manual_seed(0)
    shapes = CELLS[name](units).shapes(INPUTS)
    inside = (".x", ".h", ".b") if name == "lstm-ln-gate" else (".x", ".h")
    return {key: torch.randn(1, *shape, generator=generator, dtype=F64) * (scale if key.endswith(inside) else 1.0) for key, shape in shapes.items()}


X = torch.randn(T, 1, B, INPUTS, generator=torch.Generator().manual_seed(9), dtype=F64)


def outputs(name, params, engine="reference", x=X):
    cell = CELLS[name](params["z.b"].shape[-1])
    y, last = unroll(cell, params, x, engine=ENGINES[engine])
    return torch.cat([y, *(value.unsqueeze(0) for value in last.values())])


def N(v, gain, bias=None):
    return layer_norm(v, v.shape[-1:], gain.flatten(), None if bias is None else bias.flatten(), 1e-5)


def joined(p, names):
    """Several parameters one under, or beside, the other."""
    return torch.cat([p[name][0] for name in names.split()], 0 if names[-2:] in (".x", ".h") else -1)


def lstm(i, f, o, z, c, p):
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(z)
    return torch.sigmoid(o) * torch.tanh(N(c, p["g_c"], p["b_c"])), c


def lstm_ln(p, x, h, c):
    hx, hh = x @ joined(p, "fx.x ix.x ox.x zx.x").T, h @ joined(p, "fh.h ih.h oh.h zh.h").T
    rows = N(hx, joined(p, "g_fx g_ix g_ox g_zx")) + N(hh, joined(p, "g_fh g_ih g_oh g_zh")) + joined(p, "f.b i.b o.b z.b")
    f, i, o, z = rows.chunk(4, -1)
    return lstm(i, f, o, z, c, p)


def lstm_ln_gate(p, x, h, c):
    i, f, o, z = (N(x @ p[f"{r}.x"][0].T + h @ p[f"{r}.h"][0].T + p[f"{r}.b"][0], p[f"g_{r}"], p[f"b_{r}"]) for r in "ifoz")
    return lstm(i, f, o, z, c, p)


def gru_ln(p, x, h, c):
    hx, hh = x @ joined(p, "zx.x rx.x").T, h @ joined(p, "zh.h rh.h").T
    z, r = (N(hx, joined(p, "g_zx g_rx")) + N(hh, joined(p, "g_zh g_rh")) + joined(p, "z.b r.b")).chunk(2, -1)
    inside = N(h @ p["mh.h"][0].T, p["g_mh"], p["m.b"])
    n = torch.tanh(N(x @ p["nx.x"][0].T, p["g_nx"], p["n.b"]) + torch.sigmoid(r) * inside)
    return (1 - torch.sigmoid(z)) * h + torch.sigmoid(z) * n, c


BY_HAND = {"lstm-ln": lstm_ln, "lstm-ln-gate": lstm_ln_gate, "gru-ln": gru_ln}


@pytest.mark.parametrize("units", [1, 2, UNITS])
@pytest.mark.parametrize("name", CELLS)
def test_equals_torchs_layer_norm_on_concatenated_rows(name, units):
    params = {key: value.requires_grad_() for key, value in drawn(name, units).items()}
    cell = CELLS[name](units)
    h, c = (torch.randn(B, units, generator=torch.Generator().manual_seed(seed), dtype=F64) for seed in (1, 2))
    start = {key: value.unsqueeze(0) for key, value in {"h": h, "c": c}.items() if key in cell.state}
    found, last = unroll(cell, params, X, start, engine=ENGINES["reference"])
    made = []
    for x in X[:, 0]:
        h, c = BY_HAND[name](params, x, h, c)
        made.append(h)
    wanted = torch.stack(made).unsqueeze(1)
    torch.testing.assert_close(found, wanted, atol=1e-12, rtol=0)
    torch.testing.assert_close(last.get("c", c.unsqueeze(0)), c.unsqueeze(0), atol=1e-12, rtol=0)
    slopes = [torch.autograd.grad(value.cos().sum(), list(params.values()), materialize_grads=True) for value in (found, wanted)]
    for ours, theirs in zip(*slopes, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=1e-9)


def test_rows_together_are_their_concatenation():
    rows = [torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(seed), dtype=F64) for seed in range(3)]
    found = torch.cat(normalised(*rows), -1)
    torch.testing.assert_close(found, layer_norm(torch.cat(rows, -1), (12,), eps=EPSILON), atol=1e-13, rtol=0)
    assert not torch.allclose(found, torch.cat([normalised(row)[0] for row in rows], -1), atol=0.01)


LARGE = 1e5  # of matrices, so that the 1e-5 beside the variance is nothing


def times(factor, *names):
    return lambda p: {key: value * factor if key in names else value for key, value in p.items()}


def shifted(*names):
    """The same row added to every row of these matrices: their products gain a number, the same for all units."""
    return lambda p: {key: value + LARGE * torch.linspace(-1, 1, value.shape[-1], dtype=F64) if key in names else value for key, value in p.items()}


RECURRENT, INPUT = ("zh.h", "ih.h", "fh.h", "oh.h"), ("zx.x", "ix.x", "fx.x", "ox.x")
DEAF = [  # a cell, a change, whether it is deaf to it
    ("lstm-ln", times(3, *RECURRENT), True),
    ("lstm-ln", times(3, *INPUT), True),
    ("lstm-ln", times(-3, *RECURRENT), False),
    ("lstm-ln", times(3, "zh.h"), False),
    ("lstm-ln", shifted(*INPUT), True),
    ("lstm-ln", shifted(*RECURRENT), True),
    ("lstm-ln", shifted("zx.x"), False),
    ("lstm-ln", shifted(*(key.replace("x", "h") for key in INPUT[1:])), False),
    ("lstm-ln-gate", times(3, "z.x", "z.h", "z.b"), True),
    ("lstm-ln-gate", times(3, "z.x", "z.h"), False),
    ("lstm-ln-gate", shifted("f.x"), True),
    ("lstm-ln-gate", shifted("o.h"), True),
    ("gru-ln", times(3, "zh.h", "rh.h"), True),
    ("gru-ln", times(3, "zx.x", "rx.x"), True),
    ("gru-ln", times(3, "nx.x"), True),
    ("gru-ln", times(3, "mh.h"), True),
    ("gru-ln", times(3, "zh.h"), False),
    ("gru-ln", shifted("zx.x", "rx.x"), True),
    ("gru-ln", shifted("rx.x"), False),
    ("gru-ln", shifted("mh.h"), True),
]


@pytest.mark.parametrize(("name", "changed", "deaf"), DEAF)
def test_what_a_normalised_cell_is_deaf_to(name, changed, deaf):
    params = drawn(name, scale=LARGE)
    off = (outputs(name, params) - outputs(name, changed(params))).abs().max()
    assert off < 1e-8 if deaf else off > 1e-2


def test_one_unit_alone_is_its_bias():
    p = drawn("lstm-ln-gate", 1)
    p = {key: value.requires_grad_() for key, value in p.items()}
    y, last = unroll(CELLS["lstm-ln-gate"](1), p, X, engine=ENGINES["reference"])
    c = torch.zeros(1, 1, 1, dtype=F64)
    for _ in range(T):
        c = torch.sigmoid(p["b_f"]) * c + torch.sigmoid(p["b_i"]) * torch.tanh(p["b_z"])
    torch.testing.assert_close(last["c"], c.expand(1, B, 1))
    torch.testing.assert_close(y, (torch.sigmoid(p["b_o"]) * torch.tanh(p["b_c"])).expand_as(y))
    slopes = dict(zip(p, torch.autograd.grad(y.sum() + last["c"].sum(), list(p.values())), strict=True))
    assert all(value.isfinite().all() for value in slopes.values())
    assert all(value.any() == key.startswith("b_") for key, value in slopes.items())


@pytest.mark.parametrize("engine", ["reference", "hoisted"])
@pytest.mark.parametrize("name", CELLS)
def test_rows_without_any_variance_are_finite_and_so_are_their_gradients(name, engine):
    params = {key: (value * 0).requires_grad_() for key, value in drawn(name).items()}
    y = outputs(name, params, engine, x=0 * X)
    assert all(value.isfinite().all() for value in (y, *torch.autograd.grad(y.sum(), list(params.values()), materialize_grads=True)))


@pytest.mark.parametrize("name", CELLS)
def test_every_extra_says_where_it_starts(name):
    cell = CELLS[name](UNITS)
    assert set(cell.initial) == set(cell.extra)
    assert all(value == (1.0 if key.startswith("g_") else 0.0) for key, value in cell.initial.items())
    assert set(cell.extra.values()) == {UNITS}


def test_gates_do_what_the_table_says():
    assert CELLS["lstm-ln"](2).gates == CELLS["lstm-ln-gate"](2).gates == {"i": "in", "f": "keep", "o": "out"}
    cell = CELLS["gru-ln"](UNITS)
    assert cell.gates == {"r": "reset", "z": "new"}
    h = torch.randn(1, B, UNITS, generator=torch.Generator().manual_seed(1), dtype=F64)
    y, _ = unroll(cell, drawn("gru-ln") | {"z.b": torch.full((1, 1, UNITS), -1000.0, dtype=F64)}, X, {"h": h}, engine=ENGINES["reference"])
    assert torch.equal(y, h.expand_as(y))  # nothing new


@pytest.mark.parametrize(("name", "count"), [
    ("lstm-ln", lambda n, m: 4 * n * (m + n + 1) + 8 * n + 2 * n),
    ("lstm-ln-gate", lambda n, m: 4 * n * (m + n + 1) + 8 * n + 2 * n),
    ("gru-ln", lambda n, m: 3 * n * (m + n) + 4 * n + 6 * n),
])
def test_number_of_parameters(name, count):
    assert suite.cell(name, 7).costs(5)["parameters"] == count(7, 5)


@pytest.mark.parametrize("name", [f"{name}(drop=0.25, on='{on}')" for name in CELLS for on in ("candidate", "state", "memory") if (name, on) != ("gru-ln", "memory")])
def test_recurrent_dropout_is_the_same_on_every_engine(name):
    cell = suite.cell(name, UNITS)
    assert "C++ compiler" in (ENGINES["scan"].refuses(cell, CPU) or "C++ compiler")  # the one thing that scan may lack
    for engine in ENGINES.values():
        assert engine.by_name or engine.refuses(cell, CPU) or difference(cell, engine, INPUTS, CPU) < 1e-10
