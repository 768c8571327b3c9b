"""bfloat16: operands of products have eight bits, states and sums have twenty-four, and every set of instructions agrees."""

import os
import shutil

import pytest
import torch

from suite.cells import CELLS, Cell
from suite.engines import ENGINES, Refused, Stream, compiler, scan, unroll
from suite.training.agreement import TOLERANCE, difference
from suite.training.check import inputs_of

if not os.environ.get("CXX") and not any(map(shutil.which, ("g++", "clang++", "c++"))):
    pytest.skip("engine 'scan' needs a C++ compiler", allow_module_level=True)

BF16, F32, F64 = torch.bfloat16, torch.float32, torch.float64
SCAN, REFERENCE = ENGINES["scan"], ENGINES["reference"]
CPU = torch.device("cpu")
UNIT = 2.0**-9  # half of the distance between 1 and the next number
WAYS = {"here": "", "no instructions": "-mno-avx512bf16 -mno-amx-bf16", "emulated tiles": "-DEMULATED"}


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Products made with what this processor has, with nothing, and with tiles computed by a plain loop."""
    if WAYS[request.param]:
        monkeypatch.setenv("CXX", f"{compiler.name()} {WAYS[request.param]}")
    scan.planned.cache_clear()
    try:
        told = scan.instructions(BF16)
    except Refused as sentence:
        pytest.skip(str(sentence))
    if request.param != "here" and told != {"no instructions": "none"}.get(request.param, request.param):
        pytest.skip(f"asked for {request.param}, this compiler makes {told}")
    yield told
    monkeypatch.undo()
    scan.planned.cache_clear()


def results(cell, params, state, x, mask, engine, dtype):
    leaves = {name: value.detach().to(dtype, copy=True).requires_grad_() for name, value in {**params, **{f"start {k}": v for k, v in state.items()}, "x": x}.items()}
    y, last = unroll(cell, {name: leaves[name] for name in params}, leaves["x"], {name: leaves[f"start {name}"] for name in state}, engine=engine, mask=mask)
    values = [y, *last.values()]
    seeds = [torch.arange(value.numel()).view_as(value).remainder(3).sub(1).to(dtype) for value in values]
    return [*(value.detach() for value in values), *torch.autograd.grad(values, list(leaves.values()), seeds, materialize_grads=True)]


def whole(generator, *shape, share):
    """-1 and 1 with a share, else 0."""
    return torch.where(torch.rand(*shape, generator=generator) < share, torch.rand(*shape, generator=generator).sub(0.5).sign(), 0.0)


LINEAR = lambda units: Cell("linear", (({"a": "x h b"}, lambda a, s, p: s._replace(h=a.a)),), {"h": units})
TWICE = lambda units: Cell("twice", (({"a": "x h b"}, lambda a, s, p: {"v": a.a}), ({"n": "x v b", "m": "h"}, lambda a, s, p: s._replace(h=a.n - a.m))), {"h": units})


@pytest.mark.parametrize("gaps", [False, True], ids=["whole", "gaps"])
@pytest.mark.parametrize("make", [LINEAR, TWICE], ids=["one stage", "two stages"])
def test_whole_numbers_are_multiplied_exactly(make, gaps, way):
    """Small whole numbers have no rounding: every layout of every operand shows, bit for bit, forward and back."""
    for units, inputs, batch, length in ((1, 1, 1, 2), (5, 3, 7, 3), (16, 16, 33, 2), (33, 1, 18, 3), (40, 70, 65, 2), (100, 33, 16, 2)):
        generator, cell = torch.Generator().manual_seed(units), make(units)
        params = {name: whole(generator, 2, *shape, share=1.2 / max(shape[-1], 2)) for name, shape in cell.shapes(inputs).items()}
        state = {"h": whole(generator, 2, batch, units, share=0.5)}
        x = whole(generator, length, 1, batch, inputs, share=0.5)
        mask = torch.rand(length, 2, batch, generator=generator) < 0.6 if gaps else None
        theirs = results(cell, params, state, x, mask, REFERENCE, F64)
        assert max(float(value.abs().max()) for value in (*theirs[:2], theirs[-1])) <= 256, "a sum is no longer exact"
        for ours, exact in zip(results(cell, params, state, x, mask, SCAN, BF16), theirs, strict=True):
            assert ours.dtype == BF16
            assert torch.equal(ours, exact.to(BF16)), (units, inputs, batch)


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_and_its_gradients_are_near_the_reference(name):
    cell = CELLS[name](5)
    assert difference(cell, SCAN, inputs_of(cell), CPU, BF16) <= TOLERANCE[BF16]


@pytest.mark.parametrize("name", ["lstm-peephole", "gru-cho"])
def test_every_size_is_near_the_reference(name, way):
    for units, batch in ((1, 9), (17, 33), (65, 7), (130, 40)):
        cell, generator = CELLS[name](units), torch.Generator().manual_seed(1)
        drawn = [torch.rand(1, *shape, generator=generator).sub(0.5) * 2 / units**0.5 for shape in cell.shapes(20).values()]
        params = dict(zip(cell.shapes(20), (value.to(BF16) for value in drawn), strict=True))
        state = {key: torch.rand(1, batch, width, generator=generator).to(BF16) for key, width in cell.state.items()}
        x = torch.rand(6, 1, batch, 20, generator=generator).to(BF16)
        for ours, theirs in zip(results(cell, params, state, x, None, SCAN, BF16), results(cell, params, state, x, None, REFERENCE, F64), strict=True):
            assert (ours.double() - theirs).abs().max() <= 16 * UNIT * theirs.abs().max()  # two operands, six steps, two ways


def test_the_state_keeps_its_bits_between_steps():
    cell = Cell("sum", (({"a": "x"}, lambda a, s, p: s._replace(h=s.h + a.a)),), {"h": 1})
    y, last = unroll(cell, {"a.x": torch.ones(1, 1, 1, dtype=BF16)}, torch.full((256, 1, 1, 1), 2.0**-9, dtype=BF16), {"h": torch.ones(1, 1, 1, dtype=BF16)}, engine=SCAN)
    assert float(last["h"]) == 1.5  # in bfloat16 1 + 1/512 is 1
    assert float(y[-1]) == 1.5


@pytest.mark.parametrize(("units", "batch"), [(33, 70), (520, 2)])
def test_the_same_bits_for_any_number_of_threads_and_without_gradients(units, batch, way):
    cell, generator = CELLS["lstm-peephole"](units), torch.Generator().manual_seed(1)
    params = {name: torch.rand(1, *shape, generator=generator).sub(0.5).to(BF16) for name, shape in cell.shapes(20).items()}
    state = {key: torch.rand(1, batch, width, generator=generator).to(BF16) for key, width in cell.state.items()}
    x = torch.rand(2, 1, batch, 20, generator=generator).to(BF16)
    one = results(cell, params, state, x, None, SCAN, BF16)
    try:
        for threads in (2, 3):
            torch.set_num_threads(threads)
            assert all(torch.equal(a, b) for a, b in zip(results(cell, params, state, x, None, SCAN, BF16), one, strict=True))
    finally:
        torch.set_num_threads(1)
    with torch.no_grad():
        y, _ = unroll(cell, params, x, state, engine=SCAN)
    assert torch.equal(y, one[0])
    step = Stream(cell, params, SCAN)
    single = unroll(cell, params, x[:1], state, engine=SCAN)[1]
    assert all(torch.equal(value, single[key]) for key, value in step(x[0], state)[1].items())


def test_what_is_not_a_number_stays_so(way):
    cell = LINEAR(3)
    params = {name: torch.ones(1, *shape, dtype=BF16) for name, shape in cell.shapes(2).items()}
    x = torch.zeros(3, 1, 2, 2, dtype=BF16)
    x[0, 0, 1, 0] = float("nan")
    y, _ = unroll(cell, params, x, engine=SCAN)
    assert y[:, :, 0].isfinite().all()
    assert y[:, :, 1].isnan().all()


def test_the_instructions_are_named():
    assert scan.instructions(BF16) in ("amx-bf16", "avx512-bf16", "none")
    assert scan.instructions(F32) == ""
