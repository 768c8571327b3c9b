"""The adding problem: remember two marked numbers among many and give their sum at the end.

Input: a value from U[0, 1] and a marker 0 or 1 (I = 2). Exactly two steps are marked, one in each half.
Answer: the sum of the two marked values (O = 1), asked at the last step; mean squared error.

    values   .1 .7 .3 .9 .2 .4
    markers   0  1  0  0  1  0   ->  .7 + .2 = .9

Always answering 1 scores Var(U + U) = 1/6. Three different problems carry this name; this is the one of Le et
al. (2015) and Arjovsky et al. (2016). Not that of Hochreiter & Schmidhuber (1997: values in [-1, 1], variable
length, target 0.5 + sum / 4) nor that of Bai et al. (2018: both marks anywhere). Figures of one say nothing of another.
"""

from __future__ import annotations

import torch
from torch import Tensor

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import LONGEST, drawn
from suite.tasks.task import Batch, Task


def adding(length: int = 100) -> Task:
    """The adding problem over `length` steps.

    >>> import torch
    >>> task = adding(6)
    >>> batch = next(task.batches("train", 2, torch.Generator().manual_seed(0)))
    >>> batch.x[..., 1].sum(0), torch.allclose((batch.x[..., 0] * batch.x[..., 1]).sum(0), batch.y)
    (tensor([2., 2.]), True)
    """
    if not isinstance(length, int) or not 2 <= length <= LONGEST:
        raise ValueError(f"adding needs a length from 2 to {LONGEST:,}, not {length!r}")
    half = length // 2

    def draw(n: int, generator: torch.Generator) -> Batch:
        values = torch.rand(length, n, generator=generator)
        first = torch.randint(half, (n,), generator=generator)
        second = torch.randint(half, length, (n,), generator=generator)
        marks = torch.zeros(length, n)
        marks[first, torch.arange(n)] = 1.0
        marks[second, torch.arange(n)] = 1.0
        x = torch.stack([values, marks], -1)
        return Batch(x, (values * marks).sum(0), torch.ones(length, n, dtype=torch.bool))

    def oracle(batch: Batch) -> Tensor:
        return (batch.x[..., 0] * batch.x[..., 1]).sum(0)[None, :, None]

    return Task(
        name=format_call("adding", {"length": length}),
        batches=drawn(draw),
        inputs=2,
        outputs=1,
        loss=scores.squared_error,
        metric=scores.squared_error,
        oracle=oracle,
        chance=1 / 6,
        solved=0.01,  # our threshold: the sources state none
        better="lower",
        measure="mean squared error",
        version=1,
        data=None,
        paper="le2015",
        answer="number",
    )
