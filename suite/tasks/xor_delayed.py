"""Delayed exclusive or: two marked bits far apart in noise; were they different?

Input: a bit -1 or +1, drawn anew at every step, and a marker 0 or 1 (I = 2). The 4 `delay` steps are four quarters:
one step of the first is marked and one of the third, so that `delay` or more unmarked steps part the two bits, and
`delay` or more steps the second bit and the answer.
Answer: class 1 where the marked bits differ, else 0, asked at the last step (O = 2).

    bits     + - - + | - + + - | + + - + | - + - -          + - - + | + + - + | - - + - | - + + -
    markers  0 1 0 0 | 0 0 0 0 | 0 0 0 1 | 0 0 0 0  ->  1   0 0 1 0 | 0 0 0 0 | 1 0 0 0 | 0 0 0 0  ->  0

Either bit alone says nothing of the answer, so keeping one lowers no error: Hochreiter & Schmidhuber (1997, section 6)
name "strongly delayed XOR" as hard for their truncated gradient. They give no lengths and no figures: the form is ours.
Not parity, in which every bit counts; not a feed-forward XOR, in which both bits come at once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import LONGEST, drawn
from suite.tasks.task import Batch, Task


def xor_delayed(delay: int = 10) -> Task:
    """Whether two marked bits, `delay` or more steps apart, differ; asked `delay` or more steps later.

    >>> import torch
    >>> x, y, _ = next(xor_delayed(2).batches("train", 1, torch.Generator().manual_seed(1)))
    >>> x[:, 0].int().T.tolist(), y.item()
    ([[1, 1, 1, 1, -1, 1, 1, -1], [1, 0, 0, 0, 0, 1, 0, 0]], 0)
    """
    if not isinstance(delay, int) or not 1 <= delay <= LONGEST // 4:
        raise ValueError(f"xor-delayed needs a delay from 1 to {LONGEST // 4:,}, not {delay!r}")
    length = 4 * delay

    def draw(n: int, generator: torch.Generator) -> Batch:
        bits = torch.randint(2, (length, n), generator=generator)
        places = torch.randint(delay, (2, n), generator=generator) + torch.tensor([[0], [2 * delay]])
        marks = torch.zeros(length, n).scatter_(0, places, 1.0)
        different = bits.gather(0, places).sum(0) % 2
        return Batch(torch.stack([2.0 * bits - 1.0, marks], -1), different, torch.ones(length, n, dtype=torch.bool))

    def oracle(batch: Batch) -> Tensor:
        bits, marks = batch.x.unbind(-1)
        return scores.certain(2)(((bits * marks).sum(0) == 0).long())

    return Task(
        name=format_call("xor-delayed", {"delay": delay}),
        batches=drawn(draw),
        inputs=2,
        outputs=2,
        loss=scores.cross_entropy,
        metric=scores.accuracy,
        oracle=oracle,
        chance=0.5,
        solved=0.99,  # our threshold: the source states none
        better="higher",
        measure="accuracy",
        version=1,
        data=None,
        paper="hochreiter1997",
    )
