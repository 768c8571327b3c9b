"""Networks of cells: stacks, directions, residual links, dropout between layers, frozen parameters; padding, saving, loading."""

from dataclasses import replace

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import suite
import suite.cells
from suite.cells import Cell
from suite.engines import ENGINES, unroll
from suite.runs.spec import Optimiser
from suite.training import weights
from suite.training.fit import fit

TASK = suite.task("parity", length=6, supervision="every")
LENGTHS = torch.tensor([7, 3, 1, 5])


def padding(length=7):
    return torch.arange(length)[:, None] < LENGTHS


def normal(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def double(network, seed=0):
    return {name: value.double() for name, value in network.start(seed).items()}


def close(one, other):
    torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-10)


def test_a_stack_that_narrows_has_the_weights_that_it_says():
    network = suite.network(["lstm"] * 4, units=[128, 64, 32, 8], inputs=5, outputs=1)
    counted = {name: rows * columns for name, (rows, columns) in network.shapes().items()}
    assert sum(size for name, size in counted.items() if not name.endswith(".b") and not name.startswith("readout")) == 130_816
    assert counted["readout.w"] + counted["readout.b"] == 9
    assert network(network.start(0), torch.zeros(3, 2, 5)).shape == (1, 2, 1)


def mapped(module, outputs, readout="every"):
    """A torch.nn module as a network, with a readout that hands its outputs through."""
    pairs, ways = suite.from_torch(module), 1 + module.bidirectional
    cells = [cell for cell, _ in pairs[::ways]]
    network = suite.network(cells, [cell.units for cell in cells], inputs=module.input_size, outputs=outputs, readout=readout, bidirectional=module.bidirectional)
    params = {}
    for layer, (_, own) in zip((way for ways in network.layers for way in ways), pairs, strict=True):
        params |= {f"{layer.prefix}{name}": value for name, value in own.items()}
    eye = torch.eye(outputs, dtype=torch.float64)[None]
    return network, params | {"readout.w": eye, "readout.b": torch.zeros(1, 1, outputs, dtype=torch.float64)}


@pytest.mark.parametrize("engine", ["reference", "hoisted", "scan", "vendor"])
@pytest.mark.parametrize("module", [torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN])
def test_two_bidirectional_layers_on_padded_sequences_are_those_of_torch(module, engine):
    torch.manual_seed(0)
    layer = module(3, 4, num_layers=2, bidirectional=True).double()
    x, mask = normal(7, 4, 3), padding()
    packed, last = layer(pack_padded_sequence(x, LENGTHS, enforce_sorted=False))
    wanted, _ = pad_packed_sequence(packed, total_length=7)
    network, params = mapped(layer, 8)
    found = network(params, torch.where(mask.unsqueeze(-1), x, 1e6), mask, ENGINES[engine])[:, 0]
    close(found, wanted)
    network, params = mapped(layer, 8, "last")
    final = last[0] if isinstance(last, tuple) else last
    close(network(params, x, mask, ENGINES[engine])[0], torch.cat([final[2], final[3]], -1))


KINDS = {
    "stack": {},
    "bidirectional": {"bidirectional": True},
    "residual": {"residual": True},
    "both": {"bidirectional": True, "residual": True},
    "pool": {"linear": False},
}


@pytest.mark.parametrize("engine", ["reference", "hoisted", "scan"])
@pytest.mark.parametrize("readout", ["last", "mean", "every"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_in_a_padded_batch_gives_what_it_gives_alone(kind, readout, engine):
    network = suite.network(["lstm", "gru-cho", "rnn(drop=0.25, on='state')"], 6, inputs=3, outputs=2, readout=readout, dropout=0.5, **KINDS[kind])
    params, x, mask = double(network), normal(7, 4, 3), padding()
    answer = network.run(params, torch.where(mask.unsqueeze(-1), x, 1e6), mask, ENGINES[engine])
    for row, length in enumerate(LENGTHS.tolist()):
        alone = network.run(params, x[:length, row : row + 1], None, ENGINES[engine])
        close(answer.output[:length, :, row : row + 1] if readout == "every" else answer.output[:, row : row + 1], alone.output)
        for name, value in answer.state.items():
            close(value[:, row : row + 1], alone.state[name])


def test_gaps_are_passed_over_in_both_directions():
    network = suite.network("lstm", 4, inputs=3, outputs=2, bidirectional=True, readout="every")
    params, x, mask = double(network), normal(6, 2, 3), torch.tensor([[1, 0], [0, 1], [1, 1], [1, 0], [0, 0], [0, 1]]).bool()
    y = network(params, x, mask)
    for row in range(2):
        close(y[mask[:, row], :, row], network(params, x[mask[:, row], row : row + 1])[:, :, 0])


def chained(network, params, x, residual=False):
    """The layers one after another through the public way to run a cell."""
    y = x.unsqueeze(1)
    for number, cell in enumerate(network.cells):
        own = {name.removeprefix(f"{number}."): value for name, value in params.items() if name.startswith(f"{number}.")}
        out = suite.unroll(cell, own, y)[0]
        y = out + y if residual and number else out
    return y


@pytest.mark.parametrize("residual", [False, True])
def test_layers_of_several_cells_are_their_cells_one_after_another(residual):
    network = suite.network(["lstm", "indrnn", "mgu", "janet"], 5, inputs=3, outputs=2, residual=residual, readout="every")
    params, x = double(network), normal(6, 2, 3)
    y = chained(network, params, x, residual)
    close(network(params, x), y @ params["readout.w"].mT + params["readout.b"])
    close(replace(network, readout="last")(params, x), y[-1] @ params["readout.w"].mT + params["readout.b"])
    close(replace(network, readout="mean")(params, x), y.mean(0) @ params["readout.w"].mT + params["readout.b"])


def test_the_reverse_direction_reads_from_the_end():
    network = suite.network("gru", 4, inputs=3, outputs=2, bidirectional=True, linear=False, readout="every")
    params, x = double(network), normal(6, 2, 3)
    backwards = {name.removeprefix("0r."): value for name, value in params.items() if name.startswith("0r.")}
    y, _ = unroll(network.cells[0], backwards, x.flip(0).unsqueeze(1), engine=ENGINES["reference"])
    state = network.run(params, x).state
    assert sorted(state) == ["0.h", "0r.h"]
    close(state["0r.h"], y[-1])
    whole = suite.network("gru", 4, inputs=3, outputs=8, bidirectional=True, linear=False, readout="every")
    close(whole(params, x)[..., 4:], y.flip(0))


def test_dropout_between_layers_acts_in_training_and_on_what_the_layer_is_fed():
    network = suite.network(["rnn", "gru"], [5, 4], inputs=3, outputs=2, dropout=0.5)
    params, x = double(network), normal(6, 2, 3)
    assert {name: (m.width, m.drawn.rate, m.scaled) for name, m in network.masks().items()} == {"below.1": (5, 0.5, True)}
    close(network(params, x), suite.network(["rnn", "gru"], [5, 4], inputs=3, outputs=2)(params, x))
    mask = (normal(6, 1, 2, 5) > 0).double() * 2
    below, _ = unroll(network.cells[0], {k[2:]: v for k, v in params.items() if k[:2] == "0."}, x.unsqueeze(1), engine=ENGINES["reference"])
    y, _ = unroll(network.cells[1], {k[2:]: v for k, v in params.items() if k[:2] == "1."}, below * mask, engine=ENGINES["reference"])
    close(network.run(params, x, noise={"below.1": mask}).output, y[-1] @ params["readout.w"].mT + params["readout.b"])


def test_the_answer_may_be_units_of_the_pool():
    network = suite.network("rnn", 6, inputs=3, outputs=2, linear=False, readout="every")
    assert not [name for name in network.shapes() if name.startswith("readout")]
    params, x = double(network), normal(5, 2, 3)
    close(network(params, x), chained(network, params, x)[..., :2])
    with pytest.raises(ValueError, match="the answer is 7 of the last layer's units, and it has 6"):
        suite.network("rnn", 6, inputs=3, outputs=7, linear=False)


def train(network, steps=12, **optimiser):
    return fit(network, TASK, [0, 1], Optimiser(lr=0.05, **optimiser), batch=8, steps=steps, evaluate_every=6)


@pytest.mark.parametrize("optimiser", [{"name": "adam"}, {"name": "sgd", "weight_decay": 0.1}, {"name": "rmsprop", "momentum": 0.5}])
def test_frozen_parameters_stay_and_the_others_learn(optimiser):
    frozen = ("0.?.b", "0.n.x[0:2]", "readout.w[0, 1]")
    network = suite.network("gru3", 5, inputs=1, outputs=2, readout="every", frozen=frozen)
    for run in train(network, **optimiser):
        start = network.start(run.seed)
        assert all(torch.equal(run.weights[name], start[name]) for name in ("0.r.b", "0.z.b", "0.n.b"))
        for name, still in (("0.n.x", (slice(None), slice(0, 2))), ("readout.w", (slice(None), 0, 1))):
            assert torch.equal(run.weights[name][still], start[name][still])
            moved = run.weights[name] != start[name]
            moved[still] = True
            assert moved.all()
        assert not torch.equal(run.weights["0.n.h"], start["0.n.h"])


def test_what_is_frozen_does_not_shorten_the_steps_of_the_rest():
    """Clipping looks at the gradient of what moves alone."""
    tight = {"name": "sgd", "clip_norm": 1e-3, "momentum": 0.0}
    whole, part = (train(suite.network("rnn", 5, inputs=1, outputs=2, readout="every", frozen=f), 1, **tight)[0] for f in ((), ("readout.*",)))
    start = suite.network("rnn", 5, inputs=1, outputs=2, readout="every").start(0)

    def moved(run):
        return float(sum((run.weights[name] - start[name]).square().sum() for name in start) ** 0.5)

    assert moved(part) == pytest.approx(moved(whole), rel=1e-3) == pytest.approx(0.05 * 1e-3, rel=1e-2)


ODD = ["0.q.b", "0.n.b[7, 0]", "0.n.b[", "0.n.b[open('x')]", "0.n.b[0, 0, 0]", "0.n.h[0][1]", "0.n.h[1.7]", "0.n.h['1']", "0.n.h[7:9]", "0.n.h[...]", "0.n.h[[0, 1]]", "0.n.h[None]", "0.n.h[True]"]


@pytest.mark.parametrize("frozen", [*ODD, "*"])
def test_what_cannot_be_frozen_is_said(frozen):
    with pytest.raises(ValueError, match=r"nothing to freeze: unknown parameter '0\.q\.b'|cannot freeze|all parameters are frozen by \*: nothing is left to train"):
        suite.network("gru3", 5, inputs=1, outputs=2, frozen=(frozen,))


@pytest.mark.parametrize(
    "wrong",
    [
        {"dropout": 1.0},
        {"cells": "lstm", "dropout": 0.3},
        {"dropout": -0.1},
        {"readout": "first"},
        {"init": "best"},
        {"units": [4]},
        {"units": [4, 3], "residual": True},
        {"inputs": 0},
    ],
)
def test_a_network_that_makes_no_sense_is_refused_in_one_sentence(wrong):
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        suite.network(**{"cells": ["lstm", "gru"], "units": 4, "inputs": 3, "outputs": 2} | wrong)


def test_entries_are_counted_from_the_end_too_and_one_name_needs_no_list():
    network = suite.network("rnn", 3, inputs=3, outputs=2, frozen="0.a.h[-1, 0]")
    still = ~network.trained()["0.a.h"][0]
    assert still.nonzero().tolist() == [[2, 0]]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"mask": torch.ones(3, 5, dtype=torch.bool)}, r"mask must be bool of shape \(5, 3\), \(time, batch\) as x is, not torch.bool \(3, 5\)"),
        ({"mask": torch.ones(5, 3)}, "not torch.float32"),
        ({"mask": torch.tensor([5, 3, 2])}, "mask must be bool"),
        ({"x": torch.zeros(0, 3, 2)}, "each 1 or more"),
        ({"x": torch.zeros(5, 3, dtype=torch.long)}, r"x must be \(time, batch, inputs\)"),
        ({"x": torch.zeros(5, 3, 2, dtype=torch.long)}, "x must be floating, for the network has no embedding"),
        ({"state": {"h": torch.zeros(1, 3, 4)}}, "unknown state 'h'; did you mean '0.h'"),
        ({"noise": {"0.d_g": torch.ones(5, 1, 3, 4)}}, "noise must be masks for nothing, given was 0.d_g"),
        ({"engine": "scann"}, "unknown engine 'scann'; did you mean 'scan'"),
    ],
)
def test_what_is_run_must_fit(given, sentence):
    network = suite.network("lstm", 4, inputs=2, outputs=2)
    with pytest.raises(ValueError, match=sentence):
        network.run(network.start(0), **{"x": torch.zeros(5, 3, 2)} | given)


def test_an_engine_may_be_named():
    network = suite.network(["lstm", "gru"], 4, inputs=2, outputs=2)
    params, x = double(network), normal(5, 3, 2)
    for engine in ("best", "reference", "rtrl"):
        close(network.run(params, x, engine=engine).output, network(params, x))


def test_rows_that_fill_a_batch_up_begin_at_the_start_of_their_cell():
    """A state that something is divided by does not start at zero, in padding rows neither."""

    def step(a, s, p):
        return s._replace(h=torch.tanh(a.z) / s.n, n=s.n + torch.sigmoid(a.z))

    network = suite.network(Cell("own", (({"z": "x h b"}, step),), {"h": 4, "n": 4}, start={"n": 1.0}), inputs=2, outputs=2)
    params, x = {name: value.requires_grad_() for name, value in double(network).items()}, normal(5, 3, 2)
    state = network.run(params, x).state
    gradients = torch.autograd.grad(network.run(params, x, state={name: value.detach() for name, value in state.items()}).output.sum(), list(params.values()))
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_a_cell_may_call_something_below():
    def step(a, s, p):
        return s._replace(h=torch.tanh(a.z + p.below))

    made = Cell("own", (({"z": "x h b"}, step),), {"h": 4}, {"below": 4})
    network = suite.network(["rnn", made], 4, inputs=2, outputs=2, dropout=0.5)
    assert network(network.start(0), torch.zeros(3, 2, 2)).shape == (1, 2, 2)


WHOLE = {"bidirectional": True, "residual": True, "dropout": 0.25, "init": "orthogonal+keep(value=2.0)", "frozen": ("0.f.b",), "readout": "every"}


def test_a_network_of_everything_is_saved_and_loaded(tmp_path):
    network = suite.network(["lstm(drop=0.25, on='memory')", "gru-cho"], 6, inputs=1, outputs=2, **WHOLE)
    run = train(network)[1]
    weights.save(tmp_path / "net.safetensors", network, run.weights)
    again, params = suite.load(tmp_path / "net.safetensors")
    assert again == network
    batch = next(TASK.batches("test", 4, torch.Generator().manual_seed(0)))
    assert torch.equal(again(params, batch.x, batch.mask), network(run.weights, batch.x, batch.mask))


def test_a_file_that_is_read_runs_no_code(tmp_path, monkeypatch):
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')\ndef f(*a): return {}\n")
    monkeypatch.chdir(tmp_path)
    network = suite.network("rnn", 4, inputs=2, outputs=2)
    for changed in ({"init": "evil:f"}, {"init": "bias(row='a', values=())"}, {"frozen": ("evil:f",)}):
        suite.save(tmp_path / "net.safetensors", replace(network, **changed), network.start(0))
        with pytest.raises(ValueError, match="does not describe a network that this version has"):
            suite.load(tmp_path / "net.safetensors")
    suite.save(str(tmp_path / "net.safetensors"), replace(network, cells=(replace(network.cells[0], name="evil:f"),)), network.start(0))
    with pytest.raises(ValueError, match="pass your own as load"):
        suite.load(tmp_path / "net.safetensors")


def test_own_cells_may_have_brackets_in_their_names(tmp_path):
    def mine(units):
        return replace(suite.cell("rnn", units), name="mine (v2)")

    network = suite.network(mine, 4, inputs=3, outputs=2)
    suite.save(tmp_path / "own.safetensors", network, network.start(0))
    assert suite.load(tmp_path / "own.safetensors", cells=[mine])[0].cells[0].name == "mine (v2)"


def test_own_cells_with_dropout_are_loaded_by_name(tmp_path):
    def mine(units):
        return replace(suite.cell("gru", units), name="mine")

    made = suite.cells.dropout(mine(4), 0.5)
    network = suite.network(made, inputs=3, outputs=2)
    weights.save(tmp_path / "own.safetensors", network, network.start(0))
    assert suite.load(tmp_path / "own.safetensors", cells=[mine])[0] == network
    with pytest.raises(ValueError, match="pass your own as load"):
        suite.load(tmp_path / "own.safetensors")


def test_everything_at_once_trains_and_replicas_stay_themselves():
    network = suite.network(["lstm(drop=0.25, on='memory')", "gru-cho"], 8, inputs=1, outputs=2, **WHOLE)
    runs = fit(network, TASK, [0, 1], batch=16, steps=40, evaluate_every=20)
    (alone,) = fit(network, TASK, [1], batch=16, steps=40, evaluate_every=20)
    assert runs[1].curve == alone.curve
    assert runs[0].curve != alone.curve
    assert all(torch.equal(runs[1].weights[name], alone.weights[name]) for name in alone.weights)


def test_a_fully_recurrent_network_learns_forwards_in_time_as_backwards():
    """1989: outputs are units of the pool, a weight is fixed, sensitivities are carried along."""
    network = suite.network("rnn-logistic", 6, inputs=1, outputs=2, readout="every", linear=False, frozen=("0.a.h[0, 1]",))
    runs = {engine: fit(network, TASK, [0, 1], Optimiser(name="sgd", lr=0.5), batch=2, steps=10, evaluate_every=5, engine=engine, dtype=torch.float64) for engine in ("rtrl", "hoisted")}
    for one, other in zip(*runs.values(), strict=True):
        for name, value in one.weights.items():
            torch.testing.assert_close(value, other.weights[name], atol=1e-10, rtol=1e-8)
        assert torch.equal(one.weights["0.a.h"][0, 0, 1], network.start(one.seed)["0.a.h"][0, 0, 1].double())
