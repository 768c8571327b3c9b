"""Copy of Graves et al. (2014): read a sequence of vectors of bits, then write it down.

Input: a start flag, 1 to `longest` random vectors of `bits` bits, an end flag, then nothing for as many steps; a channel a bit and
two for the flags (I = `bits` + 2). Answer: the vectors in their order (O = `bits`), asked at those last steps.

    input       <  a b c  >  . . .
    answer      .  . . .  .  a b c        a = 0 1 1 0 1 0 0 1 …

Every length is as likely, every bit a fair coin. Score: bits a sequence; a constant can say no more of a bit than that it
is a coin. The text speaks of one delimiter; the printed number of parameters of its LSTM comes to ten inputs and nine outputs:
two flags, and an output more that the text says nothing of and that is not here. Length generalisation is the same task with another `longest`: the paper trains on 20 and looks at 30 … 120. Not `copy`,
which is of ten symbols after a long delay.
"""

from __future__ import annotations

import torch
from torch import Tensor

from suite.tasks.bits import at, checked, coins, flagged, judged_in_bits, room
from suite.tasks.symbols import SURE
from suite.tasks.task import Batch, Task


def ntm_copy(longest: int = 20, bits: int = 8) -> Task:
    """Up to `longest` vectors of `bits` bits.

    >>> x, y, mask = next(ntm_copy(3, bits=2).batches("train", 1, torch.Generator().manual_seed(3)))
    >>> x[mask].int().tolist()
    [[0, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    >>> y[mask][4:].tolist()
    [[0.0, 0.0], [0.0, 1.0]]
    """
    checked("ntm-copy", longest=(longest, 1), bits=(bits, 1))
    room("ntm-copy", (2 * longest + 2) * (bits + 2))
    step = torch.arange(2 * longest + 2)[:, None]

    def draw(n: int, generator: torch.Generator) -> Batch:
        vectors, sizes = coins((longest, n, bits), generator), torch.randint(1, longest + 1, (n,), generator=generator)
        shown, mask = (step >= 1) & (step <= sizes), step < 2 * sizes + 2
        x = flagged(at(vectors, step - 1, shown), (step == 0).expand(-1, n), step == sizes + 1)
        return Batch(x, at(vectors, step - sizes - 2, mask & (step >= sizes + 2), torch.nan), mask)

    def oracle(batch: Batch) -> Tensor:
        end = batch.x[..., bits + 1].argmax(0)
        when = torch.arange(len(batch.x))[:, None]
        return SURE * (2 * at(batch.x[1:, :, :bits], when - end - 1, when > end) - 1).unsqueeze(1)

    return judged_in_bits("ntm-copy", {"longest": longest, "bits": bits}, bits + 2, bits, draw, oracle, chance=bits * (longest + 1) / 2)
