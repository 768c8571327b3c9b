"""Real-time recurrent learning: the gradient of backpropagation through time, carried forwards, in memory that no length adds to."""

import math
from dataclasses import replace

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

import suite
from suite.cells import CELLS, Cell
from suite.engines import ENGINES, Refused, rtrl, unroll

CPU, F64 = torch.device("cpu"), torch.float64
RTRL, REFERENCE = ENGINES["rtrl"], ENGINES["reference"]
R, T, B, INPUTS, UNITS = 2, 6, 3, 3, 4


def seeded(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: 2 * torch.rand(*shape, generator=generator, dtype=F64) - 1


def leaves(cell, steps=T, replicas=R, shared=False):
    """Parameters, first states and x, all of which ask for a gradient."""
    draw = seeded()
    params = {name: draw(replicas, *shape).requires_grad_() for name, shape in cell.shapes(cell.takes or INPUTS).items()}
    state = {name: draw(replicas, B, width).requires_grad_() for name, width in cell.state.items()}
    return params, state, draw(steps, 1 if shared else replicas, B, cell.takes or INPUTS).requires_grad_()


def loss(y, last):
    return sum(value.mul(torch.arange(1, value.numel() + 1, dtype=F64).view_as(value).sin()).sum() for value in (y, *last.values()))


def gradients(engine, cell, mask=None, noise=None, given=None, **shape):
    """Every gradient by name."""
    params, state, x = given or leaves(cell, **shape)
    named = {**params, **{f"start {name}": value for name, value in state.items()}, "x": x}
    wanted = {name: value for name, value in named.items() if value.requires_grad}
    found = torch.autograd.grad(loss(*unroll(cell, params, x, state, engine=engine, mask=mask, noise=noise)), list(wanted.values()), materialize_grads=True)
    return dict(zip(wanted, found, strict=True))


def same(ours, theirs):
    assert ours.keys() == theirs.keys()
    assert max(float((ours[name] - theirs[name]).abs().max() / theirs[name].abs().max().clamp(min=1e-12)) for name in ours) <= 1e-10


def agree(cell, **how):
    theirs = gradients(REFERENCE, cell, **how)
    same(gradients(RTRL, cell, **how), theirs)
    return theirs


def test_a_long_sequence_of_a_fully_recurrent_network():
    assert all(value.abs().max() > 0 for value in agree(suite.cell("rnn-logistic", UNITS), steps=200).values())


GAPS = torch.rand(T, R, B, generator=torch.Generator().manual_seed(5)) < 0.6
MASKS = {"gaps": GAPS, "gaps, shared": GAPS[:, :1], "padded": torch.arange(T)[:, None, None] < torch.tensor([T, 1, 4]), "a whole step out": torch.arange(T)[:, None, None].ne(2).expand(T, 1, B), "nothing": GAPS[:, :1] & False}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("name", ["rnn-logistic", "lstm97", "lstm-peephole", "gru-cho"])  # a truncated cell, extras, two stages
def test_masks(name, mask):
    agree(suite.cell(name, UNITS), mask=MASKS[mask], shared=True)


def step(a, s, p):
    c = s.c.repeat_interleave(2, -1) * torch.sigmoid(a.f + p.p_f * s.h)
    return s._replace(h=torch.tanh(c + a.n + a.x_itself), c=torch.tanh(a.k))


OWN = Cell("own", (({"f": "x h b", "k": "c h"}, lambda a, s, p: {"fh": a.f * s.h}), ({"n": "h:fh c:c b", "x_itself": "=x"}, step)), {"h": 4, "c": 2}, extra={"p_f": 4}, width={"k": 2}, start={"c": 0.5})


@pytest.mark.parametrize("cut", [(), ("h",), ("c",), ("h", "c")])
def test_states_of_other_widths_truncated_or_not(cut):
    found = agree(replace(OWN, truncated=cut), mask=GAPS)
    free = agree(OWN, mask=GAPS)
    assert all(not torch.allclose(found["f.h"], free["f.h"]) for _ in cut)


def test_a_truncated_state_held_by_its_mask_is_not_cut():
    cell = replace(OWN, truncated=("h", "c"))
    found = gradients(RTRL, cell, mask=GAPS & False)
    assert all(bool((found[f"start {name}"] != 0).all()) for name in cell.state)
    assert not any(bool(found[name].any()) for name in (*cell.shapes(4), "x"))


@pytest.mark.parametrize("shared", [False, True], ids=["x per replica", "x shared"])
def test_replicas_together_are_replicas_alone(shared):
    cell = suite.cell("lstm", UNITS)
    params, state, x = leaves(cell, shared=shared)
    together = gradients(RTRL, cell, given=(params, state, x), mask=GAPS)
    weights = torch.arange(1, T * R * B * UNITS + 1, dtype=F64).sin().view(T, R, B, UNITS)
    for r in range(R):
        own, first = ({name: value[r : r + 1].detach().requires_grad_() for name, value in kind.items()} for kind in (params, state))
        y, _ = unroll(cell, own, x.detach()[:, r : r + 1] if not shared else x.detach(), first, engine=RTRL, mask=GAPS[:, r : r + 1])
        alone = torch.autograd.grad((y * weights[:, r : r + 1]).sum(), list(own.values()))
        y, _ = unroll(cell, params, x, state, engine=RTRL, mask=GAPS)
        whole = torch.autograd.grad((y * weights).sum(), list(params.values()))
        assert all(torch.allclose(a[0], b[r], rtol=1e-12, atol=1e-14) for a, b in zip(alone, whole, strict=True))
    assert not torch.allclose(together["z.h"][0], together["z.h"][1])


@pytest.mark.parametrize("needy", ["z.h", "p_f", "x", "start h", "start c"])
def test_what_asks_for_no_gradient_has_none_and_changes_none(needy):
    cell = suite.cell("lstm-peephole", UNITS)
    params, state, x = leaves(cell)
    for name, value in {**params, **{f"start {name}": value for name, value in state.items()}, "x": x}.items():
        value.requires_grad_(name == needy)
    given = params, state, x
    same(gradients(RTRL, cell, given=given), {needy: gradients(REFERENCE, cell)[needy]})


@pytest.mark.parametrize("name", ["lstm(drop=0.25)", "lstm(drop=0.25, each='sequence', on='memory')", "gru(drop=0.5, on='state')"])
def test_noise(name):
    cell = suite.cell(name, 5)
    draw = seeded(3)
    for length, replicas in ((T, R), (T, 1), (1, R), (1, 1)):
        noise = {row.name: (draw(length, replicas, B, row.width) > -0.5).to(F64) for stage in cell.table for row in stage.rows if row.raw == "noise"}
        agree(cell, noise=noise, mask=GAPS)
    with pytest.raises(Refused, match=r"engine 'rtrl' takes no gradient of noise, which 'lstm|gru"):
        gradients(RTRL, cell, noise={key: value.requires_grad_() for key, value in noise.items()})


def test_last_states_alone_and_outputs_alone():
    cell = suite.cell("lstm", UNITS)
    for part in (lambda y, last: y[2].sum(), lambda y, last: last["c"].sum(), lambda y, last: last["h"][0, 1].sum()):
        ours, theirs = (torch.autograd.grad(part(*unroll(cell, params, x, state, engine=engine)), [*params.values(), *state.values(), x], materialize_grads=True) for engine in (RTRL, REFERENCE) for params, state, x in [leaves(cell)])
        assert all(torch.allclose(a, b, rtol=1e-10, atol=1e-13) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("cell", [suite.cell("gru-cho", 2), replace(OWN, truncated=("h",))], ids=["two stages", "truncated"])
def test_the_derivative_of_the_derivative(cell):
    found = []
    for engine in (RTRL, REFERENCE):
        params, state, x = leaves(cell)
        first = torch.autograd.grad(loss(*unroll(cell, params, x, state, engine=engine, mask=GAPS)), list(params.values()), create_graph=True)
        found.append(torch.autograd.grad(sum(value.sin().sum() for value in first), [*params.values(), *state.values(), x], materialize_grads=True))
    assert all(torch.allclose(a, b, rtol=1e-9, atol=1e-12) for a, b in zip(*found, strict=True))


def test_a_geometric_series():
    # one linear unit, h(t) = w x + u h(t-1) + b with x = 1 and w + b > 0: after three steps h = (w + b)(1 + u + u²) + u³ h(0)
    w, u, b, start = 0.75, 0.5, 0.25, 2.0
    params = {name: torch.full((1, 1, 1), value, dtype=F64, requires_grad=True) for name, value in {"a.x": w, "a.h": u, "a.b": b}.items()}
    first = torch.full((1, 1, 1), start, dtype=F64, requires_grad=True)
    x = torch.ones(3, 1, 1, 1, dtype=F64, requires_grad=True)
    _, last = unroll(suite.cell("rnn-relu", 1), params, x, {"h": first}, engine=RTRL)
    by_w, by_u, by_b, by_start, by_x = torch.autograd.grad(last["h"].sum(), [*params.values(), first, x])
    assert float(last["h"].detach()) == (w + b) * (1 + u + u**2) + u**3 * start
    assert float(by_w) == float(by_b) == 1 + u + u**2
    assert float(by_u) == (w + b) * (1 + 2 * u) + 3 * u**2 * start
    assert float(by_start) == u**3
    assert by_x.flatten().tolist() == [w * u**2, w * u, w]


def test_the_equations_of_1989_in_plain_numbers():
    # p[k][i, j] of y(k) by w(i, j): y(k) (1 - y(k)) (Σ_l w(k, l) p[l][i, j] + [i = k] z(j)), z the units, the inputs and a one
    units, inputs, length = 2, 1, 4
    draw = seeded(8)
    w, u, b, xs, errors = draw(1, units, inputs), draw(1, units, units), draw(1, 1, units), draw(length, 1, 1, inputs), draw(length, 1, 1, units)
    params = {"a.x": w, "a.h": u, "a.b": b}
    y, _ = unroll(suite.cell("rnn-logistic", units), {name: value.requires_grad_() for name, value in params.items()}, xs, engine=RTRL)
    by_w, by_u, by_b = torch.autograd.grad((y * errors).sum(), list(params.values()))

    rows = [[*u[0, k].tolist(), *w[0, k].tolist(), b[0, 0, k].tolist()] for k in range(units)]
    columns = units + inputs + 1
    now, found = [0.0] * units, [[0.0] * columns for _ in range(units)]
    p = [[[0.0] * columns for _ in range(units)] for _ in range(units)]
    for x, error in zip(xs.flatten().tolist(), errors.view(length, units).tolist(), strict=True):
        z = [*now, x, 1.0]
        now = [1 / (1 + math.exp(-sum(weight * value for weight, value in zip(row, z, strict=True)))) for row in rows]
        p = [[[now[k] * (1 - now[k]) * (sum(rows[k][m] * p[m][i][j] for m in range(units)) + (i == k) * z[j]) for j in range(columns)] for i in range(units)] for k in range(units)]
        found = [[found[i][j] + sum(error[k] * p[k][i][j] for k in range(units)) for j in range(columns)] for i in range(units)]
    ours = torch.cat([by_u[0], by_w[0], by_b[0].mT], 1)
    torch.testing.assert_close(ours, torch.tensor(found, dtype=F64), rtol=1e-12, atol=1e-15)


def test_what_waits_for_the_reverse_is_what_was_given():
    cell, kept = suite.cell("lstm", UNITS), []
    params, state, x = leaves(cell)
    with torch.autograd.graph.saved_tensors_hooks(lambda value: kept.append(value.data_ptr()), lambda value: value):
        unroll(cell, params, x, state, engine=RTRL)
    assert sorted(kept) == sorted(value.data_ptr() for value in (*params.values(), *state.values(), x))


def peak(cell, engine, steps):
    """Bytes that a step of training adds, at the most."""
    params, state, x = leaves(cell, steps=steps, replicas=1)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        y, _ = unroll(cell, params, x.detach(), {name: value.detach() for name, value in state.items()}, engine=engine)
        torch.autograd.grad(y.sum(), list(params.values()))
    now = [0]
    for event in seen.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now.append(now[-1] + event.nbytes())
    return max(now)


def test_memory_grows_by_outputs_and_by_nothing_else():
    cell = suite.cell("lstm", 8)
    short, long = (peak(cell, RTRL, steps) for steps in (20, 120))
    a_step = (long - short) / 100
    assert a_step <= 3 * B * cell.units * 8, "more than outputs and what arrives at them"
    assert a_step < B * cell.costs(INPUTS)["parameters"] * 8 / 10, "of the size of the sensitivities"
    assert peak(cell, REFERENCE, 120) - peak(cell, REFERENCE, 20) > 2 * (long - short)


@pytest.mark.parametrize("name", CELLS)
def test_large_cells_are_refused_in_a_sentence(name):
    assert RTRL.refuses(CELLS[name](16), CPU) is None
    sentence = RTRL.refuses(CELLS[name](128), CPU)
    costs = CELLS[name](128).costs(128)
    assert sentence == f"engine 'rtrl' would carry {costs['state'] * costs['parameters']:,} sensitivities a sequence for '{CELLS[name](128).name}' of 128 units at 128 inputs, more than {rtrl.MOST:,}: use another engine"


@pytest.mark.parametrize("mean", [lambda a: a.mean(1, keepdim=True).expand_as(a), lambda a: a.mean(0, keepdim=True).expand_as(a), lambda a: a.flip(1)], ids=["of the batch", "of all replicas", "in another order"])
def test_cells_that_mix_sequences_are_refused(mean):
    cell = Cell("mixing", (({"a": "x h b"}, lambda a, s, p: s._replace(h=torch.tanh(a.a), c=mean(a.a))),), {"h": 4, "c": 4})
    assert RTRL.refuses(cell, CPU) == "engine 'rtrl' derives each sequence by itself, and in 'mixing' one hears another: use another engine"


def test_a_refusal_is_raised():
    cell = suite.cell("lstm", 128)
    params, state, x = leaves(cell, steps=1, replicas=1)
    with pytest.raises(Refused, match=r"engine 'rtrl' would carry 33,685,504 sensitivities a sequence for 'lstm' of 128 units at 128 inputs, more than 1,048,576: use another engine"):
        unroll(cell, params, x, state, engine=RTRL)
