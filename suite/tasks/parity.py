"""Parity: has the number of ones so far been odd? One bit of memory that every one must flip.

Input: bits as -1 and +1, one a step (I = 1). Answer: class 1 where the count of ones is odd, else 0 (O = 2).

    1 0 1 1  ->  1 1 0 1   supervision="every": the parity of every prefix is asked
    1 0 1 1  ->        1   supervision="last": only that of the whole

With the loss at the last step only, fixed length 50 stays at 50 % for gradient training; with a target at every
step, or with lengths drawn from 1 … length, it is learnt. Results with different supervision must not be mixed.

Source: OpenAI, Requests for Research 2.0 (2018), which asks at the last step, for fixed length 50 and for 1 … 50, of
100,000 stored strings; here every string is new, and to write a bit as -1 or +1 is our choice.
"""

from __future__ import annotations

from typing import Literal

import torch

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import LONGEST, drawn
from suite.tasks.task import Batch, Task


def parity(length: int = 50, supervision: Literal["last", "every"] = "last", lengths: Literal["fixed", "random"] = "fixed") -> Task:
    """Parity of `length` bits, or of a random number of them from 1 to `length`.

    >>> import torch
    >>> batch = next(parity(4, supervision="every").batches("train", 1, torch.Generator().manual_seed(0)))
    >>> batch.x.flatten().tolist(), batch.y.flatten().tolist()
    ([-1.0, 1.0, 1.0, -1.0], [0, 1, 0, 0])
    """
    if not isinstance(length, int) or not 1 <= length <= LONGEST or supervision not in ("last", "every") or lengths not in ("fixed", "random"):
        raise ValueError(f"parity needs length from 1 to {LONGEST:,}, supervision 'last' or 'every', lengths 'fixed' or 'random', not {length!r}, {supervision!r}, {lengths!r}")

    def draw(n: int, generator: torch.Generator) -> Batch:
        bits = torch.randint(2, (length, n), generator=generator)
        ends = torch.randint(1, length + 1, (n,), generator=generator) if lengths == "random" else torch.full((n,), length)
        mask = torch.arange(length)[:, None] < ends
        odd = torch.where(mask, bits, 0).cumsum(0) % 2
        x = torch.where(mask, 2.0 * bits - 1.0, 0.0).unsqueeze(-1)
        return Batch(x, odd if supervision == "every" else odd[-1], mask)

    def oracle(batch: Batch) -> torch.Tensor:
        odd = (batch.x[..., 0] > 0).long().cumsum(0) % 2
        return scores.certain(2)(odd if supervision == "every" else odd[-1])

    given = {"length": length, "supervision": supervision, "lengths": lengths}
    return Task(
        name=format_call("parity", given),
        batches=drawn(draw),
        inputs=1,
        outputs=2,
        loss=scores.cross_entropy,
        metric=scores.accuracy,
        oracle=oracle,
        chance=0.5,
        solved=0.99,  # our threshold: the source asks only "does it succeed?"
        better="higher",
        measure="accuracy",
        version=1,
        data=None,
        paper="openai2018",
        supervision=supervision,
    )
