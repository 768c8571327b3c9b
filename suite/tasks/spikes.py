"""Spike trains whose intervals carry one bit each: measure the intervals of a train, or make a train of them (tasks MSD and GTS).

The n-th spike comes F + I(n) steps after the one before it, the first as long after the beginning; I(n) is 0 or 1, drawn anew for each interval,
and F is `fixed`. A stream has `spikes` spikes and ends with the last of them.

`spike-delay` (MSD, F = 3): reads the train (I = 1); answers I(n) at each spike (O = 1), nothing is asked between them.

    reads    0 0 1 0 0 0 1 0 0 1
    answers  . . 0 . . . 1 . . 0      I = 0 1 0

`timed-spikes` (GTS, F = 3): reads I(n) throughout the n-th interval (I = 1); makes the train (O = 1), asked at every step.

    reads    0 0 0 1 1 1 1 0 0 0
    answers  0 0 1 0 0 0 1 0 0 1

Answers are logistic outputs, squared error. A stream is right if each output asked is within 0.49 of its target. Source: Gers,
Schraudolph & Schmidhuber (2002), who train on endless streams until 100 spikes in a row are right and then test on 1,000, for F from 10 to
50 (as remembered); their NMSD has single intervals, which is `spikes=1`. I(n) as 0 or 1, and that it is held through its
interval in GTS rather than shown once, is our reading of an account at second hand. Claimed: MSD needs no peepholes, GTS needs them and forget gates.
Not a delayed echo: the answer is how long ago the last spike was, not what came.

Chance: a constant is right at each spike of `spike-delay` with probability 1/2, so in 0.5^spikes of the streams; in
`timed-spikes` it cannot be both silent and a spike, so it is right in none.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import LONGEST, drawn
from suite.tasks.symbols import sure
from suite.tasks.task import Batch, Task

TOLERANCE = 0.49


def train(fixed: int, spikes: int, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Spikes (T, n) of zeros and ones, the bit of the interval that each step lies in (T, n), and the mask."""
    extra = torch.randint(2, (spikes, n), generator=generator)
    at = (extra + fixed).cumsum(0) - 1
    steps = torch.arange(int(at.max()) + 1)[:, None]
    spike = torch.zeros(len(steps), n).scatter_(0, at, 1.0)
    before = (spike.cumsum(0) - spike).long().clamp(max=spikes - 1)
    mask = steps <= at[-1]
    return spike, extra.gather(0, before) * mask, mask


def spike_delay(fixed: int = 10, spikes: int = 10) -> Task:
    """Measuring spike delays: was the interval before each spike `fixed` or `fixed` + 1 steps long?

    >>> batch = next(spike_delay(3, 3).batches("train", 1, torch.Generator().manual_seed(8)))
    >>> batch.x[batch.mask].flatten().int().tolist(), batch.y[batch.x[..., 0] == 1].tolist()
    ([0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1], [1.0, 1.0, 0.0])
    """

    def task(spike: Tensor, extra: Tensor, mask: Tensor) -> Batch:
        return Batch(spike.unsqueeze(-1), torch.where(spike == 1, extra, math.nan), mask)

    return _task("spike-delay", fixed, spikes, task, 0.5**spikes if isinstance(spikes, int) and spikes > 0 else 0.0)


def timed_spikes(fixed: int = 10, spikes: int = 10) -> Task:
    """Generating timed spikes: a spike every `fixed` or `fixed` + 1 steps, as the input says.

    >>> batch = next(timed_spikes(3, 3).batches("train", 1, torch.Generator().manual_seed(8)))
    >>> batch.x[batch.mask].flatten().int().tolist(), batch.y[batch.mask].int().tolist()
    ([1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1])
    """

    def task(spike: Tensor, extra: Tensor, mask: Tensor) -> Batch:
        return Batch(extra.unsqueeze(-1).to(spike.dtype), torch.where(mask, spike, math.nan), mask)

    return _task("timed-spikes", fixed, spikes, task, 0.0)


def _task(name: str, fixed: int, spikes: int, made: Callable[[Tensor, Tensor, Tensor], Batch], chance: float) -> Task:
    if not all(isinstance(n, int) for n in (fixed, spikes)) or fixed < 2 or spikes < 1 or (fixed + 1) * spikes > LONGEST:
        raise ValueError(f"{name} needs a fixed interval of 2 or more steps and 1 or more spikes, at most {LONGEST:,} steps in all, not {fixed!r} and {spikes!r}")

    def draw(n: int, generator: torch.Generator) -> Batch:
        return made(*train(fixed, spikes, n, generator))

    return Task(
        name=format_call(name, {"fixed": fixed, "spikes": spikes}),
        batches=drawn(draw),
        inputs=1,
        outputs=1,
        loss=scores.logistic(scores.squared_error),
        metric=scores.logistic(scores.within(TOLERANCE)),
        oracle=lambda batch: sure(batch._replace(y=batch.y.unsqueeze(-1))),
        chance=chance,
        solved=0.99,  # ours for streams of any number of spikes; the paper's is 100 spikes in a row
        better="higher",
        measure="streams right",
        version=1,
        data=None,
        paper="gers2002",
        supervision="every",
        answer="number",
        per="sequence",
    )
