"""Priority sort of Graves et al. (2014): write down the vectors with the highest priorities, the highest first.

Input: `given` random vectors of `bits` bits, each with a priority from U[-1, 1] on a channel of its own, a flag, then nothing; a
channel a bit, one for the priority, one for the flag (I = `bits` + 2). Answer: the `returned` vectors of highest priority in
descending order (O = `bits`), asked at the last `returned` steps.

    input       a .2   b -.7   c .9   >  .  .
    answer      .      .       .      .  c  a

The paper draws 20 and returns 16. Score: bits a sequence. The flag is ours: the text names none, and at lengths that
never change none is needed. Two priorities that are equal keep their order.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from suite.tasks.bits import checked, coins, flagged, judged_in_bits, room
from suite.tasks.symbols import SURE
from suite.tasks.task import Batch, Task


def priority_sort(given: int = 20, returned: int = 16, bits: int = 8) -> Task:
    """The `returned` first of `given` vectors of `bits` bits.

    >>> x, y, _ = next(priority_sort(3, returned=2, bits=2).batches("train", 1, torch.Generator().manual_seed(3)))
    >>> [round(p, 2) for p in x[:3, 0, 2].tolist()], x[:3, 0, :2].int().tolist(), y[4:, 0].int().tolist()
    ([-0.56, 0.61, 0.91], [[0, 0], [0, 1], [1, 0]], [[1, 0], [0, 1]])
    """
    checked("priority-sort", given=(given, 1), returned=(returned, 1), bits=(bits, 1))
    room("priority-sort", (given + returned + 1) * (bits + 2))
    if returned > given:
        raise ValueError(f"priority-sort cannot return {returned} of {given} vectors")

    def draw(n: int, generator: torch.Generator) -> Batch:
        vectors, priorities = coins((given, n, bits), generator), 2 * torch.rand(given, n, generator=generator) - 1
        x = functional.pad(flagged(vectors, priorities, torch.zeros(given, n)), (0, 0, 0, 0, 0, 1 + returned))
        x[given, :, bits + 1] = 1.0
        return Batch(x, answers(x), torch.ones(x.shape[:2], dtype=torch.bool))

    def answers(x: Tensor) -> Tensor:
        order = x[:given, :, bits].argsort(dim=0, descending=True, stable=True)[:returned]
        wanted = x[:given, :, :bits].gather(0, order[..., None].expand(-1, -1, bits))
        return functional.pad(wanted, (0, 0, 0, 0, given + 1, 0), value=torch.nan)

    def oracle(batch: Batch) -> Tensor:
        return SURE * (2 * answers(batch.x).nan_to_num() - 1).unsqueeze(1)

    return judged_in_bits("priority-sort", {"given": given, "returned": returned, "bits": bits}, bits + 2, bits, draw, oracle, chance=float(returned * bits))
