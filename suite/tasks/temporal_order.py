"""Temporal order, experiment 6a of Hochreiter & Schmidhuber (1997): which two symbols came, and in which order?

Input: one of eight symbols a step, one-hot in the order E B a b c d X Y (I = 8). A sequence starts with E, ends
with B, is full of distractors a b c d, and holds X or Y at two places t1 and t2.
Answer: the class of the pair, asked at the end (O = 4): XX 0, XY 1, YX 2, YY 3.

    E a c X d … b Y … a B  ->  XY = 1

At length 100 the sequence has 100 to 110 symbols, t1 lies in 10 … 20 and t2 in 50 … 60; other lengths scale these.
The paper's success: all outputs within 0.3 of their targets, on 2,000 sequences in a row. We ask the largest output.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import LONGEST, drawn
from suite.tasks.task import Batch, Task

END, DISTRACTORS, X = 1, (2, 6), 6  # E 0, B 1, a b c d 2 … 5, X 6, Y 7


def temporal_order(length: int = 100) -> Task:
    """Temporal order with sequences of `length` to 1.1 `length` symbols.

    >>> import torch
    >>> batch = next(temporal_order(20).batches("train", 1, torch.Generator().manual_seed(1)))
    >>> "".join("EBabcdXY"[k] for k in batch.x[:, 0].argmax(-1)[batch.mask[:, 0]]), batch.y.item()
    ('EdbdXddcabXcddcbdbcB', 0)
    """
    if not isinstance(length, int) or not 10 <= length <= LONGEST:
        raise ValueError(f"temporal-order needs a length from 10 to {LONGEST:,}, not {length!r}")
    longest, tenth = length + length // 10, length // 10

    def draw(n: int, generator: torch.Generator) -> Batch:
        symbols = torch.randint(*DISTRACTORS, (longest, n), generator=generator)
        ends = torch.randint(length, longest + 1, (n,), generator=generator)
        pair = torch.randint(2, (2, n), generator=generator)
        places = torch.stack([torch.randint(low, low + tenth + 1, (n,), generator=generator) for low in (tenth, 5 * tenth)])
        symbols.scatter_(0, places, X + pair)
        symbols[0] = 0
        symbols.scatter_(0, ends[None] - 1, END)
        mask = torch.arange(longest)[:, None] < ends
        x = functional.one_hot(symbols, 8).to(torch.get_default_dtype()) * mask[..., None]
        return Batch(x, 2 * pair[0] + pair[1], mask)

    def oracle(batch: Batch) -> Tensor:
        relevant = batch.x[..., X:].sum(-1)  # 1 at the two places
        bits, order = batch.x[..., X + 1], relevant.cumsum(0)
        pair = [(bits * relevant * (order == k)).sum(0).long() for k in (1, 2)]
        return scores.certain(4)(2 * pair[0] + pair[1])

    return Task(
        name=format_call("temporal-order", {"length": length}),
        batches=drawn(draw),
        inputs=8,
        outputs=4,
        loss=scores.cross_entropy,
        metric=scores.accuracy,
        oracle=oracle,
        chance=0.25,
        solved=1 - 1 / 2000,  # "the 2000 most recent sequences were classified correctly"
        better="higher",
        measure="accuracy",
        version=1,
        data=None,
        paper="hochreiter1997",
    )
