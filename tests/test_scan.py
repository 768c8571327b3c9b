"""Generated code equals the reference at every size, hands out no memory in use, and refuses in words what it cannot do."""

import ctypes
import gc
import os
import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import suite
from suite.cells import CELLS, Cell
from suite.cells.lstms import OLD
from suite.engines import ENGINES, Refused, buffers, compiler, unroll
from suite.engines.trace import trace

F64, F32 = torch.float64, torch.float32
SCAN, REFERENCE = ENGINES["scan"], ENGINES["reference"]
CPU = torch.device("cpu")
INPUTS = 3

if not os.environ.get("CXX") and not any(map(shutil.which, ("g++", "clang++", "c++"))):
    pytest.skip("engine 'scan' needs a C++ compiler", allow_module_level=True)


def drawer(dtype=F64, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape, scale=1.0: scale * (2 * torch.rand(*shape, generator=generator, dtype=F64) - 1).to(dtype)


class Case:
    """A cell with parameters, states and inputs of its own, all of which want a gradient."""

    def __init__(self, cell, length=3, replicas=1, batch=2, shared=False, dtype=F64, gaps=False, scale=1.0):
        draw, self.cell = drawer(dtype), cell
        inputs = cell.takes or INPUTS
        self.params = {name: draw(replicas, *shape, scale=scale).requires_grad_() for name, shape in cell.shapes(inputs).items()}
        self.state = {name: draw(replicas, batch, width).requires_grad_() for name, width in cell.state.items()}
        self.x = draw(length, 1 if shared else replicas, batch, inputs).requires_grad_()
        self.mask = draw(length, replicas, batch) < 0.4 if gaps else None
        self.noise = {row.name: draw(length, 1, batch, row.width) for stage in cell.table for row in stage.rows if row.raw == "noise"}

    @property
    def leaves(self):
        return [*self.params.values(), *self.state.values(), self.x]

    def run(self, engine=SCAN):
        y, last = unroll(self.cell, self.params, self.x, self.state, engine=engine, mask=self.mask, noise=self.noise)
        return [y, *last.values()]

    def gradients(self, values, **more):
        loss = sum((value * torch.arange(1, value.numel() + 1).view_as(value).to(value.dtype).sin()).sum() for value in values)
        return list(torch.autograd.grad(loss, self.leaves, materialize_grads=True, **more))

    def results(self, engine=SCAN):
        values = self.run(engine)
        return [*(value.detach() for value in values), *self.gradients(values)]


def agree(ours, theirs, bound=1e-10):
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        assert one.isfinite().all()
        assert (one - other).abs().max() <= bound * other.abs().max().clamp(min=1e-3)


def same(ours, theirs):
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def equals_reference(case, bound=1e-10):
    agree(case.results(), case.results(REFERENCE), bound)


def one_row(function, units=4, name="own"):
    return Cell(name, (({"a": "x h b"}, lambda a, s, p: s._replace(h=function(a.a))),), {"h": units})


# what equations are made of

OPERATORS = {
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "softplus": F.softplus,
    "clamp_min": lambda v: v.clamp_min(-0.5),
    "clamp_max": lambda v: v.clamp_max(0.5),
    "where": lambda v: torch.where(v > 0, v.tanh(), 0.3 * v),
    "where not": lambda v: torch.where(~(v > 0), v, 0.3),
    "between": lambda v: torch.where((v >= -0.5) & (v < 0.5) | (v == 2), v, 0.3 * v),
    "abs": torch.abs,
    "square": torch.square,
    "power 3": lambda v: v**3,
    "power 2.5": lambda v: (v.abs() + 0.1) ** 2.5,
    "power -1.5": lambda v: (v.abs() + 0.1) ** -1.5,
    "power of a number": lambda v: 2.0**v,
    "power of itself": lambda v: (v.abs() + 0.1) ** v,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "log": lambda v: torch.log(v.abs() + 0.1),
    "log1p": lambda v: torch.log1p(v.abs()),
    "logsigmoid": F.logsigmoid,
    "softsign": F.softsign,
    "erf": torch.erf,
    "gelu written out": lambda v: 0.5 * v * (1 + torch.erf(v / 2**0.5)),
    "sqrt": lambda v: torch.sqrt(v * v + 1),
    "rsqrt": lambda v: torch.rsqrt(v * v + 1),
    "reciprocal": lambda v: torch.reciprocal(2 + v.tanh()),
    "sin": torch.sin,
    "cos": torch.cos,
    "sign": lambda v: v * torch.sign(v - 1),
    "heaviside": lambda v: (v > 0).to(v.dtype) * v,
    "times a truth": lambda v: v * (v > 0.5),
    "divided by itself": lambda v: v / (1 + v.abs()),
    "softmax": lambda v: v.exp() / v.exp().sum(-1, keepdim=True),
    "mean and variance": lambda v: (v - v.mean(-1, keepdim=True)) / torch.sqrt((v - v.mean(-1, keepdim=True)).square().mean(-1, keepdim=True) + 1e-5),
    "root mean square": lambda v: v * torch.rsqrt(v.square().mean(-1, keepdim=True) + 1e-5),
    "length": lambda v: v / ((v.square().sum(-1, keepdim=True) + 1e-3).sqrt() + 1),
    "sum and mean alone": lambda v: v.sum(-1, keepdim=True) + v * v.mean(-1, keepdim=True),
    "neighbours": lambda v: v.view(*v.shape[:-1], -1, 2).sum(-1).repeat_interleave(2, -1) * v,
}
# supported or refused, never wrong
PERHAPS = {
    "elu in place": lambda v: F.elu(2 * v, inplace=True),  # its derivative is written in its result
    "selu in place": lambda v: F.selu(2 * v, inplace=True),
    "a row in place": lambda v: v.relu_(),
    "maximum": lambda v: torch.maximum(v, 0.5 * v + 0.1),
    "minimum": lambda v: torch.minimum(v, 0.5 * v + 0.1),
    "maximum with a number": lambda v: torch.maximum(v, torch.zeros_like(v)),
    "clamp": lambda v: v.clamp(-0.5, 0.5),
    "hardtanh": F.hardtanh,
    "hardsigmoid": F.hardsigmoid,
    "gelu": F.gelu,
    "gelu tanh": lambda v: F.gelu(v, approximate="tanh"),
    "silu": F.silu,
    "mish": F.mish,
    "elu": F.elu,
    "softshrink": F.softshrink,
    "floor": lambda v: v - v.floor(),
    "remainder": lambda v: v % 1.0,
    "atan": torch.atan,
    "lerp": lambda v: torch.lerp(v, v.tanh(), v.sigmoid()),
    "addcmul": lambda v: torch.addcmul(v, v, v.tanh()),
    "masked_fill": lambda v: v.masked_fill(v < 0, 0.25),
    "max": lambda v: v - v.amax(-1, keepdim=True),
    "torch's softmax": lambda v: v.softmax(-1),
    "torch's layer norm": lambda v: F.layer_norm(v, v.shape[-1:]),
    "var": lambda v: v / (v.var(-1, keepdim=True) + 1),
    "norm": lambda v: v / (v.norm(dim=-1, keepdim=True) + 1),
    "cumsum": lambda v: v.cumsum(-1),
    "flip": lambda v: v.flip(-1),
    "slice": lambda v: v[..., :1] * v,
    "chunks": lambda v: torch.cat(v.chunk(2, -1)[::-1], -1),
    "in place": lambda v: (2 * v).add_(1.0).mul_(v),
    "augmented assignment": lambda v: augmented(v),
    "whole numbers": lambda v: v + (3 * v).long().to(v.dtype),
    "to truths": lambda v: v + F.relu(v).bool().to(v.dtype),
    "single precision": lambda v: v.float().to(v.dtype),
    "truths added": lambda v: v + ((v > 0) + (v > -1)).to(v.dtype),
    "a captured number": lambda v: v * torch.tensor(2.0),
    "nan": lambda v: torch.where(v < 100, v, float("nan")),
    "infinity": lambda v: torch.where(v < torch.full_like(v, float("inf")), v, -float("inf")),
}


def augmented(v):
    h = v * 2
    h += v.tanh()
    return h


def grid_case(function):
    """Pre-activations on both sides of every kink, and at 0, -0.5, 0.5, 1 and 2 themselves; a second step on what the first made."""
    case = Case(one_row(function), length=2, batch=7)
    with torch.no_grad():
        case.x.zero_()
        case.x[0, 0, :, 0] = torch.tensor([-3.0, -0.5, -0.1, 0.0, 0.5, 1.0, 2.0])
        for name in ("a.h", "a.b"):
            case.params[name].mul_(0.1 if name == "a.h" else 0.0)
        case.params["a.x"][0, :, 0] = 1.0
        case.state["h"].zero_()
    return case


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_and_its_derivative_equal_the_reference(name):
    equals_reference(grid_case(OPERATORS[name]))


@pytest.mark.parametrize("name", PERHAPS)
def test_an_operator_equals_the_reference_or_is_refused_by_name(name):
    case = grid_case(PERHAPS[name])
    sentence = SCAN.refuses(case.cell, CPU)
    if sentence:
        assert sentence.startswith("engine 'scan' cannot compile 'own': an equation ")
        assert "\n" not in sentence
        with pytest.raises(Refused):
            case.run()
    else:
        equals_reference(case)


# what equations may not do

SCALE = torch.tensor(2.0, dtype=F64, requires_grad=True)
FORBIDDEN = {
    "sums over sequences": lambda v: v - v.mean(1, keepdim=True),
    "sums over replicas": lambda v: v - v.mean(0, keepdim=True),
    "sums over everything": lambda v: v - v.sum(),
    "swaps replicas and sequences": lambda v: v.transpose(0, 1).tanh(),
    "the first sequence": lambda v: v + v[:, :1],
    "the first sequence's row": lambda v: v + v[0, 0],
    "the number of sequences": lambda v: v.tanh() / v.shape[1],
    "the number of elements": lambda v: v.tanh() / v.numel(),
    "a value": lambda v: v * v.sum(-1)[0, 0].item(),
    "a number made of a value": lambda v: v * float(v.mean()),
    "a list": lambda v: v * v.tolist()[0][0][0],
    "an array": lambda v: v * float(v.detach().numpy()[0, 0, 0]),
    "a choice by value": lambda v: v.tanh() if v.sum(-1)[0, 0] > 0 else v,
    "a choice by sum": lambda v: v.tanh() if v.sum() > 0 else v,
    "all": lambda v: v.tanh() if (v > 0).all() else v,
    "random numbers": lambda v: v * torch.rand_like(v),
    "a random number": lambda v: v * torch.rand((), dtype=v.dtype),
    "dropout": lambda v: F.dropout(v, 0.5),
    "a product": lambda v: v @ torch.eye(v.shape[-1], dtype=v.dtype),
    "a product with itself": lambda v: v * (v @ v.mT).sum(-1, keepdim=True),
    "einsum": lambda v: torch.einsum("rbi,rbi->rb", v, v)[..., None] * v,
    "a captured row": lambda v: v * torch.arange(4.0),
    "a captured parameter": lambda v: v * SCALE,
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_is_no_step_of_each_sequence_alone_is_refused_in_words(name):
    sentence = SCAN.refuses(one_row(FORBIDDEN[name]), CPU)
    assert sentence is not None
    assert sentence.startswith("engine 'scan' cannot compile 'own': an equation ")
    assert "\n" not in sentence


def test_more_pointers_than_there_is_room_for_are_refused():
    names = [f"s{k}" for k in range(40)]
    cell = Cell("wide", (({f"r{n}": "x" for n in names}, lambda a, s, p: s._replace(**{n: getattr(a, f"r{n}").tanh() for n in names})),), dict.fromkeys(names, 2))
    with pytest.raises(Refused, match="engine 'scan' cannot compile 'wide': a stage reads and writes more than 64 rows, states, extras and stored values"):
        Case(cell).run()


def test_half_precision_is_refused():
    with pytest.raises(Refused, match=r"engine 'scan' computes in float32, float64 and bfloat16, not in torch\.float16: 'rnn'"):
        Case(CELLS["rnn"](4), dtype=torch.float16).run()


# cells with reductions, blocks, noise


def norm(v, gain):
    centred = v - v.mean(-1, keepdim=True)
    return gain * centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + 1e-5)


def normed_gates(a, s, p):
    c = torch.sigmoid(norm(a.f, p.g_f)) * s.c + torch.sigmoid(norm(a.i, p.g_i)) * torch.tanh(norm(a.z, p.g_z))
    return s._replace(h=torch.sigmoid(a.o) * torch.tanh(norm(c, p.g_c) + p.k_c), c=c)


def normed_stack(a, s, p):
    mean = (a.i.mean(-1, keepdim=True) + a.z.mean(-1, keepdim=True)) / 2
    spread = ((a.i - mean).square().mean(-1, keepdim=True) + (a.z - mean).square().mean(-1, keepdim=True)) / 2
    i, z = ((v - mean) / torch.sqrt(spread + 1e-5) for v in (a.i, a.z))
    return s._replace(h=torch.sigmoid(i) * s.h + torch.tanh(z))


def attention(a, s, p):
    weight = torch.exp(a.w - a.w.mean(-1, keepdim=True))
    return s._replace(h=torch.tanh(a.a) * (weight / weight.sum(-1, keepdim=True)).repeat_interleave(a.a.shape[-1] // 4, -1))


def noisy(a, s, p):
    return s._replace(h=torch.tanh(a.a) * a.keep + a.late, c=s.c * a.keep)


def own(units):
    gains = {f"g_{row}": units for row in "ifzc"} | {"k_c": units}
    return {
        "layer norm of each gate": Cell("normed", ((dict.fromkeys("zifo", "x h b"), normed_gates),), {"h": units, "c": units}, extra=gains),
        "layer norm of two gates at once": Cell("stacked", ((dict.fromkeys(("i", "z"), "x h b"), normed_stack),), {"h": units}),
        "softmax over heads": Cell("attention", (({"a": "x h b", "w": "x h"}, attention),), {"h": units}, width={"w": 4}),
        "noise": Cell("noisy", (({"a": "x h b", "keep": "=noise", "late": "=noise"}, noisy),), {"h": units, "c": units}),
        "blocks of 2": replace(OLD, size=2)(units),
        "blocks of 4": replace(OLD, size=4)(units),
        "blocks of 2, whole gradient": replace(replace(OLD, size=2)(units), truncated=()),
    }


@pytest.mark.parametrize("gaps", [False, True], ids=["whole", "gaps"])
@pytest.mark.parametrize("name", own(4))
def test_own_cells_equal_the_reference(name, gaps):
    for units, batch in ((4, 1), (20, 9), (64, 33)):
        equals_reference(Case(own(units)[name], length=4, replicas=2, batch=batch, shared=True, gaps=gaps, scale=0.5))


def test_noise_of_one_step_or_replica_serves_all():
    case = Case(own(4)["noise"], length=4, replicas=3, batch=9)
    for time, replicas in ((1, 1), (1, 3), (4, 1), (4, 3)):
        case.noise = {name: drawer()(time, replicas, 9, 4) for name in case.noise}
        equals_reference(case)
        case.noise = {name: value.mT.contiguous().mT for name, value in case.noise.items()}
        equals_reference(case)


# sizes at which panels, tiles, groups and chunks end

UNITS = (1, 5, 16, 17, 33, 64, 65)


@pytest.mark.parametrize("batch", [1, 7, 8, 9, 31, 33, 65])
@pytest.mark.parametrize("name", ["lstm-peephole", "gru-cho"])
def test_every_size_equals_the_reference(name, batch):
    for units in UNITS:
        equals_reference(Case(CELLS[name](units), length=2, replicas=2, batch=batch, gaps=units % 2 == 0, scale=1 / units**0.5))


@pytest.mark.parametrize(("length", "batch", "units"), [(1, 3, 5), (1, 40, 17), (300, 1, 5), (7, 66, 5), (70, 4, 100)], ids=str)
def test_every_length_equals_the_reference(length, batch, units):
    equals_reference(Case(CELLS["lstm-peephole"](units), length=length, replicas=2, batch=batch, gaps=length > 100, scale=0.5 / units**0.5))


def test_single_precision_at_a_real_size():
    case = Case(CELLS["lstm-peephole"](130), length=20, batch=33, scale=0.1)
    single = Case(CELLS["lstm-peephole"](130), length=20, batch=33, scale=0.1, dtype=F32)
    agree([value.double() for value in single.results()], case.results(REFERENCE), 1e-5)


def test_a_negative_bit_is_heeded():
    case = Case(CELLS["lstm-peephole"](UNITS[0]), dtype=F32)
    case.x = torch._neg_view(case.x.detach())
    assert case.x.is_contiguous()
    negative = case.run()
    case.x = case.x.resolve_neg()
    same(negative, case.run())


# the same bits


@pytest.fixture
def threads():
    yield torch.set_num_threads
    torch.set_num_threads(1)


@pytest.mark.parametrize("gaps", [False, True], ids=["whole", "gaps"])
@pytest.mark.parametrize(("replicas", "batch"), [(1, 1), (1, 33), (2, 70), (3, 9), (5, 17)])
def test_the_same_bits_for_any_number_of_threads(replicas, batch, gaps, threads):
    for name in ("lstm-peephole", "gru-cho"):
        case = Case(CELLS[name](33), length=9, replicas=replicas, batch=batch, shared=True, gaps=gaps, dtype=F32)
        one = case.results()
        for number in (2, 3):
            threads(number)
            same(case.results(), one)
        threads(1)


@pytest.mark.parametrize(("replicas", "batch", "gaps"), [(1, 70, False), (1, 9, True), (2, 65, True), (1, 1, False), (2, 3, True)])
@pytest.mark.parametrize(("name", "units"), [("lstm-peephole", 390), ("gru-cho", 490)])
def test_the_same_bits_where_threads_share_a_panel(name, units, replicas, batch, gaps, threads):
    case = Case(CELLS[name](units), length=3, replicas=replicas, batch=batch, shared=True, gaps=gaps, dtype=F32, scale=0.05)
    assert sum(value.numel() for value in case.params.values()) * 4 / replicas > 1 << 21, "its weights are too small to be shared"
    one = case.results()
    for number in (2, 3):
        threads(number)
        same(case.results(), one)
        with torch.no_grad():
            same(case.run(), one[: 1 + len(case.state)])
    threads(1)
    case.params = {key: value.detach().double().requires_grad_() for key, value in case.params.items()}
    case.state = {key: value.detach().double().requires_grad_() for key, value in case.state.items()}
    case.x = case.x.detach().double().requires_grad_()
    agree([value.double() for value in one], case.results(REFERENCE), 1e-5)


@pytest.mark.parametrize("gaps", [False, True], ids=["whole", "gaps"])
@pytest.mark.parametrize("name", ["lstm-peephole", "gru-cho"])
def test_replicas_together_are_each_alone_bit_for_bit(name, gaps):
    case = Case(CELLS[name](17), length=5, replicas=3, batch=33, gaps=gaps, dtype=F32)
    values = case.run()
    seeds = [drawer(F32)(*value.shape) for value in values]
    together = [*values, *torch.autograd.grad(values, case.leaves, seeds)]
    for r in range(3):
        alone = Case(CELLS[name](17), length=5, batch=33, dtype=F32)
        mine = slice(r, r + 1)
        alone.params = {key: value.detach()[mine].requires_grad_() for key, value in case.params.items()}
        alone.state = {key: value.detach()[mine].requires_grad_() for key, value in case.state.items()}
        alone.x, alone.mask = case.x.detach()[:, mine].requires_grad_(), None if case.mask is None else case.mask[:, mine]
        ours = alone.run()
        ours += torch.autograd.grad(ours, alone.leaves, [seed[:, mine] if seed.ndim == 4 else seed[mine] for seed in seeds])
        same(ours, [value[:, mine] if value.ndim == 4 else value[mine] for value in together])


@pytest.mark.parametrize("gaps", [False, True], ids=["whole", "gaps"])
def test_a_forward_pass_without_gradients_gives_the_bits_of_one_with(gaps):
    for length in (1, 2, 5):
        for name in ("lstm-peephole", "gru-cho"):
            case = Case(CELLS[name](17), length=length, replicas=2, batch=33, gaps=gaps, dtype=F32)
            with torch.no_grad():
                plain = case.run()
            assert not plain[0].requires_grad
            same(plain, case.run())


@pytest.mark.parametrize("name", CELLS)
def test_inference_gives_the_bits_of_training_for_every_cell(name):
    if SCAN.refuses(CELLS[name](5), CPU):
        pytest.skip(f"'scan' refuses '{name}'")
    case = Case(CELLS[name](5), length=3, replicas=2, batch=9, gaps=True, dtype=F32)
    trained = [value.detach() for value in case.run()]
    case.params, case.state = ({key: value.detach() for key, value in of.items()} for of in (case.params, case.state))
    case.x = case.x.detach()
    same(case.run(), trained)  # nothing requires a gradient
    with torch.inference_mode():
        same(case.run(), trained)


@pytest.mark.parametrize("name", ["lstm-peephole", "gru-cho"])
def test_inference_takes_memory_for_its_results_and_no_tape(name, monkeypatch):
    asked = []
    monkeypatch.setattr(buffers, "take", lambda elements, dtype: asked.append(elements) or torch.empty(elements, dtype=dtype))
    case = Case(CELLS[name](33), length=50, replicas=2, batch=9, dtype=F32)
    with torch.no_grad():
        case.run()
    row, states = 2 * 9 * 33, len(case.state)
    assert sorted(asked, reverse=True) == [51 * row] + [2 * row] * (states - 1)  # outputs, and two slots for each other state
    asked.clear()
    case.run()
    assert max(asked) >= 50 * row * 2, "a tape is no larger than that"


def test_inference_mode_and_training_take_turns(monkeypatch):
    monkeypatch.setattr(buffers, "_pool", [])
    case = Case(one_row(lambda v: torch.tanh(v) * 1.25, units=32), length=20, batch=40)
    with torch.inference_mode():
        before = unroll(case.cell, {k: v.clone() for k, v in case.params.items()}, case.x.clone(), {k: v.clone() for k, v in case.state.items()}, engine=SCAN)[0]
    values = case.run()
    same([before], values[:1])
    case.gradients(values)


# strides of what comes in and what comes back

VIEWS = {
    "transposed": lambda x: x.transpose(0, 2).contiguous().transpose(0, 2),
    "units first": lambda x: x.mT.contiguous().mT,
    "every other": lambda x: torch.stack([x, -x], 3).flatten(2, 3)[:, :, ::2],
    "backwards": lambda x: x.flip(0),
    "one step for all": lambda x: x[:1].expand(x.shape),
    "one sequence for all": lambda x: x[:, :, :1].expand(x.shape),
    "one input for all": lambda x: x[..., :1].expand(x.shape),
    "windows": lambda x: x[:, 0, 0].flatten().unfold(0, 3, 1)[:18].view(1, 1, 18, 3).expand(4, 2, 18, 3),
}


@pytest.mark.parametrize("kind", VIEWS)
def test_inputs_of_any_strides(kind):
    case = Case(CELLS["lstm-peephole"](5), length=4 if kind != "windows" else 20, replicas=2, batch=18)
    whole, results = case.x, []
    for engine in (SCAN, REFERENCE):
        case.x = VIEWS[kind](whole)
        values = unroll(case.cell, case.params, case.x, case.state, engine=engine)[0]
        results.append([values, *torch.autograd.grad(values.sin().sum(), [whole, *case.params.values()])])
    agree(*results)


LOSSES = {
    "sum": lambda y, last: y.sum(),
    "last output": lambda y, last: y[-1].square().sum(),
    "one step": lambda y, last: y[2].square().sum(),
    "last state alone": lambda y, last: last["c"].square().sum(),
    "sum of a last state": lambda y, last: last["c"].sum(),
    "a last state turned": lambda y, last: (last["c"].mT.contiguous() * torch.arange(last["c"].numel()).view_as(last["c"].mT).cos()).sum(),
    "both states": lambda y, last: (last["c"] * last["h"]).sum(),
    "some units": lambda y, last: y[..., ::2].square().sum(),
    "turned": lambda y, last: (y.mT.contiguous() * torch.arange(y.numel()).view_as(y.mT).cos()).sum(),
    "time last": lambda y, last: (y.movedim(0, -1).contiguous() * torch.arange(y.numel()).view_as(y.movedim(0, -1)).cos()).sum(),
    "mean over time": lambda y, last: y.mean(0).square().sum(),
    "sum over units": lambda y, last: y.sum(-1).square().sum(),
    "nothing": lambda y, last: (0 * y).sum(),
}


@pytest.mark.parametrize("gaps", [False, True], ids=["whole", "gaps"])
@pytest.mark.parametrize("kind", LOSSES)
def test_gradients_that_come_back_in_any_form(kind, gaps):
    for units in (1, 5):
        case = Case(CELLS["lstm-peephole"](units), length=5, replicas=2, batch=9, gaps=gaps)
        results = []
        for engine in (SCAN, REFERENCE):
            y, *last = case.run(engine)
            results.append(torch.autograd.grad(LOSSES[kind](y, dict(zip(case.cell.state, last, strict=True))), case.leaves, materialize_grads=True))
        agree(*results)


@pytest.mark.parametrize("wanted", ["x", "state", "one parameter"])
def test_gradients_of_some(wanted):
    case = Case(CELLS["lstm-peephole"](5), length=4, replicas=2, batch=9, shared=True)
    chosen = {"x": [case.x], "state": list(case.state.values()), "one parameter": [case.params["p_f"]]}[wanted]
    for leaf in case.leaves:
        leaf.requires_grad_(any(leaf is one for one in chosen))
    agree(*([*torch.autograd.grad(case.run(engine)[0].sin().sum(), chosen)] for engine in (SCAN, REFERENCE)))


def test_one_tensor_in_many_places_gets_the_sum():
    case = Case(CELLS["lstm-peephole"](4), length=4, batch=9)
    case.params = dict.fromkeys(case.params, None) | {k: case.params[k] for k in ("i.h", "i.x", "i.b", "p_i")}
    case.params = {key: value if value is not None else case.params[f"{'p_i' if key.startswith('p_') else 'i.' + key[2:]}"] for key, value in case.params.items()}
    leaves = [case.params[key] for key in ("i.h", "i.x", "i.b", "p_i")]
    agree(*(torch.autograd.grad(case.run(engine)[0].sin().sum(), leaves) for engine in (SCAN, REFERENCE)))


# calls that overlap


@pytest.fixture
def case(monkeypatch):
    """Large enough for its buffers to come from the pool, which holds no others."""
    monkeypatch.setattr(buffers, "_pool", [])
    made = Case(CELLS["lstm-peephole"](33), length=8, replicas=1, batch=40)
    assert made.run()[0].numel() * 8 > buffers.SMALL
    return made


def test_backward_twice_gives_the_same(case):
    values = case.run()
    first = case.gradients(values, retain_graph=True)
    Case(case.cell, length=8, batch=40).results()
    same(case.gradients(values, retain_graph=True), first)
    same(case.gradients(values), first)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_forwards_then_both_backwards(case, order):
    other = Case(CELLS["lstm-peephole"](33), length=8, batch=40, scale=0.5)
    cases = (case, other)
    wanted = [each.results() for each in cases]
    values = [each.run() for each in cases]
    found = {k: cases[k].gradients(values[k]) for k in order}
    for k in (0, 1):
        same([*values[k], *found[k]], wanted[k])


HOLDS = {
    "tensor": lambda y: y,
    "view": lambda y: y[1:, :, 3:5],
    "array": lambda y: y.detach().numpy(),
    "detached": lambda y: y.detach(),
    "transposed": lambda y: y.detach().mT,
    "memory": lambda y: memoryview(y.detach().numpy()),
    "dlpack": lambda y: torch.from_dlpack(y.detach()),
    "saved for a later gradient": lambda y: y * y,
    "storage": lambda y: y.detach().untyped_storage(),
}


def content(held):
    if isinstance(held, torch.UntypedStorage):
        return torch.empty(0, dtype=F64).set_(held).clone()
    return torch.as_tensor(np.asarray(held.detach() if isinstance(held, torch.Tensor) else held)).clone()


@pytest.mark.parametrize("grad", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize("kind", HOLDS)
def test_memory_in_use_is_not_handed_out_again(kind, grad, case):
    with torch.set_grad_enabled(grad):
        held = HOLDS[kind](case.run()[0])
        before = content(held)
        for scale in (2.0, 3.0):
            other = Case(case.cell, length=8, batch=40, scale=scale)
            other.results() if grad else other.run()
            gc.collect()
        assert torch.equal(content(held), before)


def test_gradients_and_last_states_are_nobody_elses(case):
    values = case.run()
    held = [*values[1:], *case.gradients(values)]
    before = [value.clone() for value in held]
    del values
    for scale in (2.0, 3.0):
        Case(case.cell, length=8, batch=40, scale=scale).results()
    same(held, before)
    values = case.run()
    values[1].data.zero_()  # a last state is no part of the outputs
    assert (values[0][-1] != 0).any()


def test_memory_is_used_again_once_it_is_let_go(case):
    with torch.no_grad():
        case.run()
        before = [*map(id, buffers._pool)]
        case.run()
    assert before
    assert sorted(before) == sorted(map(id, buffers._pool))


def test_memory_shared_with_another_process_is_left_alone(case):
    with torch.no_grad():
        y = case.run()[0]
    y.share_memory_()
    place = y.untyped_storage().data_ptr()
    del y
    with torch.no_grad():
        assert all(case.run()[0].untyped_storage().data_ptr() != place for _ in range(3))


CHANGES = {
    "an output": lambda case, y: y.mul_(2),
    "a part of an output": lambda case, y: y[2].zero_(),
    "x": lambda case, y: case.x.mul_(2),
    "a parameter": lambda case, y: case.params["p_f"].add_(1),
    "a state": lambda case, y: case.state["c"].add_(1),
    "the mask": lambda case, y: case.mask.fill_(True),
    "noise": lambda case, y: case.noise["keep"].add_(1),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_what_changed_before_backward_is_an_error(kind):
    case = Case(own(4)["noise"] if kind == "noise" else CELLS["lstm-peephole"](4), length=4, batch=3, gaps=kind == "the mask")
    y, *last = case.run()
    with torch.no_grad():
        CHANGES[kind](case, y)
    for loss in (y.sum, last[-1].sum):
        with pytest.raises(RuntimeError, match=r"modified (by an )?inplace"):
            torch.autograd.grad(loss(), case.leaves, allow_unused=True)


def test_a_second_derivative_is_an_error_in_words():
    case = Case(CELLS["lstm-peephole"](4), length=3)
    seed = torch.ones(3, 1, 2, 4, dtype=F64, requires_grad=True)

    def penalty():
        (slope,) = torch.autograd.grad(case.run()[0], case.x, seed, create_graph=True)
        slope.square().sum().backward()

    with pytest.raises(RuntimeError, match="no derivative of its derivative"):
        penalty()


def test_a_penalty_on_gradients_is_not_dropped_in_silence():
    case = Case(CELLS["lstm-peephole"](4), length=3)
    y = case.run()[0]
    with pytest.raises(RuntimeError):
        (y.sum() + torch.autograd.grad(y.sum(), case.x, create_graph=True)[0].square().sum()).backward()


def test_threads_of_python_run_beside_each_other(case):
    cases = [case, Case(case.cell, length=8, batch=40, scale=0.5), Case(CELLS["gru-cho"](33), length=8, batch=40)]
    wanted, found = [each.results() for each in cases], [None] * len(cases)

    def work(k):
        found[k] = [cases[k].results() for _ in range(5)]

    workers = [threading.Thread(target=work, args=(k,)) for k in range(len(cases))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for k, results in enumerate(found):
        for each in results:
            same(each, wanted[k])


def test_a_step_is_traced_on_this_machines_memory_whatever_the_default_device():
    cell = CELLS["lstm"](4)
    with torch.device("meta"):
        assert trace(cell) == trace(cell)
        traced, taken = trace(cell), buffers.take(buffers.SMALL, F64)
    assert traced == trace(cell)
    assert taken.device == CPU


def test_the_public_face_takes_it():
    y, last = suite.unroll(CELLS["lstm"](4), Case(CELLS["lstm"](4)).params, Case(CELLS["lstm"](4)).x, engine="scan")
    assert torch.equal(y[-1], last["h"])


# the functions of native/vector.h

FUNCTIONS = {  # name -> what it should be, bound in units in the last place
    "exponential": (np.exp, 4),
    "exponential_minus_1": (np.expm1, 4),
    "sigmoid": (lambda x: np.where(x < 0, np.exp(np.minimum(x, 0)) / (1 + np.exp(np.minimum(x, 0))), 1 / (1 + np.exp(-np.maximum(x, 0)))), 4),
    "hyperbolic_tangent": (np.tanh, 4),
    "logarithm": (np.log, 4),
    "logarithm_1_plus": (np.log1p, 4),
    "log_sigmoid": (lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))), 5),
    "absolute": (np.abs, 0),
}
EDGES = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e30, -1e30]


@pytest.fixture(scope="module")
def native():
    text = compiler.source("vector.h")
    for short, kind in (("f", "float"), ("d", "double")):
        for name in FUNCTIONS:
            text += f'extern "C" void {name}_{short}(long n, const {kind}* x, {kind}* y) {{\n#pragma omp simd\nfor (long i = 0; i < n; ++i) y[i] = {name}(x[i]);\n}}\n'
    loaded = compiler.library(text)

    def call(name, x):
        y = np.empty_like(x)
        getattr(loaded, f"{name}_{'f' if x.dtype == np.float32 else 'd'}")(ctypes.c_long(x.size), x.ctypes.data_as(ctypes.c_void_p), y.ctypes.data_as(ctypes.c_void_p))
        return y

    return call


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float", "double"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_exact_to_a_few_units_in_the_last_place(name, dtype, native):
    function, bound = FUNCTIONS[name]
    small = np.geomspace(np.finfo(dtype).tiny * 2, 1, 20001)
    x = np.concatenate([np.linspace(-100, 100, 40001), np.linspace(-3, 3, 40001), small, -small, np.geomspace(1, 700 if dtype == np.float64 else 85, 2001), EDGES]).astype(dtype)
    if name == "logarithm":
        x = np.concatenate([x[x >= 0], np.geomspace(1e-30, 1e30, 20001).astype(dtype)])
    if name == "exponential_minus_1" and dtype == np.float32:
        x = x[~((x > 88) & (x < 89))]  # see below
    found = native(name, x)
    with np.errstate(all="ignore"):
        wanted = function(x.astype(np.longdouble))
        rounded = wanted.astype(dtype)
        unit = np.maximum(np.spacing(np.abs(rounded)), np.finfo(dtype).tiny)
        off = np.abs(found.astype(np.longdouble) - wanted) / unit
    finite = np.isfinite(rounded)
    assert np.array_equal(found[~finite], rounded[~finite], equal_nan=True)
    assert np.isfinite(found[finite]).all()
    worst = np.argmax(np.where(finite, off, 0))
    assert off[worst] <= bound, f"{name}({x[worst]!r}) = {found[worst]!r}, not {rounded[worst]!r}"


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float", "double"])
@pytest.mark.parametrize("name", ["exponential", "exponential_minus_1", "logarithm"])
def test_functions_hold_to_the_ends_of_their_range(name, dtype, native):
    about = np.finfo(dtype)
    top = np.log(about.max) * dtype(0.9999)
    x = np.geomspace(about.smallest_subnormal, about.tiny, 50) if name == "logarithm" else np.array([top, dtype(0.999) * top])
    x = x.astype(dtype)
    assert np.allclose(native(name, x), FUNCTIONS[name][0](x.astype(np.longdouble)).astype(dtype), rtol=100 * about.eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float", "double"])
def test_functions_saturate_and_stay_monotonic(dtype, native):
    far = np.array([20, 50, 90, 200, 1e4, 1e30, np.inf], dtype=dtype)
    assert (native("hyperbolic_tangent", far) == 1).all()
    assert (native("hyperbolic_tangent", -far) == -1).all()
    assert (native("sigmoid", far[1:]) == 1).all()
    assert (native("sigmoid", -np.array([800, 1e30, np.inf], dtype=dtype)) == 0).all()
    x = np.linspace(-30, 30, 60001).astype(dtype)
    for name in ("hyperbolic_tangent", "sigmoid"):
        y = native(name, x)
        assert (np.abs(y) <= 1).all()
        assert (np.diff(y) >= -2 * np.spacing(np.abs(y[1:]))).all()


def test_nothing_a_cell_computes_hides_what_is_not_a_number():
    for name, function in {**OPERATORS, "tanh": torch.tanh, "sigmoid": torch.sigmoid}.items():
        if name in ("where", "where not", "between", "heaviside", "neighbours", "sign"):  # they choose, or count
            continue
        cell = one_row(function)
        case = Case(cell, length=1, batch=2)
        with torch.no_grad():
            case.x[0, 0, 0, 0] = float("nan")
            y, wanted = case.run()[0], case.run(REFERENCE)[0]
        assert torch.equal(y.isnan(), wanted.isnan()), name


# what a cold reading found


def test_constant_states_of_several_widths_keep_to_their_own():
    def step(a, s, p):
        return s._replace(h=a.a.tanh() * s.norm, flag=torch.ones_like(s.flag), norm=torch.ones_like(s.norm))

    for states in ({"h": 20, "flag": 1, "norm": 20}, {"h": 20, "norm": 20, "flag": 1}):
        cell = Cell("constants", (({"a": "x h b"}, step),), states)
        params = {name: torch.full((1, *shape), 0.1, dtype=F64) for name, shape in cell.shapes(2).items()}
        x = torch.ones(3, 1, 5, 2, dtype=F64)
        ours, theirs = unroll(cell, params, x, engine=SCAN), unroll(cell, params, x, engine=REFERENCE)
        for name, value in theirs[1].items():
            torch.testing.assert_close(ours[1][name], value)


def test_a_constant_value_is_refused():
    cell = Cell("constant", (({"r": "x h"}, lambda a, s, p: {"v": torch.ones_like(a.r)}), ({"n": "v b"}, lambda a, s, p: s._replace(h=a.n.tanh()))), {"h": 3})
    assert SCAN.refuses(cell, CPU) == "engine 'scan' cannot compile 'constant': an equation makes a value for a later row that is a constant"


def test_equal_cells_with_extras_in_another_order_do_not_swap_them():
    def step(a, s, p):
        return s._replace(h=torch.tanh(a.a + p.one * s.h - 2 * p.two))

    for order in (("one", "two"), ("two", "one")):
        cell = Cell("ordered", (({"a": "x h b"}, step),), {"h": 3}, dict.fromkeys(order, 3))
        params = {name: torch.full((1, *shape), 0.1 + 0.2 * (name == "two"), dtype=F64) for name, shape in cell.shapes(2).items()}
        x = torch.ones(3, 1, 2, 2, dtype=F64)
        torch.testing.assert_close(unroll(cell, params, x, engine=SCAN)[0], unroll(cell, params, x, engine=REFERENCE)[0])


@pytest.mark.parametrize("function", [torch.maximum, torch.minimum])
@pytest.mark.parametrize("which", [0, 1])
def test_what_is_no_number_stays_so(function, which):
    cell = Cell("pair", (({"i": "x b", "j": "x b"}, lambda a, s, p: s._replace(h=function(a.i, a.j))),), {"h": 3})
    params = {name: torch.zeros(1, *shape, dtype=F64) for name, shape in cell.shapes(1).items()}
    params["ij"[which] + ".b"].fill_(float("nan"))
    assert unroll(cell, params, torch.ones(1, 1, 1, 1, dtype=F64), engine=SCAN)[0].isnan().all()


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
def test_a_derivative_forwards_is_refused_and_not_dropped():
    cell = suite.cell("gru", 3)
    params = {name: torch.randn(1, *shape) for name, shape in cell.shapes(2).items()}
    with torch.autograd.forward_ad.dual_level():
        x = torch.autograd.forward_ad.make_dual(torch.randn(4, 1, 2, 2), torch.randn(4, 1, 2, 2))
        with pytest.raises(suite.Refused, match="no derivative forwards"):
            suite.unroll(cell, params, x, engine="scan")
        y, _ = suite.unroll(cell, params, x, engine="hoisted")
        assert torch.autograd.forward_ad.unpack_dual(y).tangent is not None
        suite.unroll(cell, params, torch.randn(4, 1, 2, 2), engine="scan")
