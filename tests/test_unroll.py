"""Running a cell: padding changes nothing, extremes stay finite, every mistake is a sentence."""

import pytest
import torch

import suite
from suite.cells import CELLS, Cell
from suite.engines import ENGINES, Refused, unroll

CPU = torch.device("cpu")
GENERAL = [name for name in ENGINES if name != "vendor"]
INPUTS, UNITS = 3, 4


def inputs_of(cell):
    return cell.takes or INPUTS


def drawn(cell, replicas=1, inputs=None, scale=1.0):
    generator = torch.Generator().manual_seed(3)
    return {name: scale * torch.randn(replicas, *shape, generator=generator, dtype=torch.float64) for name, shape in cell.shapes(inputs or inputs_of(cell)).items()}


def normal(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


def runs(cell, engine):
    if ENGINES[engine].refuses(cell, CPU):
        pytest.skip(f"'{engine}' refuses '{cell.name}'")
    return ENGINES[engine]


def close(one, other):
    torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-10)


every_cell = pytest.mark.parametrize("name", CELLS)
every_engine = pytest.mark.parametrize("engine", ENGINES)


@every_engine
@every_cell
def test_a_padded_batch_gives_each_row_what_it_gives_alone(name, engine):
    cell = CELLS[name](UNITS)
    engine, params, x = runs(cell, engine), drawn(cell, 2), normal(6, 1, 3, inputs_of(cell))
    lengths = torch.tensor([4, 6, 1])
    mask = torch.arange(6)[:, None, None] < lengths
    y, last = unroll(cell, params, torch.where(mask[..., None], x, 1e6), engine=engine, mask=mask)
    for row, length in enumerate(lengths.tolist()):
        alone, final = unroll(cell, params, x[:length, :, row : row + 1], engine=engine)
        close(y[:length, :, row : row + 1], alone)
        assert (y[length:, :, row] == 0).all()
        for state, value in last.items():
            close(value[:, row : row + 1], final[state])


@pytest.mark.parametrize("engine", GENERAL)
@every_cell
def test_a_masked_step_keeps_the_state_and_outputs_zero(name, engine):
    cell = CELLS[name](UNITS)
    params, x, mask = drawn(cell), normal(5, 1, 2, inputs_of(cell)), torch.tensor([1, 0, 1, 0, 1]).bool()[:, None, None].expand(5, 1, 2)
    y, last = unroll(cell, params, x, engine=runs(cell, engine), mask=mask)
    short, final = unroll(cell, params, x[::2], engine=ENGINES[engine])
    close(y[::2], short)
    assert (y[1::2] == 0).all()
    for state in last:
        close(last[state], final[state])


@every_cell
def test_a_mask_of_ones_changes_nothing(name):
    cell = CELLS[name](UNITS)
    params, x = drawn(cell), normal(5, 1, 2, inputs_of(cell))
    one, _ = unroll(cell, params, x, engine=ENGINES["reference"], mask=torch.ones(5, 1, 2, dtype=torch.bool))
    other, _ = unroll(cell, params, x, engine=ENGINES["reference"])
    assert torch.equal(one, other)


@every_engine
@every_cell
def test_masked_input_gets_no_gradient(name, engine):
    cell = CELLS[name](UNITS)
    x, mask = normal(4, 1, 2, inputs_of(cell)).requires_grad_(), torch.arange(4)[:, None, None] < torch.tensor([2, 4])
    y, last = unroll(cell, drawn(cell), x, engine=runs(cell, engine), mask=mask)
    (gradient,) = torch.autograd.grad(y.sum() + sum(value.sum() for value in last.values()), x)
    assert (gradient[2:, 0, 0] == 0).all()
    assert (gradient[:, 0, 1] != 0).any()


@every_engine
@pytest.mark.parametrize("size", [1e4, -1e4])
@every_cell
def test_saturating_inputs_stay_finite(name, size, engine):
    cell = CELLS[name](UNITS)
    params = {key: value.float().requires_grad_() for key, value in drawn(cell, scale=0.1).items()}
    x = torch.full((3, 1, 2, inputs_of(cell)), size)
    y, last = unroll(cell, params, x, engine=runs(cell, engine))
    gradients = torch.autograd.grad(y.sum(), list(params.values()))
    assert all(value.isfinite().all() for value in (y, *last.values(), *gradients))


@every_engine
@every_cell
def test_one_step_of_one_sequence_of_one_unit(name, engine):
    cell = CELLS[name](1)
    params = drawn(cell, inputs=1)
    y, last = unroll(cell, params, normal(1, 1, 1, 1), engine=runs(cell, engine))
    wanted, _ = unroll(cell, params, normal(1, 1, 1, 1), engine=ENGINES["reference"])
    assert y.shape == (1, 1, 1, 1)
    close(y, wanted)
    assert torch.equal(y[0], next(iter(last.values())))


@every_engine
@every_cell
def test_two_halves_are_the_whole(name, engine):
    cell = CELLS[name](UNITS)
    engine, params, x = runs(cell, engine), drawn(cell, 2), normal(6, 2, 3, inputs_of(cell))
    whole, last = unroll(cell, params, x, engine=engine)
    first, between = unroll(cell, params, x[:2], engine=engine)
    second, final = unroll(cell, params, x[2:], between, engine=engine)
    close(torch.cat([first, second]), whole)
    for state in last:
        close(final[state], last[state])


@every_engine
@every_cell
def test_non_contiguous_tensors_are_accepted(name, engine):
    cell = CELLS[name](UNITS)
    engine, params, x = runs(cell, engine), drawn(cell, 2), normal(5, 1, 3, inputs_of(cell))
    strided = {key: value.mT.contiguous().mT for key, value in params.items()}
    assert not all(value.is_contiguous() for value in strided.values())
    wide = torch.stack([x, -x], -1)[..., 0]
    assert not wide.is_contiguous()
    close(unroll(cell, strided, wide, engine=engine)[0], unroll(cell, params, x, engine=engine)[0])


@every_engine
@every_cell
def test_nothing_given_is_changed(name, engine):
    cell = CELLS[name](UNITS)
    params, x, state = drawn(cell, 2), normal(4, 1, 3, inputs_of(cell)), {key: normal(2, 3, width) for key, width in cell.state.items()}
    before = {key: value.clone() for key, value in {**params, **state, " x": x}.items()}
    unroll(cell, params, x, state, engine=runs(cell, engine))
    assert all(torch.equal(before[key], value) for key, value in {**params, **state, " x": x}.items())


# small cells of our own

def noisy(a, s, p):
    return s._replace(h=torch.tanh(a.a) * a.drop)


def skipping(a, s, p):
    return s._replace(h=torch.tanh(a.a) + a.raw)


def blocked(a, s, p):
    return s._replace(h=torch.sigmoid(a.g).repeat_interleave(2, -1) * torch.tanh(a.a), c=s.c + a.only)


def squeeze(a, s, p):
    return {"v": torch.tanh(a.u) * p.scale, "k": a.w * s.h}


def spread(a, s, p):
    return s._replace(h=a.n + a.v.sum(-1, keepdim=True))


OWN = {
    "noise": Cell("noise", (({"a": "x h b", "drop": "=noise"}, noisy),), {"h": UNITS}),
    "raw input": Cell("raw", (({"a": "x h b", "raw": "=x"}, skipping),), {"h": INPUTS}),
    "narrow row, no input, no bias": Cell("blocked", (({"g": "c", "a": "x h b", "only": "h:h w:c"}, blocked),), {"h": UNITS, "c": 3}, width={"g": 2, "only": 3}, start={"c": 0.5}),
    "a value of biases alone": Cell("biased", (({"u": "b"}, lambda a, s, p: {"v": a.u.tanh()}), ({"n": "x h v b"}, lambda a, s, p: s._replace(h=a.n.tanh()))), {"h": UNITS}),
    "a state of biases alone": Cell("constant", (({"n": "x h b", "u": "b"}, lambda a, s, p: s._replace(h=a.n.tanh() * s.c, c=a.u)),), {"h": UNITS, "c": UNITS}),
    "two stages": Cell("staged", (({"u": "x h", "w": "b h"}, squeeze), ({"n": "v x:k b"}, spread)), {"h": UNITS}, extra={"scale": 2}, width={"u": 2}),
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("engine", [name for name in GENERAL if name != "reference"])
def test_own_cells_run_alike_in_all_general_engines(engine, kind, masked):
    cell = OWN[kind]
    mask = torch.arange(5)[:, None, None] < torch.tensor([5, 2]) if masked else None
    noise = {"drop": (normal(5, 1, 2, UNITS) > 0).double()} if kind == "noise" else None

    def results(name):
        scale = 0.3 if kind == "two stages" else 1.0  # at 1 its state grows to 1e17 and 1 - tanh² to rounding errors
        params = {key: value.requires_grad_() for key, value in drawn(cell, 2, scale=scale).items()}
        x = normal(5, 1, 2, INPUTS).requires_grad_()
        y, last = unroll(cell, params, x, engine=ENGINES[name], mask=mask, noise=noise)
        loss = (y * torch.arange(y.numel()).view_as(y).cos()).sum() + sum(value.sum() for value in last.values())
        return [y, *last.values(), *torch.autograd.grad(loss, [*params.values(), x])]

    for ours, theirs in zip(results(engine), results("reference"), strict=True):
        assert theirs.abs().max() > 0
        close(ours, theirs)


@pytest.mark.parametrize("engine", GENERAL)
def test_noise_is_multiplied_in_and_shared_over_time_and_replicas(engine):
    cell, x = OWN["noise"], normal(4, 1, 2, INPUTS)
    params = drawn(cell, 3)
    none, _ = unroll(cell, params, x, engine=ENGINES[engine], noise={"drop": torch.zeros(1, 1, 2, UNITS, dtype=torch.float64)})
    assert (none == 0).all()
    kept = (normal(1, 1, 2, UNITS) > 0).double()
    one, _ = unroll(cell, params, x, engine=ENGINES[engine], noise={"drop": kept})
    other, _ = unroll(cell, params, x, engine=ENGINES[engine], noise={"drop": kept.expand(4, 3, 2, UNITS)})
    close(one, other)
    assert (one != 0).any()
    assert ((one == 0) == (kept == 0)).all()


@pytest.mark.parametrize("engine", GENERAL)
def test_states_begin_at_start(engine):
    cell, x = OWN["narrow row, no input, no bias"], normal(4, 1, 2, INPUTS)
    params = drawn(cell)
    given, _ = unroll(cell, params, x, {"c": torch.full((1, 2, 3), 0.5, dtype=torch.float64)}, engine=ENGINES[engine])
    close(unroll(cell, params, x, engine=ENGINES[engine])[0], given)
    other, _ = unroll(cell, params, x, {"c": torch.zeros(1, 2, 3, dtype=torch.float64)}, engine=ENGINES[engine])
    assert not torch.allclose(given, other)


@pytest.mark.parametrize("engine", GENERAL)
def test_truncated_states_get_no_gradient(engine):
    def step(a, s, p):
        return s._replace(h=torch.tanh(a.a) + s.c, c=s.c * 0.5 + a.a)

    free = Cell("free", (({"a": "x h b"}, step),), {"h": UNITS, "c": UNITS})
    cut = Cell("cut", free.stages, free.state, truncated=("h",))
    params, x = drawn(cut), normal(3, 1, 2, INPUTS)

    def gradients(cell):
        state = {key: normal(1, 2, UNITS).requires_grad_() for key in ("h", "c")}
        y, _ = unroll(cell, params, x, state, engine=ENGINES[engine])
        return y, torch.autograd.grad(y.sum(), [state["h"], state["c"]], materialize_grads=True)

    (y, (h, c)), (same, (free_h, free_c)) = gradients(cut), gradients(free)
    assert torch.equal(y, same)
    assert (h == 0).all()
    assert (free_h != 0).all()
    close(c, torch.full_like(c, 1.75))  # 1 + 1/2 + 1/4 straight through c
    assert not torch.allclose(c, free_c)


LSTM = CELLS["lstm"](UNITS)


def call(**changed):
    given = {"cell": LSTM, "params": drawn(LSTM, 2), "x": normal(5, 1, 3, INPUTS), "engine": ENGINES["reference"]} | changed
    return unroll(given.pop("cell"), given.pop("params"), given.pop("x"), given.pop("state", None), **given)


def without(name):
    return {key: value for key, value in drawn(LSTM, 2).items() if key != name}


MISTAKES = {
    "x must be (time, replicas or 1, batch, inputs), each 1 or more, not (0, 1, 3, 3)": lambda: {"x": normal(0, 1, 3, INPUTS)},
    "x must be (time, replicas or 1, batch, inputs), each 1 or more, not (5, 3, 3)": lambda: {"x": normal(5, 3, INPUTS)},
    "x must be of a floating dtype, not torch.int64": lambda: {"x": torch.ones(5, 1, 3, INPUTS, dtype=torch.int64)},
    "x has 3 replicas and the parameters have 2; x may have 1, shared by all": lambda: {"x": normal(5, 3, 3, INPUTS)},
    "cell 'lstm' misses i.x; its parameters are z.x, z.h, z.b, i.x": lambda: {"params": without("i.x")},
    "cell 'lstm' does not know p_i; its parameters are z.x": lambda: {"params": drawn(LSTM, 2) | {"p_i": normal(2, 1, UNITS)}},
    "cell 'lstm' misses i.x and does not know i.y; ": lambda: {"params": without("i.x") | {"i.y": normal(2, UNITS, INPUTS)}},
    "parameter 'i.h' must have shape (2, 4, 4), not (2, 4, 3)": lambda: {"params": drawn(LSTM, 2) | {"i.h": normal(2, UNITS, 3)}},
    "parameter 'i.b' must have shape (2, 1, 4), not (4,)": lambda: {"params": drawn(LSTM, 2) | {"i.b": normal(UNITS)}},
    "parameter 'z.x' is torch.float64 on cpu, x is torch.float32 on cpu; they must agree": lambda: {"x": normal(5, 1, 3, INPUTS).float()},
    "parameter 'i.b' is torch.float32 on cpu, x is torch.float64 on cpu; they must agree": lambda: {"params": drawn(LSTM, 2) | {"i.b": normal(2, 1, UNITS).float()}},
    "state 'c' must have shape (2, 3, 4), not (2, 3, 5)": lambda: {"state": {"c": normal(2, 3, 5)}},
    "'d' is no state of cell 'lstm'; its states are h, c": lambda: {"state": {"d": normal(2, 3, UNITS)}},
    "mask must be bool of shape (5, 1 or 2, 3), not torch.float64 (5, 1, 3)": lambda: {"mask": normal(5, 1, 3)},
    "mask must be bool of shape (5, 1 or 2, 3), not torch.bool (5, 3)": lambda: {"mask": normal(5, 3) > 0},
    "cell 'lstm' needs noise for no row, given was drop": lambda: {"noise": {"drop": normal(5, 1, 3, UNITS)}},
    "cell 'noise' needs noise for drop, given was none": lambda: {"cell": OWN["noise"], "params": drawn(OWN["noise"], 2)},
    "noise 'drop' must be (5 or 1, 2 or 1, 3, 4), not (4, 1, 3, 4)": lambda: {"cell": OWN["noise"], "params": drawn(OWN["noise"], 2), "noise": {"drop": normal(4, 1, 3, UNITS)}},
    "noise 'drop' must have shape (5, 1, 3, 4), not (5, 1, 3, 2)": lambda: {"cell": OWN["noise"], "params": drawn(OWN["noise"], 2), "noise": {"drop": normal(5, 1, 3, 2)}},
}


@pytest.mark.parametrize("sentence", MISTAKES)
def test_mistakes_are_told_in_a_sentence(sentence):
    call()
    with pytest.raises(ValueError) as raised:
        call(**MISTAKES[sentence]())
    assert str(raised.value).startswith(sentence)
    assert "\n" not in str(raised.value)


def test_a_refusal_is_raised_in_words():
    with pytest.raises(Refused, match="engine 'vendor' has no kernel for 'noise'"):
        call(cell=OWN["noise"], params=drawn(OWN["noise"], 2), noise={"drop": normal(5, 1, 3, UNITS)}, engine=ENGINES["vendor"])
    with pytest.raises(suite.Refused):
        suite.unroll(CELLS["gru-cho"](2), drawn(CELLS["gru-cho"](2)), normal(2, 1, 1, INPUTS), engine="vendor")


def test_an_unknown_engine_names_the_near_miss():
    with pytest.raises(ValueError, match="unknown engine 'refrence'; did you mean 'reference'"):
        suite.unroll(LSTM, drawn(LSTM), normal(2, 1, 1, INPUTS), engine="refrence")


def step(a, s, p):
    return s._replace(h=torch.tanh(a.i))


def cell(stages=(({"i": "x h b"}, step),), state=None, **more):
    return Cell("x", stages, {"h": 4, "c": 4} if state is None else state, **more)


TABLES = {
    "cell 'x': 'n' names two things": lambda: cell((({"n": "x"}, lambda a, s, p: {"v": a.n}), ({"n": "v"}, step))),
    "cell 'x': 'x' names two things": lambda: cell((({"x": "h"}, step),)),
    "row 'i' of cell 'x': 'b:h' would be called i.b, which is the bias": lambda: cell((({"i": "x b:h b"}, step),)),
    "row 'i' of cell 'x' needs its sources as one text, as in 'x h b', not ['x', 'h']": lambda: cell((({"i": ["x", "h"]}, step),)),
    "cell 'x', stage 1 returns 0.0 for state 'h', not a tensor": lambda: cell((({"i": "x"}, lambda a, s, p: s._replace(h=0.0)),)),
    "cell 'x': width names 'aa', which is no row": lambda: cell((({"i": "x"}, step),), width={"aa": 2}),
    "cell 'x': stages must be pairs (affine, function)": lambda: cell(({"i": "x"}, step)),
    "row 'i' of cell 'x' is fed by 'hh'; it can be fed by x, b, h, c, '=x' or '=noise'": lambda: cell((({"i": "x hh b"}, step),)),
    "row 'i' of cell 'x' is fed by '=x'; it can be fed by": lambda: cell((({"i": "=x h"}, step),)),
    "row 'n' of cell 'x' is fed by 'hv'; it can be fed by x, b, h, c, v, '=x' or '=noise'": lambda: cell((({"i": "x"}, lambda a, s, p: {"v": a.i}), ({"n": "hv"}, step))),
    "row 'i' of cell 'x' needs one or more sources, each once, not 'x x b'": lambda: cell((({"i": "x x b"}, step),)),
    "row 'i' of cell 'x' needs one or more sources, each once, not 'x w:x b'": lambda: cell((({"i": "x w:x b"}, step),)),
    "row 'i' of cell 'x' needs one or more sources, each once, not ''": lambda: cell((({"i": ""}, step),)),
    "cell 'x': 'h' must be a whole number of units, 1 to 1,000,000, not -2": lambda: cell(state={"h": -2}),
    "cell 'x': 'h' must be a whole number of units, 1 to 1,000,000, not 2.0": lambda: cell(state={"h": 2.0}),
    "cell 'x': 'h' must be a whole number of units, 1 to 1,000,000, not True": lambda: cell(state={"h": True}),
    "cell 'x': 'p_i' must be a whole number of units, 1 to 1,000,000, not 0": lambda: cell(extra={"p_i": 0}),
    "cell 'x' needs at least one state and one stage": lambda: cell(state={}),
    "cell 'x': start names 'd', which is no state; states are h, c": lambda: cell(start={"d": 1.0}),
    "cell 'x': truncated names 'd', which is no state; states are h, c": lambda: cell(truncated=("d",)),
    "cell 'x', stage 1: 'rows' object has no attribute 'z'; a has i, s has h, c, p has nothing": lambda: cell((({"i": "x"}, lambda a, s, p: s._replace(h=a.z)),)),
    "cell 'x', stage 1 must return the states (s._replace(...)), not dict": lambda: cell((({"i": "x"}, lambda a, s, p: {"h": a.i}),)),
    "cell 'x', stage 1 must return a mapping of named values, not states": lambda: cell((({"i": "x"}, step), ({"n": "x"}, step))),
    "cell 'x', stage 1 returns state 'h' of width 2, declared 4": lambda: cell((({"i": "x"}, step),), width={"i": 2}),
    "cell 'x', stage 1: 'i' is the name of something else": lambda: cell((({"i": "x"}, lambda a, s, p: {"i": a.i}), ({"n": "x"}, step))),
    "inputs must be a whole number, 1 or more, not 0": lambda: cell().shapes(0),
}


@pytest.mark.parametrize("sentence", TABLES)
def test_a_wrong_table_is_caught_when_the_cell_is_made(sentence):
    with pytest.raises(ValueError) as raised:
        TABLES[sentence]()
    assert str(raised.value).startswith(sentence)


@pytest.mark.parametrize("units", [0, -3, 2.5, True, "8"])
@every_cell
def test_units_are_a_whole_number(name, units):
    with pytest.raises(ValueError, match="must be a whole number of units, 1 to 1,000,000, not"):
        suite.cell(name, units)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_input_that_is_not_finite_is_counted(value):
    x = normal(5, 1, 2, INPUTS)
    x[2, 0, 1, 0] = value
    with pytest.raises(ValueError, match="x has 1 values that are not finite, of 30"):
        suite.unroll(LSTM, drawn(LSTM), x)
