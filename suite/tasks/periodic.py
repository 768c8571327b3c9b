"""Periodic function generation (PFG): produce a wave of a given period with nothing to listen to.

Input: 0 at every step (I = 1). Answer: the wave at every step, a number from 0 to 1 of one logistic output; squared error.
With period F, at step t = 0, 1, …

    cosine    (1 - cos(2 pi t / F)) / 2
    triangle  up from 0 to 1 over half a period, and down again
    square    0 for half a period, then 1                               F = 4:  0 0 1 1 0 0 1 1 …

A stream begins at t = 0, has `periods` periods and ends at a random step of one more, which alone is drawn: all streams of
a task are beginnings of the same. A stream is right if every output is within `tolerance` of the wave.

Source: Gers, Schraudolph & Schmidhuber (2002), F = 10 and 25, no reset and no teacher forcing, tolerance 0.3 (and 0.15): trained until
100 periods in a row are right, tested on 1,000. They report the root of the mean squared error. Claimed: without peepholes only the
cosine of period 10 is learnt. The printed formula is that of the cosine; phases and corners of the other two are our reading.
Not forecasting (`sine`): no value of the wave is ever read.

Chance: no constant is within the tolerance of both the lowest and the highest value, which is less than half of what parts them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import LONGEST, drawn
from suite.tasks.task import Batch, Task

WAVES: dict[str, Callable[[float], float]] = {  # of the share of the period that is over, 0 to less than 1
    "cosine": lambda share: (1 - math.cos(2 * math.pi * share)) / 2,
    "triangle": lambda share: 1 - abs(2 * share - 1),
    "square": lambda share: float(share >= 0.5),
}
SURE = 1e-6  # the least distance from 0 and 1 of an output


def periodic(shape: Literal["cosine", "triangle", "square"] = "cosine", period: int = 10, periods: int = 10, tolerance: float = 0.3) -> Task:
    """A wave of `period` steps, `periods` times and a bit.

    >>> batch = next(periodic("triangle", period=4, periods=1).batches("train", 1, torch.Generator().manual_seed(3)))
    >>> batch.x[batch.mask].flatten().tolist(), batch.y[batch.mask].tolist()
    ([0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.5, 1.0, 0.5, 0.0, 0.5])
    """
    if shape not in WAVES:
        raise ValueError(f"periodic has the shapes {', '.join(map(repr, WAVES))}, not {shape!r}")
    if not all(isinstance(n, int) for n in (period, periods)) or period < 2 or periods < 1 or period * (periods + 1) > LONGEST:
        raise ValueError(f"periodic needs a period of 2 or more steps and 1 or more periods, at most {LONGEST:,} steps in all, not {period!r} and {periods!r}")
    one = [WAVES[shape](t / period) for t in range(period)]
    if not 0 < tolerance < (max(one) - min(one)) / 2:
        raise ValueError(f"periodic needs a tolerance above 0 and below {(max(one) - min(one)) / 2:g}, at which a constant is always right, not {tolerance!r}")
    longest = period * (periods + 1)
    wave = torch.tensor(one).repeat(periods + 1)

    def draw(n: int, generator: torch.Generator) -> Batch:
        ends = torch.randint(period * periods, longest, (n,), generator=generator)
        mask = torch.arange(longest)[:, None] < ends
        return Batch(torch.zeros(longest, n, 1), torch.where(mask, wave[:, None], math.nan), mask)

    def oracle(batch: Batch) -> Tensor:
        value = wave[: len(batch.x), None].expand(batch.mask.shape)
        return value.logit(eps=SURE)[:, None, :, None]

    return Task(
        name=format_call("periodic", {"shape": shape, "period": period, "periods": periods, "tolerance": tolerance}),
        batches=drawn(draw),
        inputs=1,
        outputs=1,
        loss=scores.logistic(scores.squared_error),
        metric=scores.logistic(scores.within(tolerance)),
        oracle=oracle,
        chance=0.0,
        solved=0.99,  # ours for streams of any number of periods; the paper's is 100 periods in a row
        better="higher",
        measure=f"streams within {tolerance:g}",
        version=1,
        data=None,
        paper="gers2002",
        supervision="every",
        answer="number",
        per="sequence",
    )
