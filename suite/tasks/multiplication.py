"""Multiplication, experiment 5 of Hochreiter & Schmidhuber (1997): the product of two marked numbers at the end.

As the adding problem of 1997 (`adding(form='1997')`): pairs of a value and a marker (I = 2), the marker 1 at two steps,
-1 at both ends, 0 elsewhere; `length` to 1.1 `length` pairs; one of the first ten pairs is marked, then one of the first
T/2 - 1 not yet marked. But the values are U[0, 1], a marked first pair holds 1, and the product is asked (O = 1).

    values   .3 .5 .9 … .4 .2          values    1 .5 .9 … .8 .2    (the first pair is marked, its marker stays -1)
    markers  -1  1  0 …  1 -1  -> .2   markers  -1  0  0 …  1 -1  -> .8

The metric is the share of sequences within 0.04; the output unit is logistic. The paper prints two stops, "fewer than
n_seq of the 2000 most recent training sequences lead to absolute errors exceeding 0.04", n_seq 140 and 13; `solved`
is the stricter. No sum of inputs gives a product: what adding asks of the memory, this asks of the output as well.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from suite.names import format_call
from suite.tasks.adding import TOLERANCE, experiment, first_pair_marked
from suite.tasks.streams import LONGEST
from suite.tasks.task import Task


def multiplication(length: int = 100) -> Task:
    """The product of two marked numbers among `length` to 1.1 `length`.

    >>> import torch
    >>> x, y, mask = next(multiplication(20).batches("train", 1, torch.Generator().manual_seed(2)))
    >>> values, marks = x[:, 0].unbind(-1)
    >>> marks[mask[:, 0]].int().tolist(), torch.allclose(values[marks == 1].prod(), y)
    ([-1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1], True)
    """
    if not isinstance(length, int):
        raise ValueError(f"multiplication needs a length from 20 to {LONGEST:,}, not {length!r}")
    # the densest 0.08 = b of [0, 1] begin at 0, so the best constant is 0.04: b (1 - ln b) of a product, b of X2 alone
    b, alone = 2 * TOLERANCE, first_pair_marked("multiplication", length)
    chance = (1 - alone) * b * (1 - math.log(b)) + alone * b
    solved = 1 - 12.5 / 2000  # "fewer than n_seq" = 13: twelve of 2000 may be wrong
    return experiment(format_call("multiplication", {"length": length}), length, (0.0, 1.0), product, chance, solved)


def product(x: Tensor) -> Tensor:
    """X1 X2 of (T, B, 2)."""
    return torch.where(x[..., 1] == 1, x[..., 0], 1.0).prod(0)
