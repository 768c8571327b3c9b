"""Temporal order, experiments 6a and 6b of Hochreiter & Schmidhuber (1997): which symbols came, and in which order?

Input: one of eight symbols a step, one-hot in the order E B a b c d X Y (I = 8). A sequence starts with E, ends
with B, is full of distractors a b c d, and holds X or Y at two places (6a, symbols=2) or three (6b, symbols=3).
Answer: what stood there, read as a binary number, X 0 and Y 1, asked at the end: 4 classes or 8 (O).

    E a c X d … b Y … a B        ->  XY  = 1      6a: XX 0, XY 1, YX 2, YY 3
    E c Y b … a X … d Y … b B    ->  YXY = 5      6b: XXX 0 … YYY 7

At length 100 the sequence has 100 to 110 symbols; t1 lies in 10 … 20 and t2 in 50 … 60, or with three t1 in 10 … 20,
t2 in 33 … 43, t3 in 66 … 76; other lengths scale these.
The paper's success: all outputs within 0.3 of their targets, on 2,000 sequences in a row. scoring="entropy" asks the largest
output of a softmax; scoring="1997" is the paper's, squared error of logistic outputs and all of them within 0.3.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import LONGEST, drawn
from suite.tasks.task import Batch, Task

END, DISTRACTORS, X = 1, (2, 6), 6  # E 0, B 1, a b c d 2 … 5, X 6, Y 7
PLACES = {2: (10, 50), 3: (10, 33, 66)}  # hundredths of the length from which each place is drawn


def temporal_order(length: int = 100, symbols: Literal[2, 3] = 2, scoring: Literal["entropy", "1997"] = "entropy") -> Task:
    """Temporal order with sequences of `length` to 1.1 `length` symbols.

    >>> import torch
    >>> batch = next(temporal_order(20).batches("train", 1, torch.Generator().manual_seed(1)))
    >>> "".join("EBabcdXY"[k] for k in batch.x[:, 0].argmax(-1)[batch.mask[:, 0]]), batch.y.item()
    ('EdbdXddcabXcddcbdbcB', 0)
    >>> batch = next(temporal_order(20, symbols=3).batches("train", 1, torch.Generator().manual_seed(1)))
    >>> "".join("EBabcdXY"[k] for k in batch.x[:, 0].argmax(-1)[batch.mask[:, 0]]), batch.y.item()
    ('EdXdadXcabacdYcbdbcB', 1)
    """
    if not isinstance(length, int) or not 10 <= length <= LONGEST:
        raise ValueError(f"temporal-order needs a length from 10 to {LONGEST:,}, not {length!r}")
    if symbols not in PLACES or not isinstance(symbols, int):
        raise ValueError(f"temporal-order needs symbols 2 or 3, not {symbols!r}")
    if scoring not in ("entropy", "1997"):
        raise ValueError(f"temporal-order needs scoring 'entropy' or '1997', not {scoring!r}")
    longest, tenth = length + length // 10, length // 10
    lows = [tenth * low // 10 for low in PLACES[symbols]]
    worth = 2 ** torch.arange(symbols - 1, -1, -1)[:, None]

    def draw(n: int, generator: torch.Generator) -> Batch:
        shown = torch.randint(*DISTRACTORS, (longest, n), generator=generator)
        ends = torch.randint(length, longest + 1, (n,), generator=generator)
        bits = torch.randint(2, (symbols, n), generator=generator)
        places = torch.stack([torch.randint(low, low + tenth + 1, (n,), generator=generator) for low in lows])
        shown.scatter_(0, places, X + bits)
        shown[0] = 0
        shown.scatter_(0, ends[None] - 1, END)
        mask = torch.arange(longest)[:, None] < ends
        x = torch.zeros(longest, n, 8).scatter_(2, shown[..., None], mask[..., None].to(torch.get_default_dtype()))
        return Batch(x, (worth * bits).sum(0), mask)

    def oracle(batch: Batch) -> Tensor:
        order = batch.x[..., X:].sum(-1).cumsum(0)  # how many of the places have been
        each = 2.0 ** (symbols - order)
        return scores.certain(2**symbols)((batch.x[..., X + 1] * each).sum(0).long())

    return Task(
        name=format_call("temporal-order", {"length": length, "symbols": symbols, "scoring": scoring}),
        batches=drawn(draw),
        inputs=8,
        outputs=2**symbols,
        loss=scores.cross_entropy if scoring == "entropy" else scores.units_squared,
        metric=scores.accuracy if scoring == "entropy" else scores.units_within(0.3),
        oracle=oracle,
        chance=0.5**symbols,  # of constant units all within 0.3 one is on
        solved=1 - 1 / 2000,  # "the 2000 most recent sequences were classified correctly"
        better="higher",
        measure="accuracy" if scoring == "entropy" else "all units within 0.3",
        version=1,
        data=None,
        paper="hochreiter1997",
    )
