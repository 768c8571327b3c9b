"""Every cell passes the battery; the family's limits, steps worked by hand, Jacobians at the corners of the gates, weight counts."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import suite
from suite.cells import ALIASES, CELLS, lstm
from suite.cells.lstm import V
from suite.cells.lstms import OLD
from suite.engines import ENGINES, unroll
from suite.launch.describe import listing
from suite.training.agreement import difference
from suite.training.check import PROPERTIES, check

INPUTS, UNITS, B, T = 3, 4, 2, 6
F64 = torch.float64


BLOCKS = {f"lstm97 in blocks of {size}": replace(OLD, size=size) for size in (2, 3)}


@pytest.mark.parametrize("holds", PROPERTIES.values(), ids=PROPERTIES)
@pytest.mark.parametrize("name", [*(name for name in CELLS if name not in ALIASES), *BLOCKS])
def test_battery(name, holds):
    assert holds(BLOCKS.get(name) or CELLS[name])


def test_an_alias_is_the_same_cell():
    assert all(CELLS[alias] is CELLS[name] for alias, name in ALIASES.items())


def drawn(cell):
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(1, *shape, generator=generator, dtype=F64) for name, shape in cell.shapes(INPUTS).items()}


def outputs(cell, params):
    x = torch.randn(T, 1, B, INPUTS, generator=torch.Generator().manual_seed(9), dtype=F64)
    return unroll(cell, params, x, engine=ENGINES["reference"])[0]


def filled(name, given):
    """All parameters of a cell: those given, and zeros."""
    return {key: given.get(key, torch.zeros(1, *shape, dtype=F64)) for key, shape in suite.cell(name, UNITS).shapes(INPUTS).items()}


def pinned(params, **rows):
    """Rows deaf to everything, their bias at a number."""
    return {key: (value * 0 + rows[key[0]] if key.endswith(".b") else value * 0) if key[0] in rows and "." in key else value for key, value in params.items()}


def without(params, *ends):
    return {key: value * 0 if key in ends else value for key, value in params.items()}


def open_gate(gate, whole="lstm-peephole"):
    """A variant without a gate is the whole cell with that gate pinned open."""
    return lambda p: pinned(without(filled(whole, p), f"p_{gate}"), **{gate: 1000.0})


def coupled(p):
    """f = 1 - i = sigma(-pre-activation of i)."""
    own = {key.replace("i.", "f.").replace("p_i", "p_f"): -value for key, value in p.items() if key.startswith("i.") or key == "p_i"}
    return p | own


def renamed(p, **rows):
    """The same numbers under other row names, some negated: z="-z"."""
    made = {}
    for key, value in p.items():
        row, _, source = key.partition(".")
        for new in rows.get(row, row).split():
            made[f"{new.strip('-')}.{source}"] = -value if new.startswith("-") else value
    return made


def as_gru_cho(p):
    """Dey & Salem's sign lets the new value in, Cho's z keeps the old: negate z; rows deaf to what the variant lacks."""
    return filled("gru-cho", renamed(p, z="-z"))


def rnn_in(p):
    return pinned(filled("gru-cho", {f"n.{key[2:]}": value for key, value in p.items()}), r=1000.0, z=-1000.0)


def diagonal(p):
    """Diagonal peepholes as whole matrices."""
    square = {f"{key[2:]}.c": torch.diag_embed(value[:, 0]) for key, value in p.items() if key.startswith("p_")}
    return {key: value for key, value in p.items() if not key.startswith("p_")} | square


def diagonal_u(p):
    return {key: value for key, value in p.items() if not key.startswith("u_")} | {f"{key[2:]}.h": torch.diag_embed(value[:, 0]) for key, value in p.items() if key.startswith("u_")}


LIMITS = [  # one is the other, its parameters made from those of the first
    ("lstm-nig", "lstm-peephole", open_gate("i")),
    ("lstm-nfg", "lstm-peephole", open_gate("f")),
    ("lstm-nog", "lstm-peephole", open_gate("o")),
    ("lstm-cifg", "lstm-peephole", coupled),
    ("lstm-cifg-noaf", "lstm-noaf", coupled),
    ("lstm-nig-noaf", "lstm-noaf", open_gate("i", "lstm-noaf")),
    ("lstm", "lstm-peephole", lambda p: filled("lstm-peephole", p)),
    ("lstm-peephole", "lstm-fgr", lambda p: filled("lstm-fgr", p)),
    ("lstm-peephole-forget", "lstm-peephole", lambda p: filled("lstm-peephole", p)),
    ("lstm-peephole", "lstm-peephole-full", diagonal),
    ("lstm1", "lstm", lambda p: filled("lstm", p)),
    ("lstm2", "lstm1", lambda p: filled("lstm1", p)),
    ("lstm3", "lstm1", lambda p: filled("lstm1", p)),
    ("lstm4", "lstm2", diagonal_u),
    ("lstm5", "lstm1", diagonal_u),
    ("lstm97-nig", "lstm97", lambda p: pinned(filled("lstm97", p), i=1000.0)),
    ("lstm97-nog", "lstm97", lambda p: pinned(filled("lstm97", p), o=1000.0)),
    ("lstm97", "lstm97-full", dict),
    ("gru1", "gru-cho", as_gru_cho),
    ("gru2", "gru1", lambda p: filled("gru1", p)),
    ("gru3", "gru1", lambda p: filled("gru1", p)),
    ("gru-x", "gru-cho", lambda p: filled("gru-cho", p)),
    ("mgu", "gru-cho", lambda p: renamed(p, f="r -z")),
    ("mgu1", "mgu", lambda p: filled("mgu", p)),
    ("mgu2", "mgu1", lambda p: filled("mgu1", p)),
    ("mgu3", "mgu1", lambda p: filled("mgu1", p)),
    ("rnn", "gru-cho", rnn_in),
    ("indrnn", "rnn-relu", lambda p: {"a.x": p["a.x"], "a.b": p["a.b"], "a.h": torch.diag_embed(p["u"][:, 0])}),
]


@pytest.mark.parametrize(("one", "other", "mapped"), LIMITS, ids=[f"{one} is {other}" for one, other, _ in LIMITS])
def test_limit(one, other, mapped):
    params = drawn(suite.cell(one, UNITS))
    torch.testing.assert_close(outputs(suite.cell(one, UNITS), params), outputs(suite.cell(other, UNITS), mapped(params)), atol=1e-12, rtol=1e-12)


def test_lstm2000_without_forgetting_is_lstm97_full_that_hears_no_gates():
    params = drawn(suite.cell("lstm2000", UNITS))
    forgetful = pinned(params, f=1000.0)
    old = filled("lstm97-full", {key: value for key, value in params.items() if key[0] != "f"})
    torch.testing.assert_close(outputs(suite.cell("lstm2000", UNITS), forgetful), outputs(suite.cell("lstm97-full", UNITS), old), atol=1e-12, rtol=1e-12)


def test_one_cell_a_block_is_no_block_and_two_share_their_gates():
    two = replace(OLD, size=2)(UNITS)
    params = drawn(two)
    blocks = {key: value.repeat_interleave(2, 1) if key[0] in "io" else value for key, value in params.items()}
    heard = {key: value.repeat_interleave(2, 2) / 2 for key, value in blocks.items() if key.endswith((".i", ".o"))}  # two gates, heard half each
    blocks |= heard | {key: params[key].repeat_interleave(2, 2) for key in ("i.b", "o.b")}
    torch.testing.assert_close(outputs(two, params), outputs(OLD(UNITS), blocks), atol=1e-12, rtol=1e-12)


def worked(name, x, state, weights):
    """One unit, one input, one step."""
    cell = suite.cell(name, 1)
    assert set(weights) == set(cell.shapes(1))
    tensors = {key: torch.full((1, 1, 1), value, dtype=F64) for key, value in weights.items()}
    start = {key: torch.full((1, 1, 1), value, dtype=F64) for key, value in state.items()}
    _, last = unroll(cell, tensors, torch.full((1, 1, 1, 1), x, dtype=F64), start, engine=ENGINES["reference"])
    return {key: pytest.approx(float(value), rel=1e-12) for key, value in last.items()}


def s(v):
    return 1 / (1 + math.exp(-v))


GATES = {"z.x": 0.5, "z.h": -1.0, "z.b": 0.1, "i.x": 1.0, "i.h": 0.5, "i.b": -0.2, "f.x": -0.5, "f.h": 0.3, "f.b": 1.0, "o.x": 0.8, "o.h": -0.6, "o.b": 0.0}
AT = {"h": 0.5, "c": -1.0}
# at x = 2, h = 0.5, c = -1: z 0.6, i 2.05, f 0.15, o 1.3 before peepholes


def test_niaf_and_noaf_by_hand():
    peepholes = {"p_i": 0.7, "p_f": -0.4, "p_o": 1.5}
    c = 0.6 * s(1.35) - s(0.55)  # the block input is not squashed
    assert worked("lstm-niaf", 2.0, AT, GATES | peepholes) == {"h": math.tanh(c) * s(1.3 + 1.5 * c), "c": c}
    c = math.tanh(0.6) * s(1.35) - s(0.55)  # the output is not squashed
    assert worked("lstm-noaf", 2.0, AT, GATES | peepholes) == {"h": c * s(1.3 + 1.5 * c), "c": c}


def test_lstm_use_gate_by_hand():
    kept = -s(0.15)
    found = worked("lstm-use-gate", 2.0, AT, GATES | {"u.c": 2.0, "u.b": -0.3})
    assert found == {"h": math.tanh(2 * kept - 0.3) * s(1.3), "c": kept + s(2.05) * math.tanh(0.6)}


def test_lstm97_by_hand():
    weights = {"z.x": 0.5, "z.h": -1.0, "z.i": 0.3, "z.o": 0.2, "z.b": 0.1, "i.x": 1.0, "i.h": 0.5, "i.i": -1.0, "i.o": 0.4, "i.b": -0.2}
    weights |= {"o.x": 0.8, "o.h": -0.6, "o.i": 0.5, "o.o": -0.7, "o.b": 0.0}
    i, o = s(2.05 - 0.6 + 0.4 * 0.9), s(1.3 + 0.3 - 0.7 * 0.9)
    c = -1.0 + (4 * s(0.6 + 0.18 + 0.18) - 2) * i
    assert worked("lstm97", 2.0, AT | {"i": 0.6, "o": 0.9}, weights) == {"h": (2 * s(c) - 1) * o, "c": c, "i": i, "o": o}


def test_janet_and_mut_by_hand():
    pre = {"s.x": 1.0, "s.h": -0.4, "s.b": 0.3, "z.x": 0.5, "z.h": 1.0, "z.b": -0.1}
    assert worked("janet", 2.0, {"h": 0.5}, pre) == {"h": s(2.1) * 0.5 + (1 - s(1.1)) * math.tanh(1.4)}
    gate = {"r.h": -0.6, "r.b": 0.1, "n.h": 0.9, "n.b": -0.3}
    one = {"z.x": 0.4, "z.b": 0.2, "r.x": 0.7} | gate
    n = math.tanh(0.9 * s(1.4 - 0.3 + 0.1) * 0.5 + math.tanh(2.0) - 0.3)
    assert worked("mut1", 2.0, {"h": 0.5}, one) == {"h": n * s(1.0) + 0.5 * (1 - s(1.0))}
    two = {"z.x": 0.4, "z.h": -1.0, "z.b": 0.2, "n.x": 0.3} | gate
    n = math.tanh(0.9 * s(2.0 - 0.3 + 0.1) * 0.5 + 0.6 - 0.3)
    assert worked("mut2", 2.0, {"h": 0.5}, two) == {"h": n * s(0.5) + 0.5 * (1 - s(0.5))}
    n, z = math.tanh(0.9 * s(1.4 - 0.3 + 0.1) * 0.5 + 0.6 - 0.3), s(0.8 - math.tanh(0.5) + 0.2)
    assert worked("mut3", 2.0, {"h": 0.5}, two | {"r.x": 0.7}) == {"h": n * z + 0.5 * (1 - z)}


def test_min_gru_and_min_lstm_by_hand():
    z, n = s(0.8 + 0.2), 0.6 - 0.3
    assert worked("min-gru", 2.0, {"h": 0.5}, {"z.x": 0.4, "z.b": 0.2, "n.x": 0.3, "n.b": -0.3}) == {"h": (1 - z) * 0.5 + z * n}
    f, i = s(1.0), s(-0.6)
    weights = {"f.x": 0.4, "f.b": 0.2, "i.x": -0.5, "i.b": 0.4, "n.x": 0.3, "n.b": -0.3}
    assert worked("min-lstm", 2.0, {"h": 0.5}, weights) == {"h": f / (f + i) * 0.5 + i / (f + i) * n}


# gates as constants, candidate at 0 where tanh is the identity: the step is linear in h with a closed-form Jacobian


def jacobian(name, params, of="h"):
    """d h_t / d h_(t-1) at h = 0, x = 0 (for an LSTM, d c / d c)."""
    cell = suite.cell(name, UNITS)

    def step(value):
        start = {of: value.view(1, 1, UNITS)}
        y, last = unroll(cell, params, torch.zeros(1, 1, 1, INPUTS, dtype=F64), start, engine=ENGINES["reference"])
        del y
        return last[of].flatten()

    return torch.autograd.functional.jacobian(step, torch.zeros(UNITS, dtype=F64))


def logit(gate):
    return torch.special.logit(torch.tensor(gate, dtype=F64)).clamp(-1000, 1000).view(1, 1, -1)


CORNERS = [([0.3, 0.6, 0.9, 0.2], [0.8, 0.1, 0.5, 0.7]), ([0.0] * 4, [0.5] * 4), ([1.0] * 4, [0.0] * 4), ([1.0] * 4, [1.0] * 4), ([0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0])]


@pytest.mark.parametrize(("u", "r"), CORNERS)
def test_jacobian_of_both_grus_with_constant_gates(u, r):
    W = torch.randn(UNITS, UNITS, generator=torch.Generator().manual_seed(3), dtype=F64)
    D_u, D_r, one = torch.diag(torch.tensor(u, dtype=F64)), torch.diag(torch.tensor(r, dtype=F64)), torch.eye(UNITS, dtype=F64)
    gates = {"r.b": logit(r), "z.b": -logit(u)}  # u lets the new value in, z keeps the old one
    after = jacobian("gru", filled("gru", gates | {"m.h": W[None]}))
    before = jacobian("gru-cho", filled("gru-cho", gates | {"n.h": W[None]}))
    torch.testing.assert_close(after, one - D_u @ (one - D_r @ W), atol=1e-12, rtol=0)
    torch.testing.assert_close(before, one - D_u @ (one - W @ D_r), atol=1e-12, rtol=0)
    corner = {(0.0, 0.5): one, (1.0, 0.0): 0 * one, (1.0, 1.0): W}.get((u[0], r[0])) if len({*u}) == len({*r}) == 1 else None
    if corner is not None:  # identity, forgetting, the plain network: to the last bit
        assert torch.equal(after, corner)
        assert torch.equal(before, corner)


@pytest.mark.parametrize("f", [0.0, 1.0])
@pytest.mark.parametrize("i", [0.0, 1.0])
def test_jacobian_of_the_cell_state_at_the_corners_of_f_and_i(f, i):
    params = filled("lstm", {"f.b": logit([f] * UNITS), "i.b": logit([i] * UNITS), "z.h": torch.randn(1, UNITS, UNITS, generator=torch.Generator().manual_seed(5), dtype=F64)})
    assert torch.equal(jacobian("lstm", params, of="c"), f * torch.eye(UNITS, dtype=F64))
    cell = suite.cell("lstm", UNITS)

    def through_h(h):
        return unroll(cell, params, torch.zeros(1, 1, 1, INPUTS, dtype=F64), {"h": h.view(1, 1, UNITS)}, engine=ENGINES["reference"])[1]["c"].flatten()

    assert torch.equal(torch.autograd.functional.jacobian(through_h, torch.zeros(UNITS, dtype=F64)), i * params["z.h"][0])


# counting


@pytest.mark.parametrize(("units", "inputs", "counts"), [(100, 1, (30600, 30400, 30200, 10400)), (100, 28, (38700, 33100, 32900, 13100)), (128, 128, (98688, 65920, 65664, 33152))])
def test_dey_and_salem_sizes(units, inputs, counts):
    names = ("gru-cho", "gru1", "gru2", "gru3")
    assert tuple(suite.cell(name, units).costs(inputs)["parameters"] for name in names) == counts


@pytest.mark.parametrize(("name", "count"), [
    ("lstm-cifg", lambda n, m: 3 * n * (m + n + 1) + 2 * n),
    ("lstm-nig", lambda n, m: 3 * n * (m + n + 1) + 2 * n),
    ("lstm-nfg", lambda n, m: 3 * n * (m + n + 1) + 2 * n),
    ("lstm-nog", lambda n, m: 3 * n * (m + n + 1) + 2 * n),
    ("lstm-niaf", lambda n, m: 4 * n * (m + n + 1) + 3 * n),
    ("lstm-noaf", lambda n, m: 4 * n * (m + n + 1) + 3 * n),
    ("lstm-fgr", lambda n, m: 4 * n * (m + n + 1) + 3 * n + 9 * n * n),
    ("lstm-peephole-full", lambda n, m: 4 * n * (m + n + 1) + 3 * n * n),
    ("mgu", lambda n, m: 2 * n * (m + n + 1)),
    ("min-gru", lambda n, m: 2 * n * (m + 1)),
    ("indrnn", lambda n, m: n * (m + 2)),
])
def test_number_of_parameters(name, count):
    assert suite.cell(name, 7).costs(5)["parameters"] == count(7, 5)


def old(blocks, size, biases="io", gates="io", everything=True, **squashing):
    """The 1997 cell with biases on some rows, with some gates, hearing all activations or the input alone."""
    cell = replace(OLD, size=size, gates=gates, carried=gates if everything else "", all_hear=everything, **squashing)
    cell = replace(cell, hear="x h {}" if everything else "x", block="x h {}" if everything else "x")
    return replace(
        cell,
        hear=cell.hear + (" b" if "i" in biases else ""),
        block=cell.block + (" b" if "z" in biases else ""),
        truncated=(),
    )(blocks * size)


def weights_1997(cell, inputs, outputs, output_bias=False, from_input=False):
    """The cell's, and those of an output layer that hears the cells, maybe a bias, maybe the input."""
    return cell.costs(inputs)["parameters"] + outputs * (cell.units + output_bias + inputs * from_input)


WIRING = [  # experiment, count, how the network is wired
    ("1, 4 blocks of 1", 264, weights_1997(old(4, 1), 7, 7)),  # biases on the gates alone
    ("1, 3 blocks of 2", 276, weights_1997(old(3, 2), 7, 7)),
    ("2a, 2b", 10504, weights_1997(old(1, 1, biases="", gates="i", everything=False, g=torch.sigmoid, h=torch.positive), 101, 101, from_input=True)),  # no output gate, logistic g, identity h
    *((f"2c, p = {p}", count, weights_1997(old(2, 1, biases=""), p + 4, 2)) for p, count in ((50, 364), (100, 664), (200, 1264), (500, 3064), (1000, 6064))),
    ("3", 102, weights_1997(old(3, 1, biases="zio"), 1, 1)),  # biases on all hidden units
    ("4, 5", 93, weights_1997(old(2, 2, biases="zio"), 2, 1, output_bias=True)),  # and on the output
    ("6a", 156, weights_1997(old(2, 2, biases="zio"), 8, 4, output_bias=True)),
    ("6b", 308, weights_1997(old(3, 2, biases="zio"), 8, 8, output_bias=True)),
]


@pytest.mark.parametrize(("count", "ours"), [(count, ours) for _, count, ours in WIRING], ids=[name for name, _, _ in WIRING])
def test_the_twelve_weight_counts_of_1997(count, ours):
    assert ours == count


CONTRACT = {
    "lstm-nig": "z.x z.h z.b f.x f.h f.b o.x o.h o.b p_f p_o",
    "lstm-nfg": "z.x z.h z.b i.x i.h i.b o.x o.h o.b p_i p_o",
    "lstm-nog": "z.x z.h z.b i.x i.h i.b f.x f.h f.b p_i p_f",
    "lstm-cifg": "z.x z.h z.b i.x i.h i.b o.x o.h o.b p_i p_o",
    "lstm-fgr": "z.x z.h z.b i.x i.h i.b i.i i.f i.o f.x f.h f.b f.i f.f f.o o.x o.h o.b o.i o.f o.o p_i p_f p_o",
    "lstm97": "z.x z.h z.i z.o z.b i.x i.h i.i i.o i.b o.x o.h o.i o.o o.b",
    "gru1": "r.h r.b z.h z.b n.x n.h n.b",
    "gru2": "r.h z.h n.x n.h n.b",
    "gru3": "r.b z.b n.x n.h n.b",
    "mgu": "f.x f.h f.b n.x n.h n.b",
}


@pytest.mark.parametrize("name", CONTRACT)
def test_parameter_names_are_the_contract(name):
    assert set(suite.cell(name, UNITS).shapes(INPUTS)) == set(CONTRACT[name].split())


def test_gates_of_full_gate_recurrence_come_from_the_last_step():
    cell, params = suite.cell("lstm-fgr", 1), {key: torch.zeros(1, *shape, dtype=F64) for key, shape in suite.cell("lstm-fgr", 1).shapes(1).items()}
    params["i.f"] = params["i.f"] + 3.0  # from f(t-1) into i
    _, last = unroll(cell, params, torch.zeros(2, 1, 1, 1, dtype=F64), engine=ENGINES["reference"])
    assert float(last["i"]) == pytest.approx(s(3.0 * 0.5))
    assert float(unroll(cell, params, torch.zeros(1, 1, 1, 1, dtype=F64), engine=ENGINES["reference"])[1]["i"]) == 0.5


def test_a_new_ablation_is_one_line():
    variant = replace(V, name="lstm-nog-niaf", gates="if", g=torch.positive)  # not in the catalogue
    params = drawn(variant(UNITS))
    whole = open_gate("o", "lstm-niaf")(params)
    torch.testing.assert_close(outputs(variant(UNITS), params), outputs(suite.cell("lstm-niaf", UNITS), whole), atol=1e-12, rtol=1e-12)
    assert all(finding.holds for finding in check(variant))


TRUNCATED = {"lstm97": {"h", "i", "o"}, "lstm97-nig": {"h", "o"}, "lstm97-nog": {"h", "i"}}


@pytest.mark.parametrize("name", CELLS)
def test_only_the_cells_of_1997_are_truncated_and_only_where_the_paper_says(name):
    assert set(suite.cell(name, UNITS).truncated) == TRUNCATED.get(name, set())


def test_the_error_carousel_of_1997_turns_and_nothing_else_does():
    x = torch.randn(T, 1, 1, INPUTS, generator=torch.Generator().manual_seed(6), dtype=F64)

    def carried(name, of):
        cell = suite.cell(name, UNITS)
        start = {state: torch.zeros(1, 1, width, dtype=F64) for state, width in cell.state.items()}

        def last(value):
            return unroll(cell, drawn(cell), x, start | {of: value.view(1, 1, UNITS)}, engine=ENGINES["reference"])[1]["c"].flatten()

        return torch.autograd.functional.jacobian(last, torch.zeros(UNITS, dtype=F64))

    assert torch.equal(carried("lstm97", "c"), torch.eye(UNITS, dtype=F64))
    for of in ("h", "i", "o"):
        assert not carried("lstm97", of).any()
        assert carried("lstm97-full", of).any()
    assert not torch.equal(carried("lstm97-full", "c"), torch.eye(UNITS, dtype=F64))


def mixing(units):
    """A cell whose sequences hear the mean of their batch."""
    return suite.Cell("mixing", (({"a": "x h b"}, lambda a, s, p: s._replace(h=torch.tanh(a.a * (1 + a.a.mean(-2, keepdim=True))))),), {"h": units})


def sharing(units):
    """A cell with a second state that hears the mean of all replicas."""
    return suite.Cell("sharing", (({"a": "x h b"}, lambda a, s, p: s._replace(h=torch.tanh(a.a), c=a.a.mean(0, keepdim=True).expand_as(a.a))),), {"h": units, "c": units})


def cut(units):
    """A cell whose equations hide a gradient."""
    return suite.Cell("cut", (({"a": "x h b"}, lambda a, s, p: s._replace(h=torch.tanh(a.a) + a.a.detach())),), {"h": units})


def growing(units):
    """A cell with a second state that overflows."""
    return suite.Cell("growing", (({"a": "x h b"}, lambda a, s, p: s._replace(h=torch.tanh(a.a), c=a.a.abs().exp())),), {"h": units, "c": units})


def wide(units):
    """A cell that cannot be made with one unit, and not because of blocks."""
    if units < 2:
        raise ValueError("two units or more")
    return suite.cell("rnn", units)


def fixed(units):
    """A cell that is as wide as it likes."""
    return suite.cell("rnn", 6)


def upside_down(units):
    """A cell that calls a gate a keeper that lets in."""
    return replace(suite.cell("gru1", units), name="upside-down", gates={"z": "keep"})


BROKEN = {
    upside_down: "gates do what the table says",
    mixing: "sequences and padding do not mix",
    sharing: "replicas together equal replicas alone",
    cut: "gradients",
    growing: "saturating inputs",
    wide: "smallest shapes",
    fixed: "made at any width",
}


@pytest.mark.parametrize("make", BROKEN, ids=lambda make: make.__name__)
def test_a_cell_that_breaks_one_property_fails_that_one(make):
    failed = {finding.name for finding in check(make) if not finding.holds}
    assert BROKEN[make] in failed
    assert failed <= {BROKEN[make], "smallest shapes"}  # a fixed width cannot be small either


@pytest.mark.parametrize("spoil", [lambda y, last: (y * 1.000001, last), lambda y, last: (y, {k: v * float("nan") for k, v in last.items()})], ids=["off", "not a number"])
def test_an_engine_that_differs_is_seen(monkeypatch, spoil):
    wrong = replace(ENGINES["hoisted"], unroll=lambda *given: spoil(*ENGINES["reference"].unroll(*given)))
    monkeypatch.setitem(ENGINES, "hoisted", wrong)
    assert "engines agree with the reference" in {finding.name for finding in check(CELLS["gru"]) if not finding.holds}


def test_a_gradient_that_is_not_a_number_is_seen():
    class Spoilt(torch.autograd.Function):
        @staticmethod
        def forward(ctx, y):
            return y.clone()

        @staticmethod
        def backward(ctx, gradient):
            return gradient * float("nan")

    def unrolled(*given):
        y, last = ENGINES["reference"].unroll(*given)
        return Spoilt.apply(y), last

    off = difference(suite.cell("gru", 4), replace(ENGINES["reference"], unroll=unrolled), INPUTS, torch.device("cpu"))
    assert not off <= 1e-10


def test_min_lstm_is_exact_where_its_gates_are_nearly_shut():
    weights = {"f.x": 0.0, "f.b": -20.1, "i.x": 0.0, "i.b": -19.1, "n.x": 0.0, "n.b": 1.0}
    f = 1 / (1 + math.exp(1.0) * (1 + math.exp(-20.1)) / (1 + math.exp(-19.1)) * math.exp(0.0))  # f / (f + i) with i / f = e
    found = worked("min-lstm", 1.0, {"h": 0.0}, weights)
    assert found["h"] == pytest.approx(1 - s(-20.1) / (s(-20.1) + s(-19.1)), rel=1e-10)
    assert f == pytest.approx(s(-20.1) / (s(-20.1) + s(-19.1)), rel=1e-6)


def test_the_family_of_greff_fits_in_a_hundred_lines():
    assert len(Path(lstm.__file__).read_text().splitlines()) <= 100
    assert {f"lstm-{ablation}" for ablation in ["nig", "nfg", "nog", "niaf", "noaf", "cifg", "fgr", "peephole"]} | {"lstm"} == set(lstm.CELLS)


def test_what_the_list_prints_is_counted():
    (entry,) = (entry for entry in listing("cells", 128, 28) if entry["name"] == "lstm")
    assert (entry["parameters"], entry["multiply_adds"], entry["state_bytes"]) == (4 * 128 * (28 + 128 + 1), 4 * 128 * (28 + 128), 2 * 128 * 4)


def test_blocks_are_asked_for_by_name():
    made = suite.cell("lstm97(size=2)", 6)
    assert (made.name, dict(made.width)) == ("lstm97(size=2)", {"i": 3, "o": 3})
    assert made == suite.cell("lstm97(size=2)", 6)
    assert suite.cell("lstm97(size=1)", 6) == suite.cell("lstm97", 6)
    assert made.costs(7)["parameters"] == 6 * (7 + 6 + 6 + 1) + 2 * 3 * (7 + 6 + 6 + 1)
    with pytest.raises(ValueError, match="blocks of 4: units must be a multiple of it, not 6"):
        suite.cell("lstm97(size=4)", 6)
    with pytest.raises(ValueError, match="size must be a whole number of cells a block, 1 or more, not 0"):
        suite.cell("lstm97(size=0)", 6)
