"""The battery that every cell must pass, ours in the tests and an outsider's by `carrousel check their_package.cells:my_cell`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from suite.cells import Cell, digest
from suite.engines import ENGINES, Engine, Refused, unroll
from suite.training.agreement import TOLERANCE, difference

UNITS, INPUTS, LENGTH, BATCH = 6, 4, 9, 3
CPU = torch.device("cpu")


class Finding(NamedTuple):
    """One property: whether it holds, and a sentence."""

    name: str
    holds: bool
    detail: str


def inputs_of(cell: Cell) -> int:
    """Inputs to try a cell with: as wide as its units where it adds x to them."""
    return cell.takes or INPUTS


def drawn(cell: Cell, replicas: int = 2, scale: float = 0.5, length: int = LENGTH, batch: int = BATCH) -> tuple[dict[str, Tensor], Tensor, dict[str, Tensor]]:
    """Parameters, x and noise of a cell in float64, the same at every call."""
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> Tensor:
        return scale * (2 * torch.rand(*shape, generator=generator, dtype=torch.float64) - 1)

    inputs = inputs_of(cell)
    params = {name: draw(replicas, *shape) for name, shape in cell.shapes(inputs).items()}
    noise = {row.name: draw(length, 1, batch, row.width) for stage in cell.table for row in stage.rows if row.raw == "noise"}
    return params, draw(length, 1, batch, inputs), noise


def engines_of(cell: Cell) -> list[Engine]:
    """Engines that do not refuse the cell on the CPU."""
    return [engine for engine in ENGINES.values() if engine.refuses(cell, CPU) is None]


def widths(make: Callable[[int], Cell]) -> str:
    """The cell can be made at any width, with states and parameters that grow with it."""
    small, large = (make(units) for units in (UNITS, 2 * UNITS))
    assert small.units == UNITS, f"the first state is {small.units} wide at {UNITS} units"
    assert large.units == 2 * UNITS, f"the first state is {large.units} wide at {2 * UNITS} units"
    assert digest(small) == digest(large), "its table or equations change with the width"
    return f"{small.costs(inputs_of(small))['parameters']} parameters at {UNITS} units and {inputs_of(small)} inputs"


def agreement(make: Callable[[int], Cell]) -> str:
    """Every engine gives the reference's outputs, states and gradients in float64, or refuses in words."""
    cell, said = make(UNITS), []
    for name, engine in ENGINES.items():
        sentence = engine.refuses(cell, CPU)
        if sentence:
            said.append(f"{name} refuses")
            continue
        off = difference(cell, engine, inputs_of(cell), CPU)
        assert off <= TOLERANCE[torch.float64], f"engine '{name}' differs by {off:.1e} of the largest value"
        said.append(f"{name} {off:.0e}")
    return ", ".join(said)


def gradients(make: Callable[[int], Cell]) -> str:
    """The reference's gradients are those of finite differences; of truncated cells, those with the paper's detaches."""
    cell = make(UNITS)
    params, x, noise = drawn(cell, replicas=1, length=4, batch=2)
    if cell.truncated:
        return detached(cell, params, x)
    names = list(params)

    def outputs(*values: Tensor) -> Tensor:
        return unroll(cell, dict(zip(names, values[1:], strict=True)), values[0], engine=ENGINES["reference"], noise={k: v[:4, :, :2] for k, v in noise.items()})[0]

    arguments = [x.requires_grad_(), *(value.requires_grad_() for value in params.values())]
    assert torch.autograd.gradcheck(outputs, arguments, eps=1e-6, atol=1e-6, fast_mode=True, raise_exception=False), "they differ from finite differences"
    return "equal to finite differences"


def detached(cell: Cell, params: dict[str, Tensor], x: Tensor) -> str:
    """The gradients of a truncated cell are those of the whole one with the truncated states cut by hand between steps."""
    whole, weights = replace(cell, truncated=()), [value.requires_grad_() for value in params.values()]
    y, _ = unroll(cell, params, x, engine=ENGINES["reference"])
    ours = torch.autograd.grad(y.sin().sum(), weights)
    state: dict[str, Tensor] = {}
    outputs = []
    for step in x.split(1):
        cut = {name: value.detach() if name in cell.truncated else value for name, value in state.items()}
        output, state = unroll(whole, params, step, cut, engine=ENGINES["reference"])
        outputs.append(output)
    by_hand = torch.autograd.grad(torch.cat(outputs).sin().sum(), weights)
    assert all(torch.allclose(a, b, rtol=1e-10, atol=1e-12) for a, b in zip(ours, by_hand, strict=True)), "they differ from detaching by hand"
    return f"equal to detaching {', '.join(cell.truncated)} by hand"


def replicas(make: Callable[[int], Cell]) -> str:
    """Replicas together equal replicas alone."""
    cell = make(UNITS)
    params, x, noise = drawn(cell, replicas=3)
    for engine in engines_of(cell):
        whole, _ = unroll(cell, params, x, engine=engine, noise=noise)
        for r in range(3):
            alone, _ = unroll(cell, {name: value[r : r + 1] for name, value in params.items()}, x, engine=engine, noise=noise)
            assert torch.allclose(whole[:, r : r + 1], alone, rtol=0, atol=1e-12), f"replica {r} differs on engine '{engine.name}'"
    return "3 together, 3 alone"


def padding(make: Callable[[int], Cell]) -> str:
    """Masked padding changes nothing: state kept, output 0, the valid steps as without it."""
    cell, short = make(UNITS), LENGTH - 4
    params, x, noise = drawn(cell)
    mask = torch.zeros(LENGTH, 1, BATCH, dtype=torch.bool)
    mask[:short] = True
    for engine in engines_of(cell):
        padded, last = unroll(cell, params, x, engine=engine, mask=mask, noise=noise)
        plain, end = unroll(cell, params, x[:short], engine=engine, noise={name: value[:short] for name, value in noise.items()})
        assert torch.allclose(padded[:short], plain, rtol=0, atol=1e-12), f"valid steps differ on engine '{engine.name}'"
        assert not padded[short:].any(), f"masked steps have outputs on engine '{engine.name}'"
        assert all(torch.allclose(last[name], end[name], rtol=0, atol=1e-12) for name in end), f"states differ on engine '{engine.name}'"
    return f"{LENGTH - short} padded steps"


def saturation(make: Callable[[int], Cell]) -> str:
    """Inputs of 1e4 give numbers, in float32 as in float64."""
    cell = make(UNITS)
    params, x, noise = drawn(cell, length=3)
    for engine in engines_of(cell):
        for dtype in (torch.float32, torch.float64):
            values = {name: value.to(dtype) for name, value in params.items()}
            for sign in (1e4, -1e4):
                y, _ = unroll(cell, values, (sign * x.sign()).to(dtype), engine=engine, noise={k: v.to(dtype) for k, v in noise.items()})
                assert y.isfinite().all(), f"engine '{engine.name}' gives {y[~y.isfinite()][0]:g} in {dtype}"
    return "finite at ±1e4"


def smallest(make: Callable[[int], Cell]) -> str:
    """One step, one sequence, and one unit where blocks allow it."""
    for units in (1, 2, 3, 4):
        try:
            cell = make(units)
        except ValueError:
            continue  # whole blocks only
        params, x, noise = drawn(cell, replicas=1, length=1, batch=1)
        for engine in engines_of(cell):
            y, _ = unroll(cell, params, x, engine=engine, noise=noise)
            assert y.shape == (1, 1, 1, units), f"engine '{engine.name}' gives shape {tuple(y.shape)}"
        return f"T = 1, B = 1, {units} unit{'s' * (units > 1)}"
    raise AssertionError("it cannot be made at 1 to 4 units")


PROPERTIES: dict[str, Callable[[Callable[[int], Cell]], str]] = {
    "made at any width": widths,
    "engines agree with the reference": agreement,
    "gradients": gradients,
    "replicas together equal replicas alone": replicas,
    "padding changes nothing": padding,
    "saturating inputs": saturation,
    "smallest shapes": smallest,
}


def check(make: Callable[[int], Cell]) -> list[Finding]:
    """Every property of a cell, in order; one that raises does not hold."""
    found = []
    for name, holds in PROPERTIES.items():
        try:
            found.append(Finding(name, True, holds(make)))
        except (AssertionError, ValueError, RuntimeError, TypeError, AttributeError, Refused) as error:
            found.append(Finding(name, False, " ".join(str(error).split())[:300] or type(error).__name__))
    return found
