"""What is of another kind than it should be is told in a sentence, wherever cells are run, and nothing raw comes through."""

import pytest
import torch
from torch.autograd import forward_ad

import suite
from suite import catalogue
from suite.cells import CELLS
from suite.engines import BEST, ENGINES, Engine, Stream, hoisted, unroll
from suite.training.agreement import TOLERANCE, difference

CPU, HALF = torch.device("cpu"), torch.float16
CELL = CELLS["lstm"](5)
X = torch.zeros(4, 1, 3, 2)
PARAMS = {name: torch.zeros(1, *shape) for name, shape in CELL.shapes(2).items()}
STATE = {name: torch.zeros(1, 3, 5) for name in CELL.state}


def run(cell=CELL, params=PARAMS, x=X, state=None, **more):
    return suite.unroll(cell, params, x, state, **more)


def step(cell=CELL, params=PARAMS, x=X[0], state=None, **more):
    return suite.stream(cell, params, **more)(x, state)


BOTH = {
    "a state as a tuple": ({"state": tuple(STATE.values())}, "state must be a mapping of the states of cell 'lstm' by name, not a tuple"),
    "a state as a tensor": ({"state": STATE["h"]}, "state must be a mapping of the states of cell 'lstm' by name, not a torch.Tensor"),
    "a state of numbers": ({"state": {"h": 0.0}}, "state['h'] must be a torch tensor, not 0.0"),
    "x of numpy": ({"x": X.numpy()}, "x must be a torch tensor, not a numpy.ndarray"),
    "x as a list": ({"x": [[0.0]]}, "x must be a torch tensor, not a list"),
    "no x": ({"x": None}, "x must be a torch tensor, not None"),
    "x without values": ({"x": X.to("meta")}, "x is on the device meta, where tensors hold no values"),
    "parameters without values": ({"params": {name: value.to("meta") for name, value in PARAMS.items()}}, "params['z.x'] is on the device meta, where tensors hold no values"),
    "parameters as a list": ({"params": list(PARAMS.values())}, "params must be a mapping of the parameters of cell 'lstm' by name, not a list"),
    "parameters of numpy": ({"params": {name: value.numpy() for name, value in PARAMS.items()}}, "params['z.x'] must be a torch tensor, not a numpy.ndarray"),
    "no parameters": ({"params": None}, "params must be a mapping of the parameters of cell 'lstm' by name, not None"),
    "a cell by name": ({"cell": "lstm"}, "a cell is what suite.cell(name, units) makes, not 'lstm'"),
    "a torch layer": ({"cell": torch.nn.LSTM(2, 5)}, "a cell is what suite.cell(name, units) makes, not a torch.nn.LSTM; suite.from_torch makes cells and parameters of a torch module"),
    "what makes cells": ({"cell": CELLS["lstm"]}, "a cell is what suite.cell(name, units) makes, not a "),
    "no engine": ({"engine": None}, "engine must be a name, as a text, not None"),
    "an engine itself": ({"engine": ENGINES["scan"]}, "engine must be a name, as a text, not Engine(name='scan'"),
    **{
        f"an eighth, {eighth}": ({"params": {name: value.to(eighth) for name, value in PARAMS.items()}, "x": X.to(eighth)}, f"x must be of a floating dtype of 16 bits or more, not {eighth}")
        for eighth in (torch.float8_e5m2, torch.float8_e4m3fn)
    },
    "weights by number": ({"params": {1: X}}, "params must be named by texts, not 1"),
    "sparse": ({"x": X.to_sparse()}, "x must be dense, not torch.sparse_coo"),
}


@pytest.mark.parametrize("way", [run, step], ids=["unroll", "stream"])
@pytest.mark.parametrize("mistake", BOTH)
def test_a_thing_of_another_kind_is_told_in_a_sentence(way, mistake):
    given, sentence = BOTH[mistake]
    given = {**given, "x": given["x"][0]} if way is step and given.get("x") is not None else given
    with pytest.raises(ValueError) as raised:
        way(**given)
    assert str(raised.value).startswith(sentence)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("given", [{"mask": [True] * 4}, {"mask": torch.ones(4, 1, 3).bool().numpy()}, {"noise": torch.zeros(1)}, {"noise": {"a": 1}}], ids=str)
def test_masks_and_noise_of_another_kind_too(given):
    with pytest.raises(ValueError, match=r"^(mask|noise|noise\['a'\]) must be a (torch tensor|mapping of the rows of cell 'lstm' by name), not "):
        run(**given)


@pytest.mark.parametrize("engine", ["scan", "hoisted"])
@pytest.mark.parametrize("mistake", [{"x": X[0].numpy()}, {"x": None}, {"state": tuple(STATE.values())}, {"state": STATE["h"]}, {"x": X[0].to("meta")}], ids=list("abcde"))
def test_a_stream_that_is_under_way_says_the_same_and_goes_on(engine, mistake):
    stepping = suite.stream(CELL, PARAMS, engine=engine)
    y, state = stepping(X[0], None)
    y, state = stepping(X[0], state)
    with pytest.raises(ValueError, match=r"^(x|state) "):
        stepping(**({"x": X[0], "state": state} | mistake))
    assert torch.equal(stepping(X[0], state)[0], y)


def test_a_network_says_what_x_must_be():
    net = suite.network("rnn", 4, inputs=2, outputs=1)
    with pytest.raises(ValueError, match=r"^x must be a torch tensor, not a numpy\.ndarray$"):
        net(net.start(0), X.numpy())


@pytest.mark.parametrize("thing", [torch.nn.LSTM(2, 4), 3, None, lambda units: units], ids=["a module", "a number", "none", "what makes no cell"])
def test_a_network_says_what_a_layer_must_be(thing):
    with pytest.raises(ValueError, match=r"^a cell is what suite\.cell\(name, units\) makes, not "):
        suite.network(thing, 4, inputs=2, outputs=1)
    with pytest.raises(ValueError, match=r"^a cell is what "):
        suite.network(["rnn", thing], 4, inputs=2, outputs=1)


@pytest.mark.parametrize("ask", [lambda net, task: net(net.start(0), X[:, 0], engine=None), lambda net, task: suite.fit(net, task, steps=1, engine=None), lambda net, task: suite.score(net, net.start(0), task, engine=None)], ids=["network", "fit", "score"])
def test_an_engine_is_named_wherever_one_is_asked_for(ask):
    task = suite.task("parity", length=4, supervision="every")
    net = suite.network("rnn", 4, inputs=1, outputs=2, readout="every")
    with pytest.raises(ValueError, match=r"^engine must be a name, as a text, not None$"):
        ask(net, task)


# devices


@pytest.mark.parametrize(("device", "sentence"), [("cuda", "device 'cuda' cannot be used: this machine has no CUDA device that PyTorch can use"), ("gpu", "unknown device 'gpu'"), (7.5, "unknown device '7.5'")])
def test_fit_says_what_is_wrong_with_a_device(device, sentence):
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    task = suite.task("parity", length=4, supervision="every")
    with pytest.raises(ValueError) as raised:
        suite.fit(suite.network("rnn", 4, inputs=1, outputs=2, readout="every"), task, steps=1, device=device)
    assert str(raised.value).startswith(sentence)


# dtypes


@pytest.mark.parametrize("name", ["lstm", "gru-cho"])
def test_best_steps_down_to_an_engine_that_has_the_dtype(name):
    cell = CELLS[name](5)
    found = catalogue.engine("best", cell, CPU, HALF)
    refusals = [ENGINES[one].refuses(cell, CPU) or ENGINES[one].lacks(cell, HALF, CPU) for one in BEST]
    assert found.name == BEST[refusals.index(None)] != "scan"
    assert difference(cell, found, 2, CPU, HALF) <= TOLERANCE[HALF]
    assert catalogue.engine("best", cell, CPU, torch.float32).name == "scan"


@pytest.mark.parametrize("way", [run, step], ids=["unroll", "stream"])
def test_half_precision_runs_where_no_engine_is_named_and_is_refused_where_one_is(way):
    params, x = {name: value.to(HALF) for name, value in PARAMS.items()}, X.to(HALF) if way is run else X[0].to(HALF)
    y, state = way(params=params, x=x, engine="best")
    assert {value.dtype for value in (y, *state.values())} == {HALF}
    with pytest.raises(suite.Refused, match=r"^engine 'scan' computes in float32, float64 and bfloat16, not in torch\.float16: 'lstm' is left to another engine$"):
        way(params=params, x=x, engine="scan")


def test_where_none_can_each_says_why(monkeypatch):
    for name in BEST:
        monkeypatch.setitem(ENGINES, name, Engine(name, hoisted.unroll, lacks=lambda cell, dtype, device, name=name: f"{name} has no {dtype}"))
    with pytest.raises(suite.Refused) as raised:
        run(engine="best")
    assert str(raised.value) == "no engine that 'best' tries can run this: " + "; ".join(f"{name} has no torch.float32" for name in BEST)


# derivatives forwards


def moved(given):
    return forward_ad.make_dual(given, torch.ones_like(given))


ASKED = {
    "x": lambda made, x, states: made(moved(x), states),
    "state": lambda made, x, states: made(x, states | {"c": moved(states["c"])}),
    "params": lambda made, x, states: Stream(CELL, PARAMS | {"i.x": moved(PARAMS["i.x"])}, made.engine),
}


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize("engine", ["scan", "hoisted"])
@pytest.mark.parametrize("what", ASKED)
def test_a_stream_loses_no_derivative_forwards(engine, what):
    made = Stream(CELL, PARAMS, ENGINES[engine])
    _, state = made(X[0], STATE)
    with forward_ad.dual_level():
        assert torch.equal(made(X[0], STATE)[1]["c"], state["c"])
        with pytest.raises(ValueError, match=r"^a stream takes no derivative forwards"):
            ASKED[what](made, X[0], STATE)
    assert torch.equal(made(X[0], STATE)[1]["c"], state["c"])


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
def test_a_sequence_has_them_on_hoisted_and_is_refused_on_scan():
    with forward_ad.dual_level():
        x = forward_ad.make_dual(X, torch.ones_like(X))
        assert forward_ad.unpack_dual(unroll(CELL, PARAMS, x, engine=ENGINES["hoisted"])[0]).tangent is not None
        with pytest.raises(suite.Refused, match="engine 'scan' has no derivative forwards"):
            unroll(CELL, PARAMS, x, engine=ENGINES["scan"])
