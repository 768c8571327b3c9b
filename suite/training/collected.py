"""What is kept of a trained network beside its record: how far gradients reach, in a file of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from suite.runs.store import replace
from suite.tasks import Task
from suite.training.gradient_flow import gradient_flow
from suite.training.network import Network

SEQUENCES = 8  # of the validation split
DIGITS = 4


def gradients(net: Network, task: Task, weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Layer -> the median over sequences of the norm of dh(T)/ds(T - lag), a list by lag for each state, and the mean of each gate.

    >>> import suite
    >>> net = suite.network("gru", 3, inputs=1, outputs=2)
    >>> found = gradients(net, suite.task("parity", length=5), net.start(0))["0"]
    >>> len(found["norms"]["h"]), round(found["norms"]["h"][0], 4), sorted(found["gates"])
    (5, 1.0, ['r', 'z'])
    """
    batch = next(iter(task.batches("validation", SEQUENCES, torch.Generator().manual_seed(0))))
    return {layer: {"norms": {state: _rounded(norms.nanmedian(1).values) for state, norms in flow.norms.items()}, "gates": {row: _rounded(flow.gates[row].nanmean().view(1))[0] for row in flow.gates}} for layer, flow in gradient_flow(net, batch, weights).items()}


def _rounded(values: Tensor) -> list[float | None]:
    return [float(f"{value:.{DIGITS}g}") if value == value else None for value in values.tolist()]  # noqa: PLR0124  # not a number is null


def save(folder: Path, run: str, net: Network, task: Task, weights: Mapping[str, Tensor]) -> None:
    """Write the gradients of a run as `<id>.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    replace(folder / f"{run}.json", json.dumps(gradients(net, task, weights), sort_keys=True, allow_nan=False) + "\n")
