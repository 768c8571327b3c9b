"""Parity: has the number of ones so far been odd? One bit of memory that every one must flip.

Input: bits as -1 and +1, one a step (I = 1). Answer: class 1 where the count of ones is odd, else 0 (O = 2).

    1 0 1 1  ->  1 1 0 1   supervision="every": the parity of every prefix is asked
    1 0 1 1  ->        1   supervision="last": only that of the whole

lengths="2001" is the form of weight guessing (Schmidhuber et al. 2001): `length` to 1.2 `length` bits, one logistic unit at the
last step (O = 1), 1 where odd, right within 0.1.

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
from suite.tasks.symbols import SURE
from suite.tasks.task import Batch, Task


def parity(length: int = 50, supervision: Literal["last", "every"] = "last", lengths: Literal["fixed", "random", "2001"] = "fixed") -> Task:
    """Parity of `length` bits, or of a random number of them from 1 to `length`, or from `length` to 1.2 `length`.

    >>> import torch
    >>> batch = next(parity(4, supervision="every").batches("train", 1, torch.Generator().manual_seed(0)))
    >>> batch.x.flatten().tolist(), batch.y.flatten().tolist()
    ([-1.0, 1.0, 1.0, -1.0], [0, 1, 0, 0])
    """
    if not isinstance(length, int) or not 1 <= length <= LONGEST or supervision not in ("last", "every") or lengths not in ("fixed", "random", "2001"):
        raise ValueError(f"parity needs length from 1 to {LONGEST:,}, supervision 'last' or 'every', lengths 'fixed', 'random' or '2001', not {length!r}, {supervision!r}, {lengths!r}")
    unit = lengths == "2001"
    if unit and supervision == "every":
        raise ValueError("parity with lengths '2001' is asked at the last step: supervision must be 'last', not 'every'")
    low, high = {"fixed": (length, length), "random": (1, length), "2001": (length, length + length // 5)}[lengths]

    def draw(n: int, generator: torch.Generator) -> Batch:
        bits = torch.randint(2, (high, n), generator=generator)
        ends = torch.full((n,), length) if lengths == "fixed" else torch.randint(low, high + 1, (n,), generator=generator)
        mask = torch.arange(high)[:, None] < ends
        odd = torch.where(mask, bits, 0).cumsum(0) % 2
        x = torch.where(mask, 2.0 * bits - 1.0, 0.0).unsqueeze(-1)
        return Batch(x, odd if supervision == "every" else odd[-1].to(x.dtype) if unit else odd[-1], mask)

    def oracle(batch: Batch) -> torch.Tensor:
        odd = (batch.x[..., 0] > 0).long().cumsum(0) % 2
        if unit:
            return SURE * (2.0 * odd[-1] - 1.0)[None, :, None]
        return scores.certain(2)(odd if supervision == "every" else odd[-1])

    given = {"length": length, "supervision": supervision, "lengths": lengths}
    return Task(
        name=format_call("parity", given),
        batches=drawn(draw),
        inputs=1,
        outputs=1 if unit else 2,
        loss=scores.logistic(scores.squared_error) if unit else scores.cross_entropy,
        metric=scores.logistic(scores.within(0.1)) if unit else scores.accuracy,
        oracle=oracle,
        chance=0.5,
        solved=0.99,  # our threshold: the source asks only "does it succeed?"
        better="higher",
        measure="sequences right" if unit else "accuracy",
        version=1,
        data=None,
        paper="schmidhuber2001" if unit else "openai2018",
        supervision=supervision,
        answer="number" if unit else "class",
    )
