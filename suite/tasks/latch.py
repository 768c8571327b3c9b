"""The latch problem: hold the sign of the first input through noise. Variant II of Schmidhuber, Hochreiter & Bengio (2001).

Input: one number a step (I = 1), `length` to 1.2 `length` steps. The first is 1 or -1, the others are noise, N(0, `variance`).
Answer: that first number, of one tanh output at the end (O = 1); squared error.

     1 .3 -.7 .1 …  ->   1
    -1 .5  .2 -.4 …  ->  -1

A sequence is right if the output is within 0.1 of its target. Random guessing of weights in [-100, 100] solves it with a single
tanh unit in 22 trials, so it tells good learners from bad but shows nothing of long memory. The source draws 100
training and 100 test sequences, half of each class, and prints a variance of 0.2 (see `two_sequence`); here examples are drawn anew. Variant I (Bengio, Simard & Frasconi 1994), where the
two first inputs are weights of the network and the targets ±0.8, is a network, not data, and is not built.
Chance: a constant fits one of two classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import LONGEST, drawn
from suite.tasks.task import Batch, Task
from suite.tasks.two_sequence import NOISE, noise, sized


def latch(length: int = 500, variance: float = NOISE) -> Task:
    """The latch problem with sequences of `length` to 1.2 `length` steps.

    >>> batch = next(latch(10).batches("train", 3, torch.Generator().manual_seed(0)))
    >>> batch.x[0, :, 0].tolist(), batch.y.tolist(), batch.mask.sum(0).tolist()
    ([-1.0, 1.0, 1.0], [-1.0, 1.0, 1.0], [11, 11, 12])
    """
    if not isinstance(length, int) or not 2 <= length <= LONGEST:
        raise ValueError(f"latch needs a length from 2 to {LONGEST:,}, not {length!r}")
    sized("latch", variance)
    longest = length + length // 5

    def draw(n: int, generator: torch.Generator) -> Batch:
        sign = 2.0 * torch.randint(2, (n,), generator=generator) - 1.0
        mask = torch.arange(longest)[:, None] < torch.randint(length, longest + 1, (n,), generator=generator)
        x = noise(variance, (longest, n), generator)
        x[0] = sign
        return Batch(torch.where(mask, x, 0.0).unsqueeze(-1), sign, mask)

    return Task(
        name=format_call("latch", {"length": length, "variance": variance}),
        batches=drawn(draw),
        inputs=1,
        outputs=1,
        loss=_tanh(scores.squared_error),
        metric=_tanh(scores.within(0.1)),
        oracle=lambda batch: 15.0 * batch.x[:1, :, :1],
        chance=0.5,
        solved=1 - 1 / 100,  # "correctly classifies all training sequences", of which there are 100
        better="higher",
        measure="sequences right",
        version=1,
        data=None,
        paper="schmidhuber2001",
        answer="number",
    )


def _tanh(score: scores.Score) -> scores.Score:
    """A score of the tanh of the outputs."""

    def squashed(output: Tensor, batch: Batch) -> Tensor:
        return score(output.tanh(), batch)

    return squashed
