"""Initialisations say what they do: matrices that are orthogonal, biases that keep a memory, whatever the sign of the paper."""

import math

import pytest
import torch

import suite
from suite.cells import ALIASES, CELLS
from suite.engines import ENGINES, unroll
from suite.training import initial

F64 = torch.float64
NAMES = [name for name in CELLS if name not in ALIASES]


def made(cell, init, units=16, inputs=None):
    """Parameters of one layer under the cell's own names, and the layer."""
    inputs = inputs or CELLS[cell](units).takes or 3
    network = suite.network(cell, units, inputs=inputs, outputs=2, init=init)
    return {name.removeprefix("0."): value for name, value in network.start(0).items() if name.startswith("0.")}, network.cells[0]


def test_the_default_is_that_of_torch():
    drawn = suite.network("lstm", 64, inputs=8, outputs=10).start(0)
    values = torch.cat([value.flatten() for value in drawn.values()])
    assert values.abs().max() <= 1 / 8
    assert float(values.std()) == pytest.approx(1 / 8 / math.sqrt(3), rel=0.02)


def test_the_same_seed_draws_the_same_and_another_something_else():
    network = suite.network(["lstm", "gru"], 8, inputs=3, outputs=2, init="orthogonal+chrono(longest=90)")
    one, same, other = network.start(0), network.start(0), network.start(1)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not any(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("name", NAMES)
def test_orthogonal_matrices_are_orthogonal_and_the_rest_is_the_default(name):
    params, cell = made(name, "orthogonal(gain=2.0)")
    plain, _ = made(name, "default")
    recurrent = initial.recurrent(cell)
    for key, value in params.items():
        if key not in recurrent:
            assert torch.equal(value, plain[key])
            continue
        matrix = value[0].double() / 2
        small = matrix.mT @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.mT
        torch.testing.assert_close(small, torch.eye(len(small), dtype=F64), atol=1e-6, rtol=0)


def test_orthogonal_matrices_are_spread_over_the_group():
    """Haar: entries have mean 0 and variance 1/n, and a determinant is as often 1 as -1."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.cat([initial._orthonormal(4, 4, generator) for _ in range(2000)])
    assert float(drawn.mean()) == pytest.approx(0, abs=0.01)
    assert float(drawn[:, 0, 0].var()) == pytest.approx(0.25, abs=0.02)
    assert float((torch.linalg.det(drawn) > 0).float().mean()) == pytest.approx(0.5, abs=0.05)


def test_the_identity_network_hands_its_state_on():
    params, cell = made("rnn-relu", "identity", units=5)
    params["a.x"] *= 0
    h = torch.rand(1, 2, 5)
    y, _ = unroll(cell, params, torch.randn(9, 1, 2, 3), {"h": h}, engine=ENGINES["reference"])
    assert torch.equal(y, h.expand_as(y))
    half, _ = made("rnn-relu", "identity(scale=0.5)", units=5)
    assert torch.equal(half["a.h"], 0.5 * torch.eye(5)[None])


# every gate of the catalogue does what its table says: proved with all else at zero, the gate pinned by its bias


def pinned(name, value):
    """A cell at zero weights; gates at the value that `value` says of their role, where it names it."""
    params, cell = made(name, "default", units=4)
    params = {key: 0 * tensor.double() for key, tensor in params.items()}
    params |= {key: torch.ones_like(params[key]) * start for key, start in cell.initial.items()}
    for row, role in cell.gates.items():
        bias = initial.bias_of(cell, row)
        if bias is not None and role in value:
            params[bias] = torch.full_like(params[bias], value[role])
    return params, cell


def step(params, cell, state):
    x = torch.zeros(1, 1, 1, cell.takes or 3, dtype=F64)
    return unroll(cell, params, x, state, engine=ENGINES["reference"])[1]


def memories(cell):
    """States c where a cell has them, else h; a stack has one a layer."""
    return [name for name in cell.state if name.startswith("c")] or [name for name in cell.state if name.startswith("h")]


def biased(name, *roles):
    cell = CELLS[name](4)
    return [row for row, role in cell.gates.items() if role in roles and initial.bias_of(cell, row)]


@pytest.mark.parametrize("name", [name for name in NAMES if biased(name, "keep", "new")])
def test_a_gate_that_keeps_keeps_and_its_opposite_forgets(name):
    generator = torch.Generator().manual_seed(1)
    for sign in (1.0, -1.0):
        params, cell = pinned(name, {"keep": 50.0 * sign, "new": -50.0 * sign, "in": -50.0 * sign})  # min-lstm's f is held against its i
        state = {key: torch.rand(1, 1, width, generator=generator, dtype=F64) + 0.5 for key, width in cell.state.items()}
        after = step(params, cell, state)
        for name_of in memories(cell):
            wanted = state[name_of] if sign > 0 else torch.zeros_like(after[name_of])
            torch.testing.assert_close(after[name_of], wanted, atol=1e-12, rtol=0)


WATCHED = {  # a role -> what its gate stands between: something a step depends on with the gate open, and not with it shut
    "out": lambda cell, row: ("state", [f"c{row[1:]}"]),
    "in": lambda cell, row: ("params", [initial.bias_of(cell, candidate + row[1:]) for candidate in "zn" if candidate + row[1:] in row_names(cell)]),
    "reset": lambda cell, row: ("params", [key for key in cell.shapes(cell.takes or 3) if (key.split(".")[0] in ("n", "m", "mh") and key.endswith(".h")) or (key[0] == "u" and row[1:] and key.split(".")[0].endswith(row[1:]))]),
}


def row_names(cell):
    return [row.name for stage in cell.table for row in stage.rows]


def dependence(name, row, role, value):
    """How much a step depends on what a gate stands before, with the gate's bias at a value and all else random and small."""
    params, cell = made(name, "default", units=4)
    params = {key: tensor.double().requires_grad_() for key, tensor in params.items()}
    bias = initial.bias_of(cell, row)
    params[bias] = torch.full_like(params[bias], value).detach().requires_grad_()
    generator = torch.Generator().manual_seed(2)
    state = {key: (0.5 * torch.rand(1, 1, width, generator=generator, dtype=F64)).requires_grad_() for key, width in cell.state.items()}
    last = step(params, cell, state)
    kind, names = WATCHED[role](cell, row)
    heard = f"h{row[1:]}" if role != "in" else f"c{row[1:]}" if f"c{row[1:]}" in cell.state else f"h{row[1:]}"
    of = [(params if kind == "params" else state)[key] for key in names]
    assert of, "nothing to watch"
    return float(sum(g.abs().sum() for g in torch.autograd.grad(last[heard].sum(), of, allow_unused=True, materialize_grads=True)))


GATES = [(name, row, role) for name in NAMES for row, role in CELLS[name](4).gates.items() if role in WATCHED and initial.bias_of(CELLS[name](4), row)]
GATES = [case for case in GATES if case[0] not in ("mut1", "mut2", "mut3")]  # their candidates are tried below by their own names


@pytest.mark.parametrize(("name", "row", "role"), GATES, ids=[f"{name}-{row}-{role}" for name, row, role in GATES])
def test_a_gate_that_lets_through_lets_through_and_shuts(name, row, role):
    shut, wide = dependence(name, row, role, -60.0), dependence(name, row, role, 60.0)
    assert shut < 1e-12
    assert wide > 1e-3


@pytest.mark.parametrize("name", ["mut1", "mut2", "mut3"])
def test_the_reset_of_the_three_found_cells_shuts(name):
    assert dependence(name, "r", "reset", -60.0) < 1e-12
    assert dependence(name, "r", "reset", 60.0) > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_keep_moves_those_biases_by_one_in_the_paper_s_sign_and_nothing_else(name):
    params, cell = made(name, "keep")
    plain, _ = made(name, "default")
    signs = initial.keepers(cell)
    assert set(signs) == {initial.bias_of(cell, row) for row in biased(name, "keep", "new")}
    for key, value in params.items():
        assert torch.equal(value, torch.full_like(value, signs[key]) if key in signs else plain[key])


@pytest.mark.parametrize(("name", "bias", "value"), [("lstm", "f.b", 1), ("lstm-cifg", "i.b", -1), ("gru", "z.b", 1), ("gru1", "z.b", -1), ("gru3", "z.b", -1), ("mgu", "f.b", -1), ("janet", "s.b", 1)])
def test_keep_is_what_the_field_calls_it(name, bias, value):
    assert torch.equal(made(name, "keep")[0][bias], torch.full((1, 1, 16), float(value)))


@pytest.mark.parametrize("name", ["rnn", "lstm-nfg", "gru2", "lstm4"])
def test_cells_without_such_a_bias_are_left_alone(name):
    plain, _ = made(name, "default")
    for init in ("keep", "chrono(longest=50)"):
        params, _ = made(name, init)
        assert all(torch.equal(params[key], plain[key]) for key in plain)


@pytest.mark.parametrize(("name", "kept", "let"), [("lstm", "f.b", "i.b"), ("gru", "z.b", None), ("gru1", "z.b", None), ("lstm-cifg", "i.b", None)])
def test_chrono_spreads_time_constants_from_one_to_the_longest_lag(name, kept, let):
    params, cell = made(name, "chrono(longest=1000)", units=2000)
    sign = initial.keepers(cell)[kept]
    gate = torch.sigmoid(sign * params[kept].double())
    lag = 1 / (1 - gate)  # 1 + U
    assert float(lag.min()) >= 2
    assert float(lag.max()) <= 1000 * (1 + 1e-5)
    assert float(lag.mean()) == pytest.approx(1 + 1000 / 2, rel=0.05)
    if let:
        assert torch.equal(params[let], -params[kept])


def test_chrono_pairs_the_gates_of_each_layer_of_a_stack():
    params, _ = made("gf-lstm", "chrono(longest=50)")
    for layer in "123":
        assert torch.equal(params[f"i{layer}.b"], -params[f"f{layer}.b"])
    assert not torch.equal(params["f1.b"], params["f2.b"])


def test_what_comes_from_the_layer_below_is_no_recurrent_weight():
    params, _ = made("gf-lstm", "identity", units=5)
    assert torch.equal(params["z2.h"] if "z2.h" in params else params["i2.h"], torch.eye(5)[None])
    assert not torch.equal(params["z2.x"], torch.eye(5)[None])


def test_the_readout_has_a_bias_too():
    drawn = suite.network("gru", 4, inputs=3, outputs=2, init="bias(row='readout', values=0.0)").start(0)
    assert not drawn["readout.b"].any()
    assert drawn["readout.w"].any()


def test_embeddings_and_readouts_have_the_range_of_1997_too():
    drawn = suite.network("lstm", 4, inputs=50, outputs=2, embedding=6, init="uniform(range=0.01)").start(0)
    assert max(float(value.abs().max()) for value in drawn.values()) <= 0.01


def test_the_deviation_is_that_of_every_weight_bias_and_extra():
    net = suite.network("lstm-peephole", 64, inputs=50, outputs=40, init="normal(deviation=0.1)")
    drawn = torch.cat([value.flatten() for value in net.start(0).values()])
    assert abs(float(drawn.std()) - 0.1) < 2e-3
    assert abs(float(drawn.mean())) < 2e-3
    assert all(value.any() for value in net.start(0).values())


def test_the_ranges_and_gate_biases_of_1997():
    params, _ = made("lstm97", "uniform(range=0.2)+bias(row='o', values=(-1.0, -2.0, -3.0))", units=3)
    assert params["o.b"].flatten().tolist() == [-1, -2, -3]
    others = torch.cat([value.flatten() for name, value in params.items() if name != "o.b"])
    assert 0.19 < float(others.abs().max()) <= 0.2
    whole = suite.network("lstm97", 4, inputs=3, outputs=2, init="uniform(range=0.01)").start(0)
    assert max(float(value.abs().max()) for value in whole.values()) <= 0.01


@pytest.mark.parametrize(
    ("init", "sentence"),
    [
        ("keeep", "unknown initialisation 'keeep'; did you mean 'keep'"),
        ("chrono", "missing a required argument: 'longest'"),
        ("chrono(longest=2)", "3 or more, not 2"),
        ("bias(row='f', values=1.0)", "cell 'gru' has no bias in row 'f'; rows with one are r, z, n, m"),
        ("orthogonal(gian=2.0)", "unknown argument of initialisation 'orthogonal', 'gian'; did you mean 'gain'"),
        ("", "unknown initialisation ''"),
        ("keep(value='a')", "initialisation 'keep': value must be a number, not 'a'"),
        ("orthogonal(gain=None)", "gain must be a number, not None"),
        ("uniform(range=(1.0, 2.0))", "range must be one number"),
        ("bias(row='z', values=())", "values must be a number or several"),
        ("bias(row='z', values=[-1.0])", "values must be a number or several"),
        ("os:getcwd", "unknown initialisation 'os:getcwd'"),
        ("keep(1.0)", "cannot read"),
    ],
)
def test_what_cannot_be_is_said(init, sentence):
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")):
        suite.network("gru", 4, inputs=3, outputs=2, init=init)


def test_a_number_may_be_written_with_an_exponent():
    kept, _ = made("lstm", "orthogonal+keep(value=1e+1)")
    assert torch.equal(kept["f.b"], torch.full((1, 1, 16), 10.0))


@pytest.mark.parametrize("name", NAMES)
def test_extras_with_a_value_to_start_at_start_there(name):
    for init in ("default", "orthogonal+keep", "uniform(range=0.1)"):
        params, cell = made(name, init)
        for key, value in cell.initial.items():
            if key not in initial.keepers(cell):
                assert torch.equal(params[key], torch.full_like(params[key], value))
