"""Associative recall of Graves et al. (2014): which item came after this one?

Input: 2 to `items` items, each `item` random vectors of `bits` bits after a flag, then one of them but the last between two flags of
another kind, then nothing; a channel a bit and one for each flag (I = `bits` + 2). Answer: the item that came after that one
(O = `bits`), asked at the last `item` steps.

    input       |  a1 a2 a3  |  b1 b2 b3  |  c1 c2 c3  ?  b1 b2 b3  ?  .  .  .
    answer      .                                                   .  c1 c2 c3

Every number of items is as likely, and each but the last as likely to be asked for; bits are fair coins, drawn again where two
items of a sequence are the same. Score: bits a sequence. Generalisation is the same task with more `items`: the paper trains on 6
and looks at up to 20. The width of the input is the one that the printed number of parameters of its LSTM comes to.
"""

from __future__ import annotations

import torch
from torch import Tensor

from suite.tasks.bits import at, checked, coins, flagged, judged_in_bits, room
from suite.tasks.symbols import SURE
from suite.tasks.task import Batch, Task


def associative_recall(items: int = 6, item: int = 3, bits: int = 6) -> Task:
    """Up to `items` items of `item` vectors of `bits` bits.

    >>> x, y, mask = next(associative_recall(2, item=1, bits=4).batches("train", 1, torch.Generator().manual_seed(0)))
    >>> x[mask].int().tolist()
    [[0, 0, 0, 0, 1, 0], [0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 0], [1, 1, 0, 1, 0, 0], [0, 0, 0, 0, 0, 1], [0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]]
    >>> y[mask][-1].tolist()
    [1.0, 1.0, 0.0, 1.0]
    """
    checked("associative-recall", items=(items, 2), item=(item, 1), bits=(bits, 1))
    if item * bits < 60 and 2 ** (item * bits) < items**2:
        raise ValueError(f"associative-recall draws {items} items until all differ, and there are {2 ** (item * bits)}: it needs the square of those drawn, {items**2}")
    room("associative-recall", (items + 2) * (item + 1) * (bits + 2), items * items * item * bits)
    block = item + 1
    step = torch.arange((items + 2) * block)[:, None]

    def draw(n: int, generator: torch.Generator) -> Batch:
        vectors = distinct(items, n, item, bits, generator)
        count = torch.randint(2, items + 1, (n,), generator=generator)
        wanted = (torch.rand(n, generator=generator) * (count - 1)).long()
        place = step - count * block  # from 0 on in what follows the items
        listed, mask = place < 0, place <= block + item
        shown = at(vectors, step // block * item + step % block - 1, listed & (step % block > 0))
        query = at(vectors, wanted * item + place - 1, (place >= 1) & (place <= item))
        x = flagged(shown + query, listed & (step % block == 0), (place == 0) | (place == block))
        y = at(vectors, (wanted + 1) * item + place - block - 1, (place > block) & mask, torch.nan)
        return Batch(x, y, mask)

    def oracle(batch: Batch) -> Tensor:
        begun = batch.x[..., bits + 1].argmax(0)
        query = torch.stack([batch.x[..., :bits].gather(0, (begun + k)[None, :, None].expand(1, -1, bits))[0] for k in range(1, item + 1)])
        starts = range(1, int(begun.max()), block)
        same = torch.stack([(batch.x[k : k + item, :, :bits] == query).all(-1).all(0) for k in starts])
        found = (same.to(torch.uint8).argmax(0) + 1) * block + 1
        place = torch.arange(len(batch.x))[:, None] - begun - block - 1
        return SURE * (2 * at(batch.x[..., :bits], found + place, place >= 0) - 1).unsqueeze(1)

    return judged_in_bits("associative-recall", {"items": items, "item": item, "bits": bits}, bits + 2, bits, draw, oracle, chance=float(item * bits))


def distinct(items: int, n: int, item: int, bits: int, generator: torch.Generator) -> Tensor:
    """The vectors of n lists of items, (items * item, n, bits), no two items of a list the same."""
    drawn = coins((items, n, item * bits), generator)
    while len(alike := twice(drawn)):
        drawn[:, alike] = coins((items, len(alike), item * bits), generator)
    return drawn.view(items, n, item, bits).transpose(1, 2).flatten(0, 1)


def twice(drawn: Tensor) -> Tensor:
    """Which lists of (items, n, W) hold an item twice."""
    same = (drawn.unsqueeze(0) == drawn.unsqueeze(1)).all(-1)
    return (same.sum((0, 1)) > len(drawn)).nonzero()[:, 0]
