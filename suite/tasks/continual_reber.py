"""The continual embedded Reber grammar: strings one after the other, without end or reset.

Input: as in `reber`, one symbol a step, one-hot in the order B T S X P V E (I = 7). Answer: the legal successors after
each step, (T, B, 7) zeros and ones, one logistic output each; squared error.

    reads    B   T  B   T   X   S  E  T  E  B   P  B …     the string BTBTXSETE, and the next
    may come TP  B  TP  SX  XS  E  T  E  B  TP  B  TP …

Source: Gers, Schmidhuber & Cummins (2000). A prediction is right if each output is within 0.49 of its target. After a
step with two successors that can hold only against the set of them, which therefore is the target of the loss, too (our reading).

Each row is a stream of its own from a string's beginning, `length` symbols long, whole in one batch: nothing is carried
from batch to batch, so no batch begins within a string. The paper's streams end at the first mistake, or at
1,000,000 symbols ("perfect"). Not asked here: how many symbols go before the first mistake.

No constant answers both the first step (T, P) and the second (B), so chance is 0.
"""

from __future__ import annotations

import torch

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.reber import EMIT, GO, LEGAL, SYMBOLS
from suite.tasks.streams import DRAWN, LONGEST
from suite.tasks.symbols import spelled, sure
from suite.tasks.task import Batch, Task


def continual_reber(length: int = 200) -> Task:
    """Streams of `length` symbols of embedded Reber strings, one after the other, without a reset.

    >>> batch = next(continual_reber(24).batches("train", 1, torch.Generator().manual_seed(0)))
    >>> "".join(SYMBOLS[k] for k in batch.x[:, 0].argmax(-1))
    'BPBTXXTVVEPEBPBTSXSEPEBT'
    """
    if not isinstance(length, int) or not 1 <= length <= LONGEST:
        raise ValueError(f"continual-reber needs a length from 1 to {LONGEST:,}, not {length!r}")

    def draw(n: int, generator: torch.Generator) -> Batch:
        coins = torch.randint(2, (length, n), generator=generator)
        nodes = torch.zeros(length + 1, n, dtype=torch.int64)
        go, now = GO.flatten(), nodes[0]
        for step, coin in enumerate(coins):
            now = go[2 * now + coin]
            nodes[step + 1] = now
        return Batch(EMIT[nodes[:-1], coins], nodes[1:], torch.ones(length, n, dtype=torch.bool))

    # as many symbols a pass as at 200, and not fewer streams than the 10 of the paper's tests
    counts = {split: max(10, n * 200 // max(length, 200)) for split, n in DRAWN.items()}
    return Task(
        name=format_call("continual-reber", {"length": length}),
        batches=spelled(draw, len(SYMBOLS), lambda x, nodes, mask: LEGAL[nodes].to(x.dtype), counts),
        inputs=len(SYMBOLS),
        outputs=len(SYMBOLS),
        loss=scores.logistic(scores.squared_error),
        metric=scores.logistic(scores.within(0.49)),
        oracle=sure,
        chance=0.0,
        solved=1 - 1 / 100,  # ours: the paper's streams are "perfect" at 1,000,000 symbols without a mistake
        better="higher",
        measure="streams right",
        version=1,
        data=None,
        paper="gers2000",
        supervision="every",
        answer="vector",
        per="sequence",
    )
