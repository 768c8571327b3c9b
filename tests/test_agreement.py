"""Every engine equals the reference on every cell, outputs, states and gradients, or refuses in words."""

import dataclasses

import pytest
import torch

from suite.cells import CELLS, guessing
from suite.engines import ENGINES, Refused, unroll
from suite.training.check import inputs_of

CPU = torch.device("cpu")
R, T, B, UNITS = 3, 7, 4, 5
UNREAD = dict.fromkeys(guessing.CELLS, ("u",))  # states that are outputs alone
OTHERS = [name for name in ENGINES if name != "reference"]


def masks(kind):
    if kind == "whole":
        return None
    if kind == "padded":
        lengths = torch.tensor([[7, 1, 4, 6], [7, 7, 7, 7], [2, 3, 1, 5]])
        return torch.arange(T)[:, None, None] < lengths
    if kind == "padded, shared":
        return torch.arange(T)[:, None, None] < torch.tensor([[7, 1, 4, 6]])
    return torch.rand(T, R, B, generator=torch.Generator().manual_seed(5)) < 0.6


def results(cell, engine, mask=None, shared=False, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)

    def draw(*shape):
        return (2 * torch.rand(*shape, generator=generator, dtype=torch.float64) - 1).to(dtype).requires_grad_()

    params = {name: draw(R, *shape) for name, shape in cell.shapes(inputs_of(cell)).items()}
    state = {name: draw(R, B, width) for name, width in cell.state.items()}
    x = draw(T, 1 if shared else R, B, inputs_of(cell))
    y, last = unroll(cell, params, x, state, engine=engine, mask=mask)
    named = {"y": y, **{f"last {name}": value for name, value in last.items()}}
    loss = sum((value * torch.arange(1, value.numel() + 1, dtype=dtype).view_as(value).sin()).sum() for value in named.values())
    leaves = {**params, **{f"start {name}": value for name, value in state.items()}, "x": x}
    gradients = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
    return {name: value.detach() for name, value in named.items()} | {f"d {name}": g for name, g in zip(leaves, gradients, strict=True)}


def apart(ours, theirs):
    assert ours.keys() == theirs.keys()
    assert all(ours[name].shape == theirs[name].shape for name in ours)
    assert all(value.isfinite().all() for value in ours.values()), "an engine gives what is no number"
    return {name: float((ours[name] - theirs[name]).abs().max() / theirs[name].abs().max().clamp(min=1e-30)) for name in ours}


@pytest.mark.parametrize("shared", [False, True], ids=["x per replica", "x shared"])
@pytest.mark.parametrize("mask", ["whole", "padded", "padded, shared", "gaps"])
@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize("name", CELLS)
def test_equals_the_reference_or_refuses(name, engine, mask, shared):
    cell, valid = CELLS[name](UNITS), masks(mask)
    theirs = results(cell, ENGINES["reference"], valid, shared)
    cut = {f"d start {state}" for state in (*cell.truncated, *UNREAD.get(name, ()))}
    assert all(value.abs().max() > 0 for key, value in theirs.items() if key not in cut), "a result that is zero proves nothing"
    sentence = ENGINES[engine].refuses(cell, CPU)
    if sentence:
        assert f"'{name}'" in sentence
        with pytest.raises(Refused, match=f"'{name}'"):
            results(cell, ENGINES[engine], valid, shared)
        return
    if mask == "gaps" and engine == "vendor":
        with pytest.raises(Refused, match=r"engine 'vendor' takes masks that are padding .* not gaps"):
            results(cell, ENGINES[engine], valid, shared)
        return
    ours = results(cell, ENGINES[engine], valid, shared)
    assert max(apart(ours, theirs).values()) <= 1e-10


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", CELLS)
def test_single_precision_stays_near_double(name, engine):
    cell = CELLS[name](UNITS)
    if ENGINES[engine].refuses(cell, CPU):
        pytest.skip(f"'{engine}' refuses '{name}'")
    ours = results(cell, ENGINES[engine], dtype=torch.float32)
    theirs = results(cell, ENGINES["reference"])
    assert all(value.dtype == torch.float32 for value in ours.values())
    off = {key: float((ours[key] - theirs[key]).abs().max() / theirs[key].abs().max()) for key in theirs}
    assert max(off.values()) <= 1e-5, off


@pytest.mark.parametrize("name", CELLS)
def test_gradient_of_the_reference_step_equals_finite_differences(name):
    cell = dataclasses.replace(CELLS[name](2), truncated=())
    generator = torch.Generator().manual_seed(2)

    def draw(*shape):
        return (2 * torch.rand(*shape, generator=generator, dtype=torch.float64) - 1).requires_grad_()

    shapes = cell.shapes(2)
    leaves = [*(draw(1, *shape) for shape in shapes.values()), *(draw(1, 2, width) for width in cell.state.values()), draw(2, 1, 2, 2)]

    def step(*given):
        params = dict(zip(shapes, given[: len(shapes)], strict=True))
        state = dict(zip(cell.state, given[len(shapes) : -1], strict=True))
        y, last = unroll(cell, params, given[-1], state, engine=ENGINES["reference"])
        return y, *last.values()

    assert torch.autograd.gradcheck(step, leaves)


@pytest.mark.parametrize("name", CELLS)
def test_best_takes_the_first_engine_that_does_not_refuse(name):
    from suite import catalogue
    from suite.engines import BEST

    chosen = catalogue.engine("best", CELLS[name](UNITS), CPU).name
    assert chosen == next(engine for engine in BEST if ENGINES[engine].refuses(CELLS[name](UNITS), CPU) is None)
