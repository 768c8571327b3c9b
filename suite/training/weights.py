"""Trained weights on disk as safetensors: flat names, (1, *shape) each, the network and its origin as metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from suite.training.network import Network, network


def save(path: Path, net: Network, weights: Mapping[str, Tensor], **about: Any) -> None:
    """Write weights so that `suite.load` finds the network again."""
    described = {
        "cells": [cell.name for cell in net.cells],
        "units": [cell.units for cell in net.cells],
        "inputs": net.inputs,
        "outputs": net.outputs,
        "readout": net.readout,
        "embedding": net.embedding,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in weights.items()}, path, {"network": json.dumps(described), "about": json.dumps(about)})


def load(path: str | Path) -> tuple[Network, dict[str, Tensor]]:
    """The network and the weights of a file that `save` or a run wrote.

    Cells are found by their names in the catalogue; a name with a module path is refused, for a file that is
    read must not import code.
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
        cells = [str(name) for name in described.pop("cells")]
        if any(":" in name for name in cells):
            raise ValueError(f"it names cells of another package ({', '.join(cells)}); build the network yourself and read the tensors with safetensors")
        net = network(cells, **described)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"'{path}' does not describe a network that this version has: {error}") from None
    found = {name: tuple(value.shape) for name, value in weights.items()}
    if found != {name: (1, *shape) for name, shape in net.shapes().items()}:
        raise ValueError(f"'{path}' holds tensors that are not those of the network it describes")
    return net, weights
