"""Trained weights on disk as safetensors: flat names, (1, *shape) each, the network and its origin as metadata."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from suite import catalogue
from suite.cells import CELLS, Cell, digest
from suite.names import parse_call, unknown
from suite.training.build import network
from suite.training.network import Network


def save(path: str | Path, net: Network, weights: Mapping[str, Tensor], **about: Any) -> None:
    """Write weights so that `suite.load` finds the network again."""
    described = {
        "cells": [cell.name for cell in net.cells],
        "digests": [digest(cell) for cell in net.cells],
        "units": [cell.units for cell in net.cells],
        "inputs": net.inputs,
        "outputs": net.outputs,
        "readout": net.readout,
        "embedding": net.embedding,
        "bidirectional": net.bidirectional,
        "dropout": net.dropout,
        "residual": net.residual,
        "linear": net.linear,
        "init": net.init,
        "frozen": net.frozen,
        "decoder": net.decoder,
    }
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".part")
    save_file({name: value.contiguous() for name, value in weights.items()}, scratch, {"network": json.dumps(described), "about": json.dumps(about)})
    os.replace(scratch, path)


def load(path: str | Path, cells: Sequence[Callable[[int], Cell]] = ()) -> tuple[Network, dict[str, Tensor]]:
    """The network and the weights of a file that `save` or a run wrote.

    Cells are found by their names in the catalogue and among `cells`, your own as callables units -> Cell: a file that
    is read never imports code. Equations that differ from those that were trained are an error. To predict:
    `network(weights, x)` with x (T, B, inputs), which gives (1, B, outputs).
    """
    try:
        with safe_open(str(path), framework="pt") as opened:
            described = json.loads((opened.metadata() or {}).get("network", "null"))
            weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise ValueError(f"cannot read weights from '{path}': {error}") from None
    if not isinstance(described, dict):
        raise ValueError(f"'{path}' holds tensors and no description of a network; was it written by carrousel?")
    try:
        names, digests = [str(name) for name in described.pop("cells")], described.pop("digests")
        own = {make(units).name: make for make in cells for units in described["units"][:1]}
        made = [named(name, units, own) for name, units in zip(names, described.pop("units"), strict=True)]
        if [digest(cell) for cell in made] != digests:
            raise ValueError(f"the equations of {', '.join(names)} here are not those that were trained")
        net = network(made, [cell.units for cell in made], **described)
        shapes = net.shapes()
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError, RuntimeError) as error:
        raise ValueError(f"'{path}' does not describe a network that this version has: {error}") from None
    found = {name: tuple(value.shape) for name, value in weights.items()}
    if found != {name: (1, *shape) for name, shape in shapes.items()}:
        raise ValueError(f"'{path}' holds tensors that are not those of the network it describes")
    return net, weights


def named(name: str, units: int, own: Mapping[str, Callable[[int], Cell]]) -> Cell:
    """A cell of the catalogue or among `own`, by its name and arguments alone."""
    base = name if name in own else parse_call(name)[0]
    if base not in {**CELLS, **own}:
        raise ValueError(f"{unknown(base, CELLS, 'cell')}; pass your own as load(path, cells=[my_cell])")
    return catalogue.cell(name, units, own)
