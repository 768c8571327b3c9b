"""Gated feedback: a hand-written stack, gates pinned to the plain stack, gates of one half, one step worked, counts."""

import math

import pytest
import torch

import suite
from suite.cells import digest
from suite.cells.feedback import CELLS
from suite.engines import ENGINES, unroll
from suite.training.agreement import difference

INPUTS, UNITS, B, T = 3, 4, 2, 6
F64 = torch.float64
CPU = torch.device("cpu")
PLAIN = {"gf-rnn": "rnn", "gf-lstm": "lstm", "gf-gru": "gru"}
X = torch.randn(T, 1, B, INPUTS, generator=torch.Generator().manual_seed(9), dtype=F64)
X[..., 0] = 1.0  # heard by the gates of the first layer


def drawn(shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(1, *shape, generator=generator, dtype=F64) for name, shape in shapes.items()}


def made(name, layers):
    cell = CELLS[name](UNITS, layers)
    return cell, drawn(cell.shapes(INPUTS)), drawn({state: (B, width) for state, width in cell.state.items()}, seed=1)


def one_step(name, p, v, h, c, j, gate):
    """Layer j of L: v below, all h(t-1), its c; `gate(i)` a scalar a sequence."""
    fed = sum(gate(i) * (h[i - 1] @ p[f"u{i}{j}.h"][0].T) for i in range(1, len(h) + 1))
    own = h[j - 1]

    def row(letter, hears=True):
        return v @ p[f"{letter}{j}.x"][0].T + p[f"{letter}{j}.b"][0] + (own @ p[f"{letter}{j}.h"][0].T if hears else 0)

    if name == "gf-rnn":
        return torch.tanh(row("a", False) + fed), c
    if name == "gf-lstm":
        c = torch.sigmoid(row("f")) * c + torch.sigmoid(row("i")) * torch.tanh(row("z", False) + fed)
        return torch.sigmoid(row("o")) * torch.tanh(c), c
    z, n = torch.sigmoid(row("z")), torch.tanh(row("n", False) + torch.sigmoid(row("r")) * fed)
    return (1 - z) * own + z * n, c


def by_hand(name, p, start, layers, gates=None):
    """Outputs of the top layer; gates all at a number, or computed."""
    h, c = ([start[f"{letter}{j}"][0] if f"{letter}{j}" in start else None for j in range(1, layers + 1)] for letter in "hc")
    ys = []
    for x in X[:, 0]:
        last, v = list(h), x
        for j in range(1, layers + 1):
            star = torch.cat([v, *last], -1)

            def gate(i, j=j, star=star):
                weight = torch.cat([p[f"g{i}{j}.x"][0], *(p[f"g{i}{j}.h{k}"][0] for k in range(1, layers + 1))], -1)
                return torch.sigmoid((star * weight).sum(-1, keepdim=True)) if gates is None else gates

            h[j - 1], c[j - 1] = one_step(name, p, v, last, c[j - 1], j, gate)
            v = h[j - 1]
        ys.append(v)
    return torch.stack(ys).unsqueeze(1)


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
@pytest.mark.parametrize("name", CELLS)
def test_equals_a_stack_written_by_hand(name, layers):
    cell, params, start = made(name, layers)
    y, last = unroll(cell, params, X, start, engine=ENGINES["reference"])
    torch.testing.assert_close(y, by_hand(name, params, start, layers), atol=1e-12, rtol=0)
    assert torch.equal(y[-1], last[f"h{layers}"])


@pytest.mark.parametrize("name", CELLS)
def test_gates_that_hear_nothing_are_one_half(name):
    cell, params, start = made(name, 3)
    deaf = {key: value * 0 if key.startswith("g") else value for key, value in params.items()}
    y, _ = unroll(cell, deaf, X, start, engine=ENGINES["reference"])
    torch.testing.assert_close(y, by_hand(name, deaf, start, 3, gates=0.5), atol=1e-13, rtol=0)


# a unit of each layer that is always on lets gates without biases be pinned

ON = {"gf-rnn": {"a": 50.0}, "gf-lstm": {"z": 50.0, "i": 50.0, "f": -50.0, "o": 50.0}, "gf-gru": {"n": 50.0, "z": 50.0}}


def pinned(name, params, layers, open_gates):
    """Unit 0 of every layer on; gate i -> j at 1 where (i, j) is open, else at 0."""
    p = {key: value.clone() for key, value in params.items()}
    for j in range(1, layers + 1):
        for row, bias in ON[name].items():
            for source in ("x", "h"):
                if f"{row}{j}.{source}" in p:
                    p[f"{row}{j}.{source}"][:, 0] = 0
            p[f"{row}{j}.b"][:, :, 0] = bias
        for i in range(1, layers + 1):
            p[f"u{i}{j}.h"][:, 0] = 0
            for source in ("x", *(f"h{k}" for k in range(1, layers + 1))):
                p[f"g{i}{j}.{source}"].zero_()
            p[f"g{i}{j}.x"][..., 0] = 2000.0 if (i, j) in open_gates else -2000.0
    return p


def plain(name, p, j):
    """Layer j as a cell of the catalogue that hears itself alone."""
    own = {key.replace(str(j), "", 1): value for key, value in p.items() if key[1] == str(j) and key[2] == "."}
    heard = p[f"u{j}{j}.h"]
    if name == "gf-rnn":
        return own | {"a.h": heard}
    if name == "gf-lstm":
        return own | {"z.h": heard}
    return {key: -value if key[0] == "z" else value for key, value in own.items()} | {"m.h": heard, "m.b": 0 * own["n.b"]}  # in `gru` z keeps


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("name", CELLS)
def test_with_its_own_gate_open_alone_it_is_the_plain_stack(name, layers):
    cell, params, start = made(name, layers)
    params = pinned(name, params, layers, {(j, j) for j in range(1, layers + 1)})
    for j in range(1, layers + 1):
        start[f"h{j}"][..., 0] = 1.0
    found, last = unroll(cell, params, X, start, engine=ENGINES["reference"])
    y = X
    for j in range(1, layers + 1):
        own = {letter: start[f"{letter}{j}"] for letter in "hc" if f"{letter}{j}" in start}
        y, states = suite.unroll(suite.cell(PLAIN[name], UNITS), plain(name, params, j), y, own)
        for letter, value in states.items():
            torch.testing.assert_close(last[f"{letter}{j}"], value, atol=1e-12, rtol=0)
    torch.testing.assert_close(found, y, atol=1e-12, rtol=0)


@pytest.mark.parametrize("pair", [(1, 2), (2, 1), (3, 1), (1, 3), (3, 2)])
@pytest.mark.parametrize("name", CELLS)
def test_one_more_open_gate_lets_the_state_of_its_layer_into_its_layer_alone(name, pair):
    """One step: of the states, those of layer i's target and of the layers above hear h_i, and no other."""
    cell, params, start = made(name, 3)
    params = pinned(name, params, 3, {(1, 1), (2, 2), (3, 3), pair})
    source, target = pair

    def after(value):
        _, last = unroll(cell, params, X[:1], start | {f"h{source}": value}, engine=ENGINES["reference"])
        return [last[f"h{j}"] for j in (1, 2, 3)]

    slopes = torch.autograd.functional.jacobian(lambda value: tuple(after(value)), start[f"h{source}"])
    heard = {j for j, slope in zip((1, 2, 3), slopes, strict=True) if slope.abs().max() > 1e-9}
    assert heard == {j for j in (1, 2, 3) if j >= min(source, target)}


def s(v):
    return 1 / (1 + math.exp(-v))


def worked(name, weights, state, x):
    cell = suite.cell(f"{name}(layers=2)", 1)
    given = {key: torch.full((1, 1, 1), weights.get(key, 0.0), dtype=F64) for key in cell.shapes(1)}
    assert set(weights) <= set(given)
    start = {key: torch.full((1, 1, 1), value, dtype=F64) for key, value in state.items()}
    _, last = unroll(cell, given, torch.full((1, 1, 1, 1), x, dtype=F64), start, engine=ENGINES["reference"])
    return {key: pytest.approx(float(value), rel=1e-12) for key, value in last.items()}


GATES = {"g11.x": 0.5, "g11.h1": 1.0, "g11.h2": -2.0, "g21.x": -0.3, "g21.h2": 0.7, "g12.x": 1.5, "g12.h1": -0.4, "g22.x": -0.8, "g22.h2": 0.9}
FED = {"u11.h": 0.6, "u21.h": -1.1, "u12.h": 0.9, "u22.h": 0.4}
AT = {"h1": 0.5, "h2": -0.25}  # at x = 2


def first():
    """What the first layer hears of both."""
    return s(1.0 + 0.5 + 0.5) * 0.6 * 0.5 + s(-0.6 - 0.175) * -1.1 * -0.25


def second(h1):
    """The second's gates hear the new h of the first and the old ones of both."""
    return s(1.5 * h1 - 0.2) * 0.9 * 0.5 + s(-0.8 * h1 - 0.225) * 0.4 * -0.25


def test_gf_rnn_by_hand():
    h1 = math.tanh(0.7 * 2 + 0.1 + first())
    h2 = math.tanh(-1.2 * h1 + 0.2 + second(h1))
    weights = {"a1.x": 0.7, "a1.b": 0.1, "a2.x": -1.2, "a2.b": 0.2}
    assert worked("gf-rnn", GATES | FED | weights, AT, 2.0) == {"h1": h1, "h2": h2}


def test_gf_lstm_by_hand():
    c1 = math.tanh(0.7 * 2 + first()) * s(0.4 * 2 - 0.3 * 0.5) + 0.8 * s(0.1)
    h1 = math.tanh(c1) * s(0.6 * 0.5)
    c2 = math.tanh(-1.2 * h1 + second(h1)) * s(0.5) - 0.4 * s(2.0 * -0.25)
    h2 = math.tanh(c2) * s(1.3 * h1)
    weights = {"z1.x": 0.7, "i1.x": 0.4, "i1.h": -0.3, "f1.b": 0.1, "o1.h": 0.6, "z2.x": -1.2, "f2.h": 2.0, "i2.b": 0.5, "o2.x": 1.3}
    assert worked("gf-lstm", GATES | FED | weights, AT | {"c1": 0.8, "c2": -0.4}, 2.0) == {"h1": h1, "h2": h2, "c1": c1, "c2": c2}


def test_gf_gru_by_hand():
    u1 = s(0.4 * 2 - 0.3 * 0.5)
    h1 = (1 - u1) * 0.5 + u1 * math.tanh(0.7 * 2 + s(0.2 * 0.5) * first())
    u2 = s(0.3)
    h2 = (1 - u2) * -0.25 + u2 * math.tanh(-1.2 * h1 + s(1.1 * h1) * second(h1))
    weights = {"n1.x": 0.7, "z1.x": 0.4, "z1.h": -0.3, "r1.h": 0.2, "n2.x": -1.2, "z2.b": 0.3, "r2.x": 1.1}
    assert worked("gf-gru", GATES | FED | weights, AT, 2.0) == {"h1": h1, "h2": h2}


@pytest.mark.parametrize("layers", [1, 2, 3, 5])
@pytest.mark.parametrize(("name", "rows"), [("gf-rnn", 1), ("gf-lstm", 4), ("gf-gru", 3)])
def test_number_of_parameters(name, rows, layers):
    n, m = 7, 5
    below = m + (layers - 1) * n  # widths of what the layers hear from below, all together
    stack = rows * n * (below + layers) + layers * (rows - 1) * n * n
    feedback = layers**2 * n * n + layers * (below + layers * layers * n)
    assert CELLS[name](n, layers).costs(m)["parameters"] == stack + feedback


def test_names_layers_and_the_output():
    cell = suite.cell("gf-lstm(layers=2)", 8)
    assert (cell.name, list(cell.state), suite.cell("gf-lstm", 8).name) == ("gf-lstm(layers=2)", ["h2", "h1", "c1", "c2"], "gf-lstm")
    assert suite.cell("gf-lstm(layers=3)", 8) == suite.cell("gf-lstm", 8)
    assert cell.gates == {"i1": "in", "f1": "keep", "o1": "out", "i2": "in", "f2": "keep", "o2": "out"}
    for wrong in (0, 10):
        with pytest.raises(ValueError, match=f"cell 'gf-rnn': layers must be a whole number, 1 to 9, not {wrong}"):
            suite.cell(f"gf-rnn(layers={wrong})", 8)


def test_gates_do_what_the_table_says():
    cell, params, start = made("gf-gru", 2)
    assert cell.gates == {"r1": "reset", "z1": "new", "r2": "reset", "z2": "new"}
    shut = {key: torch.full_like(value, -1000.0) if key in ("z1.b", "z2.b") else value for key, value in params.items()}
    _, last = unroll(cell, shut, X, start, engine=ENGINES["reference"])
    assert all(torch.equal(last[name], start[name]) for name in start)  # nothing new


def test_a_digest_for_every_number_of_layers_at_any_width():
    found = {(name, layers): digest(CELLS[name](4, layers)) for name in CELLS for layers in (1, 2, 3)}
    assert len(set(found.values())) == len(found)
    assert all(digest(CELLS[name](units, layers)) == value for (name, layers), value in found.items() for units in (1, 7))


DROPPED = [f"{name}(drop=0.25, layers=2, on='{on}')" for name, places in (("gf-rnn", ["state"]), ("gf-lstm", ["candidate", "memory", "state"]), ("gf-gru", ["candidate", "state"])) for on in places]


@pytest.mark.parametrize("name", [*DROPPED, "gf-rnn(layers=4)", "gf-lstm(layers=1)", "gf-gru(layers=5)"])
def test_other_depths_and_recurrent_dropout_are_the_same_on_every_engine(name):
    cell = suite.cell(name, UNITS)
    assert "C++ compiler" in (ENGINES["scan"].refuses(cell, CPU) or "C++ compiler")  # the one thing that scan may lack
    for engine in ENGINES.values():
        assert engine.by_name or engine.refuses(cell, CPU) or difference(cell, engine, INPUTS, CPU) < 1e-10
