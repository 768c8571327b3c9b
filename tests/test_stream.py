"""One step at a time is the sequence: the same bits or nearly, on every engine, with the state in the caller's hands."""

import threading

import pytest
import torch

import suite
from suite.cells import CELLS, Cell, dropout
from suite.engines import ENGINES, Refused, Stream, unroll
from suite.training.check import inputs_of

CPU = torch.device("cpu")
T, R, B, UNITS = 4, 2, 3, 5
APART = {"scan": 0.0, "reference": 0.0, "hoisted": 1e-12, "vendor": 1e-12, "rtrl": 1e-12}  # those whose products depend on the number of steps may differ in the last bits


def drawn(cell, replicas=R, batch=B, dtype=torch.float64, inputs=None):
    generator = torch.Generator().manual_seed(3)

    def draw(*shape):
        return (2 * torch.rand(*shape, generator=generator, dtype=torch.float64) - 1).to(dtype)

    inputs = inputs or inputs_of(cell)
    params = {name: draw(replicas, *shape) for name, shape in cell.shapes(inputs).items()}
    return params, draw(T, replicas, batch, inputs), {name: draw(replicas, batch, width) for name, width in cell.state.items()}


def stepped(step, xs, state=None):
    outputs = []
    for x in xs.unbind(0):
        y, state = step(x, state)
        outputs.append(y)
    return [torch.stack(outputs), *state.values()]


def unrolled(cell, params, xs, state=None, engine="scan", noise=None):
    y, last = unroll(cell, params, xs, state, engine=ENGINES[engine], noise=noise)
    return [y, *last.values()]


def near(ours, theirs, bound):
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        assert (one - other).abs().max() <= bound * max(float(other.abs().max()), 1.0)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", CELLS)
def test_steps_are_those_of_the_sequence(name, engine):
    cell = CELLS[name](UNITS)
    params, xs, state = drawn(cell)
    sentence = ENGINES[engine].refuses(cell, CPU)
    if sentence:
        with pytest.raises(Refused, match=f"'{name}'"):
            Stream(cell, params, ENGINES[engine])
        return
    step = Stream(cell, params, ENGINES[engine])
    assert step.inputs == xs.shape[-1]
    for begun in (None, state):
        near(stepped(step, xs, begun), unrolled(cell, params, xs, begun, engine), APART[engine])


@pytest.mark.parametrize(("units", "replicas", "batch"), [(1, 1, 1), (16, 1, 1), (17, 3, 9), (40, 1, 70)])
@pytest.mark.parametrize("name", ["lstm-peephole", "gru-cho", "lstm97"])
def test_the_same_bits_at_every_size(name, units, replicas, batch):
    cell = CELLS[name](units)
    params, xs, state = drawn(cell, replicas, batch, torch.float32)
    near(stepped(Stream(cell, params, ENGINES["scan"]), xs, state), unrolled(cell, params, xs, state), 0.0)


@pytest.mark.parametrize("replicas", [1, 2])
def test_the_same_bits_where_threads_share_a_step(replicas):
    cell = CELLS["gru-cho"](490)
    params, xs, state = drawn(cell, replicas, 1, torch.float32)
    theirs = unrolled(cell, params, xs, state)
    try:
        torch.set_num_threads(3)
        near(stepped(Stream(cell, params, ENGINES["scan"]), xs, state), theirs, 0.0)
    finally:
        torch.set_num_threads(1)


def test_inputs_of_every_form():
    cell = CELLS["lstm"](UNITS)
    params, xs, _ = drawn(cell)
    step = suite.stream(cell, params)
    shared = xs[:, :1]
    theirs = unrolled(cell, params, shared)
    near(stepped(step, shared), theirs, 0.0)
    near(stepped(step, shared[:, 0]), theirs, 0.0)
    turned = xs.mT.contiguous().mT
    assert not turned[0].is_contiguous()
    near(stepped(step, turned), unrolled(cell, params, xs), 0.0)
    one, two = step(xs[0, :, :1])[0], step(xs[0])[0]
    assert torch.equal(one, two[:, :1])


def test_the_state_is_the_callers():
    cell = CELLS["lstm"](UNITS)
    params, xs, _ = drawn(cell)
    step = suite.stream(cell, params, engine="scan")
    y, first = step(xs[0])
    before = {name: value.clone() for name, value in first.items()}
    again = [step(xs[1], first)[0] for _ in range(2)]
    step(xs[2])
    assert torch.equal(*again)
    assert all(torch.equal(first[name], before[name]) for name in before)
    assert y is first["h"]
    near([step(xs[1], {"c": first["c"]})[0]], [step(xs[1], {"c": first["c"], "h": torch.zeros_like(y)})[0]], 0.0)


def test_states_of_any_strides_and_order():
    cell = CELLS["lstm"](UNITS)
    params, xs, state = drawn(cell)
    step = suite.stream(cell, params)
    odd = {name: value.mT.contiguous().mT for name, value in reversed(state.items())}
    assert torch.equal(step(xs[0], odd)[0], step(xs[0], state)[0])
    swapped = Cell("lstm", cell.stages, cell.state, gates=cell.gates, paper=cell.paper)
    assert torch.equal(suite.stream(swapped, params)(xs[0], state)[0], step(xs[0], state)[0])


def test_weights_are_those_of_when_the_stream_was_made():
    cell = CELLS["lstm-peephole"](UNITS)
    params, xs, _ = drawn(cell)
    for engine in ("scan", "reference"):
        step = suite.stream(cell, params, engine=engine)
        before = step(xs[0])[0]
        changed = {name: value.clone() for name, value in params.items()}
        for value in params.values():
            value.mul_(2.0)
        assert torch.equal(step(xs[0])[0], before)
        assert not torch.equal(suite.stream(cell, params, engine=engine)(xs[0])[0], before)
        params = changed


def test_rows_of_dropout_are_their_mean():
    cell = dropout(CELLS["lstm"](UNITS), 0.25)
    (row, mask), = cell.masks.items()
    params, xs, _ = drawn(cell)
    theirs = unrolled(cell, params, xs, noise={row: torch.full((1, 1, B, UNITS), 1 - mask.rate, dtype=xs.dtype)})
    for engine in ("scan", "reference"):
        near(stepped(suite.stream(cell, params, engine=engine), xs), theirs, 1e-12)


def test_other_noise_is_refused_in_words():
    cell = Cell("noisy", (({"a": "x h b", "n": "=noise"}, lambda a, s, p: s._replace(h=torch.tanh(a.a + a.n))),), {"h": UNITS})
    params, _, _ = drawn(cell)
    with pytest.raises(suite.Refused, match="a stream draws no noise, and row 'n' of cell 'noisy' is fed nothing else"):
        suite.stream(cell, params)


def test_nothing_is_taped_and_no_gradient_taken():
    cell = CELLS["lstm"](UNITS)
    params, xs, _ = drawn(cell)
    params = {name: value.requires_grad_() for name, value in params.items()}
    for engine in ("scan", "hoisted"):
        step = suite.stream(cell, params, engine=engine)
        assert not step(xs[0])[0].requires_grad
        with pytest.raises(ValueError, match="a stream takes no gradient"):
            step(xs[0].requires_grad_())
        with torch.no_grad():
            step(xs[0])
        xs = xs.detach()


def test_threads_may_share_a_stream():
    cell = CELLS["lstm"](33)
    params, xs, _ = drawn(cell, 1, 4, torch.float32)
    step, found = suite.stream(cell, params, engine="scan"), {}
    theirs = unrolled(cell, params, xs)

    def work(number):
        found[number] = [stepped(step, xs) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for results in found.values():
        for ours in results:
            near(ours, theirs, 0.0)


LSTM = CELLS["lstm"](UNITS)
MISTAKES = {
    "x must be (2 or 1, batch, 3) or (batch, 3), not (3, 3, 3)": (torch.zeros(3, 3, 3), None),
    "x must be (2 or 1, batch, 3) or (batch, 3), not (4,)": (torch.zeros(4), None),
    "x must be (2 or 1, batch, 3) or (batch, 3), not (1, 3, 4)": (torch.zeros(3, 4), None),
    "x is torch.float64 on cpu, the parameters are torch.float32 on cpu; they must agree": (torch.zeros(3, 3).double(), None),
    "'d' is no state of cell 'lstm'; its states are h, c": (torch.zeros(3, 3), {"d": torch.zeros(2, 3, UNITS)}),
    "'e' is no state of cell 'lstm'; its states are h, c": (torch.zeros(3, 3), {"h": torch.zeros(2, 3, UNITS), "e": torch.zeros(2, 3, UNITS)}),
    "state 'c' must be torch.float32 (2, 3, 5) on cpu, not torch.float32 (2, 3, 4) on cpu": (torch.zeros(3, 3), {"c": torch.zeros(2, 3, 4)}),
    "state 'c' must be torch.float32 (2, 3, 5) on cpu, not torch.float64 (2, 3, 5) on cpu": (torch.zeros(3, 3), {"c": torch.zeros(2, 3, 5).double()}),
}


@pytest.mark.parametrize("sentence", MISTAKES)
def test_mistakes_are_told_in_a_sentence(sentence):
    params, _, _ = drawn(LSTM, dtype=torch.float32, inputs=3)
    x, state = MISTAKES[sentence]
    with pytest.raises(ValueError) as raised:
        suite.stream(LSTM, params)(x, state)
    assert str(raised.value) == sentence


def test_wrong_parameters_are_told_when_the_stream_is_made():
    params, _, _ = drawn(LSTM)
    with pytest.raises(ValueError, match=r"cell 'lstm' misses i\.h"):
        suite.stream(LSTM, {name: value for name, value in params.items() if name != "i.h"})
    with pytest.raises(ValueError, match="unknown engine 'scam'; did you mean 'scan'"):
        suite.stream(LSTM, params, engine="scam")
    deaf = Cell("deaf", (({"a": "h b"}, lambda a, s, p: s._replace(h=torch.tanh(a.a))),), {"h": 2})
    given = {name: torch.ones(1, *shape) for name, shape in deaf.shapes(3).items()}
    with pytest.raises(ValueError, match="no weight of cell 'deaf' tells how wide x is: say inputs="):
        suite.stream(deaf, given)
    assert suite.stream(deaf, given, inputs=3)(torch.zeros(4, 3))[0].shape == (1, 4, 2)


@pytest.mark.parametrize("engine", ["best", "scan", "hoisted", "reference"])
def test_a_cell_without_parameters_steps_too(engine):
    bare = Cell("bare", (({"a": "=x"}, lambda a, s, p: s._replace(h=torch.tanh(a.a + s.h))),), {"h": 3})
    step, x = suite.stream(bare, {}, inputs=3, engine=engine), torch.rand(2, 3)
    _, state = step(x)
    assert torch.allclose(step(x, state)[0], torch.tanh(x + torch.tanh(x)).unsqueeze(0))
