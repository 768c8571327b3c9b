"""One example of a task for a page to draw: what a network hears and what it is asked."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from suite.data import DataError, NotAvailable
from suite.tasks import Task

STEPS, WIDTH = 240, 64  # what is drawn of a long sequence, or a wide one
DIGITS = 4


def example(task: Task) -> dict[str, Any]:
    """The first example of the validation split, drawn from seed 0; {} where the data are not here.

    x is a row a step, or a token a step; y what is asked, a value or a row for each step where every step is, null where a
    step is not. `steps` and `inputs` say how long and wide it is where only its beginning is kept.

    >>> import suite
    >>> found = example(suite.task("parity", length=4))
    >>> found["steps"], len(found["x"]), found["y"] in (0, 1)
    (4, 4, True)
    """
    try:
        batch = next(iter(task.batches("validation", 1, torch.Generator().manual_seed(0))))
    except (DataError, NotAvailable, OSError, ValueError, StopIteration):
        return {}
    valid = int(batch.mask[:, 0].sum())
    every = batch.y.shape[:2] == batch.mask.shape
    x, y = batch.x[:valid, 0], batch.y[:valid, 0] if every else batch.y[0]
    cut = x[:STEPS, :WIDTH] if x.dim() > 1 else x[:STEPS]
    return {"steps": valid, "inputs": task.inputs, "tokens": x.dim() == 1, "every": every, "x": _plain(cut), "y": _plain(y[:STEPS] if every else y)}


def _plain(values: Tensor) -> Any:
    """Lists of rounded numbers, null for what is not asked."""
    if values.dim():
        return [_plain(value) for value in values]
    number = values.item()
    if isinstance(number, float):
        return float(f"{number:.{DIGITS}g}") if number == number else None  # noqa: PLR0124  # not a number is not asked
    return None if number < 0 else number
