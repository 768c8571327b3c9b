"""The battery that every cell must pass, ours in the tests and an outsider's by `carrousel check their_package.cells:my_cell`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from suite.cells import Cell, digest
from suite.engines import ENGINES, Engine, unroll
from suite.engines.engine import refusal
from suite.findings import Finding, judged
from suite.training.agreement import TOLERANCE, difference
from suite.training.initial import bias_of

INPUTS, LENGTH, BATCH = 4, 9, 3
OPEN = 60.0  # a bias at which a logistic is 1 in float64
WIDTHS = (6, 8, 5, 7, 9, 10, 11, 12)  # the first at which a cell can be made is tried: blocks need multiples
CPU = torch.device("cpu")


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
    """Engines that do not refuse the cell on the CPU, but for those that take long to make it ready."""
    return [engine for engine in ENGINES.values() if not engine.by_name and refusal(engine, cell, CPU, torch.float64) is None]


def made(make: Callable[[int], Cell], widths: tuple[int, ...] = WIDTHS) -> Cell:
    """The cell at the first width that is a multiple of its blocks."""
    for units in widths:
        try:
            return make(units)
        except ValueError as error:
            if "multiple" not in str(error) or units == widths[-1]:
                raise
    raise AssertionError("no width to try")


def widths(make: Callable[[int], Cell]) -> str:
    """The cell can be made at any width, with states and parameters that grow with it."""
    small = made(make)
    units = small.units
    assert units in WIDTHS, f"its first state is {units} wide at one of {WIDTHS} units"
    large = make(2 * units)
    assert large.units == 2 * units, f"the first state is {large.units} wide at {2 * units} units"
    assert digest(small) == digest(large), "its table or equations change with the width"
    return f"{small.costs(inputs_of(small))['parameters']} parameters at {units} units and {inputs_of(small)} inputs"


def agreement(make: Callable[[int], Cell]) -> str:
    """Every engine gives the reference's outputs, states and gradients in float64, or refuses in words."""
    cell, said = made(make), []
    for name, engine in ENGINES.items():
        if engine.by_name:
            continue
        sentence = refusal(engine, cell, CPU, torch.float64)
        if sentence:
            said.append(f"{name} refuses ({sentence})")
            continue
        off = difference(cell, engine, inputs_of(cell), CPU)
        assert off <= TOLERANCE[torch.float64], f"engine '{name}' differs by {off:.1e} of the largest value"
        said.append(f"{name} {off:.0e}")
    return ", ".join(said)


def gradients(make: Callable[[int], Cell]) -> str:
    """The reference's gradients are those of finite differences; of truncated cells, those with the paper's detaches."""
    cell = made(make)
    params, x, noise = drawn(cell, replicas=1, length=4, batch=2)
    if cell.truncated:
        return detached(cell, params, x, noise)
    names, states = list(params), list(cell.state)

    def outputs(*values: Tensor) -> tuple[Tensor, ...]:
        given = dict(zip(names, values[1 + len(states) :], strict=True))
        start = dict(zip(states, values[1:], strict=False))
        y, last = unroll(cell, given, values[0], start, engine=ENGINES["reference"], noise=noise)
        return (y, *last.values())

    start = [0.1 * (1 + k) * torch.ones(1, 2, width, dtype=torch.float64) for k, width in enumerate(cell.state.values())]
    arguments = [value.requires_grad_() for value in (x, *start, *params.values())]
    assert torch.autograd.gradcheck(outputs, arguments, eps=1e-6, atol=1e-6, fast_mode=True, raise_exception=False), "they differ from finite differences"
    return "of outputs, states and start equal to finite differences"


def detached(cell: Cell, params: dict[str, Tensor], x: Tensor, noise: dict[str, Tensor]) -> str:
    """The gradients of a truncated cell are those of the whole one with the truncated states cut by hand between steps."""
    whole, weights = replace(cell, truncated=()), [value.requires_grad_() for value in params.values()]
    y, _ = unroll(cell, params, x, engine=ENGINES["reference"], noise=noise)
    ours = torch.autograd.grad(y.sin().sum(), weights)
    state: dict[str, Tensor] = {}
    outputs = []
    for t, step in enumerate(x.split(1)):
        cut = {name: value.detach() if name in cell.truncated else value for name, value in state.items()}
        output, state = unroll(whole, params, step, cut, engine=ENGINES["reference"], noise={name: value[t : t + 1] for name, value in noise.items()})
        outputs.append(output)
    by_hand = torch.autograd.grad(torch.cat(outputs).sin().sum(), weights)
    assert all(torch.allclose(a, b, rtol=1e-10, atol=1e-12) for a, b in zip(ours, by_hand, strict=True)), "they differ from detaching by hand"
    return f"equal to detaching {', '.join(cell.truncated)} by hand"


def replicas(make: Callable[[int], Cell]) -> str:
    """Replicas together equal replicas alone, outputs and states."""
    cell = made(make)
    params, x, noise = drawn(cell, replicas=3)
    for engine in engines_of(cell):
        whole = results(cell, params, x, engine, noise)
        for r in range(3):
            alone = results(cell, {name: value[r : r + 1] for name, value in params.items()}, x, engine, noise)
            for name, value in whole.items():
                here = value[:, r : r + 1] if name == "y" else value[r : r + 1]
                assert torch.allclose(here, alone[name], rtol=0, atol=1e-12), f"{name} of replica {r} differs on engine '{engine.name}'"
    return "3 together, 3 alone"


def results(cell: Cell, params: dict[str, Tensor], x: Tensor, engine: Engine, noise: dict[str, Tensor], mask: Tensor | None = None) -> dict[str, Tensor]:
    """Outputs, as y, and last states by name."""
    y, last = unroll(cell, params, x, engine=engine, noise=noise, mask=mask)
    return {"y": y, **last}


def padding(make: Callable[[int], Cell]) -> str:
    """Sequences of several lengths in one batch: each gives what it gives alone, whatever stands in its padding or beside it."""
    cell, lengths = made(make), (LENGTH, 2, LENGTH - 3)
    params, x, noise = drawn(cell)
    mask = (torch.arange(LENGTH)[:, None] < torch.tensor(lengths)).unsqueeze(1)
    x = torch.where(mask.unsqueeze(-1), x, 1e6)
    for engine in engines_of(cell):
        batch = results(cell, params, x, engine, noise, mask)
        for b, length in enumerate(lengths):
            alone = results(cell, params, x[:length, :, b : b + 1], engine, {name: value[:length, :, b : b + 1] for name, value in noise.items()})
            assert torch.allclose(batch["y"][:length, :, b : b + 1], alone["y"], rtol=0, atol=1e-12), f"a sequence of {length} differs in a batch on engine '{engine.name}'"
            assert not batch["y"][length:, :, b].any(), f"masked steps have outputs on engine '{engine.name}'"
            for name in cell.state:
                assert torch.allclose(batch[name][:, b : b + 1], alone[name], rtol=0, atol=1e-12), f"state '{name}' differs in a batch on engine '{engine.name}'"
    return f"lengths {', '.join(map(str, lengths))} together and alone"


def saturation(make: Callable[[int], Cell]) -> str:
    """Inputs of 1e4 give numbers, in float32 as in float64."""
    cell = made(make)
    params, x, noise = drawn(cell, length=3)
    for engine in engines_of(cell):
        for dtype in (torch.float32, torch.float64):
            values = {name: value.to(dtype) for name, value in params.items()}
            for sign in (1e4, -1e4):
                found = results(cell, values, (sign * x.sign()).to(dtype), engine, {k: v.to(dtype) for k, v in noise.items()})
                for name, value in found.items():
                    assert value.isfinite().all(), f"engine '{engine.name}' gives {value[~value.isfinite()][0]:g} for {name} in {dtype}"
    return "finite at ±1e4"


def smallest(make: Callable[[int], Cell]) -> str:
    """One step, one sequence, one unit, or one block."""
    cell = made(make, (1, 2, 3, 4, 5, 6, 7, 8))
    params, x, noise = drawn(cell, replicas=1, length=1, batch=1)
    theirs = results(cell, params, x, ENGINES["reference"], noise)
    for engine in engines_of(cell):
        ours = results(cell, params, x, engine, noise)
        assert ours["y"].shape == (1, 1, 1, cell.units), f"engine '{engine.name}' gives shape {tuple(ours['y'].shape)}"
        assert all(torch.allclose(ours[name], theirs[name], rtol=0, atol=1e-12) for name in ours), f"engine '{engine.name}' differs from the reference"
    return f"T = 1, B = 1, {cell.units} unit{'s' * (cell.units > 1)}"


def gates(make: Callable[[int], Cell]) -> str:
    """Every gate that the table calls "keep" or "new", driven to its ends, keeps its memory and loses it."""
    cell = made(make)
    driven = {row: role for row, role in cell.gates.items() if role in ("keep", "new") and bias_of(cell, row)}
    for row, role in driven.items():
        kept, lost = (memories(cell, row, sign if role == "keep" else -sign) for sign in (OPEN, -OPEN))
        assert any(abs(kept[name] - 1) < 1e-9 and abs(lost[name]) < 1e-9 for name in cell.state), f"gate '{row}' is declared '{role}' and does not {'keep' if role == 'keep' else 'replace'} the memory"
    return f"{', '.join(driven)} as declared" if driven else "none that keeps is declared: `keep`, `chrono` and time constants pass this cell over"


def memories(cell: Cell, row: str, value: float) -> dict[str, float]:
    """State -> what a step leaves of it, from -1 to 1, one gate's bias at a value, what lets in shut as far, all weights zero."""
    inputs = inputs_of(cell)
    params = {name: torch.full((1, *shape), cell.initial.get(name, 0.0), dtype=torch.float64) for name, shape in cell.shapes(inputs).items()}
    for name, role in cell.gates.items():
        bias = bias_of(cell, name)
        if bias and (name == row or (role == "in" and name[1:] == row[1:])):
            params[bias] = torch.full_like(params[bias], value if name == row else -abs(value) if value > 0 else abs(value))
    x, noise = torch.zeros(1, 1, 1, inputs, dtype=torch.float64), {r.name: torch.ones(1, 1, 1, r.width, dtype=torch.float64) for s in cell.table for r in s.rows if r.raw == "noise"}
    start = {name: torch.full((1, 1, width), 0.5, dtype=torch.float64, requires_grad=True) for name, width in cell.state.items()}
    _, last = unroll(cell, params, x, start, engine=ENGINES["reference"], noise=noise)
    left = {}
    for name, value_before in start.items():
        (gradient,) = torch.autograd.grad(last[name].sum() + 0 * value_before.sum(), value_before, retain_graph=True)
        left[name] = float(gradient.mean())
    return left


PROPERTIES: dict[str, Callable[[Callable[[int], Cell]], str]] = {
    "made at any width": widths,
    "engines agree with the reference": agreement,
    "gradients": gradients,
    "replicas together equal replicas alone": replicas,
    "sequences and padding do not mix": padding,
    "saturating inputs": saturation,
    "smallest shapes": smallest,
    "gates do what the table says": gates,
}


def check(make: Callable[[int], Cell]) -> list[Finding]:
    """Every property of a cell, in order; one that raises does not hold."""
    return judged(PROPERTIES, make)
