"""Recurrent dropout: where each mask acts, how it is drawn, and that every engine and every split of replicas sees the same one."""

import pytest
import torch

import suite
from suite.cells import CELLS, Cell, Mask, digest, dropout
from suite.cells.dropout import PLACES, d
from suite.engines import ENGINES, unroll
from suite.runs.spec import Optimiser
from suite.training.agreement import difference
from suite.training.fit import fit
from suite.training.masks import drawn

CPU = torch.device("cpu")
UNITS = 4
FAMILIES = ["lstm", "lstm-peephole", "lstm-cifg", "lstm97-full", "lstm-use-gate", "lstm-peephole-full", "lstm4", "gru", "gru-cho", "gru1", "mgu", "janet", "mut3", "min-gru"]
TASK = suite.task("parity", length=6, supervision="every")


def made():
    for name in FAMILIES:
        for on in PLACES:
            try:
                yield pytest.param(dropout(CELLS[name](UNITS), 0.5, on), id=f"{name}-{on}")
            except ValueError:
                continue


def inputs_of(cell):
    return cell.takes or 3


def run(cell, masks, engine="reference", x=None, state=None):
    generator = torch.Generator().manual_seed(0)
    params = {name: torch.randn(1, *shape, generator=generator, dtype=torch.float64) for name, shape in cell.shapes(inputs_of(cell)).items()}
    x = torch.randn(5, 1, 2, inputs_of(cell), generator=generator, dtype=torch.float64) if x is None else x
    noise = {name: value.double().expand(-1, 1, 2, UNITS) for name, value in masks.items()}
    return unroll(cell, params, x, state, engine=ENGINES[engine], noise=noise)


def everywhere(cell, value):
    return dict.fromkeys(cell.masks, torch.full((1, 1, 1, UNITS), value))


@pytest.mark.parametrize("engine", [name for name in ENGINES if name not in ("reference", "vendor")])
@pytest.mark.parametrize("cell", [*made()])
def test_engines_agree_under_masks(cell, engine):
    assert ENGINES[engine].refuses(cell, CPU) is None
    assert difference(cell, ENGINES[engine], inputs_of(cell), CPU) <= 1e-10


@pytest.mark.parametrize("cell", [*made()])
def test_masks_of_ones_are_no_masks(cell):
    plain = suite.cell(cell.name.partition("(")[0], UNITS)
    torch.testing.assert_close(run(cell, everywhere(cell, 1.0))[0], run(plain, {})[0], atol=0, rtol=0)


def pinned(name, on, **params):
    """A cell with biases alone, so that a step can be worked by hand: the value of every row is its bias."""
    cell = dropout(CELLS[name](1), 0.5, on)
    whole = {key: torch.zeros(1, *shape, dtype=torch.float64) for key, shape in cell.shapes(1).items()}
    return cell, whole | {f"{row}.b": torch.full((1, 1, 1), value, dtype=torch.float64) for row, value in params.items()}


def one(cell, params, mask, h=0.5, c=0.8):
    state = {name: torch.full((1, 1, 1), {"h": h, "c": c}[name], dtype=torch.float64) for name in cell.state}
    noise = {name: torch.full((1, 1, 1, 1), mask, dtype=torch.float64) for name in cell.masks}
    _, last = unroll(cell, params, torch.zeros(1, 1, 1, 1, dtype=torch.float64), state, engine=ENGINES["reference"], noise=noise)
    return {name: float(value) for name, value in last.items()}


def sigma(value):
    return float(torch.sigmoid(torch.tensor(value, dtype=torch.float64)))


def tanh(value):
    return float(torch.tanh(torch.tensor(value, dtype=torch.float64)))


@pytest.mark.parametrize("m", [0.0, 0.75, 1.0])
def test_on_the_candidate_the_memory_is_kept(m):
    found = one(*pinned("lstm", "candidate", z=0.3, i=0.2, f=0.4, o=-0.1), m)
    c = sigma(0.4) * 0.8 + sigma(0.2) * m * tanh(0.3)
    assert found["c"] == pytest.approx(c, rel=1e-12)
    assert found["h"] == pytest.approx(sigma(-0.1) * tanh(c), rel=1e-12)
    found = one(*pinned("gru-cho", "candidate", r=0.1, z=0.2, n=0.3), m)
    assert found["h"] == pytest.approx(sigma(0.2) * 0.5 + (1 - sigma(0.2)) * m * tanh(0.3), rel=1e-12)


@pytest.mark.parametrize("m", [0.0, 0.75, 1.0])
def test_on_the_memory_all_of_it_goes_and_the_output_sees_that(m):
    found = one(*pinned("lstm", "memory", z=0.3, i=0.2, f=0.4, o=-0.1), m)
    c = m * (sigma(0.4) * 0.8 + sigma(0.2) * tanh(0.3))
    assert found["c"] == pytest.approx(c, rel=1e-12)
    assert found["h"] == pytest.approx(sigma(-0.1) * tanh(c), rel=1e-12)


@pytest.mark.parametrize("m", [0.0, 0.75, 1.0])
def test_on_the_state_rows_hear_less_and_what_is_carried_stays(m):
    cell, params = pinned("gru-cho", "state", r=0.1, z=0.2, n=0.3)
    params |= {"z.h": torch.full((1, 1, 1), 0.7, dtype=torch.float64), "n.h": torch.full((1, 1, 1), -0.6, dtype=torch.float64), "r.h": torch.full((1, 1, 1), 0.9, dtype=torch.float64)}
    z, r = sigma(0.2 + 0.7 * m * 0.5), sigma(0.1 + 0.9 * m * 0.5)
    wanted = z * 0.5 + (1 - z) * tanh(0.3 - 0.6 * r * m * 0.5)
    assert one(cell, params, m)["h"] == pytest.approx(wanted, rel=1e-12)


def test_names_and_refusals():
    assert suite.cell("lstm(on='memory', drop=.25)", 4) == dropout(CELLS["lstm"](4), 0.25, "memory")
    assert suite.cell("lstm(drop=0.25)", 4).name == "lstm(drop=0.25, each='step', on='candidate')"
    assert suite.cell(suite.cell("lstm(drop=0.25)", 4).name, 4) == suite.cell("lstm(drop=0.25)", 4)
    for name, sentence in {
        "gru(drop=0.5, on='memory')": "cell 'gru' has no memory that could be dropped: its equations mark none by d(a, \"c\", …)",
        "rnn(drop=0.5)": "cell 'rnn' has no candidate that could be dropped",
        "min-gru(drop=0.5, on='state')": "cell 'min-gru' has no state that could be dropped: no row hears its output",
        "lstm(drop=1)": "recurrent dropout needs a rate between 0 and 1, not 1",
        "lstm(drop=0)": "between 0 and 1, not 0; without dropout it is 'lstm' alone",
        "lstm(drop='x')": "between 0 and 1, not 'x'",
        "lstm(drop=0.5, on=['a'])": r"not \['a'\]",
        "lstm(units=4)": "its units are said apart from its name",
        "lstm(drop=0.5, each='batch')": "one for each 'step' or 'sequence', not 0.5 and 'batch'",
        "lstm(drop=0.5, on='gate')": "recurrent dropout is on 'candidate', 'memory' or 'state', not 'gate'",
        "lstm(on='memory')": "needs its rate",
        "lstm(dropp=0.5)": "unknown argument of cell 'lstm', 'dropp'; did you mean 'drop'? known: drop, on, each",
    }.items():
        with pytest.raises(ValueError, match=sentence.replace("(", r"\(").replace("?", r"\?").replace(")", r"\)")):
            suite.cell(name, 4)


def test_the_digest_knows_place_rate_and_how_often():
    digests = [digest(suite.cell(f"lstm({text})", 4)) for text in ("drop=0.5", "drop=0.25", "drop=0.5, on='memory'", "drop=0.5, each='sequence'")]
    assert len({*digests, digest(suite.cell("lstm", 4))}) == 5


def test_a_cell_from_outside_takes_part_by_saying_where():
    def step(a, s, p):
        f = torch.sigmoid(a.f)
        return s._replace(h=f * s.h + (1 - f) * d(a, "g", torch.tanh(a.n)))

    own = Cell("own", ((dict.fromkeys("fn", "x h b"), step),), {"h": UNITS})
    assert dropout(own, 0.5).masks == {"d_g": Mask(0.5, "step")}
    assert difference(dropout(own, 0.5), ENGINES["scan"], 3, CPU) <= 1e-10


def test_the_state_is_the_output_whatever_it_is_called_and_no_other():
    def step(a, s, p):
        return s._replace(y=torch.tanh(a.a), hist=0.5 * s.hist + 0.5 * s.y)

    own = Cell("own", (({"a": "x y b"}, step),), {"y": 4, "hist": 4})
    assert list(dropout(own, 0.5, on="state").masks) == ["d_y"]
    assert list(dropout(CELLS["gf-gru"](4), 0.5, on="state").masks) == ["d_h3", "d_h1", "d_h2"]


def test_masks_of_a_replica_depend_on_its_seed_and_step_alone():
    wanted = suite.network(["lstm(drop=0.5)", "gru(drop=0.25, each='sequence', on='state')"], 8, inputs=3, outputs=2, dropout=0.5).masks()
    assert list(wanted) == ["0.d_g", "below.1", "1.d_h"]
    together = drawn(wanted, [3, 0, 8], 7, 5, 2, torch.zeros(1))
    for place, seed in enumerate((3, 0, 8)):
        alone = drawn(wanted, [seed], 7, 5, 2, torch.zeros(1))
        assert all(torch.equal(together[name][:, place : place + 1], alone[name]) for name in wanted)
    other = drawn(wanted, [3], 8, 5, 2, torch.zeros(1))
    assert not torch.equal(together["0.d_g"][:, :1], other["0.d_g"])
    assert {name: tuple(value.shape) for name, value in together.items()} == {"0.d_g": (5, 3, 2, 8), "below.1": (5, 3, 2, 8), "1.d_h": (1, 3, 2, 8)}


def test_rates_and_scales_are_those_asked_for():
    wanted = suite.network(["lstm(drop=0.2)", "lstm"], 32, inputs=3, outputs=2, dropout=0.75).masks()
    masks = drawn(wanted, [0], 1, 50, 64, torch.zeros(1, dtype=torch.float64))
    assert masks["0.d_g"].unique().tolist() == [0.0, 1.0]  # nothing is scaled up inside the recurrence
    assert float(masks["0.d_g"].mean()) == pytest.approx(0.8, abs=0.005)  # 102,400 draws: 4 standard errors
    assert masks["below.1"].unique().tolist() == [0.0, 1 / 0.25]
    assert float(masks["below.1"].mean()) == pytest.approx(1.0, abs=0.03)


def test_evaluation_scales_as_the_paper_says():
    network = suite.network("lstm(drop=0.25)", 8, inputs=3, outputs=2)
    params, x = network.start(0), torch.randn(6, 4, 3, generator=torch.Generator().manual_seed(1))
    own = {name.removeprefix("0."): value for name, value in params.items() if name.startswith("0.")}
    y, _ = unroll(network.cells[0], own, x.unsqueeze(1), engine=ENGINES["reference"], noise={"d_g": torch.full((1, 1, 4, 8), 0.75)})
    torch.testing.assert_close(network(params, x)[0], y[-1, 0] @ params["readout.w"][0].mT + params["readout.b"][0], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("engine", ["hoisted", "scan"])
@pytest.mark.parametrize("cell", ["lstm(drop=0.3)", "gru(drop=0.3, on='state', each='sequence')"])
def test_replicas_with_dropout_train_together_as_alone(cell, engine):
    def train(seeds, to=30):
        network = suite.network([cell, "rnn"], 9, inputs=1, outputs=2, readout="every", dropout=0.2)
        return fit(network, TASK, seeds, batch=8, steps=to, evaluate_every=10, engine=engine)

    for run in train([3, 0, 8]):
        (alone,) = train([run.seed])
        assert run.curve == alone.curve
        assert all(torch.equal(run.weights[name], alone.weights[name]) for name in run.weights)


def test_after_a_divergence_the_others_keep_their_own_masks():
    rates = [Optimiser(name="sgd", lr=lr, clip_norm=0.0) for lr in (1e30, 0.1)]
    network = suite.network("rnn-relu(drop=0.3, on='state')", 8, inputs=1, outputs=2, readout="every")
    lost, kept = fit(network, TASK, [0, 1], rates, batch=8, steps=20, evaluate_every=5)
    (alone,) = fit(network, TASK, [1], rates[1:], batch=8, steps=20, evaluate_every=5)
    assert lost.status.startswith("diverged")
    assert kept.curve == alone.curve


def test_masks_between_layers_are_scaled_in_the_dtype_they_are_used_in():
    wanted = suite.network(["rnn", "rnn"], 8, inputs=3, outputs=2, dropout=0.1).masks()
    assert float(drawn(wanted, [0], 1, 5, 2, torch.zeros(1, dtype=torch.float64))["below.1"].max()) == 1 / 0.9
