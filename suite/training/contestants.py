"""What is timed: a cell on an engine, a layer of torch.nn at the same shape, and a product of square matrices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from suite.cells import Cell
from suite.engines import Engine, unroll
from suite.engines.peak import multiply_adds
from suite.engines.torch_nn import LAYERS, Layer, layer_of
from suite.runs.spec import SpeedSpec
from suite.training.masks import drawn
from suite.training.measure import Call, Part
from suite.training.network import Network

SIZES = {"cpu": (256, 512, 1024), "cuda": (2048, 4096, 8192)}
ARITHMETIC = "multiply-adds"  # in registers: what no product passes
LARGE = 2048  # a side that keeps many threads busy


class Contestant(NamedTuple):
    """A training step in two parts (`gradients` takes what `forward` returned), and a pass that keeps nothing for a gradient."""

    forward: Part
    gradients: Part
    inference: Call


def of_engine(spec: SpeedSpec, cell: Cell, engine: Engine, length: int, batch: int) -> Contestant:
    """A cell on an engine; the gradient is that of every weight. Masks of dropout are drawn once: what is timed is the cell."""
    generator, device, dtype = torch.Generator().manual_seed(0), torch.device(spec.device), getattr(torch, spec.dtype)
    params = {name: (0.1 * torch.randn(spec.replicas, *shape, generator=generator)).to(device, dtype).requires_grad_() for name, shape in cell.shapes(spec.inputs).items()}
    x = torch.randn(length, 1, batch, spec.inputs, generator=generator).to(device, dtype)

    wanted = Network((cell,), spec.inputs, 1).masks()
    noise = {name.removeprefix("0."): value for name, value in drawn(wanted, range(spec.replicas), 0, length, batch, x).items()}

    def forward(before: object = None) -> Tensor:
        del before
        return unroll(cell, params, x, engine=engine, noise=noise)[0]

    return Contestant(forward, partial(_gradients, list(params.values())), torch.no_grad()(forward))


def of_torch(spec: SpeedSpec, layer: Layer) -> Contestant:
    """The module itself; torch.nn has no replica axis, so replicas are as many modules, one after another."""
    generator, device, dtype = torch.Generator().manual_seed(0), torch.device(spec.device), getattr(torch, spec.dtype)
    options = {"nonlinearity": layer.nonlinearity} if layer.nonlinearity != "tanh" else {}
    modules = [layer.module(spec.inputs, spec.units, device=device, dtype=dtype, **options) for _ in range(spec.replicas)]
    weights = [weight for module in modules for weight in module.parameters()]
    with torch.no_grad():
        for weight in weights:
            weight.copy_(0.1 * torch.randn(weight.shape, generator=generator))
    x = torch.randn(spec.length, spec.batch, spec.inputs, generator=generator).to(device, dtype)

    def forward(before: object = None) -> list[Tensor]:
        del before
        return [module(x)[0] for module in modules]

    def gradients(outputs: list[Tensor]) -> object:
        return _gradients(weights, *outputs)

    return Contestant(forward, gradients, torch.no_grad()(forward))


def _gradients(weights: Sequence[Tensor], *outputs: Tensor) -> object:
    return torch.autograd.grad([y.sum() for y in outputs], weights)


def yardsticks(cells: Sequence[Cell]) -> dict[str, Layer]:
    """The layers of torch.nn that some cells are held against, by name: its LSTM always, and a cell's own layer where there is one."""
    layers = [LAYERS["lstm"], *(layer for cell in cells if (layer := layer_of(cell)))]
    return {called(layer): layer for layer in layers}


def called(layer: Layer) -> str:
    """`torch.nn.GRU`, `torch.nn.RNN(relu)`."""
    return f"torch.nn.{layer.module.__name__}{f'({layer.nonlinearity})' if layer.nonlinearity != 'tanh' else ''}"


class Peak(NamedTuple):
    """Something that does nothing but multiply and add: how many operations a call makes, two a multiply-add, and the call."""

    operations: int
    call: Call


def peaks(spec: SpeedSpec) -> dict[str, Peak]:
    """A product of square matrices for each of a few sides, and on a CPU multiply-adds in registers: what a library and what the machine can do with these threads."""
    generator, device, dtype = torch.Generator().manual_seed(0), torch.device(spec.device), getattr(torch, spec.dtype)
    sides = SIZES[device.type] + ((LARGE,) if device.type == "cpu" and spec.threads > 4 else ())
    made: dict[str, Peak] = {}
    for side in sides:
        a, b = (torch.randn(side, side, generator=generator).to(device, dtype) for _ in range(2))
        made[f"product {side}"] = Peak(2 * side**3, partial(torch.mm, a, b, out=torch.empty_like(a)))
    if device.type == "cpu" and (found := multiply_adds(dtype, spec.threads)):
        made[ARITHMETIC] = Peak(2 * found[0], found[1])
    return made


def training_flops(cell: Cell, spec: SpeedSpec) -> int:
    """Operations of the matrix products of a training step: forward, every weight's gradient, and what goes back to the states.

    Two a multiply-add. x asks for no gradient, and no gradient re-enters through a truncated state, so their products count twice and all others three times.
    """
    widths = {"x": spec.inputs} | {name: cell.state[name] for name in cell.truncated}
    twice = sum(row.width * widths[link.source] for stage in cell.table for row in stage.rows for link in row.links if link.source in widths)
    others = cell.costs(spec.inputs)["multiply_adds"] - twice
    return 2 * spec.length * spec.batch * spec.replicas * (2 * twice + 3 * others)
